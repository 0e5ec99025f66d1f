//! What is said of nodes: one sentence for each thing, names first, so that a listener who has heard
//! enough can stop.

use cupola_api::cupola::NodeSummary;

use crate::describe;
use crate::state::fleet::Fleet;
use crate::summary;

/// How many nodes are told by name where many are meant.
pub(super) const NAMED: usize = 10;

/// How many nodes there are, and in which states.
pub(super) fn overview(fleet: &Fleet) -> String {
    if fleet.len() == 0 {
        return "There is no node yet. `enrol` enrols one.".to_owned();
    }
    let mut states: Vec<(&str, usize)> = Vec::new();
    for node in fleet.all() {
        let state = node.provision_state.as_str();
        match states.iter_mut().find(|(name, _)| *name == state) {
            Some((_, count)) => *count += 1,
            None => states.push((state, 1)),
        }
    }
    states.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let states: Vec<String> = states.iter().map(|(s, n)| format!("{n} {s}")).collect();
    let nodes = describe::count(fleet.len(), "node");
    let maintenance = match fleet.counts().maintenance {
        0 => String::new(),
        count => format!("; {count} in maintenance"),
    };
    format!("{nodes}: {}{maintenance}.", states.join(", "))
}

/// A node in a line of a list.
pub(super) fn row(node: &NodeSummary) -> String {
    let mut parts = vec![
        node.provision_state.to_string(),
        format!("power {}", summary::power_word(node.power_state)),
    ];
    if node.maintenance {
        parts.push("in maintenance".to_owned());
    }
    let doing = summary::activity(node);
    if !doing.is_empty() {
        parts.push(doing);
    }
    format!("{}: {}", summary::display_name(node), parts.join(", "))
}

/// Some nodes by name.
pub(super) fn names(nodes: &[&NodeSummary]) -> String {
    let shown = nodes.iter().take(NAMED);
    let shown: Vec<String> = shown.map(|node| summary::display_name(node)).collect();
    match nodes.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What changed with a node; nothing where a person need not hear it.
pub(super) fn change(before: Option<&NodeSummary>, node: &NodeSummary) -> Option<String> {
    let name = summary::display_name(node);
    let Some(before) = before else {
        return Some(format!("{name} is new: {}", node.provision_state));
    };
    let mut parts = Vec::new();
    let has_new_error = node.last_error.is_some() && node.last_error != before.last_error;
    let error = node.last_error.as_deref().unwrap_or_default();
    if node.provision_state != before.provision_state {
        let state = node.provision_state;
        parts.push(match node.target_provision_state {
            _ if state.is_failed() && has_new_error => format!("{state}: {error}"),
            Some(target) if !state.is_failed() => format!("{state}, on the way to {target}"),
            Some(_) | None => state.to_string(),
        });
    } else if has_new_error {
        parts.push(format!("error: {error}"));
    }
    if node.power_state != before.power_state {
        parts.push(format!("power {}", summary::power_word(node.power_state)));
    }
    if node.maintenance != before.maintenance {
        let text = match (node.maintenance, node.fault) {
            (true, Some(fault)) => format!("in maintenance after a {}", fault.as_str()),
            (true, None) => "in maintenance".to_owned(),
            (false, _) => "out of maintenance".to_owned(),
        };
        parts.push(text);
    }
    let step = |node: &NodeSummary| {
        node.step
            .as_ref()
            .map(|step| (step.index, step.step.clone()))
    };
    if let Some((index, step)) = step(node).filter(|now| step(before).as_ref() != Some(now)) {
        let total = node.step.as_ref().map_or(index, |step| step.total);
        parts.push(format!("step {index} of {total}, {step}"));
    }
    (!parts.is_empty()).then(|| format!("{name}: {}", parts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use cupola_api::state::power::PowerState;
    use cupola_api::state::provision::ProvisionState as S;

    #[test]
    fn what_changed_is_said_and_nothing_else() {
        let before = testing::summary(1, "r01u01", S::Available);
        assert_eq!(change(Some(&before), &before), None);
        let mut node = before.clone();
        node.provision_state = S::Deploying;
        node.target_provision_state = Some(S::Active);
        node.power_state = Some(PowerState::On);
        let said = change(Some(&before), &node).unwrap_or_default();
        assert_eq!(said, "r01u01: deploying, on the way to active; power on");
        let mut failed = node.clone();
        failed.provision_state = S::DeployFailed;
        failed.last_error = Some("the image is gone".to_owned());
        let said = change(Some(&node), &failed).unwrap_or_default();
        assert_eq!(said, "r01u01: deploy failed: the image is gone");
        let mut kept = failed.clone();
        kept.maintenance = true;
        let said = change(Some(&failed), &kept).unwrap_or_default();
        assert_eq!(said, "r01u01: in maintenance");
    }

    #[test]
    fn states_are_counted_the_most_frequent_first() {
        let mut fleet = Fleet::default();
        assert!(overview(&fleet).contains("enrol"));
        fleet.replace(vec![
            testing::summary(1, "a", S::Active),
            testing::summary(2, "b", S::Enroll),
            testing::summary(3, "c", S::Enroll),
        ]);
        assert_eq!(overview(&fleet), "3 nodes: 2 enroll, 1 active.");
    }
}
