//! How a node looked before the console was started, by the events that the service keeps.

use cupola_api::cupola::{NodeSummary, StepSummary};
use cupola_api::event::{Event, EventKind};
use cupola_api::state::power::PowerState;
use jiff::Timestamp;

/// Whether an event tells of something that a node's summary shows.
pub(crate) const fn moves(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Transition { .. }
            | EventKind::Power { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepFinished { .. }
            | EventKind::Maintenance { .. }
    )
}

/// The node at this moment, by its events (oldest first) and how it looked first.
pub(crate) fn as_of(first: &NodeSummary, events: &[&Event], at: Timestamp) -> NodeSummary {
    let mut node = first.clone();
    node.waiting = None;
    node.step = None;
    node.last_error = None;
    node.reservation = None;
    node.target_power_state = None;
    // What came first after that moment tells how it was at it.
    let later = events
        .iter()
        .find(|event| event.at > at && is_transition(event));
    if let Some(EventKind::Transition { from, .. }) = later.map(|event| &event.kind) {
        node.provision_state = *from;
    }
    for event in events.iter().take_while(|event| event.at <= at) {
        match &event.kind {
            EventKind::Transition { to, .. } => {
                node.provision_state = *to;
                node.provision_updated_at = Some(event.at);
                if !to.is_working() && !to.is_waiting() {
                    node.step = None;
                }
            }
            EventKind::Power { state, .. } => {
                node.power_state = PowerState::parse(state).or(node.power_state);
            }
            EventKind::StepStarted {
                step, index, total, ..
            } => {
                node.step = Some(StepSummary {
                    step: step.clone(),
                    index: *index,
                    total: *total,
                    percent: None,
                });
            }
            EventKind::StepFinished { .. } => node.step = None,
            EventKind::Maintenance { on, .. } => node.maintenance = *on,
            EventKind::NodeChanged { .. }
            | EventKind::NodeDeleted { .. }
            | EventKind::StepProgress { .. }
            | EventKind::BootContact { .. }
            | EventKind::BmcCommand { .. }
            | EventKind::Diagnosis(_)
            | EventKind::Log { .. } => {}
        }
    }
    node.target_provision_state = node.provision_state.target();
    node
}

const fn is_transition(event: &Event) -> bool {
    matches!(event.kind, EventKind::Transition { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;
    use cupola_api::event::EventId;
    use cupola_api::state::provision::ProvisionState as S;

    fn event(second: i64, kind: EventKind) -> Event {
        Event {
            id: EventId(second),
            at: Timestamp::from_second(second).expect("a time"),
            node: None,
            kind,
        }
    }

    fn transition(second: i64, from: S, to: S) -> Event {
        let cause = String::new();
        event(second, EventKind::Transition { from, to, cause })
    }

    #[test]
    fn a_node_is_seen_before_the_console_was_started() {
        let events = [
            transition(10, S::Available, S::Deploying),
            event(
                20,
                EventKind::StepStarted {
                    phase: "deploy".to_owned(),
                    step: "deploy.write_image".to_owned(),
                    index: 2,
                    total: 3,
                },
            ),
            transition(30, S::Deploying, S::DeployFailed),
        ];
        let events: Vec<&Event> = events.iter().collect();
        let first = summary(1, "n", S::DeployFailed);
        let at = |second| {
            let at = Timestamp::from_second(second).expect("a time");
            let node = as_of(&first, &events, at);
            (node.provision_state, node.step.map(|step| step.index))
        };
        assert_eq!(at(5), (S::Available, None));
        assert_eq!(at(15), (S::Deploying, None));
        assert_eq!(at(25), (S::Deploying, Some(2)));
        assert_eq!(at(30), (S::DeployFailed, None));
    }
}
