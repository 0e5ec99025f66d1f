//! When the next heartbeat is due.
//!
//! A conductor drops a heartbeat when the node is locked, without saying so. After something that it
//! waits for (the start, the end of a command) the agent therefore beats again soon, and then ever
//! more slowly, until the usual pause of 30 to 60 % of the heartbeat time-out is reached.

use std::time::Duration;

const SOON: Duration = Duration::from_secs(2);
const AFTER_FAILURE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10));

/// The pauses between heartbeats.
pub(super) struct Rhythm {
    timeout: Duration,
    /// The next pause while the conductor waits for us; none: the usual one.
    hurry: Option<Duration>,
    failed: bool,
}

impl Rhythm {
    /// Begins in a hurry: the conductor waits for the first heartbeat.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            hurry: Some(SOON),
            failed: false,
        }
    }

    /// A heartbeat was taken.
    pub(super) fn beaten(&mut self) {
        self.failed = false;
    }

    /// A heartbeat was not taken.
    pub(super) fn failed(&mut self) {
        self.failed = true;
    }

    /// A long command began.
    pub(super) fn calm(&mut self) {
        self.hurry = None;
    }

    /// The conductor waits for news.
    pub(super) fn hurry(&mut self) {
        self.hurry = Some(SOON);
    }

    /// How long to wait now.
    pub(super) fn pause(&mut self) -> Duration {
        let usual = self.timeout.mul_f64(0.3 + 0.3 * random_fraction());
        if self.failed {
            let (least, most) = AFTER_FAILURE;
            return least + (most - least).mul_f64(random_fraction());
        }
        match self.hurry {
            Some(pause) if pause < usual => {
                self.hurry = Some(pause * 2);
                pause
            }
            Some(_) | None => {
                self.hurry = None;
                usual
            }
        }
    }
}

/// 0 to 1. Without a source of randomness all agents beat at the same pace, which is no harm.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hurry_fades_into_the_usual_pause() {
        let mut rhythm = Rhythm::new(Duration::from_secs(300));
        let pauses: Vec<Duration> = (0..10).map(|_| rhythm.pause()).collect();
        assert_eq!(pauses[..3], [2, 4, 8].map(Duration::from_secs));
        for pause in &pauses[8..] {
            assert!((90..=180).contains(&pause.as_secs()), "{pauses:?}");
        }
        rhythm.hurry();
        assert_eq!(rhythm.pause(), SOON);
        rhythm.calm();
        assert!(rhythm.pause() >= Duration::from_secs(90));
        rhythm.failed();
        assert!((5..=10).contains(&rhythm.pause().as_secs()));
    }

    #[test]
    fn a_short_time_out_is_kept() {
        let mut rhythm = Rhythm::new(Duration::from_secs(2));
        assert!(rhythm.pause() <= Duration::from_millis(1200));
    }
}
