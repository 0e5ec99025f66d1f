//! Who was promised which address, as the machines know it: kept apart from the lease table, which
//! has to agree with it.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use cupola_api::MacAddress;
use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};
use jiff::Timestamp;

use super::super::request::DhcpRequest;
use crate::boot::leases::Lease;

/// How long an offer holds (`leases/table.rs`).
const OFFER: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
struct Promise {
    mac: MacAddress,
    until: Timestamp,
    /// Acknowledged, not only offered.
    is_granted: bool,
}

/// The promises, by address.
#[derive(Debug, Default)]
pub(super) struct Promises {
    made: HashMap<Ipv4Addr, Promise>,
}

impl Promises {
    /// What a store has.
    pub(super) fn of(kept: &[Lease]) -> Self {
        let promise = |lease: &Lease| Promise {
            mac: lease.mac,
            until: lease.expires,
            is_granted: true,
        };
        let made = kept
            .iter()
            .map(|lease| (lease.address, promise(lease)))
            .collect();
        Self { made }
    }

    /// After a restart what the store has counts; no granted address may be missing there.
    pub(super) fn outlive(&mut self, kept: &[Lease], now: Timestamp) {
        for (address, promise) in &self.made {
            assert!(
                !promise.is_granted
                    || promise.until <= now
                    || kept
                        .iter()
                        .any(|lease| lease.address == *address && lease.mac == promise.mac),
                "the restart forgets who has {address}"
            );
        }
        *self = Self::of(kept);
    }

    /// Whether the machine has the address now.
    pub(super) fn is_granted(&self, mac: MacAddress, address: Ipv4Addr, now: Timestamp) -> bool {
        self.made
            .get(&address)
            .is_some_and(|made| made.is_granted && made.mac == mac && made.until > now)
    }

    /// What a machine's own message ends: it gives its address back, declines it, or is given
    /// another one, which `own` tells.
    pub(super) fn heard(&mut self, request: &DhcpRequest, own: Option<Lease>, now: Timestamp) {
        let own = own.map(|lease| lease.address);
        if request.message == MessageType::Release
            && let Some(made) = self.made.get_mut(&request.ciaddr)
            && made.mac == request.mac
        {
            made.until = now;
        }
        self.made
            .retain(|address, made| made.mac != request.mac || own == Some(*address));
    }

    pub(super) fn offered(&mut self, mac: MacAddress, address: Ipv4Addr, now: Timestamp) {
        let until = now.checked_add(OFFER).unwrap_or(now);
        match self.free_for(mac, address, now) {
            Some(made) => made.until = made.until.max(until),
            None => self.make(mac, address, until, false),
        }
    }

    /// Until when is the result.
    pub(super) fn granted(
        &mut self,
        mac: MacAddress,
        address: Ipv4Addr,
        message: &Message,
        now: Timestamp,
    ) -> Timestamp {
        let seconds = match message.opts().get(OptionCode::AddressLeaseTime) {
            Some(DhcpOption::AddressLeaseTime(seconds)) => u64::from(*seconds),
            Some(_) | None => 0,
        };
        assert!(seconds > 0, "an address is granted for no time");
        let until = now.checked_add(Duration::from_secs(seconds)).unwrap_or(now);
        self.free_for(mac, address, now);
        self.make(mac, address, until, true);
        until
    }

    fn make(&mut self, mac: MacAddress, address: Ipv4Addr, until: Timestamp, is_granted: bool) {
        let promise = Promise {
            mac,
            until,
            is_granted,
        };
        self.made.insert(address, promise);
    }

    /// Nobody else may have it; the machine's own promise of it, where there is one.
    fn free_for(
        &mut self,
        mac: MacAddress,
        address: Ipv4Addr,
        now: Timestamp,
    ) -> Option<&mut Promise> {
        let made = self.made.get_mut(&address)?;
        assert!(
            made.mac == mac || made.until <= now,
            "{address} is given to {mac} though it is promised to {}",
            made.mac
        );
        (made.mac == mac).then_some(made)
    }
}
