//! Whether to look for the next packet without going to sleep.
//!
//! On a fast network the answer to a block is there before a thread has fallen asleep and been
//! woken again, which then is most of a transfer's time. So while few clients answer within some
//! microseconds, the thread looks again a few times, giving way to others in between; for slower
//! clients, or many, it sleeps at once. Pure.

use std::time::{Duration, Instant};

/// Clients beyond this keep the thread busy by themselves.
const FEW: usize = 4;

/// A client that takes longer is not waited for awake.
const QUICK: Duration = Duration::from_micros(60);

/// The longest time awake without a packet.
const LONGEST: Duration = Duration::from_micros(120);

/// What the last answers took.
#[derive(Clone, Debug)]
pub(super) struct Spin {
    /// From a send to the next packet, smoothed.
    usual: Duration,
    sent: Option<Instant>,
}

impl Default for Spin {
    fn default() -> Self {
        Self {
            usual: QUICK,
            sent: None,
        }
    }
}

impl Spin {
    pub(super) const fn sent(&mut self, now: Instant) {
        self.sent = Some(now);
    }

    pub(super) fn heard(&mut self, now: Instant) {
        if let Some(sent) = self.sent {
            // One late answer among many quick ones says little.
            let took = now.saturating_duration_since(sent).min(QUICK * 8);
            self.usual = (self.usual * 7 + took) / 8;
        }
    }

    /// Whether to look again instead of sleeping.
    pub(super) fn goes_on(&self, now: Instant, transfers: usize) -> bool {
        let few = (1..=FEW).contains(&transfers);
        let Some(sent) = self.sent.filter(|_| few && self.usual <= QUICK) else {
            return false;
        };
        now.saturating_duration_since(sent) < (self.usual * 3).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_clients_are_waited_for_awake_and_slow_ones_asleep() {
        let start = Instant::now();
        let mut spin = Spin::default();
        assert!(!spin.goes_on(start, 1));
        spin.sent(start);
        let soon = start + Duration::from_micros(20);
        assert!(spin.goes_on(soon, 1) && !spin.goes_on(soon, 100) && !spin.goes_on(soon, 0));
        assert!(!spin.goes_on(start + Duration::from_millis(1), 1));
        for _ in 0..20 {
            spin.sent(start);
            spin.heard(start + Duration::from_millis(1));
        }
        assert!(!spin.goes_on(start + Duration::from_micros(20), 1));
        for _ in 0..40 {
            spin.sent(start);
            spin.heard(soon);
        }
        assert!(spin.goes_on(soon, 1));
    }
}
