//! The provision-state machine as one table (wire reference §9.2).
//!
//! The API validates verbs from it, the conductor moves by it, the console offers what it allows
//! and `docs/provision-states.md` is generated from it. There is no other place that knows which
//! state follows which.

use super::provision::{ProvisionState, ProvisionVerb};
use ProvisionState as S;

/// What moves a node: a verb of a user, or the outcome of the conductor's own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Verb `active` or `deploy`.
    Deploy,
    /// Verb `rebuild`.
    Rebuild,
    /// Verb `deleted` or `undeploy`.
    Delete,
    /// Verb `manage`; also the end of manual cleaning.
    Manage,
    /// Verb `provide`.
    Provide,
    /// Verb `inspect`.
    Inspect,
    /// Verb `abort`.
    Abort,
    /// Verb `clean`; also the end of tearing down.
    Clean,
    /// Verb `adopt`.
    Adopt,
    /// Verb `rescue`.
    Rescue,
    /// Verb `unrescue`.
    Unrescue,
    /// Verb `unhold`.
    Unhold,
    /// Verb `service`.
    Service,
    /// The work is done.
    Done,
    /// The work failed.
    Fail,
    /// The work waits for the ramdisk.
    Wait,
    /// The ramdisk called: go on.
    Resume,
    /// A step asks to be held.
    Hold,
}

/// Who may cause a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A user, by a verb.
    User,
    /// The conductor, by the outcome of its work.
    Conductor,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: ProvisionState,
    /// What happens.
    pub event: Event,
    /// The state after.
    pub to: ProvisionState,
    /// Who may cause it.
    pub actor: Actor,
}

const fn user(from: S, event: Event, to: S) -> Transition {
    Transition {
        from,
        event,
        to,
        actor: Actor::User,
    }
}

const fn own(from: S, event: Event, to: S) -> Transition {
    Transition {
        from,
        event,
        to,
        actor: Actor::Conductor,
    }
}

/// Every transition there is.
pub const TRANSITIONS: &[Transition] = &[
    // enrolment and verification
    user(S::Enroll, Event::Manage, S::Verifying),
    own(S::Verifying, Event::Done, S::Manageable),
    own(S::Verifying, Event::Fail, S::Enroll),
    // management
    user(S::Manageable, Event::Adopt, S::Adopting),
    user(S::Manageable, Event::Clean, S::Cleaning),
    user(S::Manageable, Event::Inspect, S::Inspecting),
    user(S::Manageable, Event::Provide, S::Cleaning),
    user(S::Available, Event::Manage, S::Manageable),
    // inspection
    own(S::Inspecting, Event::Done, S::Manageable),
    own(S::Inspecting, Event::Fail, S::InspectFailed),
    own(S::Inspecting, Event::Wait, S::InspectWait),
    user(S::InspectWait, Event::Abort, S::InspectFailed),
    own(S::InspectWait, Event::Done, S::Manageable),
    own(S::InspectWait, Event::Fail, S::InspectFailed),
    own(S::InspectWait, Event::Resume, S::Inspecting),
    user(S::InspectFailed, Event::Inspect, S::Inspecting),
    user(S::InspectFailed, Event::Manage, S::Manageable),
    // cleaning
    own(S::Cleaning, Event::Done, S::Available),
    own(S::Cleaning, Event::Fail, S::CleanFailed),
    own(S::Cleaning, Event::Hold, S::CleanHold),
    own(S::Cleaning, Event::Manage, S::Manageable),
    own(S::Cleaning, Event::Wait, S::CleanWait),
    user(S::CleanWait, Event::Abort, S::CleanFailed),
    own(S::CleanWait, Event::Fail, S::CleanFailed),
    own(S::CleanWait, Event::Hold, S::CleanHold),
    own(S::CleanWait, Event::Resume, S::Cleaning),
    user(S::CleanHold, Event::Abort, S::CleanFailed),
    user(S::CleanHold, Event::Unhold, S::CleanWait),
    user(S::CleanFailed, Event::Manage, S::Manageable),
    // deployment
    user(S::Available, Event::Deploy, S::Deploying),
    own(S::Deploying, Event::Done, S::Active),
    own(S::Deploying, Event::Fail, S::DeployFailed),
    own(S::Deploying, Event::Hold, S::DeployHold),
    own(S::Deploying, Event::Wait, S::DeployWait),
    user(S::DeployWait, Event::Abort, S::DeployFailed),
    user(S::DeployWait, Event::Delete, S::Deleting),
    own(S::DeployWait, Event::Fail, S::DeployFailed),
    own(S::DeployWait, Event::Hold, S::DeployHold),
    own(S::DeployWait, Event::Resume, S::Deploying),
    user(S::DeployHold, Event::Abort, S::DeployFailed),
    user(S::DeployHold, Event::Unhold, S::DeployWait),
    user(S::DeployFailed, Event::Delete, S::Deleting),
    user(S::DeployFailed, Event::Deploy, S::Deploying),
    user(S::DeployFailed, Event::Rebuild, S::Deploying),
    user(S::Active, Event::Delete, S::Deleting),
    user(S::Active, Event::Rebuild, S::Deploying),
    // tearing down
    own(S::Deleting, Event::Clean, S::Cleaning),
    own(S::Deleting, Event::Fail, S::Error),
    user(S::Error, Event::Delete, S::Deleting),
    user(S::Error, Event::Rebuild, S::Deploying),
    // adoption
    own(S::Adopting, Event::Done, S::Active),
    own(S::Adopting, Event::Fail, S::AdoptFailed),
    user(S::AdoptFailed, Event::Adopt, S::Adopting),
    user(S::AdoptFailed, Event::Manage, S::Manageable),
    // rescue
    user(S::Active, Event::Rescue, S::Rescuing),
    own(S::Rescuing, Event::Done, S::Rescue),
    own(S::Rescuing, Event::Fail, S::RescueFailed),
    own(S::Rescuing, Event::Wait, S::RescueWait),
    user(S::RescueWait, Event::Abort, S::RescueFailed),
    user(S::RescueWait, Event::Delete, S::Deleting),
    own(S::RescueWait, Event::Fail, S::RescueFailed),
    own(S::RescueWait, Event::Resume, S::Rescuing),
    user(S::Rescue, Event::Delete, S::Deleting),
    user(S::Rescue, Event::Rescue, S::Rescuing),
    user(S::Rescue, Event::Unrescue, S::Unrescuing),
    user(S::RescueFailed, Event::Delete, S::Deleting),
    user(S::RescueFailed, Event::Rescue, S::Rescuing),
    user(S::RescueFailed, Event::Unrescue, S::Unrescuing),
    own(S::Unrescuing, Event::Done, S::Active),
    own(S::Unrescuing, Event::Fail, S::UnrescueFailed),
    user(S::UnrescueFailed, Event::Delete, S::Deleting),
    user(S::UnrescueFailed, Event::Rescue, S::Rescuing),
    user(S::UnrescueFailed, Event::Unrescue, S::Unrescuing),
    // service
    user(S::Active, Event::Service, S::Servicing),
    own(S::Servicing, Event::Done, S::Active),
    own(S::Servicing, Event::Fail, S::ServiceFailed),
    own(S::Servicing, Event::Hold, S::ServiceHold),
    own(S::Servicing, Event::Wait, S::ServiceWait),
    user(S::ServiceWait, Event::Abort, S::ServiceFailed),
    user(S::ServiceWait, Event::Delete, S::Deleting),
    own(S::ServiceWait, Event::Fail, S::ServiceFailed),
    own(S::ServiceWait, Event::Hold, S::ServiceHold),
    own(S::ServiceWait, Event::Resume, S::Servicing),
    user(S::ServiceHold, Event::Abort, S::ServiceFailed),
    user(S::ServiceHold, Event::Service, S::Servicing),
    user(S::ServiceHold, Event::Unhold, S::ServiceWait),
    own(S::ServiceHold, Event::Fail, S::ServiceFailed),
    user(S::ServiceFailed, Event::Abort, S::Active),
    user(S::ServiceFailed, Event::Delete, S::Deleting),
    user(S::ServiceFailed, Event::Rescue, S::Rescuing),
    user(S::ServiceFailed, Event::Service, S::Servicing),
    own(S::ServiceFailed, Event::Hold, S::ServiceHold),
    own(S::ServiceFailed, Event::Wait, S::ServiceWait),
];

/// The state that `event` leads to, when `actor` may cause it in state `from`.
#[must_use]
pub fn next(from: ProvisionState, event: Event, actor: Actor) -> Option<ProvisionState> {
    TRANSITIONS
        .iter()
        .find(|t| t.from == from && t.event == event && t.actor == actor)
        .map(|t| t.to)
}

/// The verbs that a user may send in state `from`, without the two synonyms of 1.73.
pub fn verbs(from: ProvisionState) -> impl Iterator<Item = ProvisionVerb> {
    ProvisionVerb::ALL
        .iter()
        .copied()
        .filter(|v| !matches!(v, ProvisionVerb::Deploy | ProvisionVerb::Undeploy))
        .filter(move |v| next(from, v.event(), Actor::User).is_some())
}

/// The states in which `verb` is allowed, in the order of the reference.
pub fn states_allowing(verb: ProvisionVerb) -> impl Iterator<Item = ProvisionState> {
    ProvisionState::ALL
        .iter()
        .copied()
        .filter(move |s| next(*s, verb.event(), Actor::User).is_some())
}

impl ProvisionVerb {
    /// The event that the verb stands for.
    #[must_use]
    pub const fn event(self) -> Event {
        match self {
            Self::Active | Self::Deploy => Event::Deploy,
            Self::Rebuild => Event::Rebuild,
            Self::Deleted | Self::Undeploy => Event::Delete,
            Self::Manage => Event::Manage,
            Self::Provide => Event::Provide,
            Self::Inspect => Event::Inspect,
            Self::Abort => Event::Abort,
            Self::Clean => Event::Clean,
            Self::Adopt => Event::Adopt,
            Self::Rescue => Event::Rescue,
            Self::Unrescue => Event::Unrescue,
            Self::Unhold => Event::Unhold,
            Self::Service => Event::Service,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_row_is_there_twice() {
        let mut seen = HashSet::new();
        for t in TRANSITIONS {
            assert!(seen.insert((t.from, t.event, t.actor)), "{t:?}");
        }
    }

    #[test]
    fn every_state_can_be_entered_and_left() {
        for state in ProvisionState::ALL {
            assert!(
                TRANSITIONS.iter().any(|t| t.from == *state),
                "{state} cannot be left"
            );
            let entered = TRANSITIONS.iter().any(|t| t.to == *state);
            assert!(entered || *state == S::Enroll, "{state} cannot be entered");
        }
    }

    #[test]
    fn working_states_can_end_in_done_or_clean_and_in_fail() {
        for state in ProvisionState::ALL.iter().filter(|s| s.is_working()) {
            assert!(
                next(*state, Event::Fail, Actor::Conductor).is_some(),
                "{state}"
            );
            let ends = [Event::Done, Event::Clean];
            assert!(
                ends.iter()
                    .any(|e| next(*state, *e, Actor::Conductor).is_some()),
                "{state}"
            );
        }
    }

    #[test]
    fn waiting_states_can_fail_resume_and_be_aborted() {
        for state in ProvisionState::ALL.iter().filter(|s| s.is_waiting()) {
            assert!(
                next(*state, Event::Fail, Actor::Conductor).is_some(),
                "{state}"
            );
            assert!(
                next(*state, Event::Resume, Actor::Conductor).is_some(),
                "{state}"
            );
            assert!(next(*state, Event::Abort, Actor::User).is_some(), "{state}");
        }
    }

    #[test]
    fn nothing_moves_a_stable_state_but_a_user() {
        for t in TRANSITIONS.iter().filter(|t| t.actor == Actor::Conductor) {
            assert!(t.from.target().is_some(), "{t:?}");
        }
    }

    #[test]
    fn available_can_be_deployed_or_managed() {
        let got: Vec<_> = verbs(S::Available).collect();
        assert_eq!(got, [ProvisionVerb::Active, ProvisionVerb::Manage]);
    }
}
