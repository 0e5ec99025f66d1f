//! The log of commands: each action as it was sent, when, to which node, with what outcome.

pub(crate) mod shell;

use std::collections::VecDeque;

use cupola_api::id::NodeId;
use jiff::Timestamp;

use crate::effect::Action;

/// So many are kept.
const MOST: usize = 2000;

/// An action that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// When.
    pub(crate) at: Timestamp,
    /// To which node.
    pub(crate) node: NodeId,
    /// Its name then.
    pub(crate) name: String,
    /// What, without its secrets.
    pub(crate) action: Action,
    /// The indicator that was set, where one was.
    pub(crate) indicator: Option<String>,
    /// Whether it was accepted, once that is known, and why not.
    pub(crate) outcome: Option<Result<(), String>>,
    /// When the answer came.
    pub(crate) answered: Option<Timestamp>,
}

/// All of them, the newest last, and the part that is shown.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    sent: VecDeque<Sent>,
    /// How many were forgotten because there were too many.
    pub(crate) forgotten: usize,
}

impl Commands {
    /// An action is sent.
    pub(crate) fn sent(&mut self, node: NodeId, name: String, action: &Action, now: Timestamp) {
        if self.sent.len() >= MOST {
            self.sent.pop_front();
            self.forgotten += 1;
        }
        let action = match action {
            Action::Rescue(_) => Action::Rescue(cupola_api::secret::Secret::default()),
            other => other.clone(),
        };
        self.sent.push_back(Sent {
            at: now,
            node,
            name,
            action,
            indicator: None,
            outcome: None,
            answered: None,
        });
    }

    /// The answer has come.
    pub(crate) fn answered(
        &mut self,
        node: NodeId,
        action: &Action,
        outcome: Result<Option<String>, String>,
        now: Timestamp,
    ) {
        let is_it = |sent: &&mut Sent| {
            let is_same = match (&sent.action, action) {
                (Action::Rescue(_), Action::Rescue(_)) => true,
                (sent, action) => sent == action,
            };
            sent.node == node && sent.outcome.is_none() && is_same
        };
        if let Some(sent) = self.sent.iter_mut().find(is_it) {
            sent.answered = Some(now);
            sent.outcome = Some(outcome.map(|indicator| sent.indicator = indicator));
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sent.len()
    }

    /// The one at this place, counted from the newest.
    pub(crate) fn newest(&self, place: usize) -> Option<&Sent> {
        self.sent.get(self.sent.len().checked_sub(place + 1)?)
    }
}
