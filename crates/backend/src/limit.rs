//! How often something may come from one address. What counts, and what is done beyond the limit, is
//! told by who counts.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;

/// Addresses that are told apart. More than a site has machines; beyond them all share one count.
const ADDRESSES: usize = 65_536;

/// How often those are forgotten that have been quiet, at most.
const FORGET: Duration = Duration::from_secs(1);

/// An address, and a name that came from it where names are counted apart.
type Sender = (IpAddr, Option<u64>);

/// Counts by the address that something comes from.
pub(crate) struct PerAddress {
    limiter: RateLimiter<Sender, HashMapStateStore<Sender>, DefaultClock>,
    clock: DefaultClock,
    forgot: Mutex<Instant>,
    burst: NonZeroU32,
}

impl std::fmt::Debug for PerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PerAddress").finish_non_exhaustive()
    }
}

impl PerAddress {
    /// So many in a second, and so many at once after a quiet time; `None` where the rate is 0, which
    /// is no limit.
    pub(crate) fn new(per_second: u32, burst: u32) -> Option<Self> {
        let rate = NonZeroU32::new(per_second)?;
        let burst = NonZeroU32::new(burst).unwrap_or(rate);
        Some(Self {
            limiter: RateLimiter::hashmap(Quota::per_second(rate).allow_burst(burst)),
            clock: DefaultClock::default(),
            forgot: Mutex::new(Instant::now()),
            burst,
        })
    }

    /// Counts one.
    ///
    /// # Errors
    /// After how many seconds there is room for another one.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<(), u64> {
        self.admit_as(address, NonZeroU32::MIN)
    }

    /// Counts one that weighs as much as so many.
    ///
    /// # Errors
    /// After how many seconds there is room for another one.
    pub(crate) fn admit_as(&self, address: IpAddr, weight: NonZeroU32) -> Result<(), u64> {
        self.admit_named(address, None, weight)
    }

    /// The same, counted for a name from this address, which does not count for the address.
    ///
    /// # Errors
    /// After how many seconds there is room for another one.
    pub(crate) fn admit_named(
        &self,
        address: IpAddr,
        name: Option<u64>,
        weight: NonZeroU32,
    ) -> Result<(), u64> {
        let mut source = (source(address), name);
        if self.limiter.len() >= ADDRESSES {
            let mut forgot = self.forgot.lock();
            if forgot.elapsed() >= FORGET {
                self.limiter.retain_recent();
                *forgot = Instant::now();
            }
            if self.limiter.len() >= ADDRESSES {
                source = (Ipv6Addr::UNSPECIFIED.into(), None);
            }
        }
        // What weighs more than all that may come at once would never be admitted.
        let weight = weight.min(self.burst);
        let checked = self.limiter.check_key_n(&source, weight);
        checked.unwrap_or(Ok(())).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            wait.as_secs().saturating_add(1)
        })
    }
}

/// What counts as one source: an IPv4 address, or a network of IPv6, of which every host has as many
/// addresses as it likes.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << 64);
            Ipv6Addr::from(network).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_count() {
        let strangers = PerAddress::new(1, 3).unwrap();
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        for _ in 0..3 {
            assert!(strangers.admit(one).is_ok());
        }
        assert!((1..=2).contains(&strangers.admit(one).unwrap_err()));
        assert!(strangers.admit(two).is_ok());
    }

    #[test]
    fn what_weighs_more_counts_more() {
        let limit = PerAddress::new(1, 10).unwrap();
        let address = "192.0.2.1".parse().unwrap();
        let [four, many] = [4, 1000].map(|weight| NonZeroU32::new(weight).unwrap());
        assert!(limit.admit_as(address, four).is_ok());
        assert!(limit.admit_as(address, four).is_ok());
        assert!(limit.admit_as(address, four).is_err());
        let other = "192.0.2.2".parse().unwrap();
        assert!(limit.admit_as(other, many).is_ok());
        assert!(limit.admit_as(other, many).unwrap_err() >= 10);
    }

    #[test]
    fn a_host_has_one_network() {
        let same = |a: &str, b: &str| source(a.parse().unwrap()) == source(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::2"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
    }

    #[test]
    fn no_limit_is_none() {
        assert!(PerAddress::new(0, 1).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let strangers = PerAddress::new(1, 1).unwrap();
        for number in 0..(2 * ADDRESSES as u32) {
            let _ = strangers.admit(IpAddr::from(number.to_be_bytes()));
        }
        assert!(strangers.limiter.len() <= ADDRESSES + 1);
    }

    #[test]
    fn a_rack_behind_one_address_is_let_in() {
        let api = crate::config::Api::default();
        let (rate, burst) = (api.ramdisk_requests_per_second, api.ramdisk_requests_burst);
        let strangers = PerAddress::new(rate, burst).unwrap();
        let nat = "192.0.2.1".parse().unwrap();
        // Lookup, inspection and two heartbeats of each, all at once.
        for _ in 0..4 * 1000 {
            assert!(strangers.admit(nat).is_ok());
        }
    }
}
