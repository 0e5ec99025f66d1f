//! What can be done with a node now, and if not, why: from the state machine of the contract.

use cupola_api::cupola::NodeSummary;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::{Actor, next, states_allowing};

use crate::command::Command;

/// Whether a command can be sent to this node now.
///
/// # Errors
/// Why it would be refused, and what to do first.
pub(crate) fn check(command: Command, node: &NodeSummary) -> Result<(), String> {
    match command {
        Command::Verb(verb) => verb_allowed(verb, node),
        Command::Deploy => verb_allowed(ProvisionVerb::Active, node),
        Command::Delete => deletable(node),
        Command::Power(_) => unlocked(node),
        Command::Maintenance
        | Command::Quit
        | Command::Back
        | Command::Help
        | Command::Prompt
        | Command::Diagnostics
        | Command::Refresh
        | Command::Suspend
        | Command::Theme
        | Command::Open
        | Command::Filter
        | Command::Sort
        | Command::SortReverse
        | Command::Mark
        | Command::MarkAll
        | Command::Verbs
        | Command::PowerMenu
        | Command::Enroll
        | Command::NextPart
        | Command::Follow
        | Command::Logs => Ok(()),
        #[cfg(debug_assertions)]
        Command::Panic => Ok(()),
    }
}

fn verb_allowed(verb: ProvisionVerb, node: &NodeSummary) -> Result<(), String> {
    let state = node.provision_state;
    if next(state, verb.event(), Actor::User).is_none() {
        let from: Vec<&str> = states_allowing(verb).map(ProvisionState::as_str).collect();
        return Err(format!("only from {}", from.join(", ")));
    }
    let needs_hardware = matches!(
        verb,
        ProvisionVerb::Active | ProvisionVerb::Deploy | ProvisionVerb::Rebuild
    );
    if node.maintenance && needs_hardware {
        return Err("in maintenance: take it out first".to_owned());
    }
    unlocked(node)
}

fn unlocked(node: &NodeSummary) -> Result<(), String> {
    match &node.reservation {
        // Abort and the end of a deploy are accepted while the conductor waits, without its lock.
        Some(holder) => Err(format!("locked by {holder}; wait until it is done")),
        None => Ok(()),
    }
}

fn deletable(node: &NodeSummary) -> Result<(), String> {
    use ProvisionState as S;
    let state = node.provision_state;
    let at_rest = matches!(
        state,
        S::Enroll
            | S::Manageable
            | S::Available
            | S::InspectFailed
            | S::CleanFailed
            | S::AdoptFailed
    );
    if node.instance_uuid.is_some() {
        Err("it has an instance: undeploy it first".to_owned())
    } else if at_rest || node.maintenance {
        unlocked(node)
    } else {
        Err(format!("not while {state}: undeploy or abort first"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;
    use cupola_api::state::provision::ProvisionState as S;

    #[test]
    fn says_why_not() {
        let mut node = summary(1, "a", S::Enroll);
        let deploy = Command::Deploy;
        assert!(check(deploy, &node).is_err_and(|e| e.contains("available")));
        node.provision_state = S::Available;
        assert_eq!(check(deploy, &node), Ok(()));
        node.maintenance = true;
        assert!(check(deploy, &node).is_err_and(|e| e.contains("maintenance")));
        node.maintenance = false;
        node.reservation = Some("conductor-1".to_owned());
        assert!(check(deploy, &node).is_err_and(|e| e.contains("conductor-1")));
        assert!(check(Command::Delete, &summary(1, "a", S::Active)).is_err());
    }
}
