//! Complaints in the service's log: each one once in a while, however often a machine asks again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cupola_api::MacAddress;
use parking_lot::Mutex;

/// How long the same complaint about the same machine is not repeated.
const QUIET: Duration = Duration::from_secs(300);

/// Complaints remembered. Beyond that the log stays quiet: strangers can make up addresses.
const REMEMBERED: usize = 1024;

/// What was complained of, and when.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    said: Mutex<HashMap<(Option<MacAddress>, String), Instant>>,
}

impl Complaints {
    /// Whether to say it now.
    pub(crate) fn admit(&self, mac: Option<MacAddress>, text: &str, now: Instant) -> bool {
        let mut said = self.said.lock();
        if said.len() >= REMEMBERED {
            said.retain(|_, at| now.duration_since(*at) < QUIET);
        }
        let key = (mac, text.to_owned());
        let is_fresh = said
            .get(&key)
            .is_some_and(|at| now.duration_since(*at) < QUIET);
        if is_fresh || said.len() >= REMEMBERED {
            return false;
        }
        said.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_made_once_in_a_while_and_a_flood_stays_quiet() {
        let complaints = Complaints::default();
        let start = Instant::now();
        let admit = |n: u16, text, now| {
            let [high, low] = n.to_be_bytes();
            complaints.admit(Some(MacAddress::new([2, 0, 0, 0, high, low])), text, now)
        };
        assert!(admit(1, "stranger", start));
        assert!(!admit(1, "stranger", start));
        assert!(admit(1, "conflict", start));
        let admitted = (2..5000).filter(|n| admit(*n, "stranger", start));
        assert_eq!(admitted.count(), REMEMBERED - 2);
        assert!(admit(1, "stranger", start + QUIET));
    }
}
