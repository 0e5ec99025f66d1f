//! How long an acknowledgement is waited for: the smoothed round trip of RFC 6298, with its
//! exponential back-off. Pure.

use std::time::Duration;

/// The shortest wait. A machine that writes what it got, or is being emulated, answers late now and
/// then; sending a block twice for that helps nobody.
const SHORTEST: Duration = Duration::from_millis(200);

/// The longest wait, after some back-offs.
const LONGEST: Duration = Duration::from_secs(8);

/// The timer of one transfer.
#[derive(Clone, Debug)]
pub(super) struct RetransmitTimer {
    /// What was agreed: the wait until the first sample, and the longest without back-off.
    agreed: Duration,
    /// Smoothed round trip, and its variation.
    smoothed: Option<(Duration, Duration)>,
    /// Waits that ended without an answer since the last one.
    expired: u32,
}

impl RetransmitTimer {
    pub(super) const fn new(agreed: Duration) -> Self {
        Self {
            agreed,
            smoothed: None,
            expired: 0,
        }
    }

    /// An answer came to something that was sent once only (Karn's algorithm).
    pub(super) fn sample(&mut self, round_trip: Duration) {
        self.smoothed = Some(match self.smoothed {
            None => (round_trip, round_trip / 2),
            Some((smoothed, variation)) => (
                (smoothed * 7 + round_trip) / 8,
                (variation * 3 + smoothed.abs_diff(round_trip)) / 4,
            ),
        });
    }

    /// The client made progress: it is there.
    pub(super) const fn progress(&mut self) {
        self.expired = 0;
    }

    /// A wait ended without an answer.
    pub(super) const fn expire(&mut self) {
        self.expired = self.expired.saturating_add(1);
    }

    /// Waits that ended without an answer since the last progress.
    pub(super) const fn expired(&self) -> u32 {
        self.expired
    }

    /// How long to wait now.
    pub(super) fn wait(&self) -> Duration {
        let first = match self.smoothed {
            None => self.agreed,
            Some((smoothed, variation)) => {
                (smoothed + variation * 4).clamp(SHORTEST.min(self.agreed), self.agreed)
            }
        };
        first
            .saturating_mul(1 << self.expired.min(8))
            .min(LONGEST.max(self.agreed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_as_agreed_until_it_knows_better_and_backs_off() {
        let mut timer = RetransmitTimer::new(SECOND);
        assert_eq!(timer.wait(), SECOND);
        timer.sample(Duration::from_micros(50));
        assert_eq!(timer.wait(), SHORTEST);
        timer.expire();
        timer.expire();
        assert_eq!(timer.wait(), SHORTEST * 4);
        for _ in 0..20 {
            timer.expire();
        }
        assert_eq!(timer.wait(), LONGEST);
        timer.progress();
        assert_eq!(timer.wait(), SHORTEST);
    }

    proptest! {
        #[test]
        fn the_wait_stays_within_bounds(
            agreed in 1_u64..256, trips in proptest::collection::vec(0_u64..100_000_000, 0..20), expired in 0_u32..40
        ) {
            let agreed = Duration::from_secs(agreed);
            let mut timer = RetransmitTimer::new(agreed);
            for trip in trips {
                timer.sample(Duration::from_micros(trip));
            }
            for _ in 0..expired {
                timer.expire();
            }
            prop_assert!(timer.wait() >= SHORTEST && timer.wait() <= agreed.max(LONGEST));
        }
    }
}
