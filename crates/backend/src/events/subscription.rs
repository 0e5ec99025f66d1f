//! One reader of the bus: a position in the ring, and the few events it has taken out already.

use std::collections::VecDeque;
use std::sync::Arc;

use cupola_api::event::{Event, EventId, StreamItem};
use cupola_api::id::NodeId;
use futures_util::stream::{Stream, unfold};
use tokio::sync::watch;

use super::Shared;
use super::ring::{Batch, Tail};

/// Events that are taken out of the ring at once.
const BATCH: usize = 64;

/// Follows the events. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    tail: watch::Receiver<Tail>,
    /// Everything up to here was taken out of the ring.
    read_to: EventId,
    /// The last item that was given.
    position: EventId,
    node: Option<NodeId>,
    taken: VecDeque<Arc<Event>>,
}

impl Subscription {
    pub(super) fn new(shared: Arc<Shared>, after: Option<EventId>, node: Option<NodeId>) -> Self {
        let tail = shared.ring.watch();
        let position = after.unwrap_or_else(|| shared.ring.last());
        Self {
            read_to: position,
            position,
            tail,
            node,
            taken: VecDeque::new(),
            shared,
        }
    }

    /// The id of the last item that was given: from here another subscription can go on.
    #[must_use]
    pub const fn position(&self) -> EventId {
        self.position
    }

    /// The next item; none after the bus was shut down. Cancel-safe: an item is given or kept.
    pub async fn next(&mut self) -> Option<StreamItem> {
        loop {
            if let Some(event) = self.taken.pop_front() {
                self.position = event.id;
                return Some(StreamItem::Event(Box::new(Event::clone(&event))));
            }
            // Seen before reading: what comes after the look at the ring wakes the wait below.
            let tail = *self.tail.borrow_and_update();
            match self.shared.ring.after(self.read_to, self.node, BATCH) {
                Batch::Missed(position) => {
                    self.read_to = position;
                    self.position = position;
                    return Some(StreamItem::Missed);
                }
                Batch::Events(events, position) => {
                    self.read_to = position;
                    self.taken.extend(events);
                }
            }
            if self.taken.is_empty() {
                if tail == Tail::Closed {
                    return None;
                }
                self.tail.changed().await.ok()?;
            }
        }
    }

    /// The items as a stream.
    pub fn into_stream(self) -> impl Stream<Item = StreamItem> + Send {
        unfold(self, |mut subscription| async {
            let item = subscription.next().await?;
            Some((item, subscription))
        })
    }
}
