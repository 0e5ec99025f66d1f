//! `conductor.clean_step_priority_override`: the priorities of clean steps.

use std::collections::BTreeMap;

/// Reads a list of `INTERFACE.STEP:PRIORITY`; the reason says which item is wrong.
pub(crate) fn read(items: &[String]) -> Result<BTreeMap<String, i64>, String> {
    let one = |text: &String| {
        let (name, priority) = text.rsplit_once(':')?;
        let priority = priority.trim().parse().ok().filter(|p: &i64| *p >= 0)?;
        let (interface, step) = name.trim().split_once('.')?;
        (!interface.is_empty() && !step.is_empty()).then(|| (name.trim().to_owned(), priority))
    };
    items
        .iter()
        .map(|text| {
            one(text).ok_or_else(|| format!("has {text:?}; write each as deploy.erase_devices:20"))
        })
        .collect()
}
