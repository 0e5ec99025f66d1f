//! Who has which address: sticky leases out of a pool, in memory.
//!
//! A machine keeps its address across reboots for as long as the pool has others to give, so that
//! the ROM, iPXE, the ramdisk and the system it installs all get the same one. [`LeaseStore`] is
//! the seam through which leases outlive the process; this file writes nothing itself.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use async_trait::async_trait;
use cupola_api::{MacAddress, NodeId};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::client::ClientSystem;

/// How long an offer holds its address for the machine that has not yet asked for it.
const OFFER_TIME: Duration = Duration::from_secs(60);

/// How long an address that was found in use by somebody else is left alone.
const CONFLICT_TIME: Duration = Duration::from_secs(600);

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

/// Keeps leases across restarts of the process.
#[async_trait]
pub trait LeaseStore: Send + Sync + 'static {
    /// All leases, at start.
    async fn load(&self) -> Vec<Lease>;

    /// A lease was granted or extended. Called after the answer is on its way, so a slow store
    /// delays no boot.
    async fn save(&self, lease: &Lease);
}

/// Keeps nothing: after a restart machines get new addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryLeaseStore;

#[async_trait]
impl LeaseStore for MemoryLeaseStore {
    async fn load(&self) -> Vec<Lease> {
        Vec::new()
    }

    async fn save(&self, _: &Lease) {}
}

/// No address of the pool is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolExhausted;

/// The leases of all subnets.
#[derive(Debug, Default)]
pub(crate) struct LeaseTable {
    inner: Mutex<Inner>,
    /// Addresses that are ours or a router's, inside a pool or not.
    reserved: Vec<Ipv4Addr>,
}

#[derive(Debug, Default)]
struct Inner {
    by_mac: HashMap<MacAddress, Lease>,
    by_address: HashMap<Ipv4Addr, MacAddress>,
    clients: HashMap<MacAddress, ClientSystem>,
    conflicts: HashMap<Ipv4Addr, Timestamp>,
}

impl LeaseTable {
    pub(crate) fn new(reserved: Vec<Ipv4Addr>, leases: Vec<Lease>) -> Self {
        let mut inner = Inner::default();
        for lease in leases {
            inner.insert(lease);
        }
        Self {
            inner: Mutex::new(inner),
            reserved,
        }
    }

    /// The address that this machine gets on this network: the one it has, else the one it asks
    /// for, else a free one, else the one that has been expired for longest.
    pub(crate) fn offer(
        &self,
        mac: MacAddress,
        node: NodeId,
        subnet: &Subnet,
        wanted: Option<Ipv4Addr>,
        now: Timestamp,
    ) -> Result<Ipv4Addr, PoolExhausted> {
        let mut inner = self.inner.lock();
        if let Some(lease) = inner.by_mac.get_mut(&mac) {
            if in_pool(subnet, lease.address) {
                lease.node = node;
                lease.expires = lease.expires.max(after(now, OFFER_TIME));
                return Ok(lease.address);
            }
            inner.remove(&mac);
        }
        inner.conflicts.retain(|_, until| *until > now);
        let free = |inner: &Inner, address: &Ipv4Addr| {
            !inner.by_address.contains_key(address)
                && !inner.conflicts.contains_key(address)
                && !self.reserved.contains(address)
                && subnet.router != Some(*address)
        };
        let address = wanted
            .filter(|address| in_pool(subnet, *address) && free(&inner, address))
            .or_else(|| pool(subnet, &mac).find(|address| free(&inner, address)))
            .or_else(|| inner.reclaim(subnet, now))
            .ok_or(PoolExhausted)?;
        inner.insert(Lease {
            mac,
            address,
            node,
            expires: after(now, OFFER_TIME),
        });
        Ok(address)
    }

    /// Another server gave the machine this address: whoever comes from it, is this machine.
    pub(crate) fn observe(&self, mac: MacAddress, node: NodeId, address: Ipv4Addr, now: Timestamp) {
        let mut inner = self.inner.lock();
        inner.remove(&mac);
        if let Some(former) = inner.by_address.get(&address).copied() {
            inner.remove(&former);
        }
        inner.insert(Lease {
            mac,
            address,
            node,
            expires: now,
        });
    }

    /// Extends the machine's lease if the address is its own; `None` where it is not.
    pub(crate) fn commit(
        &self,
        mac: &MacAddress,
        address: Ipv4Addr,
        lease_time: Duration,
        now: Timestamp,
    ) -> Option<Lease> {
        let mut inner = self.inner.lock();
        let lease = inner
            .by_mac
            .get_mut(mac)
            .filter(|lease| lease.address == address)?;
        lease.expires = after(now, lease_time);
        Some(lease.clone())
    }

    /// Ends the promise; the address stays with the machine until it is needed.
    pub(crate) fn release(&self, mac: &MacAddress, address: Ipv4Addr, now: Timestamp) {
        if let Some(lease) = self.inner.lock().by_mac.get_mut(mac)
            && lease.address == address
        {
            lease.expires = now;
        }
    }

    /// The address is in use by somebody else: nobody gets it for a while.
    pub(crate) fn decline(&self, mac: &MacAddress, address: Ipv4Addr, now: Timestamp) {
        let mut inner = self.inner.lock();
        if inner
            .by_mac
            .get(mac)
            .is_some_and(|lease| lease.address == address)
        {
            inner.remove(mac);
            inner.conflicts.insert(address, after(now, CONFLICT_TIME));
        }
    }

    /// Remembers what the machine said of itself, for the requests that do not say it.
    pub(crate) fn remember_client(&self, mac: MacAddress, client: ClientSystem) {
        self.inner.lock().clients.insert(mac, client);
    }

    /// What the machine last said of itself.
    pub(crate) fn client(&self, mac: &MacAddress) -> Option<ClientSystem> {
        self.inner.lock().clients.get(mac).cloned()
    }

    /// The machine's lease.
    pub(crate) fn lease(&self, mac: &MacAddress) -> Option<Lease> {
        self.inner.lock().by_mac.get(mac).cloned()
    }

    /// Whose address this is.
    pub(crate) fn owner(&self, address: Ipv4Addr) -> Option<Lease> {
        let inner = self.inner.lock();
        inner
            .by_address
            .get(&address)
            .and_then(|mac| inner.by_mac.get(mac))
            .cloned()
    }
}

impl Inner {
    fn insert(&mut self, lease: Lease) {
        self.by_address.insert(lease.address, lease.mac);
        self.by_mac.insert(lease.mac, lease);
    }

    fn remove(&mut self, mac: &MacAddress) {
        if let Some(lease) = self.by_mac.remove(mac) {
            self.by_address.remove(&lease.address);
        }
    }

    fn reclaim(&mut self, subnet: &Subnet, now: Timestamp) -> Option<Ipv4Addr> {
        let oldest = self
            .by_mac
            .values()
            .filter(|lease| lease.expires <= now && in_pool(subnet, lease.address))
            .min_by_key(|lease| lease.expires)?;
        let (mac, address) = (oldest.mac, oldest.address);
        self.remove(&mac);
        Some(address)
    }
}

fn in_pool(subnet: &Subnet, address: Ipv4Addr) -> bool {
    (subnet.first..=subnet.last).contains(&address)
}

/// The pool's addresses, from the one that this machine would get if it were alone. So a machine
/// mostly has the same address again even after a restart that forgot its lease, and thousands
/// that come at once do not all search from the pool's beginning.
fn pool(subnet: &Subnet, mac: &MacAddress) -> impl Iterator<Item = Ipv4Addr> + use<> {
    let (first, last) = (subnet.first.to_bits(), subnet.last.to_bits());
    // FNV-1a: spreads neighbouring addresses, and stays the same from one build to the next.
    let hash = mac.octets().iter().fold(0x811c_9dc5_u32, |hash, octet| {
        (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193)
    });
    let size = last.saturating_sub(first).saturating_add(1);
    let start = first + hash % size;
    (start..=last).chain(first..start).map(Ipv4Addr::from_bits)
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn subnet(last: u8) -> Subnet {
        Subnet {
            network: "10.0.0.0/24".parse().unwrap(),
            first: Ipv4Addr::new(10, 0, 0, 10),
            last: Ipv4Addr::new(10, 0, 0, last),
            router: Some(Ipv4Addr::new(10, 0, 0, 10)),
            dns: Vec::new(),
        }
    }

    fn mac(n: u8) -> MacAddress {
        MacAddress::new([2, 0, 0, 0, 0, n])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn offer(table: &LeaseTable, n: u8, net: &Subnet, now: i64) -> Result<u8, PoolExhausted> {
        table
            .offer(mac(n), NodeId::random(), net, None, at(now))
            .map(|a| a.octets()[3])
    }

    #[test]
    fn addresses_are_sticky_and_never_a_router_or_ours() {
        let ours = Ipv4Addr::new(10, 0, 0, 11);
        let table = LeaseTable::new(vec![ours], Vec::new());
        let net = subnet(20);
        let first: Vec<_> = (1..=9)
            .map(|n| offer(&table, n, &net, 0).unwrap())
            .collect();
        let distinct: std::collections::HashSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), 9);
        assert!(
            first.iter().all(|last| (12..=20).contains(last)),
            "{first:?}"
        );
        let again: Vec<_> = (1..=9)
            .map(|n| offer(&table, n, &net, 1_000_000).unwrap())
            .collect();
        assert_eq!(first, again);
    }

    #[test]
    fn a_machine_finds_its_address_again_after_a_restart_that_forgot_it() {
        let net = subnet(250);
        let address = offer(&LeaseTable::default(), 7, &net, 0);
        assert_eq!(offer(&LeaseTable::default(), 7, &net, 0), address);
    }

    #[test]
    fn a_full_pool_takes_back_what_expired_first_and_nothing_else() {
        let table = LeaseTable::default();
        let net = subnet(12);
        let address = |last| Ipv4Addr::new(10, 0, 0, last);
        let (one, two) = (
            offer(&table, 1, &net, 0).unwrap(),
            offer(&table, 2, &net, 0).unwrap(),
        );
        assert!(table.commit(&mac(1), address(one), HOUR, at(1)).is_some());
        assert!(table.commit(&mac(2), address(two), HOUR, at(0)).is_some());
        assert_eq!(offer(&table, 3, &net, 1800), Err(PoolExhausted));
        assert_eq!(offer(&table, 3, &net, 4000), Ok(two));
        assert_eq!(
            table.owner(address(two)).map(|lease| lease.mac),
            Some(mac(3))
        );
    }

    #[test]
    fn a_declined_address_rests() {
        let table = LeaseTable::default();
        let net = subnet(12);
        let one = offer(&table, 1, &net, 0).unwrap();
        table.decline(&mac(1), Ipv4Addr::new(10, 0, 0, one), at(1));
        assert_ne!(offer(&table, 1, &net, 2), Ok(one));
        assert_eq!(offer(&table, 2, &net, 3), Err(PoolExhausted));
        assert_eq!(offer(&table, 2, &net, 1000), Ok(one));
    }

    #[test]
    fn nobody_gets_another_machines_address() {
        let table = LeaseTable::default();
        let net = subnet(20);
        let stolen = Ipv4Addr::new(10, 0, 0, offer(&table, 1, &net, 0).unwrap());
        assert!(table.commit(&mac(2), stolen, HOUR, at(0)).is_none());
        let other = table.offer(mac(2), NodeId::random(), &net, Some(stolen), at(0));
        assert!(other.is_ok_and(|address| address != stolen));
    }

    #[test]
    fn ten_thousand_machines_find_addresses_quickly() {
        let table = LeaseTable::default();
        let net = Subnet {
            network: "10.1.0.0/16".parse().unwrap(),
            first: Ipv4Addr::new(10, 1, 0, 10),
            last: Ipv4Addr::new(10, 1, 63, 250),
            router: None,
            dns: Vec::new(),
        };
        let started = std::time::Instant::now();
        for n in 0..10_000_u16 {
            let [high, low] = n.to_be_bytes();
            let mac = MacAddress::new([2, 0, 0, 0, high, low]);
            assert!(
                table
                    .offer(mac, NodeId::random(), &net, None, at(0))
                    .is_ok()
            );
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
    }
}
