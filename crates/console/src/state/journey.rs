//! The way of a new node from nothing to `available`: which verb comes next, and what went wrong.
//!
//! It is driven by what the service tells about the node; nothing here waits.

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use jiff::Timestamp;

/// A part of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The node and its ports exist.
    Enrol,
    /// The BMC is verified.
    Manage,
    /// The hardware is inspected.
    Inspect,
    /// The node is cleaned and available.
    Provide,
}

/// How far a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not begun.
    Ahead,
    /// Begun.
    Running,
    /// Done.
    Done,
    /// It failed.
    Failed(String),
}

impl Goal {
    /// What a person reads.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Enrol => "enrol the node and its ports",
            Self::Manage => "manage: verify the BMC",
            Self::Inspect => "inspect: boot the ramdisk, find the hardware out",
            Self::Provide => "provide: clean, and offer for deployment",
        }
    }

    /// The verb that starts it.
    pub(crate) const fn verb(self) -> Option<ProvisionVerb> {
        match self {
            Self::Enrol => None,
            Self::Manage => Some(ProvisionVerb::Manage),
            Self::Inspect => Some(ProvisionVerb::Inspect),
            Self::Provide => Some(ProvisionVerb::Provide),
        }
    }

    const fn reached(self) -> ProvisionState {
        match self {
            Self::Enrol => ProvisionState::Enroll,
            Self::Manage | Self::Inspect => ProvisionState::Manageable,
            Self::Provide => ProvisionState::Available,
        }
    }
}

/// The way of one node.
#[derive(Debug, Default)]
pub(crate) struct Journey {
    /// The node, once it exists.
    pub(crate) node: Option<NodeId>,
    /// The parts and how far they are.
    pub(crate) goals: Vec<(Goal, Status)>,
    /// When the state had changed last before the verb was sent.
    before: Option<Timestamp>,
}

impl Journey {
    /// A way through these goals, the first one begun.
    pub(crate) fn begin(goals: Vec<Goal>) -> Self {
        let mut goals: Vec<_> = goals.into_iter().map(|g| (g, Status::Ahead)).collect();
        if let Some((_, status)) = goals.first_mut() {
            *status = Status::Running;
        }
        Self {
            node: None,
            goals,
            before: None,
        }
    }

    /// The part that runs or has failed.
    pub(crate) fn current(&self) -> Option<&(Goal, Status)> {
        self.goals
            .iter()
            .find(|(_, status)| *status != Status::Done)
    }

    /// Whether everything is done.
    pub(crate) fn is_done(&self) -> bool {
        !self.goals.is_empty() && self.current().is_none()
    }

    /// The part that runs is done: begins the next one and returns its verb.
    pub(crate) fn advance(&mut self, node: Option<&NodeSummary>) -> Option<ProvisionVerb> {
        let mut open = self.goals.iter_mut().filter(|(_, s)| *s != Status::Done);
        open.next()?.1 = Status::Done;
        let (goal, status) = open.next()?;
        *status = Status::Running;
        self.before = node.and_then(|n| n.provision_updated_at);
        goal.verb()
    }

    /// The part that runs has failed.
    pub(crate) fn fail(&mut self, error: String) {
        let mut open = self.goals.iter_mut();
        if let Some((_, status)) = open.find(|(_, s)| *s == Status::Running) {
            *status = Status::Failed(error);
        }
    }

    /// Tries the part that failed once more; returns its verb.
    pub(crate) fn retry(&mut self, node: Option<&NodeSummary>) -> Option<ProvisionVerb> {
        let failed = |(_, status): &&mut (Goal, Status)| matches!(status, Status::Failed(_));
        let (goal, status) = self.goals.iter_mut().find(failed)?;
        *status = Status::Running;
        self.before = node.and_then(|n| n.provision_updated_at);
        goal.verb()
    }

    /// The node has changed: returns the verb to send next, if one is due.
    pub(crate) fn observe(&mut self, node: &NodeSummary) -> Option<ProvisionVerb> {
        if self.node != Some(node.uuid) {
            return None;
        }
        let (goal, status) = self.current()?;
        let state = node.provision_state;
        let moved = node.provision_updated_at != self.before;
        if *status != Status::Running || goal.verb().is_none() || !moved {
            return None;
        }
        if state.is_working() || state.is_waiting() {
            return None;
        }
        if state == goal.reached() {
            return self.advance(Some(node));
        }
        let error = node.last_error.clone();
        self.fail(error.unwrap_or_else(|| format!("the node is {state} now")));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;
    use ProvisionState as S;

    fn at(state: S, second: i64) -> NodeSummary {
        let mut node = summary(1, "new", state);
        node.provision_updated_at = Timestamp::from_second(second).ok();
        node
    }

    fn on_the_way() -> Journey {
        let goals = vec![Goal::Enrol, Goal::Manage, Goal::Inspect, Goal::Provide];
        let mut journey = Journey::begin(goals);
        journey.node = Some(at(S::Enroll, 0).uuid);
        let verb = journey.advance(Some(&at(S::Enroll, 0)));
        assert_eq!(verb, Some(ProvisionVerb::Manage));
        journey
    }

    #[test]
    fn goes_to_available_even_when_working_states_are_too_short_to_be_seen() {
        let mut journey = on_the_way();
        assert_eq!(journey.observe(&at(S::Enroll, 0)), None);
        assert_eq!(journey.observe(&at(S::Verifying, 1)), None);
        assert_eq!(
            journey.observe(&at(S::Manageable, 2)),
            Some(ProvisionVerb::Inspect)
        );
        assert_eq!(journey.observe(&at(S::Manageable, 2)), None);
        assert_eq!(
            journey.observe(&at(S::Manageable, 3)),
            Some(ProvisionVerb::Provide)
        );
        assert_eq!(journey.observe(&at(S::Available, 4)), None);
        assert!(journey.is_done());
    }

    #[test]
    fn a_failure_stops_and_can_be_tried_again() {
        let mut journey = on_the_way();
        let mut refused = at(S::Enroll, 2);
        refused.last_error = Some("wrong password".to_owned());
        assert_eq!(journey.observe(&refused), None);
        let failed = Status::Failed("wrong password".to_owned());
        assert_eq!(journey.current(), Some(&(Goal::Manage, failed)));
        assert_eq!(journey.retry(Some(&refused)), Some(ProvisionVerb::Manage));
        assert_eq!(journey.observe(&refused), None);
    }
}
