//! Completes the timelines after a crash: what a dead process had written down and could not tell
//! any more. Moves of states and steps are in the store before their events are, so nothing is told
//! here that did not happen.

use cupola_api::event::{Event, EventKind, Outcome, Severity};
use jiff::{SignedDuration, Timestamp};

use crate::conductor::Conductor;
use crate::conductor::work::Work;
use crate::store::{StepRecord, StepRun, StepState, StoreError, StoredNode};

/// Events of one node that are looked at.
const LOOK_BACK: u32 = 500;
/// A node whose state moved so long before the newest kept event is complete: events are written
/// within a moment.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// What is told as the cause.
const CAUSE: &str = "found after a restart";

impl Conductor {
    /// Since when timelines may lack what was done; none where nothing was ever told.
    pub(super) async fn told_until(&self) -> Result<Option<Timestamp>, StoreError> {
        let newest = self.store().newest_event_at().await?;
        let margin = |at: Timestamp| at.checked_sub(MARGIN).unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(newest.map(margin))
    }

    /// Tells what a node did and nobody told.
    pub(super) async fn complete_timeline(&self, node: &StoredNode) -> Result<(), StoreError> {
        let told = self.store().timeline(node.uuid, None, LOOK_BACK).await?;
        let run = self.store().run(node.uuid).await?;
        let work = Work::new(self.clone(), node.uuid);
        let steps = run.iter().flat_map(|run| untold_steps(run, &told));
        for kind in steps.chain(untold_transition(node, &told)) {
            work.publish(kind);
        }
        Ok(())
    }
}

fn untold_transition(node: &StoredNode, told: &[Event]) -> Option<EventKind> {
    let last = told.iter().rev().find_map(|event| match event.kind {
        EventKind::Transition { to, .. } => Some(to),
        _ => None,
    })?;
    (last != node.provision_state).then(|| EventKind::Transition {
        from: last,
        to: node.provision_state,
        cause: CAUSE.to_owned(),
    })
}

fn untold_steps(run: &StepRun, told: &[Event]) -> Vec<EventKind> {
    let total = u32::try_from(run.steps.len()).unwrap_or(u32::MAX);
    let mut untold = Vec::new();
    for record in run.steps.iter().filter(|s| s.state != StepState::Pending) {
        let name = record.name();
        let since = record.started_at.unwrap_or(Timestamp::UNIX_EPOCH);
        let later = || told.iter().filter(|event| event.at >= since);
        let started = |event: &Event| {
            matches!(&event.kind, EventKind::StepStarted { index, step, .. }
                if *index == record.index && *step == name)
        };
        let finished = |event: &Event| matches!(&event.kind, EventKind::StepFinished { step, .. } if *step == name);
        if !later().any(started) {
            // The line that said so was lost with the start that it announced.
            if is_open(told, &name) {
                untold.push(EventKind::Log {
                    severity: Severity::Info,
                    source: "conductor".to_owned(),
                    text: format!("step {name} was started again ({CAUSE})"),
                });
            }
            untold.push(EventKind::StepStarted {
                phase: run.phase.as_str().to_owned(),
                step: name.clone(),
                index: record.index,
                total,
            });
        }
        if let Some(outcome) = ended(record)
            && !later().any(finished)
        {
            untold.push(EventKind::StepFinished {
                step: name,
                outcome,
                message: record.message.clone().unwrap_or_else(|| CAUSE.to_owned()),
                duration_ms: duration(record),
            });
        }
    }
    untold
}

/// Whether a start of this step was told, and no end of it since.
fn is_open(told: &[Event], name: &str) -> bool {
    let last = told.iter().rev().find_map(|event| match &event.kind {
        EventKind::StepStarted { step, .. } if step == name => Some(true),
        EventKind::StepFinished { step, .. } if step == name => Some(false),
        _ => None,
    });
    last.unwrap_or(false)
}

const fn ended(record: &StepRecord) -> Option<Outcome> {
    match record.state {
        StepState::Done => Some(Outcome::Succeeded),
        StepState::Failed => Some(Outcome::Failed),
        StepState::Pending | StepState::Running | StepState::Waiting => None,
    }
}

fn duration(record: &StepRecord) -> u64 {
    let took = record.finished_at.zip(record.started_at);
    let took = took.map(|(end, start)| end.duration_since(start).as_millis());
    took.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use cupola_api::event::EventId;
    use cupola_api::node::Object;
    use uuid::Uuid;

    use super::*;
    use crate::store::{NewStep, Phase};

    const STEP: &str = "deploy.write_image";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn run(started: i64) -> StepRun {
        let what = NewStep {
            interface: "deploy".to_owned(),
            step: "write_image".to_owned(),
            priority: 80,
            args: Object::default(),
        };
        let record = StepRecord {
            index: 1,
            what,
            state: StepState::Running,
            started_at: Some(at(started)),
            finished_at: None,
            message: None,
        };
        StepRun {
            run: Uuid::nil(),
            phase: Phase::Deploy,
            steps: vec![record],
        }
    }

    fn told(second: i64) -> Event {
        Event {
            id: EventId(1),
            at: at(second),
            node: None,
            kind: EventKind::StepStarted {
                phase: "deploy".to_owned(),
                step: STEP.to_owned(),
                index: 1,
                total: 1,
            },
        }
    }

    #[test]
    fn a_second_start_that_was_not_told_is_told_as_one() {
        assert_eq!(untold_steps(&run(5), &[told(5)]), []);
        let kinds = untold_steps(&run(5), &[told(1)]);
        assert!(matches!(
            kinds.as_slice(),
            [EventKind::Log { text, .. }, EventKind::StepStarted { .. }] if text.contains(STEP)
        ));
        let kinds = untold_steps(&run(5), &[]);
        assert!(matches!(kinds.as_slice(), [EventKind::StepStarted { .. }]));
    }
}
