//! What tests of several modules need: nodes that look real.

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::ProvisionState;
use uuid::Uuid;

use crate::state::fleet::Fleet;

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
pub(crate) fn fleet(count: u32) -> Fleet {
    let mut fleet = Fleet::default();
    fleet.replace(nodes(count));
    fleet
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
