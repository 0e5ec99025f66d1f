//! Whether a node has come to where an action leads: told from its summaries alone, so that it works
//! with live events and with a list that is asked for again and again.

use cupola_api::cupola::NodeSummary;
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::{ProvisionState as S, ProvisionVerb as V};
use cupola_api::state::transition::{Actor, next};
use jiff::Timestamp;

use crate::effect::Action;

/// So long after a power request a node that shows the wanted state counts as having got there, even
/// if no change of it was seen, in seconds.
const SETTLED: i64 = 3;

/// A node as it was when its action was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) state: S,
    updated: Option<Timestamp>,
    power: Option<PowerState>,
    error: Option<String>,
}

impl Seen {
    /// As it is.
    pub(crate) fn of(node: &NodeSummary) -> Self {
        Self {
            state: node.provision_state,
            updated: node.provision_updated_at,
            power: node.power_state,
            error: node.last_error.clone(),
        }
    }

    fn has_moved(&self, node: &NodeSummary) -> bool {
        self.state != node.provision_state || self.updated != node.provision_updated_at
    }
}

/// How far a node has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Still on its way.
    Moving,
    /// There.
    Reached,
    /// It will not get there by itself.
    Failed(String),
}

/// The state that a verb leads to, where the outcome is one state.
pub(crate) const fn target(verb: V) -> Option<S> {
    match verb {
        V::Manage | V::Inspect | V::Clean => Some(S::Manageable),
        V::Provide | V::Deleted | V::Undeploy => Some(S::Available),
        V::Active | V::Deploy | V::Rebuild | V::Adopt | V::Unrescue | V::Service => Some(S::Active),
        V::Rescue => Some(S::Rescue),
        V::Abort | V::Unhold => None,
    }
}

/// Whether the service has done it when it has accepted it.
pub(crate) const fn is_done_at_once(action: &Action) -> bool {
    match action {
        Action::Provision(_)
        | Action::Steps { .. }
        | Action::Rescue(_)
        | Action::Deploy { .. }
        | Action::Power(_) => false,
        Action::Maintenance(..)
        | Action::BootDevice(..)
        | Action::Nmi
        | Action::Locate(_)
        | Action::Console(_)
        | Action::Flag(..)
        | Action::Delete => true,
    }
}

/// How far this node has come, `since` seconds after its action was accepted; `changed` tells
/// whether anything of it was heard since.
pub(crate) fn progress(
    action: &Action,
    from: &Seen,
    node: &NodeSummary,
    changed: bool,
    since: i64,
) -> Progress {
    match action {
        Action::Provision(verb) | Action::Steps { verb, .. } => provision(*verb, from, node),
        Action::Rescue(_) => provision(V::Rescue, from, node),
        Action::Deploy { .. } => provision(V::Active, from, node),
        Action::Power(target) => {
            let heard = changed || since >= SETTLED;
            if node.target_power_state.is_some() || !heard {
                return Progress::Moving;
            }
            if node.power_state == Some(target.reached()) {
                return Progress::Reached;
            }
            match &node.last_error {
                Some(error) if node.last_error != from.error => Progress::Failed(error.clone()),
                _ => Progress::Moving,
            }
        }
        Action::Maintenance(..)
        | Action::BootDevice(..)
        | Action::Nmi
        | Action::Locate(_)
        | Action::Console(_)
        | Action::Flag(..)
        | Action::Delete => Progress::Reached,
    }
}

fn provision(verb: V, from: &Seen, node: &NodeSummary) -> Progress {
    let state = node.provision_state;
    if !from.has_moved(node) {
        return Progress::Moving;
    }
    let wanted = match verb {
        V::Abort => next(from.state, verb.event(), Actor::User),
        V::Unhold => Some(state),
        _ => target(verb),
    };
    if wanted == Some(state) {
        return Progress::Reached;
    }
    let is_held = matches!(state, S::CleanHold | S::DeployHold | S::ServiceHold);
    if state.is_working() || state.is_waiting() || is_held {
        return Progress::Moving;
    }
    let ended = || format!("it ended in {state}");
    Progress::Failed(node.last_error.clone().unwrap_or_else(ended))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;
    use cupola_api::state::power::PowerTarget;

    fn at(state: S, second: i64) -> NodeSummary {
        let mut node = summary(1, "n", state);
        node.provision_updated_at = Timestamp::from_second(second).ok();
        node
    }

    #[test]
    fn a_node_that_ends_where_it_began_must_have_moved() {
        let from = Seen::of(&at(S::Active, 1));
        let rebuild = Action::Provision(V::Rebuild);
        let now = |node: &NodeSummary| progress(&rebuild, &from, node, true, 0);
        assert_eq!(now(&at(S::Active, 1)), Progress::Moving);
        assert_eq!(now(&at(S::Deploying, 2)), Progress::Moving);
        assert_eq!(now(&at(S::DeployHold, 2)), Progress::Moving);
        assert_eq!(now(&at(S::Active, 3)), Progress::Reached);
        let mut failed = at(S::DeployFailed, 3);
        failed.last_error = Some("no image".to_owned());
        assert_eq!(now(&failed), Progress::Failed("no image".to_owned()));
    }

    #[test]
    fn a_failed_verification_goes_back_to_where_it_began() {
        let from = Seen::of(&at(S::Enroll, 1));
        let manage = Action::Provision(V::Manage);
        let now = |node: &NodeSummary| progress(&manage, &from, node, true, 0);
        assert_eq!(now(&at(S::Verifying, 2)), Progress::Moving);
        assert!(matches!(now(&at(S::Enroll, 3)), Progress::Failed(_)));
        assert_eq!(now(&at(S::Manageable, 3)), Progress::Reached);
    }

    #[test]
    fn power_is_reached_when_nothing_is_asked_for_any_more() {
        let mut node = at(S::Active, 1);
        node.power_state = Some(PowerState::On);
        let from = Seen::of(&node);
        let reboot = Action::Power(PowerTarget::Reboot);
        assert_eq!(progress(&reboot, &from, &node, false, 0), Progress::Moving);
        node.target_power_state = Some(PowerState::On);
        assert_eq!(progress(&reboot, &from, &node, true, 9), Progress::Moving);
        node.target_power_state = None;
        assert_eq!(progress(&reboot, &from, &node, true, 0), Progress::Reached);
        assert_eq!(progress(&reboot, &from, &node, false, 3), Progress::Reached);
    }
}
