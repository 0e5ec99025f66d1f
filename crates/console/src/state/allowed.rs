//! What can be done with a node now, and if not, why: from the state machine of the contract.

use cupola_api::cupola::NodeSummary;
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::{Actor, next, states_allowing};

use crate::command::{Act, Flag};

/// Whether this can be done to this node now.
///
/// # Errors
/// Why it would be refused, and what to do first.
pub(crate) fn check(act: Act, node: &NodeSummary) -> Result<(), String> {
    match act {
        Act::Verb(verb) => verb_allowed(verb, node),
        Act::Deploy => verb_allowed(ProvisionVerb::Active, node),
        Act::Delete => deletable(node),
        Act::Power(_) | Act::BootDevice(..) | Act::Console(_) => unlocked(node),
        Act::Nmi => running(node),
        Act::Maintenance | Act::Locate(_) => Ok(()),
        Act::Flag(flag, on) => flagged(flag, on, node.provision_state),
    }
}

fn running(node: &NodeSummary) -> Result<(), String> {
    match node.power_state {
        Some(PowerState::Off) => Err("it is powered off: nothing runs there".to_owned()),
        Some(PowerState::On | PowerState::Error) | None => unlocked(node),
    }
}

/// Ironic takes some flags in some states alone.
fn flagged(flag: Flag, on: bool, state: ProvisionState) -> Result<(), String> {
    use ProvisionState as S;
    match (flag, on, state) {
        (Flag::Protected, true, S::Active | S::Rescue) | (_, false, _) => Ok(()),
        (Flag::Protected, true, _) => Err("only while active or in rescue".to_owned()),
        (Flag::Retired, true, S::Available) => {
            Err("not while available: manage it first".to_owned())
        }
        (Flag::Retired, true, _) => Ok(()),
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
        let deploy = Act::Deploy;
        assert!(check(deploy, &node).is_err_and(|e| e.contains("available")));
        node.provision_state = S::Available;
        assert_eq!(check(deploy, &node), Ok(()));
        node.maintenance = true;
        assert!(check(deploy, &node).is_err_and(|e| e.contains("maintenance")));
        node.maintenance = false;
        node.reservation = Some("conductor-1".to_owned());
        assert!(check(deploy, &node).is_err_and(|e| e.contains("conductor-1")));
        assert!(check(Act::Delete, &summary(1, "a", S::Active)).is_err());
    }
}
