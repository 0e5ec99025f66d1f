//! Whether a timeline tells a whole story: nothing of what the store went through is missing.

use anyhow::{Result, bail, ensure};
use cupola_api::client::Client;
use cupola_api::event::{Event, EventId, EventKind};
use cupola_api::id::NodeIdent;
use cupola_api::{Node, ProvisionState};

/// Every event of a node that is kept, oldest first.
///
/// # Errors
/// When the service does not answer.
pub async fn whole(client: &Client, node: &NodeIdent) -> Result<Vec<Event>> {
    let mut all: Vec<Event> = Vec::new();
    let mut after = EventId(0);
    loop {
        let page = client.timeline(node, Some(after)).await?.events;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        after = last.id;
        all.extend(page);
    }
}

/// Checks that ids grow, that each move of the state begins where the last one ended and the last
/// one leads to where the node is, and that each step that started has ended, or was gone on with
/// by a line that says so.
///
/// # Errors
/// Names the first gap.
pub fn check(node: &Node, events: &[Event]) -> Result<()> {
    for pair in events.windows(2) {
        if let [one, next] = pair {
            ensure!(
                one.id < next.id,
                "{:?} is followed by {:?}",
                one.id,
                next.id
            );
        }
    }
    let mut state: Option<ProvisionState> = None;
    let mut open: Option<(&str, bool)> = None;
    for event in events {
        match &event.kind {
            EventKind::Transition { from, to, .. } => {
                if let Some(state) = state
                    && state != *from
                {
                    bail!("the state moves from {from} to {to} after it was {state}");
                }
                state = Some(*to);
            }
            EventKind::StepStarted { step, .. } => {
                if let Some((before, gone_on)) = open
                    && (before != step.as_str() || !gone_on)
                {
                    bail!("step {step} starts while {before} has not ended");
                }
                open = Some((step, false));
            }
            EventKind::StepFinished { step, .. } => {
                let known = open.is_some_and(|(open, _)| open == step.as_str());
                ensure!(known, "step {step} ends and has not started");
                open = None;
            }
            EventKind::Log { text, .. } => {
                if let Some((step, gone_on)) = &mut open
                    && text.contains(*step)
                {
                    *gone_on = true;
                }
            }
            _ => {}
        }
    }
    ensure!(
        state.is_none_or(|state| state == node.provision_state),
        "the timeline ends in {state:?}, the node is {}",
        node.provision_state
    );
    if let Some((step, _)) = open {
        bail!("step {step} has not ended");
    }
    Ok(())
}
