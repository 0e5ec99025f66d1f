//! Who has which address: sticky leases out of a pool, in memory.
//!
//! A machine keeps its address across reboots for as long as the pool has others to give, so that
//! the ROM, iPXE, the ramdisk and the system it installs all get the same one. An offer is no
//! promise; a lease is, and [`LeaseTable::commit`] says what has to be kept before the machine may
//! hear of it. Nothing is written here.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use cupola_api::{MacAddress, NodeId};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::{Lease, Subnet};
use crate::boot::client::ClientSystem;

/// How long an offer holds its address for the machine that has not yet asked for it.
const OFFER_TIME: Duration = Duration::from_secs(60);

/// How long an address that was found in use by somebody else is left alone.
const CONFLICT_TIME: Duration = Duration::from_secs(600);

/// Who wants an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) mac: MacAddress,
    pub(crate) node: NodeId,
    /// The address reserved for the port; no other will do.
    pub(crate) reserved: Option<Ipv4Addr>,
    /// The address that the machine asks for, which it gets if it is free.
    pub(crate) wanted: Option<Ipv4Addr>,
}

/// An address for a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    pub(crate) address: Ipv4Addr,
    /// Nobody has looked whether the address is free: it was nobody's, or its lease has run out.
    pub(crate) unchecked: bool,
}

/// There is no address for the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAddress {
    /// No address of the pool is free.
    PoolExhausted,
    /// The reserved address is none of this network, or it is a router's or ours.
    ReservationUnusable(Ipv4Addr),
    /// The reserved address is leased to another machine.
    ReservationLeased(Ipv4Addr, MacAddress),
}

/// A promise to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// What has to be kept before the machine may hear of it; `None` where what is kept already
    /// covers the promise.
    pub(crate) keep: Option<Lease>,
}

/// The leases of all subnets.
#[derive(Debug, Default)]
pub(crate) struct LeaseTable {
    inner: Mutex<Inner>,
    /// Addresses that are ours or a router's, inside a pool or not.
    taken: Vec<Ipv4Addr>,
}

#[derive(Debug, Default)]
struct Inner {
    by_mac: HashMap<MacAddress, Entry>,
    by_address: HashMap<Ipv4Addr, MacAddress>,
    clients: HashMap<MacAddress, ClientSystem>,
    conflicts: HashMap<Ipv4Addr, Timestamp>,
}

#[derive(Debug)]
struct Entry {
    lease: Lease,
    standing: Standing,
    /// Until when the store knows of the lease.
    kept_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Set aside, before anybody has looked whether it is free.
    Unchecked,
    /// Found free, and offered.
    Offered,
    /// Promised.
    Granted,
}

impl LeaseTable {
    pub(crate) fn new(taken: Vec<Ipv4Addr>, leases: Vec<Lease>) -> Self {
        let mut inner = Inner::default();
        for lease in leases {
            let kept_until = Some(lease.expires);
            inner.insert(lease, Standing::Granted, kept_until);
        }
        Self {
            inner: Mutex::new(inner),
            taken,
        }
    }

    /// The address that this machine gets on this network: the one reserved for it, else the one
    /// it has, else the one it asks for, else a free one, else the one that has been expired for
    /// longest.
    pub(crate) fn offer(
        &self,
        wish: &Wish,
        subnet: &Subnet,
        now: Timestamp,
    ) -> Result<Offered, NoAddress> {
        let mut inner = self.inner.lock();
        let may_have = |address: Ipv4Addr| match wish.reserved {
            Some(reserved) => reserved == address,
            None => in_pool(subnet, address),
        };
        if let Some(entry) = inner.by_mac.get_mut(&wish.mac) {
            if may_have(entry.lease.address) {
                return Ok(entry.renew_offer(wish.node, now));
            }
            inner.remove(&wish.mac);
        }
        let address = match wish.reserved {
            Some(reserved) => self.claim(&mut inner, reserved, subnet, now)?,
            None => self.choose(&mut inner, wish, subnet, now)?,
        };
        let lease = Lease {
            mac: wish.mac,
            address,
            node: wish.node,
            expires: after(now, OFFER_TIME),
        };
        inner.insert(lease, Standing::Unchecked, None);
        let unchecked = true;
        Ok(Offered { address, unchecked })
    }

    /// A reserved address may lie outside the pool; who else has it must have let it expire.
    fn claim(
        &self,
        inner: &mut Inner,
        address: Ipv4Addr,
        subnet: &Subnet,
        now: Timestamp,
    ) -> Result<Ipv4Addr, NoAddress> {
        let network = subnet.network;
        if !network.contains(&address)
            || [network.network(), network.broadcast()].contains(&address)
            || self.is_taken(subnet, address)
        {
            return Err(NoAddress::ReservationUnusable(address));
        }
        if let Some(holder) = inner.by_address.get(&address).copied() {
            let held = inner.by_mac.get(&holder);
            if held.is_some_and(|entry| entry.lease.expires > now) {
                return Err(NoAddress::ReservationLeased(address, holder));
            }
            inner.remove(&holder);
        }
        Ok(address)
    }

    fn choose(
        &self,
        inner: &mut Inner,
        wish: &Wish,
        subnet: &Subnet,
        now: Timestamp,
    ) -> Result<Ipv4Addr, NoAddress> {
        inner.conflicts.retain(|_, until| *until > now);
        let free = |inner: &Inner, address: &Ipv4Addr| {
            !inner.by_address.contains_key(address)
                && !inner.conflicts.contains_key(address)
                && !self.is_taken(subnet, *address)
        };
        wish.wanted
            .filter(|address| in_pool(subnet, *address) && free(inner, address))
            .or_else(|| pool(subnet, &wish.mac).find(|address| free(inner, address)))
            .or_else(|| inner.reclaim(subnet, now))
            .ok_or(NoAddress::PoolExhausted)
    }

    fn is_taken(&self, subnet: &Subnet, address: Ipv4Addr) -> bool {
        self.taken.contains(&address) || subnet.router == Some(address)
    }

    /// The address was looked for and nobody has it: it can be offered.
    pub(crate) fn checked(&self, mac: &MacAddress, address: Ipv4Addr) {
        if let Some(entry) = self.inner.lock().by_mac.get_mut(mac)
            && entry.lease.address == address
            && entry.standing == Standing::Unchecked
        {
            entry.standing = Standing::Offered;
        }
    }

    /// Another server gave the machine this address: whoever comes from it, is this machine.
    pub(crate) fn observe(&self, mac: MacAddress, node: NodeId, address: Ipv4Addr, now: Timestamp) {
        let mut inner = self.inner.lock();
        inner.remove(&mac);
        if let Some(former) = inner.by_address.get(&address).copied() {
            inner.remove(&former);
        }
        let lease = Lease {
            mac,
            address,
            node,
            expires: now,
        };
        inner.insert(lease, Standing::Granted, None);
    }

    /// Promises the address to the machine if it is its own; `None` where it is not.
    ///
    /// What is kept is good for twice the time, so that a machine that comes again and again (the
    /// ROM, iPXE, the ramdisk, and every renewal at half of the time) is written down once.
    pub(crate) fn commit(
        &self,
        mac: &MacAddress,
        address: Ipv4Addr,
        lease_time: Duration,
        now: Timestamp,
    ) -> Option<Granted> {
        let mut inner = self.inner.lock();
        let entry = inner
            .by_mac
            .get_mut(mac)
            .filter(|entry| entry.lease.address == address)?;
        let expires = after(now, lease_time);
        entry.lease.expires = expires;
        entry.standing = Standing::Granted;
        let is_kept = entry.kept_until.is_some_and(|until| until >= expires);
        let keep = (!is_kept).then(|| Lease {
            expires: after(expires, lease_time),
            ..entry.lease.clone()
        });
        Some(Granted { keep })
    }

    /// The store has this lease now.
    pub(crate) fn kept(&self, lease: &Lease) {
        if let Some(entry) = self.inner.lock().by_mac.get_mut(&lease.mac)
            && entry.lease.address == lease.address
        {
            entry.kept_until = Some(lease.expires);
        }
    }

    /// Ends the promise; the address stays with the machine until it is needed.
    pub(crate) fn release(&self, mac: &MacAddress, address: Ipv4Addr, now: Timestamp) {
        if let Some(entry) = self.inner.lock().by_mac.get_mut(mac)
            && entry.lease.address == address
        {
            entry.lease.expires = now;
        }
    }

    /// The address is in use by somebody else: nobody gets it for a while.
    pub(crate) fn decline(&self, mac: &MacAddress, address: Ipv4Addr, now: Timestamp) {
        let mut inner = self.inner.lock();
        if inner
            .by_mac
            .get(mac)
            .is_some_and(|entry| entry.lease.address == address)
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
        let inner = self.inner.lock();
        inner.by_mac.get(mac).map(|entry| entry.lease.clone())
    }

    /// Whose address this is.
    pub(crate) fn owner(&self, address: Ipv4Addr) -> Option<Lease> {
        let inner = self.inner.lock();
        inner
            .by_address
            .get(&address)
            .and_then(|mac| inner.by_mac.get(mac))
            .map(|entry| entry.lease.clone())
    }
}

impl Entry {
    /// Offers the machine's own address again. When its time is over, somebody may have taken it.
    fn renew_offer(&mut self, node: NodeId, now: Timestamp) -> Offered {
        if self.lease.expires <= now {
            self.standing = Standing::Unchecked;
        }
        self.lease.node = node;
        self.lease.expires = self.lease.expires.max(after(now, OFFER_TIME));
        Offered {
            address: self.lease.address,
            unchecked: self.standing == Standing::Unchecked,
        }
    }
}

impl Inner {
    fn insert(&mut self, lease: Lease, standing: Standing, kept_until: Option<Timestamp>) {
        self.by_address.insert(lease.address, lease.mac);
        let entry = Entry {
            standing,
            kept_until,
            lease,
        };
        self.by_mac.insert(entry.lease.mac, entry);
    }

    fn remove(&mut self, mac: &MacAddress) {
        if let Some(entry) = self.by_mac.remove(mac) {
            self.by_address.remove(&entry.lease.address);
        }
    }

    fn reclaim(&mut self, subnet: &Subnet, now: Timestamp) -> Option<Ipv4Addr> {
        let oldest = self
            .by_mac
            .values()
            .map(|entry| &entry.lease)
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

    fn wish(n: u8) -> Wish {
        Wish {
            mac: mac(n),
            node: NodeId::random(),
            reserved: None,
            wanted: None,
        }
    }

    fn offer(table: &LeaseTable, n: u8, net: &Subnet, now: i64) -> Result<u8, NoAddress> {
        let offered = table.offer(&wish(n), net, at(now));
        offered.map(|offered| offered.address.octets()[3])
    }

    fn address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
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
        let (one, two) = (
            offer(&table, 1, &net, 0).unwrap(),
            offer(&table, 2, &net, 0).unwrap(),
        );
        assert!(table.commit(&mac(1), address(one), HOUR, at(1)).is_some());
        assert!(table.commit(&mac(2), address(two), HOUR, at(0)).is_some());
        assert_eq!(offer(&table, 3, &net, 1800), Err(NoAddress::PoolExhausted));
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
        assert_eq!(offer(&table, 2, &net, 3), Err(NoAddress::PoolExhausted));
        assert_eq!(offer(&table, 2, &net, 1000), Ok(one));
    }

    #[test]
    fn nobody_gets_another_machines_address() {
        let table = LeaseTable::default();
        let net = subnet(20);
        let stolen = Ipv4Addr::new(10, 0, 0, offer(&table, 1, &net, 0).unwrap());
        assert!(table.commit(&mac(2), stolen, HOUR, at(0)).is_none());
        let wanted = Some(stolen);
        let other = table.offer(&Wish { wanted, ..wish(2) }, &net, at(0));
        assert!(other.is_ok_and(|offered| offered.address != stolen));
    }

    #[test]
    fn a_reserved_address_is_given_to_its_machine_alone() {
        let table = LeaseTable::new(vec![address(5)], Vec::new());
        let net = subnet(12);
        let reserve = |n, last| Wish {
            reserved: Some(address(last)),
            ..wish(n)
        };
        let ask = |wish: &Wish| table.offer(wish, &net, at(0)).map(|o| o.address);
        // Outside the pool, and moved into it later.
        assert_eq!(ask(&reserve(1, 200)), Ok(address(200)));
        assert_eq!(ask(&reserve(1, 201)), Ok(address(201)));
        for unusable in [5, 0, 255, 10] {
            let refused = Err(NoAddress::ReservationUnusable(address(unusable)));
            assert_eq!(ask(&reserve(1, unusable)), refused);
        }
        let held = ask(&wish(2)).unwrap();
        let leased = Err(NoAddress::ReservationLeased(held, mac(2)));
        assert_eq!(ask(&reserve(1, held.octets()[3])), leased);
        let later = table.offer(&reserve(1, held.octets()[3]), &net, at(100));
        assert_eq!(later.map(|offered| offered.address), Ok(held));
        // The reservation is gone: back to the pool.
        assert!(ask(&wish(1)).is_ok_and(|address| in_pool(&net, address)));
    }

    #[test]
    fn an_address_is_looked_for_before_its_first_offer_and_when_its_lease_ran_out() {
        let table = LeaseTable::default();
        let net = subnet(20);
        let unchecked = |now| table.offer(&wish(1), &net, at(now)).unwrap().unchecked;
        assert!(unchecked(0) && unchecked(1));
        let own = table.lease(&mac(1)).unwrap().address;
        table.checked(&mac(1), own);
        assert!(!unchecked(2));
        assert!(table.commit(&mac(1), own, HOUR, at(3)).is_some());
        assert!(!unchecked(3602));
        assert!(unchecked(4000));
    }

    #[test]
    fn a_promise_is_written_down_once_and_never_outlives_what_is_written() {
        let table = LeaseTable::default();
        let net = subnet(20);
        let own = address(offer(&table, 1, &net, 0).unwrap());
        let commit = |now| table.commit(&mac(1), own, HOUR, at(now)).unwrap().keep;
        let first = commit(0).unwrap();
        assert_eq!(first.expires, at(7200));
        // Not kept yet: the next one must be.
        assert!(commit(10).is_some());
        table.kept(&first);
        for now in [10, 1800, 3600] {
            assert_eq!(commit(now), None, "{now}");
        }
        assert_eq!(commit(3601).unwrap().expires, at(3601 + 7200));
        let restarted = LeaseTable::new(Vec::new(), vec![first]);
        assert_eq!(offer(&restarted, 1, &net, 5000).map(address), Ok(own));
        let others: Vec<_> = (2..=11).map(|n| offer(&restarted, n, &net, 5000)).collect();
        assert!(!others.contains(&Ok(own.octets()[3])));
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
            assert!(table.offer(&Wish { mac, ..wish(0) }, &net, at(0)).is_ok());
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
    }
}
