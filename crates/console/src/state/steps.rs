//! The form of manual cleaning and servicing: steps, or a runbook.

use cupola_api::id::NodeId;
use cupola_api::state::provision::ProvisionVerb;
use serde_json::{Map, Value, json};

use super::form::{Field, Form};
use crate::effect::{Action, Steps};

/// The form.
#[derive(Debug)]
pub(crate) struct StepsForm {
    /// `clean` or `service`.
    pub(crate) verb: ProvisionVerb,
    /// For which nodes.
    pub(crate) nodes: Vec<NodeId>,
    /// What is typed.
    pub(crate) form: Form,
    /// The names of the runbooks, once they are known.
    pub(crate) runbooks: Option<Result<Vec<String>, String>>,
}

const STEPS: &str = "INTERFACE.STEP, several with ; between, arguments as JSON behind: \
                     deploy.erase_devices_metadata; bios.apply_configuration {\"settings\": []}. \
                     With hold, as deploy.hold, it waits for unhold.";

impl StepsForm {
    /// An empty form.
    pub(crate) fn new(verb: ProvisionVerb, nodes: Vec<NodeId>) -> Self {
        Self {
            verb,
            nodes,
            form: Form::new(vec![
                Field::text("Steps", STEPS, ""),
                Field::text(
                    "or runbook",
                    "name or UUID of a runbook; its steps are run",
                    "",
                ),
                Field::switch(
                    "Without ramdisk",
                    "run steps that need no ramdisk without booting one",
                    false,
                ),
            ]),
            runbooks: None,
        }
    }

    /// The action, or nothing when a field is wrong, which then says why.
    pub(crate) fn action(&mut self) -> Option<Action> {
        let (steps, runbook) = (self.form.text("Steps"), self.form.text("or runbook"));
        let steps = match (steps.is_empty(), runbook.is_empty()) {
            (true, true) => {
                self.form.complain("Steps", "a step or a runbook is needed");
                return None;
            }
            (false, false) => {
                self.form
                    .complain("or runbook", "either steps or a runbook, not both");
                return None;
            }
            (true, false) => Steps::Runbook(runbook),
            (false, true) => match parse(&steps) {
                Ok(steps) => Steps::Listed(steps),
                Err(why) => {
                    self.form.complain("Steps", why);
                    return None;
                }
            },
        };
        Some(Action::Steps {
            verb: self.verb,
            steps,
            disable_ramdisk: self.form.is_on("Without ramdisk"),
        })
    }
}

/// Reads steps: a JSON list as Ironic takes it, or `interface.step {arguments}; …`.
fn parse(text: &str) -> Result<Vec<Value>, String> {
    if text.trim_start().starts_with('[') {
        let list: Vec<Value> =
            serde_json::from_str(text).map_err(|e| format!("this is no JSON list: {e}"))?;
        let is_step = |step: &Value| step.get("interface").is_some() && step.get("step").is_some();
        return if list.is_empty() || !list.iter().all(is_step) {
            Err("each step needs an interface and a step".to_owned())
        } else {
            Ok(list)
        };
    }
    let mut steps = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (step, after) = one(rest)?;
        steps.push(step);
        rest = after.trim_start().trim_start_matches(';').trim_start();
    }
    if steps.is_empty() {
        return Err("a step is needed, such as deploy.erase_devices_metadata".to_owned());
    }
    Ok(steps)
}

/// One step, and what follows it.
fn one(text: &str) -> Result<(Value, &str), String> {
    let end = text.find([';', '{']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let name = name.trim();
    let (interface, step) = name
        .split_once('.')
        .filter(|(interface, step)| is_word(interface) && is_word(step))
        .ok_or_else(|| format!("{name:?} is no step: write INTERFACE.STEP"))?;
    if !rest.starts_with('{') {
        return Ok((json!({ "interface": interface, "step": step }), rest));
    }
    let mut arguments = serde_json::Deserializer::from_str(rest).into_iter::<Map<String, Value>>();
    let args = match arguments.next() {
        Some(Ok(args)) => args,
        Some(Err(error)) => return Err(format!("the arguments of {name} are no JSON: {error}")),
        None => Map::new(),
    };
    let after = rest.get(arguments.byte_offset()..).unwrap_or_default();
    if !after.trim_start().is_empty() && !after.trim_start().starts_with(';') {
        return Err(format!("after the arguments of {name} comes ; or nothing"));
    }
    let step = json!({ "interface": interface, "step": step, "args": args });
    Ok((step, after))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_are_read_in_both_forms() {
        let short = r#"deploy.erase_devices_metadata; bios.factory_reset {"a": [1; 2]}"#;
        assert!(parse(short).is_err(), "; is no JSON");
        let short = r#"deploy.erase_devices_metadata; bios.apply {"a": "; {"} ; deploy.hold"#;
        let steps = parse(short).expect("steps");
        assert_eq!(steps.len(), 3);
        assert_eq!(steps[1]["args"]["a"], "; {");
        assert_eq!(steps[2], json!({ "interface": "deploy", "step": "hold" }));
        let long = serde_json::to_string(&steps).expect("JSON");
        assert_eq!(parse(&long), Ok(steps));
        for bad in [
            "",
            "erase",
            "a.b.c",
            "deploy.x {",
            "[{}]",
            "[]",
            "deploy.x {} y",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_read_or_refused(text in ".*") {
            if let Ok(steps) = parse(&text) {
                prop_assert!(!steps.is_empty());
            }
        }
    }
}
