//! Measures how long phases and steps take, from the events as they are kept, and says what is
//! usual. What is shown of it is not decided here.
//!
//! Only what was completed counts: a phase that failed, was aborted or was held for a person, and
//! one whose beginning another process saw, says nothing of how long it takes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cupola_api::durations::{Durations, Phase, UsualDuration};
use cupola_api::event::{Event, EventKind, Outcome};
use cupola_api::id::{NodeId, NodeIdent};
use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;

use crate::store::{DurationSample, Store};

/// So many samples are kept.
pub(crate) const KEPT: u32 = 20_000;
/// So many of them are looked at for an answer.
pub(crate) const READ: u32 = KEPT;
/// Of each thing so many of the last completions count.
const LAST: usize = 100;
/// Samples are trimmed when so many were added.
const TRIM_AFTER: u32 = 1000;

/// A phase that has begun and not ended.
#[derive(Clone, Copy, Debug)]
struct Open {
    phase: Phase,
    since: Timestamp,
    /// Whether it was held: then its time is that of a person.
    held: bool,
}

/// Takes the time of what begins and ends.
#[derive(Debug, Default)]
pub(super) struct Stopwatch {
    open: HashMap<NodeId, Open>,
    added: u32,
}

/// What was completed, before it is known on which hardware.
#[derive(Debug, PartialEq, Eq)]
struct Completed {
    node: NodeId,
    phase: Phase,
    step: Option<String>,
    milliseconds: u64,
}

impl Stopwatch {
    /// Takes events in the order in which they happened, and keeps what they complete.
    pub(super) async fn take(&mut self, store: &Store, events: &[Arc<Event>]) {
        let mut samples = Vec::new();
        for event in events {
            let Some(done) = self.see(event) else {
                continue;
            };
            let node = store.node(&NodeIdent::Id(done.node)).await.ok();
            samples.push(DurationSample {
                id: event.id,
                at: event.at,
                resource_class: node.as_ref().and_then(|n| n.resource_class.clone()),
                driver: node.map(|n| n.driver.clone()),
                phase: done.phase,
                step: done.step,
                milliseconds: done.milliseconds,
            });
        }
        // What is not kept is missed by a statistic alone.
        if let Err(error) = store.keep_durations(&samples).await {
            tracing::warn!(%error, "durations were not kept");
        }
        self.added = self
            .added
            .saturating_add(u32::try_from(samples.len()).unwrap_or(u32::MAX));
        if self.added >= TRIM_AFTER {
            self.added = 0;
            if let Err(error) = store.trim_durations(KEPT).await {
                tracing::warn!(%error, "durations were not trimmed");
            }
        }
    }

    fn see(&mut self, event: &Event) -> Option<Completed> {
        let node = event.node?;
        match &event.kind {
            EventKind::Transition { from, to, .. } => self.move_on(node, event.at, *from, *to),
            EventKind::StepFinished {
                step,
                outcome: Outcome::Succeeded,
                duration_ms,
                ..
            } => Some(Completed {
                node,
                phase: self.open.get(&node)?.phase,
                step: Some(step.clone()),
                milliseconds: *duration_ms,
            }),
            EventKind::NodeDeleted { .. } => {
                self.open.remove(&node);
                None
            }
            EventKind::StepFinished { .. }
            | EventKind::NodeChanged { .. }
            | EventKind::Power { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepProgress { .. }
            | EventKind::BootContact { .. }
            | EventKind::BmcCommand { .. }
            | EventKind::Diagnosis(_)
            | EventKind::Maintenance { .. }
            | EventKind::Log { .. } => None,
        }
    }

    fn move_on(
        &mut self,
        node: NodeId,
        at: Timestamp,
        from: ProvisionState,
        to: ProvisionState,
    ) -> Option<Completed> {
        use ProvisionState as S;
        let (before, after) = (Phase::of(from), Phase::of(to));
        if before == after && before.is_some() {
            if let Some(open) = self.open.get_mut(&node) {
                open.held |= matches!(to, S::CleanHold | S::DeployHold | S::ServiceHold);
            }
            return None;
        }
        let open = self.open.remove(&node);
        if let Some(phase) = after {
            let held = false;
            let since = at;
            self.open.insert(node, Open { phase, since, held });
        }
        let open = open.filter(|open| Some(open.phase) == before && !open.held)?;
        let is_done = match open.phase {
            // An abort ends where it began: in a state that is no success of the phase.
            Phase::Deleting => matches!(to, S::Cleaning | S::Available),
            Phase::Verifying | Phase::Inspecting => to == S::Manageable,
            Phase::Cleaning => matches!(to, S::Available | S::Manageable),
            Phase::Deploying | Phase::Adopting | Phase::Unrescuing | Phase::Servicing => {
                to == S::Active
            }
            Phase::Rescuing => to == S::Rescue,
        };
        let took = at.duration_since(open.since).as_millis();
        is_done.then(|| Completed {
            node,
            phase: open.phase,
            step: None,
            milliseconds: u64::try_from(took).unwrap_or(0),
        })
    }
}

type Kind<'a> = (Option<&'a str>, Option<&'a str>, Phase, Option<&'a str>);

/// What is usual by these samples, the newest first: for each class with its hardware type, for
/// each hardware type, and for all.
pub(crate) fn of(samples: &[DurationSample]) -> Durations {
    let mut by_kind: BTreeMap<Kind<'_>, Vec<u64>> = BTreeMap::new();
    for sample in samples {
        let (class, driver) = (sample.resource_class.as_deref(), sample.driver.as_deref());
        let mut kinds = vec![(None, None)];
        if driver.is_some() {
            kinds.push((None, driver));
        }
        if driver.is_some() && class.is_some() {
            kinds.push((class, driver));
        }
        for (class, driver) in kinds {
            let kind = (class, driver, sample.phase, sample.step.as_deref());
            let known = by_kind.entry(kind).or_default();
            if known.len() < LAST {
                known.push(sample.milliseconds);
            }
        }
    }
    let usual = |((class, driver, phase, step), mut all): (Kind<'_>, Vec<u64>)| {
        all.sort_unstable();
        UsualDuration {
            resource_class: class.map(str::to_owned),
            driver: driver.map(str::to_owned),
            phase,
            step: step.map(str::to_owned),
            count: u32::try_from(all.len()).unwrap_or(u32::MAX),
            median_ms: nearest_rank(&all, 50),
            p95_ms: nearest_rank(&all, 95),
        }
    };
    Durations {
        durations: by_kind.into_iter().map(usual).collect(),
    }
}

/// The smallest of the sorted values that so many of a hundred do not exceed (nearest rank).
fn nearest_rank(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use cupola_api::event::EventId;
    use proptest::prelude::*;

    use super::*;
    use ProvisionState as S;

    fn event(node: NodeId, second: i64, kind: EventKind) -> Event {
        Event {
            id: EventId(second),
            at: Timestamp::from_second(second).unwrap_or_default(),
            node: Some(node),
            kind,
        }
    }

    fn transition(from: S, to: S) -> EventKind {
        let cause = String::new();
        EventKind::Transition { from, to, cause }
    }

    fn done(step: &str) -> EventKind {
        EventKind::StepFinished {
            step: step.to_owned(),
            outcome: Outcome::Succeeded,
            message: String::new(),
            duration_ms: 7,
        }
    }

    fn seen(kinds: Vec<(i64, EventKind)>) -> Vec<(Phase, Option<String>, u64)> {
        let node = NodeId::random();
        let mut stopwatch = Stopwatch::default();
        let events = kinds.into_iter().map(|(at, kind)| event(node, at, kind));
        events
            .filter_map(|event| stopwatch.see(&event))
            .map(|done| (done.phase, done.step, done.milliseconds))
            .collect()
    }

    #[test]
    fn what_is_completed_is_measured_with_its_steps_and_waits() {
        let measured = seen(vec![
            (0, transition(S::Available, S::Deploying)),
            (2, transition(S::Deploying, S::DeployWait)),
            (5, done("deploy.write_image")),
            (8, transition(S::DeployWait, S::Deploying)),
            (9, transition(S::Deploying, S::Active)),
            (20, transition(S::Active, S::Deleting)),
            (21, transition(S::Deleting, S::Cleaning)),
            (24, transition(S::Cleaning, S::Available)),
        ]);
        let step = Some("deploy.write_image".to_owned());
        let want = [
            (Phase::Deploying, step, 7),
            (Phase::Deploying, None, 9000),
            (Phase::Deleting, None, 1000),
            (Phase::Cleaning, None, 3000),
        ];
        assert_eq!(measured, want);
    }

    #[test]
    fn what_failed_was_held_or_began_unseen_is_not() {
        let measured = seen(vec![
            (0, transition(S::Deploying, S::Active)),
            (1, transition(S::Available, S::Deploying)),
            (2, transition(S::Deploying, S::DeployFailed)),
            (3, transition(S::DeployFailed, S::Deploying)),
            (4, transition(S::Deploying, S::DeployHold)),
            (5, transition(S::DeployHold, S::Active)),
            (6, done("deploy.write_image")),
        ]);
        assert_eq!(measured, []);
    }

    #[test]
    fn a_sample_counts_for_its_class_its_hardware_type_and_all() {
        let sample = |class: Option<&str>, milliseconds| DurationSample {
            id: EventId(0),
            at: Timestamp::UNIX_EPOCH,
            resource_class: class.map(str::to_owned),
            driver: Some("ipmi".to_owned()),
            phase: Phase::Cleaning,
            step: None,
            milliseconds,
        };
        let usual = of(&[sample(Some("gold"), 10), sample(None, 30)]);
        let median = |class| {
            let usual = usual.usual(class, "ipmi", Phase::Cleaning, None);
            usual.map(|u| (u.count, u.median_ms, u.p95_ms))
        };
        assert_eq!(median(Some("gold")), Some((1, 10, 10)));
        assert_eq!(median(None), Some((2, 10, 30)));
    }

    proptest! {
        #[test]
        fn the_median_is_one_of_them_and_no_more_than_the_95th(
            mut all in proptest::collection::vec(0_u64..10_000, 1..200)
        ) {
            all.sort_unstable();
            let (median, p95) = (nearest_rank(&all, 50), nearest_rank(&all, 95));
            prop_assert!(all.contains(&median) && median <= p95);
            let within = all.iter().filter(|n| **n <= p95).count();
            prop_assert!(within * 100 >= all.len() * 95);
        }
    }
}
