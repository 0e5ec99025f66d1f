//! The explanation of one node as it is now: what it does, what has to happen next, and where it
//! stands on the boot ladder.

use cupola_api::diagnosis::{Diagnosis, Explanation};
use cupola_api::event::{Event, EventKind};
use cupola_api::state::provision::ProvisionState;

use super::{EVENTS, Sight, Situation, found};
use crate::events::EventBus;
use crate::store::{Store, StoreError, StoredNode};

/// Explains a node, as far as who asks may see others.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn explain(
    store: &Store,
    events: &EventBus,
    node: &StoredNode,
    sight: Sight<'_>,
) -> Result<Explanation, StoreError> {
    let timeline = events.timeline(node.uuid, None, EVENTS).await?;
    let state = node.provision_state;
    let mut diagnosis = if state.is_working() || state.is_waiting() {
        found(store, events, node.uuid, &timeline, Situation::Waits).await?
    } else if node.last_error.is_some() {
        last_diagnosis(&timeline)
    } else {
        None
    };
    if let Some(diagnosis) = &mut diagnosis {
        sight.tell(store, diagnosis).await?;
    }
    Ok(Explanation {
        uuid: *node.uuid.as_uuid(),
        name: node.name.clone(),
        provision_state: state,
        target_provision_state: node.target_provision_state,
        since: node.provision_updated_at,
        power_state: node.power_state,
        maintenance: node.maintenance,
        maintenance_reason: node.maintenance_reason.clone(),
        fault: node.fault,
        last_error: node.last_error.clone(),
        waiting: node.progress.waiting.clone(),
        step: node.progress.step.clone(),
        next: next(node, diagnosis.as_ref()),
        diagnosis,
    })
}

/// The diagnosis of the last failure, if there was one since the last action began.
pub(super) fn last_diagnosis(timeline: &[Event]) -> Option<Diagnosis> {
    timeline.iter().rev().find_map(|event| match &event.kind {
        EventKind::Diagnosis(diagnosis) => Some(diagnosis.as_ref().clone()),
        _ => None,
    })
}

/// Who has to act next.
fn next(node: &StoredNode, diagnosis: Option<&Diagnosis>) -> String {
    let state = node.provision_state;
    if node.maintenance {
        return match node.fault {
            Some(cupola_api::node::Fault::PowerFailure) => {
                "The BMC is tried again from time to time; maintenance ends by itself when it \
                 answers."
                    .to_owned()
            }
            _ => "It is in maintenance: somebody has to repair it and end the maintenance."
                .to_owned(),
        };
    }
    if state.is_failed() {
        let verbs = match state {
            ProvisionState::DeployFailed => "`active` tries again, `deleted` gives up",
            ProvisionState::CleanFailed | ProvisionState::InspectFailed => {
                "`manage` takes it back, then the action can be started again"
            }
            _ => "see which verbs its state allows",
        };
        return format!("Somebody has to act: repair what is named, then {verbs}.");
    }
    if state.is_waiting() || state.is_working() {
        let expected = diagnosis.map(|d| d.rung.observed());
        return match (expected, &node.progress.waiting) {
            (Some(expected), _) => format!("Next, {expected}."),
            (None, Some(waiting)) => format!("It waits for: {}.", waiting.what),
            (None, None) => "The conductor works on it.".to_owned(),
        };
    }
    "It is at rest: nothing happens until somebody asks for it.".to_owned()
}
