//! What strangers may ask of the routes that need no credentials: so many requests from one address,
//! and so much memory for all their bodies together.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;

use crate::config::Api;

/// Addresses that are told apart. More than a site has machines; beyond them all share one count.
const ADDRESSES: usize = 65_536;

/// How often those are forgotten that have been quiet, at most.
const FORGET: Duration = Duration::from_secs(1);

/// Counts requests by the address that they come from.
pub(super) struct Strangers {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    clock: DefaultClock,
    forgot: Mutex<Instant>,
}

impl std::fmt::Debug for Strangers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Strangers").finish_non_exhaustive()
    }
}

impl Strangers {
    /// As configured; `None` where there is no limit.
    pub(super) fn new(api: &Api) -> Option<Self> {
        let rate = NonZeroU32::new(api.ramdisk_requests_per_second)?;
        let burst = NonZeroU32::new(api.ramdisk_requests_burst).unwrap_or(rate);
        Some(Self {
            limiter: RateLimiter::hashmap(Quota::per_second(rate).allow_burst(burst)),
            clock: DefaultClock::default(),
            forgot: Mutex::new(Instant::now()),
        })
    }

    /// Counts a request.
    ///
    /// # Errors
    /// After how many seconds there is room for another one.
    pub(super) fn admit(&self, address: IpAddr) -> Result<(), u64> {
        let mut source = source(address);
        if self.limiter.len() >= ADDRESSES {
            let mut forgot = self.forgot.lock();
            if forgot.elapsed() >= FORGET {
                self.limiter.retain_recent();
                *forgot = Instant::now();
            }
            if self.limiter.len() >= ADDRESSES {
                source = Ipv6Addr::UNSPECIFIED.into();
            }
        }
        self.limiter.check_key(&source).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            wait.as_secs().saturating_add(1)
        })
    }
}

/// What counts as one source: an IPv4 address, or a network of IPv6, of which every host has as many
/// addresses as it likes.
fn source(address: IpAddr) -> IpAddr {
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

    fn strangers(rate: u32, burst: u32) -> Option<Strangers> {
        Strangers::new(&Api {
            ramdisk_requests_per_second: rate,
            ramdisk_requests_burst: burst,
            ..Api::default()
        })
    }

    #[test]
    fn each_address_has_its_own_count() {
        let strangers = strangers(1, 3).unwrap();
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        for _ in 0..3 {
            assert!(strangers.admit(one).is_ok());
        }
        assert!((1..=2).contains(&strangers.admit(one).unwrap_err()));
        assert!(strangers.admit(two).is_ok());
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
        assert!(strangers(0, 1).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let strangers = strangers(1, 1).unwrap();
        for number in 0..(2 * ADDRESSES as u32) {
            let _ = strangers.admit(IpAddr::from(number.to_be_bytes()));
        }
        assert!(strangers.limiter.len() <= ADDRESSES + 1);
    }

    #[test]
    fn a_rack_behind_one_address_is_let_in() {
        let strangers = Strangers::new(&Api::default()).unwrap();
        let nat = "192.0.2.1".parse().unwrap();
        // Lookup, inspection and two heartbeats of each, all at once.
        for _ in 0..4 * 1000 {
            assert!(strangers.admit(nat).is_ok());
        }
    }
}
