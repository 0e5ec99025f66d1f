//! The bound on pieces of work at once. When all workers are busy, a request is refused with 503
//! and a heartbeat's work is left to the next heartbeat; nothing queues.

use std::sync::Arc;

use cupola_api::fault::ApiFault;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Share of the workers that only requests of the API may use, so that a storm of heartbeats never
/// locks people out.
const RESERVED_PERCENT: usize = 5;

pub(super) struct Workers {
    general: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
}

/// A worker in use.
pub(super) struct Worker {
    _permit: OwnedSemaphorePermit,
}

impl Workers {
    pub(super) fn new(count: usize) -> Self {
        let reserved = (count * RESERVED_PERCENT / 100).max(1);
        Self {
            general: Arc::new(Semaphore::new(count.saturating_sub(reserved).max(1))),
            reserved: Arc::new(Semaphore::new(reserved)),
        }
    }

    /// A worker for a request.
    pub(super) fn for_request(&self) -> Result<Worker, ApiFault> {
        self.for_heartbeat()
            .or_else(|| take(&self.reserved))
            .ok_or_else(|| {
                ApiFault::unavailable(
                    "Requested action cannot be performed due to lack of free conductor workers.",
                )
            })
    }

    /// A worker for work that was left half-done, as soon as there is one.
    pub(super) async fn for_recovery(&self) -> Option<Worker> {
        let permit = Arc::clone(&self.general).acquire_owned().await.ok()?;
        Some(Worker { _permit: permit })
    }

    /// A worker for what nobody waits for.
    pub(super) fn for_heartbeat(&self) -> Option<Worker> {
        take(&self.general)
    }
}

fn take(semaphore: &Arc<Semaphore>) -> Option<Worker> {
    Arc::clone(semaphore)
        .try_acquire_owned()
        .ok()
        .map(|permit| Worker { _permit: permit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_leave_workers_to_requests() {
        let workers = Workers::new(20);
        let mut held = Vec::new();
        while let Some(worker) = workers.for_heartbeat() {
            held.push(worker);
        }
        assert_eq!(held.len(), 19);
        let last = workers.for_request().map(drop);
        assert!(last.is_ok());
        let _last = workers.for_request();
        assert_eq!(workers.for_request().err().map(|f| f.status), Some(503));
    }
}
