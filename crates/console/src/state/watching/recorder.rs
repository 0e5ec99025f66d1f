//! The recorder: what changed on which node and when, so that the list and a node can be seen as they
//! were. Bounded; how much it holds is in `docs/console.md`.
//!
//! It keeps each node before and after a change. A moment of the past is the present without the
//! changes that came later, so no copy of all nodes is kept.

mod earlier;

use std::collections::{HashMap, VecDeque};

use cupola_api::cupola::NodeSummary;
use cupola_api::event::Event;
use cupola_api::id::NodeId;
use jiff::Timestamp;

use crate::event::Changes;
use crate::state::fleet::Fleet;

pub(crate) use earlier::{as_of, moves};

/// At most so many bytes of changes are kept, by estimate.
const BYTES: usize = 32 << 20;
/// At most so many changes are kept.
const CHANGES: usize = 50_000;
/// At most so many events are kept for the bundle.
const EVENTS: usize = 2000;
/// At most so many errors are kept for the bundle.
const ERRORS: usize = 100;

/// A change of a node.
#[derive(Debug)]
struct Change {
    at: Timestamp,
    node: NodeId,
    before: Option<NodeSummary>,
    after: Option<NodeSummary>,
}

/// A moment of the past that is looked at.
#[derive(Debug)]
pub(crate) struct Past {
    /// Which.
    pub(crate) at: Timestamp,
    /// All nodes as they are now.
    pub(crate) live: Fleet,
}

/// What was recorded.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    changes: VecDeque<Change>,
    bytes: usize,
    since: Option<Timestamp>,
    /// The last events.
    pub(crate) events: VecDeque<Event>,
    /// What the service answered that was an error, and when.
    pub(crate) errors: VecDeque<(Timestamp, String)>,
}

impl Recorder {
    /// All nodes as they are now, where `live` is what was known of them.
    pub(crate) fn listed(&mut self, live: &Fleet, nodes: &[NodeSummary], now: Timestamp) {
        if self.since.is_none() {
            self.since = Some(now);
            return;
        }
        let mut gone: HashMap<NodeId, &NodeSummary> = HashMap::new();
        if live.len() > 0 {
            gone = live.all().map(|node| (node.uuid, node)).collect();
        }
        for node in nodes {
            gone.remove(&node.uuid);
            self.change(live.get(node.uuid), Some(node), now);
        }
        for node in gone.into_values() {
            self.change(Some(node), None, now);
        }
    }

    /// What has changed, where `live` is what was known before.
    pub(crate) fn take(&mut self, live: &Fleet, changes: &Changes, now: Timestamp) {
        for node in &changes.nodes {
            self.change(live.get(node.uuid), Some(node), now);
        }
        for id in &changes.deleted {
            self.change(live.get(*id), None, now);
        }
        for event in &changes.events {
            if self.events.len() == EVENTS {
                self.events.pop_front();
            }
            self.events.push_back(event.clone());
        }
    }

    /// The service answered with an error.
    pub(crate) fn error(&mut self, now: Timestamp, text: String) {
        if self.errors.len() == ERRORS {
            self.errors.pop_front();
        }
        self.errors.push_back((now, text));
    }

    fn change(&mut self, before: Option<&NodeSummary>, after: Option<&NodeSummary>, at: Timestamp) {
        let Some(node) = before.or(after).map(|node| node.uuid) else {
            return;
        };
        if before == after {
            return;
        }
        let change = Change {
            at,
            node,
            before: before.cloned(),
            after: after.cloned(),
        };
        self.bytes += size(&change);
        self.changes.push_back(change);
        while self.bytes > BYTES || self.changes.len() > CHANGES {
            let Some(oldest) = self.changes.pop_front() else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(size(&oldest));
            // Before it nothing can be seen any more.
            self.since = Some(oldest.at);
        }
    }

    /// Since when the past can be seen.
    pub(crate) const fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// All nodes at this moment, from what is known of them now.
    pub(crate) fn fleet_at(&self, live: &Fleet, at: Timestamp) -> Fleet {
        let mut fleet = live.clone();
        for change in self.changes.iter().rev().take_while(|c| c.at > at) {
            match &change.before {
                Some(node) => fleet.apply(node.clone()),
                None => fleet.remove(change.node),
            }
        }
        fleet
    }

    /// The last moment before this one at which something changed, of this node or of any.
    pub(crate) fn before(&self, at: Timestamp, node: Option<NodeId>) -> Option<Timestamp> {
        let mut moments = self.moments(node).rev();
        let earlier = moments.find(|moment| *moment < at);
        earlier.or_else(|| self.since.filter(|since| *since < at))
    }

    /// The first moment after this one.
    pub(crate) fn after(&self, at: Timestamp, node: Option<NodeId>) -> Option<Timestamp> {
        self.moments(node).find(|moment| *moment > at)
    }

    fn moments(&self, node: Option<NodeId>) -> impl DoubleEndedIterator<Item = Timestamp> {
        self.changes
            .iter()
            .filter(move |change| node.is_none_or(|node| change.node == node))
            .map(|change| change.at)
    }
}

/// An estimate of what a change takes, in bytes.
fn size(change: &Change) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let one = |node: &NodeSummary| {
        let waiting = node.waiting.as_ref().map_or(0, |w| w.what.len());
        let step = node.step.as_ref().map_or(0, |s| s.step.len());
        text(&node.name)
            + text(&node.last_error)
            + text(&node.reservation)
            + text(&node.resource_class)
            + node.driver.len()
            + waiting
            + step
    };
    let both = [&change.before, &change.after].into_iter().flatten();
    size_of::<Change>() + both.map(one).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;
    use cupola_api::state::provision::ProvisionState as S;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn recorded() -> (Recorder, Fleet) {
        let mut recorder = Recorder::default();
        let mut live = Fleet::default();
        let first = vec![summary(1, "a", S::Available)];
        recorder.listed(&live, &first, at(0));
        live.replace(first);
        for (second, number, state) in [
            (10, 1, S::Deploying),
            (20, 2, S::Enroll),
            (30, 1, S::Active),
        ] {
            let node = summary(number, "n", state);
            let changes = Changes {
                nodes: vec![node.clone()],
                ..Changes::default()
            };
            recorder.take(&live, &changes, at(second));
            live.apply(node);
        }
        (recorder, live)
    }

    #[test]
    fn every_moment_is_as_it_was() {
        let (recorder, live) = recorded();
        let states = |second| {
            let fleet = recorder.fleet_at(&live, at(second));
            let mut all: Vec<_> = fleet.all().map(|n| (n.uuid, n.provision_state)).collect();
            all.sort_by_key(|(id, _)| *id);
            let states = all.into_iter().map(|(_, state)| state);
            states.collect::<Vec<_>>()
        };
        assert_eq!(states(0), [S::Available]);
        assert_eq!(states(10), [S::Deploying]);
        assert_eq!(states(29), [S::Deploying, S::Enroll]);
        assert_eq!(states(30), [S::Active, S::Enroll]);
    }

    #[test]
    fn one_steps_from_change_to_change_of_all_or_of_one() {
        let (recorder, live) = recorded();
        assert_eq!(recorder.before(at(30), None), Some(at(20)));
        assert_eq!(recorder.before(at(10), None), Some(at(0)));
        assert_eq!(recorder.before(at(0), None), None);
        assert_eq!(recorder.after(at(10), None), Some(at(20)));
        let first = live.at(0).map(|node| node.uuid);
        assert_eq!(recorder.before(at(30), first), Some(at(10)));
        assert_eq!(recorder.after(at(30), first), None);
    }

    #[test]
    fn it_takes_no_more_memory_than_it_may() {
        let mut recorder = Recorder::default();
        let live = Fleet::default();
        recorder.listed(&live, &[], at(0));
        for second in 1..100_i64 {
            let mut node = summary(1, "n", S::DeployFailed);
            node.last_error = Some("x".repeat(1 << 20));
            let changes = Changes {
                nodes: vec![node],
                ..Changes::default()
            };
            recorder.take(&live, &changes, at(second));
        }
        assert!(recorder.bytes <= BYTES && recorder.changes.len() < 40);
        assert!(recorder.since() > Some(at(60)), "what is gone is said");
    }
}
