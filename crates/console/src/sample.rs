//! A console that has heard of many nodes, for tests and for measuring.

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
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
    let id = NodeId(Uuid::from_u128(u128::from(number)));
    let mut node = Node::new(id, "ipmi".to_owned());
    node.name = Some(name.to_owned());
    node.provision_state = state;
    node.target_provision_state = state.target();
    NodeSummary::from(&node)
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
        server: crate::state::link::Server::Cupola,
    };
    update(&mut state, Event::Live(listed));
    state.settle();
    state
}

/// Presses keys, written as `jj<enter>`; returns the effects.
pub(crate) fn press(state: &mut State, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys(text) {
        let told = update(state, Event::Key(key)).into_iter();
        // That a line is remembered for the next start changes nothing anywhere else.
        effects.extend(told.filter(|effect| !matches!(effect, Effect::Remember(_))));
        state.settle();
    }
    effects
}
