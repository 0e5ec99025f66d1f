//! What no two machines of a file may have in common.

use std::collections::HashMap;
use std::hash::Hash;

use super::Found;

/// Port of a BMC that names none (IPMI 2.0, section 13.1.2).
const IPMI_PORT: u16 = 623;

/// All that stands twice, each time with both lines.
pub(super) fn problems(found: &[Found]) -> Vec<String> {
    let mut problems = Vec::new();
    let names = found.iter().filter_map(|f| {
        let name = f.machine.name.as_deref()?;
        Some((f.line, name, format!("name {name}")))
    });
    pairs(names, &mut problems);
    let macs = found.iter().flat_map(|f| {
        let macs = f.machine.macs.iter();
        macs.map(|mac| (f.line, *mac, format!("MAC {mac}")))
    });
    pairs(macs, &mut problems);
    let bmcs = found.iter().filter_map(|f| {
        let host = f.machine.address.as_ref()?.to_ascii_lowercase();
        let port = f.machine.port.unwrap_or(IPMI_PORT);
        let text = format!("BMC {host} port {port}");
        Some((f.line, (host, port), text))
    });
    pairs(bmcs, &mut problems);
    problems
}

fn pairs<K: Eq + Hash>(all: impl Iterator<Item = (u64, K, String)>, problems: &mut Vec<String>) {
    let mut seen = HashMap::new();
    for (line, key, text) in all {
        match seen.get(&key) {
            Some(first) => problems.push(format!("lines {first} and {line} have the same {text}")),
            None => {
                seen.insert(key, line);
            }
        }
    }
}
