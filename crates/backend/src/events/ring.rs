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
