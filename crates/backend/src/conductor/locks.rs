//! Node locks: the field `reservation` of a node names who holds it. A lock is held while the
//! conductor works on a node, and given back in every state in which it only waits.
//!
//! What this process holds is also in memory. A lock of our name that is not there was left by a
//! dead process, or by a call whose answer was lost with the database, and is taken over.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_drivers::crash_point::{CrashPoint, crash_point};
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Conductor;
use super::error::store_fault;
use super::work::Work;
use super::workers::Worker;
use crate::store::patience::patiently;
use crate::store::{ReserveError, StoreError};

/// Between the first two tries of a lock.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// A node that this conductor holds. It has to be released; see [`Conductor::spawn`]. One that is
/// dropped instead, because the request that took it was abandoned, is released then.
#[must_use = "a held node must be released"]
pub(super) struct Held {
    pub(super) work: Work,
    given_back: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.given_back {
            let conductor = self.work.conductor().clone();
            conductor.release_patiently(self.work.id());
        }
    }
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
        if !self.inner.held.lock().insert(id) {
            return Err(ApiFault::node_locked(id, self.host()));
        }
        // From here on nobody else of this process can take it.
        match self.reserve(id).await {
            Ok(held) => Ok(held),
            Err(error) => {
                self.inner.held.lock().remove(&id);
                Err(reserve_fault(error))
            }
        }
    }

    async fn reserve(&self, id: NodeId) -> Result<Held, ReserveError> {
        let reservation = match self.store().reserve(id, self.host()).await {
            Err(ReserveError::Locked { host, .. }) if host == self.host() => {
                tracing::warn!(node = %id, "a lock that nobody holds any more is taken over");
                self.store().release(id, self.host()).await?;
                self.store().reserve(id, self.host()).await?
            }
            other => other?,
        };
        crash_point(CrashPoint::LockTaken);
        self.events().node_changed(&reservation.node);
        Ok(Held {
            work: Work::new(self.clone(), id),
            given_back: false,
        })
    }

    /// Gives the node back, and looks whether what it waits for is there already.
    pub(super) async fn release(&self, mut held: Held) {
        let id = held.work.id();
        held.given_back = true;
        crash_point(CrashPoint::LockReleaseDue);
        if let Err(error) = self.give_back(id).await {
            tracing::warn!(%error, node = %id, "lock is given back when the database is there again");
            self.release_patiently(id);
        }
    }

    async fn give_back(&self, id: NodeId) -> Result<(), StoreError> {
        self.store().release(id, self.host()).await?;
        self.inner.held.lock().remove(&id);
        crash_point(CrashPoint::LockReleased);
        if let Ok(node) = self.store().node_by_id(id).await {
            self.events().node_changed(&node);
            if !self.is_stopping() {
                self.arm(&node);
            }
        }
        Ok(())
    }

    /// Gives the node back in a task of its own, however long that takes.
    fn release_patiently(&self, id: NodeId) {
        let conductor = self.clone();
        let released = async move {
            if let Err(error) = Box::pin(conductor.give_back(id)).await {
                tracing::error!(%error, node = %id, "lock could not be given back");
            }
        };
        // Without a runtime the process is ending, and its locks are freed at the next start.
        if tokio::runtime::Handle::try_current().is_ok() {
            let end = self.inner.stop.clone();
            self.inner.tracker.spawn(patiently(end, released));
        }
    }

    /// Does work on a held node in the background, and gives the node back when it ends, however it
    /// ends. While the database is away, the work waits for it.
    pub(super) fn spawn<F>(&self, held: Held, worker: Worker, work: impl FnOnce(Work) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let conductor = self.clone();
        let running = Box::pin(work(held.work.clone()));
        let task = async move {
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
        };
        let end = self.inner.stop.clone();
        let task = patiently(end, task).in_current_span();
        self.inner.tracker.spawn(task);
    }
}
