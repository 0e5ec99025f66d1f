//! The task that keeps events: batches of them into the store, timelines trimmed, ids taken ahead.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use cupola_api::event::{Event, EventId, EventKind, Severity};
use cupola_api::id::NodeId;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::durations::Stopwatch;
use super::{EventBus, Shared, TIMELINE};
use crate::store::patience::patiently;
use crate::store::{Store, StoreError};

/// Ids taken from the database at once. A start after a crash skips what was left of them; far
/// more than can be published between two batches, and small against the 2^53 of JSON numbers.
const IDS: i64 = 1_000_000;
/// Events in one transaction.
const BATCH: usize = 512;
/// A timeline is trimmed when so many events were added to it.
const TRIM_AFTER: u32 = 500;
/// What the task is asked.
#[derive(Debug)]
pub(super) enum Message {
    /// To keep this event.
    Keep(Arc<Event>),
    /// To say when all before this are written.
    Flush(oneshot::Sender<()>),
    /// To write what is left, remember the last id and end.
    Shutdown(EventId, oneshot::Sender<()>),
}

/// Ids that are ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) first: EventId,
    pub(super) last: EventId,
}

/// Takes ids that nobody else will use.
pub(super) async fn take_ids(store: &Store) -> Result<Ids, StoreError> {
    let last = store.take_event_ids(IDS).await?;
    Ok(Ids {
        first: EventId(last.0 - IDS + 1),
        last,
    })
}

/// Runs until shutdown, or until the bus is gone.
pub(super) async fn run(
    store: Store,
    mut receiver: mpsc::Receiver<Message>,
    bus: Weak<Shared>,
    lost: Arc<AtomicU64>,
    closing: CancellationToken,
    mut ids: Ids,
) {
    if let Err(error) = store.trim_orphan_events(TIMELINE).await {
        tracing::warn!(%error, "events of deleted nodes were not trimmed");
    }
    let mut messages = Vec::with_capacity(BATCH);
    let mut added: HashMap<NodeId, u32> = HashMap::new();
    let mut stopwatch = Stopwatch::default();
    while receiver.recv_many(&mut messages, BATCH).await > 0 {
        let mut batch = Vec::new();
        let mut waiting = Vec::new();
        let mut end = None;
        for message in messages.drain(..) {
            match message {
                Message::Keep(event) => batch.push(event),
                Message::Flush(done) => waiting.push(done),
                Message::Shutdown(last, done) => {
                    end = Some(last);
                    waiting.push(done);
                }
            }
        }
        keep(&store, &batch, &lost, &closing).await;
        stopwatch.take(&store, &batch).await;
        trim(&store, &batch, &mut added).await;
        if let Some(last) = end {
            if let Err(error) = store.return_event_ids(last, ids.last).await {
                tracing::warn!(%error, "the last event id was not remembered");
            }
            answer(waiting);
            return;
        }
        answer(waiting);
        extend(&store, &bus, &mut ids).await;
        report(&bus, &lost);
    }
}

/// Writes a batch. While the database is away it is tried again, and the queue takes what comes
/// meanwhile; only the end of the bus ends that.
async fn keep(store: &Store, batch: &[Arc<Event>], lost: &AtomicU64, closing: &CancellationToken) {
    let written = store.append_events(batch.iter().map(|e| &**e));
    if let Err(error) = patiently(closing.clone(), written).await {
        tracing::error!(%error, events = batch.len(), "events were not written");
        lost.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }
}

async fn trim(store: &Store, batch: &[Arc<Event>], added: &mut HashMap<NodeId, u32>) {
    for event in batch {
        let Some(node) = event.node else { continue };
        if matches!(event.kind, EventKind::NodeDeleted { .. }) {
            added.remove(&node);
            continue;
        }
        let count = added.entry(node).or_default();
        *count += 1;
        if *count < TRIM_AFTER {
            continue;
        }
        *count = 0;
        if let Err(error) = store.trim_timeline(node, TIMELINE).await {
            tracing::warn!(%error, %node, "the timeline was not trimmed");
        }
    }
}

/// Who waits may be gone by now.
fn answer(waiting: Vec<oneshot::Sender<()>>) {
    for done in waiting {
        let _ = done.send(());
    }
}

/// Takes the next block when half of this one is used.
async fn extend(store: &Store, bus: &Weak<Shared>, ids: &mut Ids) {
    let Some(shared) = bus.upgrade() else { return };
    if ids.last.0 - shared.ring.last().0 > IDS / 2 {
        return;
    }
    match take_ids(store).await {
        Ok(next) => {
            shared.ring.extend(next.first, next.last);
            ids.last = next.last;
        }
        Err(error) => tracing::warn!(%error, "no further event ids were taken"),
    }
}

/// Says that events were lost, as an event.
fn report(bus: &Weak<Shared>, lost: &AtomicU64) {
    let Some(shared) = bus.upgrade() else { return };
    let count = lost.swap(0, Ordering::Relaxed);
    if count == 0 {
        return;
    }
    tracing::warn!(count, "events are missing in the timelines");
    let text = format!(
        "{count} events are missing in the timelines: the database was away for too long, or takes \
         longer than events come"
    );
    EventBus { shared }.log(None, Severity::Warning, "events", text);
}
