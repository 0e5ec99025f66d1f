//! The newest events in memory, numbered from blocks of ids that belong to this process.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use cupola_api::event::{Event, EventId, EventKind};
use cupola_api::id::NodeId;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

/// The ring.
#[derive(Debug)]
pub(super) struct Ring {
    capacity: usize,
    state: Mutex<State>,
    /// Tells readers that there is more, or that there will be no more.
    tail: watch::Sender<Tail>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    At(EventId),
    Closed,
}

#[derive(Debug)]
struct State {
    events: VecDeque<Arc<Event>>,
    last: EventId,
    /// Everything of this process after this id is in `events`.
    floor: EventId,
    /// The last id of the block that is being used.
    block_end: EventId,
    /// The block to go on with.
    next_block: Option<(EventId, EventId)>,
    /// The newest summary of each node: older ones need not be shown to who is behind.
    newest: HashMap<NodeId, EventId>,
}

/// What a reader finds after its position.
#[derive(Debug)]
pub(super) enum Batch {
    /// These, and its new position.
    Events(Vec<Arc<Event>>, EventId),
    /// Events are missing; its new position.
    Missed(EventId),
}

impl State {
    fn next_id(&mut self) -> EventId {
        self.last = match self.next_block.take_if(|_| self.last >= self.block_end) {
            Some((first, end)) => {
                self.block_end = end;
                first
            }
            None => EventId(self.last.0 + 1),
        };
        self.last
    }
}

impl Ring {
    /// An empty ring whose first event will be `first`, of a block that ends with `end`.
    pub(super) fn new(capacity: usize, first: EventId, end: EventId) -> Self {
        let last = EventId(first.0 - 1);
        Self {
            capacity: capacity.max(1),
            state: Mutex::new(State {
                events: VecDeque::with_capacity(capacity.max(1)),
                last,
                floor: last,
                block_end: end,
                next_block: None,
                newest: HashMap::new(),
            }),
            tail: watch::Sender::new(Tail::At(last)),
        }
    }

    pub(super) fn last(&self) -> EventId {
        self.state.lock().last
    }

    /// Gives the block of ids to go on with when this one is used up.
    pub(super) fn extend(&self, first: EventId, end: EventId) {
        let mut state = self.state.lock();
        if state.block_end.0 + 1 == first.0 {
            state.block_end = end;
        } else {
            state.next_block = Some((first, end));
        }
    }

    /// Numbers the event and takes it in.
    pub(super) fn push(&self, node: Option<NodeId>, at: Timestamp, kind: EventKind) -> Arc<Event> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let id = state.next_id();
        if let (Some(node), EventKind::NodeChanged { .. }) = (node, &kind) {
            state.newest.insert(node, id);
        }
        if state.events.len() >= self.capacity
            && let Some(old) = state.events.pop_front()
        {
            state.floor = old.id;
            if let Some(node) = old.node
                && state.newest.get(&node) == Some(&old.id)
            {
                state.newest.remove(&node);
            }
        }
        let event = Arc::new(Event { id, at, node, kind });
        state.events.push_back(event.clone());
        // Inside the lock, so that the tail never goes back.
        self.tail.send_if_modified(|tail| match tail {
            Tail::At(at) => {
                *at = id;
                true
            }
            Tail::Closed => false,
        });
        event
    }

    /// Up to `limit` events after a position, without summaries that a later one replaces.
    pub(super) fn after(&self, position: EventId, node: Option<NodeId>, limit: usize) -> Batch {
        let state = self.state.lock();
        if position < state.floor || position > state.last {
            return Batch::Missed(state.last);
        }
        let skip = state.events.partition_point(|e| e.id <= position);
        let mut found = Vec::new();
        for event in state.events.iter().skip(skip) {
            if node.is_some() && event.node != node {
                continue;
            }
            let replaced = matches!(event.kind, EventKind::NodeChanged { .. })
                && event
                    .node
                    .and_then(|n| state.newest.get(&n))
                    .is_some_and(|newest| *newest > event.id);
            if replaced {
                continue;
            }
            found.push(event.clone());
            if found.len() == limit {
                return Batch::Events(found, event.id);
            }
        }
        Batch::Events(found, state.last)
    }

    /// Tells of every change of the tail.
    pub(super) fn watch(&self) -> watch::Receiver<Tail> {
        self.tail.subscribe()
    }

    /// Ends every reader after what is there.
    pub(super) fn close(&self) {
        self.tail.send_replace(Tail::Closed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line() -> EventKind {
        EventKind::Maintenance {
            on: true,
            reason: None,
        }
    }

    fn ids(batch: &Batch) -> Option<Vec<i64>> {
        match batch {
            Batch::Events(events, _) => Some(events.iter().map(|e| e.id.0).collect()),
            Batch::Missed(_) => None,
        }
    }

    #[test]
    fn ids_go_on_in_the_next_block() {
        let ring = Ring::new(16, EventId(1), EventId(3));
        ring.extend(EventId(11), EventId(13));
        for _ in 0..3 {
            ring.push(None, Timestamp::UNIX_EPOCH, line());
        }
        for want in 11..=13 {
            let event = ring.push(None, Timestamp::UNIX_EPOCH, line());
            assert_eq!(event.id, EventId(want));
            // A block that follows its predecessor is one with it.
            ring.extend(EventId(14), EventId(20));
        }
        let all = ring.after(EventId(0), None, 99);
        assert_eq!(ids(&all), Some(vec![1, 2, 3, 11, 12, 13]));
        let between = ring.after(EventId(7), None, 99);
        assert_eq!(
            ids(&between),
            Some(vec![11, 12, 13]),
            "an id of another process"
        );
    }

    proptest! {
        /// A reader that reads whenever it likes sees every event once and in order, or is told.
        #[test]
        fn a_reader_sees_all_or_is_told(
            capacity in 1..20_usize,
            turns in prop::collection::vec((0..12_usize, any::<bool>(), 1..9_usize), 1..40),
        ) {
            let ring = Ring::new(capacity, EventId(1), EventId(i64::MAX));
            let (mut published, mut read_to) = (0_i64, 0_i64);
            for (count, reads, limit) in turns {
                for _ in 0..count {
                    published += 1;
                    let event = ring.push(None, Timestamp::UNIX_EPOCH, line());
                    prop_assert_eq!(event.id, EventId(published));
                }
                if !reads {
                    continue;
                }
                let behind = usize::try_from(published - read_to).expect("not ahead");
                match ring.after(EventId(read_to), None, limit) {
                    Batch::Missed(position) => {
                        prop_assert!(behind > capacity);
                        prop_assert_eq!(position, EventId(published));
                        read_to = published;
                    }
                    Batch::Events(events, position) => {
                        prop_assert!(behind <= capacity);
                        let got: Vec<_> = events.iter().map(|e| e.id.0).collect();
                        let upto = published.min(read_to + limit as i64);
                        prop_assert_eq!(got, (read_to + 1..=upto).collect::<Vec<_>>());
                        prop_assert_eq!(position, EventId(upto));
                        read_to = upto;
                    }
                }
            }
        }
    }
}
