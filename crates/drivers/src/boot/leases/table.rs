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

use super::{Lease, Reservations, Subnet};
use crate::boot::client::ClientSystem;

/// How long an offer holds its address for the machine that has not yet asked for it.
const OFFER_TIME: Duration = Duration::from_secs(60);

/// How long an address that was found in use by somebody else is left alone.
const CONFLICT_TIME: Duration = Duration::from_secs(600);

/// Who wants an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) mac: MacAddress,
    pub(crate) node: NodeId,
    /// The address reserved for the port; no other will do.
    pub(crate) reserved: Option<Ipv4Addr>,
    /// The address that the machine asks for, which it gets if it is free.
    pub(crate) wanted: Option<Ipv4Addr>,
    /// What is reserved for anybody.
    pub(crate) reservations: &'a Reservations,
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
            inner.insert_foreign(lease);
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
        wish: &Wish<'_>,
        subnet: &Subnet,
        now: Timestamp,
    ) -> Result<Offered, NoAddress> {
        let mut inner = self.inner.lock();
        if let Some(entry) = inner.by_mac.get_mut(&wish.mac) {
            if self.may_have(wish, subnet, entry.lease.address) {
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
        wish: &Wish<'_>,
        subnet: &Subnet,
        now: Timestamp,
    ) -> Result<Ipv4Addr, NoAddress> {
        inner.conflicts.retain(|_, until| *until > now);
        let free = |inner: &Inner, address: &Ipv4Addr| {
            !inner.by_address.contains_key(address)
                && !inner.conflicts.contains_key(address)
                && !self.is_taken(subnet, *address)
                && !is_kept_from(wish, *address)
        };
        wish.wanted
            .filter(|address| in_pool(subnet, *address) && free(inner, address))
            .or_else(|| pool(subnet, &wish.mac).find(|address| free(inner, address)))
            .or_else(|| inner.reclaim(now, |address| self.is_for(wish, subnet, address)))
            .ok_or(NoAddress::PoolExhausted)
    }

    /// Whether the machine may have this address on this network, if nobody else has it.
    fn may_have(&self, wish: &Wish<'_>, subnet: &Subnet, address: Ipv4Addr) -> bool {
        match wish.reserved {
            Some(reserved) => {
                reserved == address
                    && subnet.network.contains(&address)
                    && !self.is_taken(subnet, address)
            }
            None => self.is_for(wish, subnet, address),
        }
    }

    /// Whether the address is one of the pool, and neither kept for another machine, nor ours or
    /// a router's.
    fn is_for(&self, wish: &Wish<'_>, subnet: &Subnet, address: Ipv4Addr) -> bool {
        in_pool(subnet, address) && !is_kept_from(wish, address) && !self.is_taken(subnet, address)
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

    /// Promises the address that the machine wants, if it is its own and one of this network;
    /// `None` where it is not.
    ///
    /// What is kept is good for twice the time, so that a machine that comes again and again (the
    /// ROM, iPXE, the ramdisk, and every renewal at half of the time) is written down once. What
    /// has to be kept is only set aside until [`LeaseTable::kept`]: a machine that never hears of
    /// its lease has not looked whether somebody else uses the address.
    pub(crate) fn commit(
        &self,
        wish: &Wish<'_>,
        subnet: &Subnet,
        lease_time: Duration,
        now: Timestamp,
    ) -> Option<Granted> {
        let address = wish
            .wanted
            .filter(|address| self.may_have(wish, subnet, *address))?;
        let mut inner = self.inner.lock();
        let entry = inner
            .by_mac
            .get_mut(&wish.mac)
            .filter(|entry| entry.lease.address == address)?;
        let expires = after(now, lease_time);
        entry.lease.expires = expires;
        let is_kept = entry.kept_until.is_some_and(|until| until >= expires);
        if is_kept {
            entry.standing = Standing::Granted;
        }
        let keep = (!is_kept).then(|| Lease {
            expires: after(expires, lease_time),
            ..entry.lease.clone()
        });
        Some(Granted { keep })
    }

    /// The store has this lease now, and the machine may hear of it.
    pub(crate) fn kept(&self, lease: &Lease) {
        if let Some(entry) = self.inner.lock().by_mac.get_mut(&lease.mac)
            && entry.lease.address == lease.address
        {
            entry.kept_until = Some(lease.expires);
            entry.standing = Standing::Granted;
        }
    }

    /// Another server has leased the machine's address to another machine: it is that one's.
    pub(crate) fn lose(&self, mac: &MacAddress, other: Lease) {
        let mut inner = self.inner.lock();
        let is_lost = |entry: &Entry| entry.lease.address == other.address;
        if inner.by_mac.get(mac).is_some_and(is_lost) {
            inner.remove(mac);
            inner.insert_foreign(other);
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

    /// A lease that this process did not promise. Of a machine that has one already, only the
    /// address is left alone.
    fn insert_foreign(&mut self, lease: Lease) {
        if self.by_mac.contains_key(&lease.mac) {
            self.conflicts.insert(lease.address, lease.expires);
        } else {
            let kept_until = Some(lease.expires);
            self.insert(lease, Standing::Granted, kept_until);
        }
    }

    fn reclaim(&mut self, now: Timestamp, is_for: impl Fn(Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
        let oldest = self
            .by_mac
            .values()
            .map(|entry| &entry.lease)
            .filter(|lease| lease.expires <= now && is_for(lease.address))
            .min_by_key(|lease| lease.expires)?;
        let (mac, address) = (oldest.mac, oldest.address);
        self.remove(&mac);
        Some(address)
    }
}

fn is_kept_from(wish: &Wish<'_>, address: Ipv4Addr) -> bool {
    wish.reservations.keep_from(&wish.mac, address)
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
mod tests;
