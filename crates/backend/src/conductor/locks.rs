//! Node locks: the field `reservation` of a node names who holds it. A lock is held while the
//! conductor works on a node, and given back in every state in which it only waits.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use futures_util::FutureExt;
use tokio::time::Instant;

use super::Conductor;
use super::error::store_fault;
use super::work::Work;
use super::workers::Worker;
use crate::store::ReserveError;

/// Between the first two tries of a lock.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// A node that this conductor holds. It has to be released; see [`Conductor::spawn`].
#[must_use = "a held node must be released"]
pub(super) struct Held {
    pub(super) work: Work,
}

fn reserve_fault(error: ReserveError) -> ApiFault {
    match error {
        ReserveError::Locked { node, host } => ApiFault::node_locked(node, &host),
        ReserveError::Store(error) => store_fault(&error),
    }
}

impl Conductor {
    /// Takes the node, trying for as long as the configured tries take together. Most locks are
    /// held for some milliseconds after a state has moved, so the first tries follow each other
    /// fast.
    pub(super) async fn lock(&self, id: NodeId) -> Result<Held, ApiFault> {
        let options = self.options();
        let tries = options.lock_attempts.saturating_sub(1);
        let end = Instant::now() + options.lock_interval * tries;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.try_lock(id).await {
                Err(fault) if fault.status == 409 && Instant::now() + pause <= end => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(options.lock_interval);
                }
                other => return other,
            }
        }
    }

    /// Takes the node, or fails at once.
    pub(super) async fn try_lock(&self, id: NodeId) -> Result<Held, ApiFault> {
        let reservation = self
            .store()
            .reserve(id, self.host())
            .await
            .map_err(reserve_fault)?;
        self.events().node_changed(&reservation.node);
        Ok(Held {
            work: Work::new(self.clone(), id),
        })
    }

    /// Gives the node back, and looks whether what it waits for is there already.
    pub(super) async fn release(&self, held: Held) {
        let id = held.work.id();
        match self.store().release(id, self.host()).await {
            Ok(_) => {
                if let Ok(node) = self.store().node_by_id(id).await {
                    self.events().node_changed(&node);
                    if !self.is_stopping() {
                        self.arm(&node);
                    }
                }
            }
            Err(error) => tracing::error!(%error, node = %id, "lock could not be released"),
        }
    }

    /// Does work on a held node in the background, and gives the node back when it ends, however it
    /// ends.
    pub(super) fn spawn<F>(&self, held: Held, worker: Worker, work: impl FnOnce(Work) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let conductor = self.clone();
        let running = Box::pin(work(held.work.clone()));
        self.inner.tracker.spawn(async move {
            let ended = AssertUnwindSafe(running).catch_unwind().await;
            if ended.is_err() {
                held.work
                    .note_error(
                        "conductor",
                        "Async execution failed: the work on this node ended in a defect of the \
                         service; its log has the place. Report it, and start the action again.",
                    )
                    .await;
            }
            conductor.release(held).await;
            drop(worker);
        });
    }
}
