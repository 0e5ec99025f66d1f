//! The pace of power-ons: a room that is switched on at once asks more of its power supply and of
//! the boot services than a room that is switched on within some seconds.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Result, Task};

/// Lets machines be powered on one after the other, in the order in which they ask.
#[derive(Clone, Debug, Default)]
pub struct PowerOnPace {
    /// Between two power-ons; zero lets all through.
    interval: Duration,
    /// When the next one may be.
    next: Arc<Mutex<Option<Instant>>>,
}

impl PowerOnPace {
    /// So many a second; 0 lets all through.
    #[must_use]
    pub fn per_second(count: u32) -> Self {
        Self {
            interval: Duration::from_secs(1)
                .checked_div(count)
                .unwrap_or_default(),
            next: Arc::default(),
        }
    }

    /// Waits until it is this machine's turn.
    ///
    /// # Errors
    /// The work is cancelled, or its deadline passes.
    pub(super) async fn turn(&self, task: &Task) -> Result<()> {
        let wait = self.reserve(Instant::now());
        if wait.is_zero() {
            return Ok(());
        }
        task.sleep(wait, "waiting for its turn to be powered on")
            .await
    }

    /// Takes the next turn; how long it is until then.
    fn reserve(&self, now: Instant) -> Duration {
        let mut next = self.next.lock();
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + self.interval);
        turn.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_spread_and_a_single_machine_does_not_wait() {
        let pace = PowerOnPace::per_second(50);
        let now = Instant::now();
        let waits: Vec<_> = (0..200).map(|_| pace.reserve(now).as_millis()).collect();
        assert_eq!(waits, (0..200).map(|n| n * 20).collect::<Vec<_>>());
        assert!(pace.reserve(now + Duration::from_secs(60)).is_zero());
    }

    #[test]
    fn no_pace_lets_all_through() {
        let pace = PowerOnPace::per_second(0);
        let now = Instant::now();
        assert!((0..200).all(|_| pace.reserve(now).is_zero()));
    }
}
