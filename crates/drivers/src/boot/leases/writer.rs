//! Writes leases down before their machines hear of them: many at once in one transaction of the
//! store (group commit), by one task.
//!
//! While one batch is being written the next one gathers, so that a room of machines costs a
//! handful of transactions, and a single machine waits for one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Lease, LeaseStore};

/// How long a client's answer may wait for the store. Firmware asks again after four seconds.
const DEADLINE: Duration = Duration::from_secs(3);

/// Leases that wait to be written. A full queue makes the next ones wait until their deadline.
const QUEUE: usize = 1024;

/// Leases of one transaction.
const BATCH: usize = 256;

/// The lease is not kept, so nobody may hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotKept {
    /// The store failed, or not in time.
    NotWritten,
    /// Another server has leased the address to another machine.
    Taken(Lease),
}

struct Waiting {
    lease: Lease,
    kept: oneshot::Sender<Result<(), NotKept>>,
}

/// A handle to the task that writes.
#[derive(Clone, Debug)]
pub(crate) struct LeaseWriter {
    queue: mpsc::Sender<Waiting>,
}

impl LeaseWriter {
    /// Starts the task; it ends with `stop`.
    pub(crate) fn start(
        store: Arc<dyn LeaseStore>,
        tracker: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tracker.spawn(stop.run_until_cancelled_owned(write(store, waiting)));
        Self { queue }
    }

    /// Returns when the lease would survive a crash.
    pub(crate) async fn keep(&self, lease: Lease) -> Result<(), NotKept> {
        let (kept, written) = oneshot::channel();
        let work = async {
            let queued = self.queue.send(Waiting { lease, kept }).await;
            queued.map_err(|_| NotKept::NotWritten)?;
            written.await.unwrap_or(Err(NotKept::NotWritten))
        };
        let kept = timeout(DEADLINE, work).await;
        kept.unwrap_or(Err(NotKept::NotWritten))
    }
}

async fn write(store: Arc<dyn LeaseStore>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let leases: Vec<Lease> = batch.iter().map(|waiting| waiting.lease.clone()).collect();
        match store.save(&leases).await {
            Ok(others) => {
                for waiting in batch.drain(..) {
                    let lease = &waiting.lease;
                    let in_the_way =
                        |other: &&Lease| other.address == lease.address && other.mac != lease.mac;
                    let kept = match others.iter().find(in_the_way) {
                        Some(other) => Err(NotKept::Taken(other.clone())),
                        None => Ok(()),
                    };
                    // Who does not wait any more has told its client nothing.
                    let _ = waiting.kept.send(kept);
                }
            }
            Err(error) => {
                let count = leases.len();
                tracing::error!(%error, count, "no address is granted until leases can be kept");
                batch.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::leases::LeaseStoreError;
    use async_trait::async_trait;
    use cupola_api::{MacAddress, NodeId};
    use jiff::Timestamp;
    use parking_lot::Mutex;
    use std::net::Ipv4Addr;
    use tokio::sync::Semaphore;

    /// Writes when it is let, and notes the size of each batch.
    struct Slow {
        turns: Semaphore,
        batches: Mutex<Vec<usize>>,
        fails: bool,
    }

    #[async_trait]
    impl LeaseStore for Slow {
        async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
            Ok(Vec::new())
        }

        async fn save(&self, leases: &[Lease]) -> Result<Vec<Lease>, LeaseStoreError> {
            self.batches.lock().push(leases.len());
            self.turns.acquire().await.unwrap().forget();
            if self.fails {
                return Err(LeaseStoreError("disk full".to_owned()));
            }
            Ok(Vec::new())
        }
    }

    fn slow(turns: usize, fails: bool) -> (Arc<Slow>, LeaseWriter, TaskTracker) {
        let store = Arc::new(Slow {
            turns: Semaphore::new(turns),
            batches: Mutex::default(),
            fails,
        });
        let tracker = TaskTracker::new();
        let writer = LeaseWriter::start(
            Arc::clone(&store) as Arc<dyn LeaseStore>,
            &tracker,
            CancellationToken::new(),
        );
        (store, writer, tracker)
    }

    fn lease(n: u8) -> Lease {
        Lease {
            mac: MacAddress::new([2, 0, 0, 0, 0, n]),
            address: Ipv4Addr::new(10, 0, 0, n),
            node: NodeId::random(),
            expires: Timestamp::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn what_comes_during_a_write_is_written_together() {
        let (store, writer, _tracker) = slow(0, false);
        let keeps: Vec<_> = (0..100_u8)
            .map(|n| {
                let writer = writer.clone();
                tokio::spawn(async move { writer.keep(lease(n)).await })
            })
            .collect();
        while store.batches.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        store.turns.add_permits(10);
        for keep in keeps {
            assert_eq!(keep.await.unwrap(), Ok(()));
        }
        let batches = store.batches.lock().clone();
        assert_eq!(batches.iter().sum::<usize>(), 100);
        assert!(batches.len() < 5, "{batches:?}");
    }

    #[tokio::test]
    async fn a_store_that_fails_keeps_nothing_and_the_next_lease_is_tried() {
        let (_, failing, _tracker) = slow(10, true);
        assert_eq!(failing.keep(lease(1)).await, Err(NotKept::NotWritten));
        assert_eq!(failing.keep(lease(2)).await, Err(NotKept::NotWritten));
    }
}
