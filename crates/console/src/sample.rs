//! A console that has heard of many nodes, for tests and for measuring.

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Size;
use uuid::Uuid;

use crate::effect::Effect;
use crate::event::{Event, Live};
use crate::key::keys;
use crate::state::State;
use crate::update::update;

/// A node with this number as its UUID.
pub(crate) fn summary(number: u32, name: &str, state: ProvisionState) -> NodeSummary {
    NodeSummary {
        uuid: NodeId(Uuid::from_u128(u128::from(number))),
        name: Some(name.to_owned()),
        driver: "ipmi".to_owned(),
        resource_class: None,
        power_state: None,
        target_power_state: None,
        provision_state: state,
        target_provision_state: state.target(),
        provision_updated_at: None,
        maintenance: false,
        fault: None,
        last_error: None,
        reservation: None,
        instance_uuid: None,
        waiting: None,
        step: None,
    }
}

/// So many nodes in all states.
pub(crate) fn nodes(count: u32) -> Vec<NodeSummary> {
    let states = ProvisionState::ALL;
    (1..=count)
        .zip(states.iter().cycle())
        .map(|(number, state)| {
            let mut node = summary(number, &format!("node-{number}"), *state);
            node.power_state = Some(PowerState::On);
            node
        })
        .collect()
}

/// A state of this size that has heard of so many nodes.
pub(crate) fn state(columns: u16, rows: u16, count: u32) -> State {
    let now = Timestamp::from_second(1_790_000_000).unwrap_or_default();
    let size = Size::new(columns, rows);
    let mut state = State::new("http://bmc-lab:6385".to_owned(), size, now);
    state.zone = TimeZone::UTC;
    let listed = Live::Listed {
        nodes: nodes(count),
        live: true,
    };
    update(&mut state, Event::Live(listed));
    state.settle();
    state
}

/// Presses keys, written as `jj<enter>`; returns the effects.
pub(crate) fn press(state: &mut State, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys(text) {
        effects.extend(update(state, Event::Key(key)));
        state.settle();
    }
    effects
}
