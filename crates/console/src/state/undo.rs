//! What was done last and can be undone: the inverse of each action, for ten minutes, for nodes that
//! are as the action left them.

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use jiff::{SignedDuration, Timestamp};

use super::run::RunId;
use super::run::goal;
use crate::effect::Action;

/// So long something can be undone.
const OFFERED: SignedDuration = SignedDuration::from_mins(10);
/// So many runs are remembered.
const MOST: usize = 50;

/// A run of which something can be undone.
#[derive(Debug)]
pub(crate) struct Undo {
    /// The run.
    pub(crate) run: RunId,
    /// Since when.
    pub(crate) at: Timestamp,
    /// What was done to which node, and its inverse.
    pub(crate) acts: Vec<(NodeId, Action, Action)>,
}

/// What can be undone, the last run at the end.
#[derive(Debug, Default)]
pub(crate) struct Undos {
    all: Vec<Undo>,
}

impl Undos {
    /// An action was accepted, whose inverse is known.
    pub(crate) fn remember(
        &mut self,
        run: RunId,
        (node, done, inverse): (NodeId, Action, Action),
        now: Timestamp,
    ) {
        match self.all.iter_mut().find(|undo| undo.run == run) {
            Some(undo) => undo.acts.push((node, done, inverse)),
            None => self.all.push(Undo {
                run,
                at: now,
                acts: vec![(node, done, inverse)],
            }),
        }
        if self.all.len() > MOST {
            self.all.remove(0);
        }
    }

    /// What was done last and can be undone still.
    pub(crate) fn last(&self, now: Timestamp) -> Option<&Undo> {
        let undo = self.all.last()?;
        (now.duration_since(undo.at) <= OFFERED).then_some(undo)
    }

    /// Forgets a run: it was undone, or cannot be.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.all.retain(|undo| undo.run != run);
    }
}

/// What undoes an action on a node that was in this state; nothing where there is no way back.
pub(crate) fn inverse(action: &Action, from: Option<ProvisionState>) -> Option<Action> {
    use ProvisionVerb as V;
    match action {
        Action::Maintenance(on, _) => Some(Action::Maintenance(!on, None)),
        Action::Power(PowerTarget::On) => Some(Action::Power(PowerTarget::Off)),
        Action::Power(PowerTarget::Off | PowerTarget::SoftOff) => {
            Some(Action::Power(PowerTarget::On))
        }
        Action::Provision(V::Provide) => Some(Action::Provision(V::Manage)),
        Action::Provision(V::Manage) if from == Some(ProvisionState::Available) => {
            Some(Action::Provision(V::Provide))
        }
        Action::Flag(flag, on) => Some(Action::Flag(*flag, !on)),
        Action::Console(on) => Some(Action::Console(!on)),
        Action::Locate(on) => Some(Action::Locate(!on)),
        // What a boot device was is known to the worker alone.
        Action::BootDevice(..)
        | Action::Power(PowerTarget::Reboot | PowerTarget::SoftReboot)
        | Action::Provision(_)
        | Action::Steps { .. }
        | Action::Rescue(_)
        | Action::Deploy { .. }
        | Action::Nmi
        | Action::Delete => None,
    }
}

/// Whether a node is as this action left it.
///
/// # Errors
/// Where it is instead.
pub(crate) fn is_as_left(action: &Action, node: &NodeSummary) -> Result<(), String> {
    let moved_on = |what: String| Err(format!("it has moved on: {what}"));
    match action {
        Action::Provision(verb) => match goal::target(*verb) {
            Some(state) if state != node.provision_state => {
                moved_on(format!("it is {} now", node.provision_state))
            }
            Some(_) | None => Ok(()),
        },
        Action::Power(target) => {
            let power = crate::summary::power_word(node.power_state);
            if let Some(going) = node.target_power_state {
                moved_on(format!("its power is going {}", going.as_str()))
            } else if node.power_state != Some(target.reached()) {
                moved_on(format!("its power is {power} now"))
            } else {
                Ok(())
            }
        }
        Action::Maintenance(on, _) if *on != node.maintenance => {
            let word = if node.maintenance { "in" } else { "not in" };
            moved_on(format!("it is {word} maintenance now"))
        }
        Action::Maintenance(..)
        | Action::Steps { .. }
        | Action::Rescue(_)
        | Action::Deploy { .. }
        | Action::BootDevice(..)
        | Action::Nmi
        | Action::Locate(_)
        | Action::Console(_)
        | Action::Flag(..)
        | Action::Delete => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;

    #[test]
    fn what_was_done_last_is_offered_for_ten_minutes() {
        let mut undos = Undos::default();
        let now = Timestamp::from_second(1_790_000_000).expect("a time");
        let done = Action::Maintenance(true, None);
        let back = inverse(&done, None).expect("there is one");
        let node = summary(1, "n", ProvisionState::Active).uuid;
        undos.remember(RunId(1), (node, done, back), now);
        let later = |minutes| {
            now.checked_add(SignedDuration::from_mins(minutes))
                .expect("a time")
        };
        assert!(undos.last(later(10)).is_some());
        assert!(undos.last(later(11)).is_none());
    }

    #[test]
    fn a_node_that_has_moved_on_says_where_to() {
        let provide = Action::Provision(ProvisionVerb::Provide);
        let node = summary(1, "n", ProvisionState::Deploying);
        let why = is_as_left(&provide, &node).expect_err("it has");
        assert!(why.contains("deploying"), "{why}");
        let node = summary(1, "n", ProvisionState::Available);
        assert_eq!(is_as_left(&provide, &node), Ok(()));
    }
}
