//! Diagnosis: where on the boot ladder a node stands or broke, read off its timeline.
//!
//! [`diagnose`] is pure. `climb` turns events into how far a boot has come, `causes` knows what may
//! be wrong at each rung and what to do, `contact` says which rung a contact with the boot services
//! reaches, `strangers` weighs machines of no node, `sight` names them to who may see them. What is kept
//! of a diagnosis names no other node: everybody who may see the node reads it. Nothing here changes a node; who fails one asks
//! [`Work::explained`] first.

mod causes;
mod climb;
mod contact;
mod explain;
mod sight;
mod strangers;
#[cfg(test)]
pub(crate) mod tests;

use cupola_api::Rung;
use cupola_api::diagnosis::{Cause, Diagnosis, UnknownMachine};
use cupola_api::event::{Event, EventKind};
use cupola_api::id::NodeId;

use super::work::Work;
use crate::events::EventBus;
use crate::store::{Store, StoreError};
use climb::Climb;
pub(super) use contact::rung_of;
pub(crate) use explain::explain;
pub(crate) use sight::Sight;
use strangers::Strangers;

/// Events of a timeline that are looked at: a boot has a few dozen.
const EVENTS: u32 = 600;
/// Contacts of machines that belong to no node that are looked at.
const STRANGERS: u32 = 200;

/// How the IPMI client says that the BMC reads the power as off after it was told to switch it on.
const STILL_OFF: &str = "the power is still not on";

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
/// the boot ladder.
fn diagnose(events: &[Event], strangers: &Strangers, situation: Situation) -> Option<Diagnosis> {
    let climb = Climb::of(events);
    let (rung, found) = match situation {
        Situation::Failed => failed(&climb)?,
        Situation::TimedOut | Situation::Waits => awaited(&climb)?,
    };
    let mut causes: Vec<Cause> = found.into_iter().collect();
    let mut unknown = None;
    if rung == Rung::DhcpDiscover
        && let Some(stranger) = strangers.of(events, climb.switched.or(climb.began))
    {
        let others = causes::unnamed(strangers.rivals.len());
        causes.push(causes::unknown_machine(None, &others));
        unknown = Some(UnknownMachine {
            mac: stranger.mac,
            rivals: strangers.rivals.clone(),
        });
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
        reached: climb.reached_below(rung).cloned(),
        unknown,
    })
}

/// The rung that broke when work failed, and what was seen of the cause.
fn failed(climb: &Climb) -> Option<(Rung, Option<Cause>)> {
    if let Some(trouble) = &climb.trouble
        && trouble.rung <= Rung::Power
    {
        let reads_off = trouble.rung == Rung::Power && trouble.cause.cause.contains(STILL_OFF);
        let misread = climb.runs.as_ref().filter(|_| reads_off);
        let cause = misread.map_or_else(|| trouble.cause.clone(), causes::power_misread);
        return Some((trouble.rung, Some(cause)));
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
    let next = match climb.reached() {
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

/// The diagnosis of a node with this timeline, in sight of everything else that asks DHCP.
async fn found(
    store: &Store,
    events: &EventBus,
    id: NodeId,
    timeline: &[Event],
    situation: Situation,
) -> Result<Option<Diagnosis>, StoreError> {
    let after = timeline.first().map(|event| event.id);
    let mut strangers = Strangers {
        contacts: store.strangers(after, STRANGERS).await?,
        rivals: Vec::new(),
    };
    let climb = Climb::of(timeline);
    if awaited(&climb).is_some_and(|(rung, _)| rung == Rung::DhcpDiscover)
        && let Some(stranger) = strangers.of(timeline, climb.switched.or(climb.began))
    {
        strangers.rivals = strangers::rivals(store, events, id, stranger.at).await?;
    }
    Ok(diagnose(timeline, &strangers, situation))
}

impl Work {
    /// The error with the rung that broke and what to do. The diagnosis goes on the timeline. To be
    /// asked before anything is cleaned up: cleaning up has contacts of its own.
    pub(super) async fn explained(&self, error: &str, situation: Situation) -> String {
        let conductor = self.conductor();
        let read = async {
            let events = conductor.events();
            let timeline = events.timeline(self.id(), None, EVENTS).await?;
            found(conductor.store(), events, self.id(), &timeline, situation).await
        };
        let diagnosis = match read.await {
            Ok(Some(diagnosis)) => diagnosis,
            Ok(None) => return error.to_owned(),
            Err(cause) => {
                tracing::warn!(error = %cause, node = %self.id(), "the timeline cannot be read");
                return error.to_owned();
            }
        };
        let text = diagnosis.explain(error);
        self.publish(EventKind::Diagnosis(Box::new(diagnosis)));
        text
    }
}
