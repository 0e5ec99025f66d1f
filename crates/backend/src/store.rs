//! The store: everything that survives a restart, on SQLite (embedded) or PostgreSQL (by URL).
//!
//! [`Store`] is a handle, cheap to clone. Writes that were committed are also in the in-memory
//! [`Snapshot`] of nodes, from which SQLite is read without SQL. No provision state is judged here:
//! the conductor moves states, the store keeps them.

mod allocations;
mod bios;
mod column;
mod conductors;
mod database;
mod documents;
mod durations;
pub mod error;
pub mod filter;
mod history;
mod inventory;
mod leases;
mod lock;
mod migrate;
mod nodes;
mod open;
mod outage;
mod packed;
pub mod patience;
mod ports;
mod probe;
mod record;
mod reservation;
mod seal;
mod shared_text;
pub mod snapshot;
pub mod steps;
mod timeline;
mod traits;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub(crate) use database::Cell;
use database::Database;
pub(crate) use documents::{Document, Only, Window};
pub use durations::DurationSample;
pub use error::{Conflict, Outage, ReserveError, StateError, StoreError};
pub use filter::{NodeFilter, NodePage, SortDirection, SortKey};
pub use history::HISTORY_ENTRIES;
pub use leases::ServerLeases;
use lock::DatabaseLock;
pub use nodes::Batches;
pub use open::StoreOptions;
use parking_lot::Mutex;
pub use probe::probe;
pub use record::{Progress, Revision, StoredNode};
pub use reservation::Reservation;
use seal::Sealer;
pub use snapshot::{Listed, Snapshot};
pub use steps::{NewStep, Phase, StepRecord, StepRun, StepState};

/// The handle. Every method is one transaction; a caller that is dropped while it waits leaves
/// either all of a write or nothing, in the database and in the snapshot alike.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    database: Database,
    sealer: Sealer,
    snapshot: Option<Arc<Snapshot>>,
    /// How often ports were changed by this process.
    port_changes: AtomicU64,
    /// Held while the database is open; none where a server keeps order.
    lock: Mutex<Option<DatabaseLock>>,
}

impl Store {
    /// All nodes in memory, when this process is the only one that writes (SQLite).
    #[must_use]
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.inner.snapshot.as_ref()
    }

    /// Ends the connections after what runs has ended; then another process may open the database.
    /// The store is of no use afterwards.
    pub async fn close(&self) {
        self.inner.database.close().await;
        drop(self.inner.lock.lock().take());
    }

    pub(crate) fn database(&self) -> &Database {
        &self.inner.database
    }

    fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }
}

#[cfg(test)]
pub(crate) mod tests;
