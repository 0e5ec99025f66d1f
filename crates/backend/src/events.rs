//! The event bus: what the service says while it works, to whoever watches, and into the timelines.
//!
//! [`EventBus::publish`] never waits. An event gets its id and goes into a ring in memory, from
//! which every subscriber reads at its own pace: a subscriber costs a position, not a queue. Kept
//! events also go to one writer task, which stores them in batches.
//!
//! What is bounded, and what happens when it is full:
//!
//! | what | bound | when full |
//! |---|---|---|
//! | ring | [`RING`] events | the oldest leave; a subscriber that had not read them gets `StreamItem::Missed` and goes on with what is newest |
//! | queue to the writer, also while the database is away | [`WRITER_QUEUE`] events | the event is shown live but not kept; a warning says how many |
//! | timeline of a node | [`TIMELINE`] events | the oldest are dropped |
//! | durations of finished work | 20 000 | the oldest are dropped |
//!
//! Not a message queue: a client that lost its place lists again.

pub(crate) mod durations;
mod ring;
mod subscription;
mod writer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cupola_api::event::{Event, EventId, EventKind, Severity};
use cupola_api::id::NodeId;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::notifications::Notifier;
use crate::store::{Store, StoreError, StoredNode};
use ring::Ring;
pub use subscription::Subscription;
use writer::Message;

/// Events in memory.
pub const RING: usize = 16_384;
/// Kept events that wait for the database.
pub const WRITER_QUEUE: usize = 8_192;
/// Events kept of each node.
pub const TIMELINE: u32 = 5_000;

/// The bus. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EventBus {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ring: Ring,
    writer: mpsc::Sender<Message>,
    /// Kept events that the writer could not take since it last said so.
    lost: Arc<AtomicU64>,
    store: Store,
    /// Who is told of changes besides, outside of the service.
    notifier: OnceLock<Notifier>,
    /// Ends the writer's patience with a database that is away.
    closing: CancellationToken,
}

impl EventBus {
    /// Starts the bus and its writer task over this store; ids go on where they were.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn start(store: Store) -> Result<Self, StoreError> {
        Self::start_with(store, RING, WRITER_QUEUE).await
    }

    async fn start_with(store: Store, ring: usize, queue: usize) -> Result<Self, StoreError> {
        let ids = writer::take_ids(&store).await?;
        let (sender, receiver) = mpsc::channel(queue);
        let lost = Arc::new(AtomicU64::new(0));
        let bus = Self {
            shared: Arc::new(Shared {
                ring: Ring::new(ring, ids.first, ids.last),
                writer: sender,
                lost: lost.clone(),
                store: store.clone(),
                notifier: OnceLock::new(),
                closing: CancellationToken::new(),
            }),
        };
        let weak = Arc::downgrade(&bus.shared);
        let closing = bus.shared.closing.clone();
        tokio::spawn(writer::run(store, receiver, weak, lost, closing, ids));
        Ok(bus)
    }

    /// Whom notifications of changes go to from now on; only the first counts.
    pub(crate) fn notify(&self, notifier: Notifier) {
        let _ = self.shared.notifier.set(notifier);
    }

    /// Who is told of changes outside of the service; nobody, unless it was said.
    pub(crate) fn notifier(&self) -> &Notifier {
        self.shared.notifier.get_or_init(Notifier::default)
    }

    /// Says that something happened; its id. Never waits and never fails: see the table above.
    pub fn publish(&self, node: Option<NodeId>, kind: EventKind) -> EventId {
        let kept = kind.is_kept();
        let event = self.shared.ring.push(node, Timestamp::now(), kind);
        let id = event.id;
        if kept && self.shared.writer.try_send(Message::Keep(event)).is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        id
    }

    /// Says that a field of this node that lists show has changed.
    pub fn node_changed(&self, node: &StoredNode) -> EventId {
        let summary = Box::new(node.summary());
        self.publish(Some(node.uuid), EventKind::NodeChanged { summary })
    }

    /// Writes a line into a node's log.
    pub fn log(
        &self,
        node: Option<NodeId>,
        severity: Severity,
        source: &str,
        text: impl Into<String>,
    ) -> EventId {
        let kind = EventKind::Log {
            severity,
            source: source.to_owned(),
            text: text.into(),
        };
        self.publish(node, kind)
    }

    /// The id of the newest event: what is published later has a higher one.
    #[must_use]
    pub fn last_id(&self) -> EventId {
        self.shared.ring.last()
    }

    /// Follows events: those after `after`, or those from now on; of one node, or of all.
    ///
    /// When events after `after` are not in memory any more, or never were in this process, the
    /// first item is `StreamItem::Missed` and the stream goes on from now: the timeline holds
    /// what was kept of the rest.
    #[must_use]
    pub fn subscribe(&self, after: Option<EventId>, node: Option<NodeId>) -> Subscription {
        Subscription::new(self.shared.clone(), after, node)
    }

    /// A node's timeline, oldest first: the first `limit` events after an id, or the last `limit`.
    /// What was published before the call is in it, unless the database takes longer than a second.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn timeline(
        &self,
        node: NodeId,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.flush_within(Duration::from_secs(1)).await;
        self.shared.store.timeline(node, after, limit).await
    }

    /// Waits until every kept event published before the call is written, or was given up.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.shared.writer.send(Message::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// As [`Self::flush`], but no longer than this.
    pub async fn flush_within(&self, limit: Duration) {
        // What is not written yet stays in the queue.
        let _ = tokio::time::timeout(limit, self.flush()).await;
    }

    /// Writes what is kept, remembers the last id exactly and ends every subscription. Events
    /// published later are neither kept nor shown.
    pub async fn shutdown(&self) {
        self.shared.ring.close();
        self.shared.closing.cancel();
        let (done, written) = oneshot::channel();
        let message = Message::Shutdown(self.last_id(), done);
        if self.shared.writer.send(message).await.is_ok() {
            let _ = written.await;
        }
    }
}

#[cfg(test)]
mod tests;
