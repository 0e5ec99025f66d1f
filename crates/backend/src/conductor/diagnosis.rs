//! Diagnosis: where on the boot ladder a node stands or broke, read off its timeline.
//!
//! [`diagnose`] is pure. `climb` turns events into how far a boot has come, `causes` knows what may
//! be wrong at each rung and what to do, `contact` says which rung a contact with the boot services
//! reaches. Nothing here changes a node; who fails one asks [`Work::explained`] first.

mod causes;
mod climb;
mod contact;
mod explain;
#[cfg(test)]
mod tests;

use cupola_api::Rung;
use cupola_api::diagnosis::{Cause, Diagnosis};
use cupola_api::event::{Event, EventKind};
use jiff::Timestamp;

use super::work::Work;
use climb::Climb;
pub(super) use contact::rung_of;
pub(crate) use explain::explain;

/// Events of a timeline that are looked at: a boot has a few dozen.
const EVENTS: u32 = 600;
/// Contacts of machines that belong to no node that are looked at.
const STRANGERS: u32 = 200;

/// Why a diagnosis is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Situation {
    /// The node waits; nothing has failed.
    Waits,
    /// What it waited for did not come.
    TimedOut,
    /// What was done failed.
    Failed,
}

/// Where the last climb of this timeline stands; none when nothing of what happened is a matter of
/// the boot ladder. `strangers` are contacts of machines that belong to no node.
pub(super) fn diagnose(
    events: &[Event],
    strangers: &[Event],
    situation: Situation,
) -> Option<Diagnosis> {
    let climb = Climb::of(events);
    let (rung, found) = match situation {
        Situation::Failed => failed(&climb)?,
        Situation::TimedOut | Situation::Waits => awaited(&climb)?,
    };
    let strangers = climb.began.map(|began| unclaimed(strangers, began));
    let mut causes: Vec<Cause> = found.into_iter().collect();
    if rung == Rung::DhcpDiscover {
        causes.extend(strangers.into_iter().flatten());
    }
    for usual in causes::usual(rung) {
        if !causes.iter().any(|known| known.cause == usual.cause) {
            causes.push(usual);
        }
    }
    Some(Diagnosis {
        expected: expected(&climb, rung),
        rung,
        causes,
        reached: climb.reached.filter(|reached| reached.rung < rung),
    })
}

/// The rung that broke when work failed, and what was seen of the cause.
fn failed(climb: &Climb) -> Option<(Rung, Option<Cause>)> {
    if let Some(trouble) = &climb.trouble
        && trouble.rung <= Rung::Power
    {
        return Some((trouble.rung, Some(trouble.cause.clone())));
    }
    let step = climb.step.as_ref().filter(|step| step.in_agent())?;
    let message = step.error.as_ref()?;
    Some((step.rung(), Some(causes::of_step(climb, message))))
}

/// The rung that is awaited, and what was seen of a cause that it does not come.
fn awaited(climb: &Climb) -> Option<(Rung, Option<Cause>)> {
    if let Some(step) = climb.step.as_ref().filter(|step| step.in_agent()) {
        return Some((step.rung(), causes::of_silence(climb)));
    }
    let next = match &climb.reached {
        None => Rung::BmcAnswers,
        Some(reached) => reached.rung.above()?,
    };
    match &climb.trouble {
        Some(trouble) if trouble.rung >= next || trouble.rung == Rung::BootDevice => {
            Some((trouble.rung, Some(trouble.cause.clone())))
        }
        _ => Some((next, None)),
    }
}

fn expected(climb: &Climb, rung: Rung) -> String {
    match (&climb.step, rung) {
        (Some(step), Rung::Step) => {
            format!("the agent finishes step {}, which it did not", step.name)
        }
        (Some(_), Rung::Image) => format!("{}, which did not happen", rung.observed()),
        _ => format!("{}, which was not seen", rung.observed()),
    }
}

/// Machines of no node that asked for an address since then: one of them may be this one.
fn unclaimed(strangers: &[Event], since: Timestamp) -> Option<Cause> {
    let seen = strangers.iter().rev().filter(|event| event.at >= since);
    let mac = seen
        .filter_map(|event| match &event.kind {
            EventKind::BootContact { mac, .. } => *mac,
            _ => None,
        })
        .next()?;
    Some(causes::unknown_mac(mac))
}

impl Work {
    /// The error with the rung that broke and what to do. The diagnosis goes on the timeline. To be
    /// asked before anything is cleaned up: cleaning up has contacts of its own.
    pub(super) async fn explained(&self, error: &str, situation: Situation) -> String {
        let conductor = self.conductor();
        let read = async {
            let events = conductor.events();
            let timeline = events.timeline(self.id(), None, EVENTS).await?;
            let after = timeline.first().map(|event| event.id);
            let strangers = conductor.store().strangers(after, STRANGERS).await?;
            Ok::<_, crate::store::StoreError>((timeline, strangers))
        };
        let (timeline, strangers) = match read.await {
            Ok(read) => read,
            Err(cause) => {
                tracing::warn!(error = %cause, node = %self.id(), "the timeline cannot be read");
                return error.to_owned();
            }
        };
        let Some(diagnosis) = diagnose(&timeline, &strangers, situation) else {
            return error.to_owned();
        };
        let text = diagnosis.explain(error);
        self.publish(EventKind::Diagnosis(Box::new(diagnosis)));
        text
    }
}
