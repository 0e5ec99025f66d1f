//! Leases: which machine has which address, and the seam through which they outlive the process.
//!
//! Who gets what is decided in `leases/table.rs`, in memory, around the addresses that ports have
//! reserved (`leases/reservations.rs`); what is promised is written down by `leases/writer.rs`
//! before a machine hears of it. Where several servers share a store, the store has the last word.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use cupola_api::{MacAddress, NodeId};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod reservations;
pub(crate) mod table;
pub(crate) mod writer;

pub use reservations::Reservations;
pub(crate) use table::{LeaseTable, NoAddress, Wish};

/// A network that addresses are given out on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The network.
    pub network: Ipv4Net,
    /// First address of the pool.
    pub first: Ipv4Addr,
    /// Last address of the pool, given out too.
    pub last: Ipv4Addr,
    /// Default gateway, if there is one.
    pub router: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
}

/// A machine's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Whose.
    pub mac: MacAddress,
    /// Which.
    pub address: Ipv4Addr,
    /// The node it belongs to.
    pub node: NodeId,
    /// Until when it is promised. Afterwards it stays with the machine until the pool runs out.
    pub expires: Timestamp,
}

/// Leases cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("DHCP leases cannot be kept: {0}")]
pub struct LeaseStoreError(pub String);

/// Keeps leases across restarts of the process, and between several servers that share the store.
#[async_trait]
pub trait LeaseStore: Send + Sync + 'static {
    /// All leases, at start: at most one for each address. A machine has several only where it
    /// has been leased addresses by several servers; the first is then the one by this server, if
    /// there is one.
    ///
    /// # Errors
    /// They cannot be read; then no address can be given out, since it may be somebody's.
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError>;

    /// Keeps these leases, each in place of what this server had for its machine and its address.
    /// An address that another server has leased to another machine is not taken from it before
    /// that lease has run out: the leases that stand in the way so are answered, and all others
    /// are kept. No client hears of a lease before this has returned.
    ///
    /// # Errors
    /// None of them is kept.
    async fn save(&self, leases: &[Lease]) -> Result<Vec<Lease>, LeaseStoreError>;
}

/// Keeps nothing: after a restart machines may get new addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryLeaseStore;

#[async_trait]
impl LeaseStore for MemoryLeaseStore {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(Vec::new())
    }

    async fn save(&self, _: &[Lease]) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(Vec::new())
    }
}
