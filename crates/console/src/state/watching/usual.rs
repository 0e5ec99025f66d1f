//! How long things usually take on this server, and by that how a run stands: beyond its usual time
//! or not, and how long it may still take.

use std::collections::BTreeMap;

use cupola_api::cupola::NodeSummary;
use cupola_api::durations::{Durations, Phase, UsualDuration};
use jiff::Timestamp;

use super::board::Run;

/// Not asked again before so many seconds have passed.
const AGAIN: i64 = 10;

/// What the server has said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Served {
    /// Nothing yet.
    #[default]
    Unknown,
    /// The times.
    Known,
    /// That it does not measure any.
    Not,
}

/// How long things usually take.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    by_phase: BTreeMap<Phase, Durations>,
    /// What the server has said.
    pub(crate) served: Served,
    asked: Option<Timestamp>,
    stale: bool,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// How long it has taken so far, in seconds.
    pub(crate) elapsed: i64,
    /// Whether it, or its step, has taken longer than 95 of 100 do.
    pub(crate) is_late: bool,
    /// How long it may still take, in seconds.
    pub(crate) left: Option<i64>,
}

impl Usual {
    /// Takes what the server says.
    pub(crate) fn take(&mut self, durations: Option<Durations>) {
        self.served = match &durations {
            Some(_) => Served::Known,
            None => Served::Not,
        };
        self.by_phase.clear();
        for usual in durations.unwrap_or_default().durations {
            let phase = self.by_phase.entry(usual.phase).or_default();
            phase.durations.push(usual);
        }
    }

    /// Something has ended: what is usual may have changed.
    pub(crate) const fn touch(&mut self) {
        self.stale = true;
    }

    /// Whether the server is to be asked now; then it counts as asked.
    pub(crate) fn is_due(&mut self, now: Timestamp) -> bool {
        let is_due = match (self.asked, self.served) {
            (None, _) => true,
            (Some(_), Served::Not) => false,
            (Some(asked), Served::Unknown | Served::Known) => {
                self.stale && now.duration_since(asked).as_secs() >= AGAIN
            }
        };
        if is_due {
            self.asked = Some(now);
            self.stale = false;
        }
        is_due
    }

    /// How long this phase, or this step of it, usually takes on such a node.
    pub(crate) fn of(
        &self,
        node: &NodeSummary,
        phase: Phase,
        step: Option<&str>,
    ) -> Option<&UsualDuration> {
        let class = node.resource_class.as_deref();
        self.by_phase
            .get(&phase)?
            .usual(class, &node.driver, phase, step)
    }

    /// How a run stands now.
    pub(crate) fn forecast(&self, node: &NodeSummary, run: &Run, now: Timestamp) -> Forecast {
        let seconds = |since: Timestamp| now.duration_since(since).as_secs().max(0);
        let elapsed = seconds(run.since);
        let whole = self.of(node, run.phase, None);
        let Some(whole) = whole else {
            let left = run.current.as_ref().and_then(|current| {
                let percent = current.percent?;
                (run.is_last_step()).then(|| by_percent(seconds(current.since), percent))?
            });
            return Forecast {
                elapsed,
                is_late: false,
                left,
            };
        };
        let step = run.current.as_ref();
        let step_elapsed = step.map_or(0, |current| seconds(current.since));
        let step_usual = step.and_then(|s| self.of(node, run.phase, Some(&s.step)));
        let is_step_late = step_usual.is_some_and(|usual| step_elapsed > secs(usual.p95_ms));
        let is_late = elapsed > secs(whole.p95_ms).max(1) || is_step_late;
        let class = node.resource_class.as_deref();
        let steps = self
            .by_phase
            .get(&run.phase)
            .map(|known| known.steps(class, &node.driver, run.phase))
            .unwrap_or_default();
        let mut ahead = 0;
        let mut all = 0;
        for usual in &steps {
            all += secs(usual.median_ms);
            let name = usual.step.as_deref().unwrap_or_default();
            let is_current = step.is_some_and(|current| current.step == name);
            if !is_current && !run.done.iter().any(|(done, _)| done == name) {
                ahead += secs(usual.median_ms);
            }
        }
        let current = step.and_then(|step| {
            let by_percent = step.percent.and_then(|p| by_percent(step_elapsed, p));
            by_percent.or_else(|| step_usual.map(|u| (secs(u.median_ms) - step_elapsed).max(0)))
        });
        // What a phase takes beside its steps: booting the ramdisk above all.
        let between = (secs(whole.median_ms) - all).max(0);
        let in_steps: i64 = run.done.iter().map(|(_, ms)| secs(*ms)).sum();
        let spent = (elapsed - in_steps - step_elapsed).max(0);
        let left = ahead + current.unwrap_or(0) + (between - spent).max(0);
        Forecast {
            elapsed,
            is_late,
            left: Some(left),
        }
    }
}

/// Milliseconds as whole seconds.
fn secs(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX)
}

/// How long what has come so far in so many seconds will still take; none where too little has come
/// to say.
fn by_percent(elapsed: i64, percent: u8) -> Option<i64> {
    let percent = i64::from(percent.min(100));
    (percent >= 2).then(|| elapsed.saturating_mul(100 - percent) / percent)
}

#[cfg(test)]
mod tests {
    use super::super::board::Current;
    use super::*;
    use crate::testing::summary;
    use cupola_api::state::provision::ProvisionState;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn usual(step: Option<&str>, median: u64, p95: u64) -> UsualDuration {
        UsualDuration {
            resource_class: None,
            driver: None,
            phase: Phase::Deploying,
            step: step.map(str::to_owned),
            count: 10,
            median_ms: median * 1000,
            p95_ms: p95 * 1000,
        }
    }

    fn known() -> Usual {
        let mut known = Usual::default();
        let durations = vec![
            usual(None, 100, 150),
            usual(Some("deploy.deploy"), 20, 30),
            usual(Some("deploy.write_image"), 40, 60),
            usual(Some("deploy.tear_down_agent"), 10, 12),
        ];
        known.take(Some(Durations { durations }));
        known
    }

    fn writing(percent: Option<u8>) -> Run {
        let mut run = Run::new(Phase::Deploying, at(0), true);
        run.done.push(("deploy.deploy".to_owned(), 20_000));
        run.current = Some(Current {
            step: "deploy.write_image".to_owned(),
            index: 2,
            total: 3,
            since: at(50),
            percent,
            message: String::new(),
        });
        run
    }

    #[test]
    fn what_is_left_comes_from_the_rest_of_the_steps() {
        let node = summary(1, "n", ProvisionState::Deploying);
        // 30 s beside the steps are spent; 40 - 10 of the image and 10 of the last step are ahead.
        let forecast = known().forecast(&node, &writing(None), at(60));
        assert_eq!((forecast.left, forecast.is_late), (Some(40), false));
        // By its own pace the image takes 90 s more.
        let forecast = known().forecast(&node, &writing(Some(10)), at(60));
        assert_eq!(forecast.left, Some(100));
    }

    #[test]
    fn late_is_what_or_whose_step_takes_longer_than_95_of_100() {
        let node = summary(1, "n", ProvisionState::Deploying);
        let late = |run: &Run, now| known().forecast(&node, run, at(now)).is_late;
        assert!(!late(&writing(None), 110));
        assert!(late(&writing(None), 111), "the step is");
        let run = Run::new(Phase::Deploying, at(0), true);
        assert!(!late(&run, 150));
        assert!(late(&run, 151));
        let cleaning = Run::new(Phase::Cleaning, at(0), true);
        let forecast = known().forecast(&node, &cleaning, at(9999));
        assert_eq!((forecast.left, forecast.is_late), (None, false));
    }

    #[test]
    fn the_server_is_asked_once_and_again_when_something_ended() {
        let mut usual = Usual::default();
        assert!(usual.is_due(at(0)));
        assert!(!usual.is_due(at(999)));
        usual.take(Some(Durations::default()));
        usual.touch();
        assert!(usual.is_due(at(60)));
        usual.touch();
        assert!(!usual.is_due(at(69)));
        usual.take(None);
        assert!(!usual.is_due(at(999)), "it has none");
    }
}
