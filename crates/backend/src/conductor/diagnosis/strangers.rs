//! Machines that belong to no node and ask DHCP for an address: which of them may be the machine of
//! a node that is waited for, and which other nodes it may be just as well.

use cupola_api::event::{Event, EventKind};
use cupola_api::id::NodeId;
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::ProvisionState;
use cupola_api::{MacAddress, Rung};
use jiff::Timestamp;

use super::explain::last_diagnosis;
use super::{Climb, EVENTS, awaited};
use crate::events::EventBus;
use crate::store::{Store, StoreError};

/// Nodes whose timelines are looked at for being rivals.
const LOOKED_AT: usize = 32;

/// States in which a node waits for its machine to boot, or has given it up.
const BOOTS: [ProvisionState; 10] = [
    ProvisionState::DeployWait,
    ProvisionState::CleanWait,
    ProvisionState::InspectWait,
    ProvisionState::RescueWait,
    ProvisionState::ServiceWait,
    ProvisionState::DeployFailed,
    ProvisionState::CleanFailed,
    ProvisionState::InspectFailed,
    ProvisionState::RescueFailed,
    ProvisionState::ServiceFailed,
];

/// What is known of the machines that belong to no node.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// Their contacts, oldest first.
    pub(super) contacts: Vec<Event>,
    /// Nodes that were waited for at the same rung when one of them asked.
    pub(super) rivals: Vec<NodeId>,
}

/// A machine that may be that of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger {
    pub(super) mac: MacAddress,
    /// When it first asked.
    pub(super) at: Timestamp,
}

impl Strangers {
    /// The machine that may be the one with this timeline, which was switched on then: it asked
    /// since, and never while that one was off.
    pub(super) fn of(&self, timeline: &[Event], on: Option<Timestamp>) -> Option<Stranger> {
        let on = on?;
        let asked = || {
            self.contacts.iter().filter_map(|event| match &event.kind {
                EventKind::BootContact { mac, .. } => mac.map(|mac| Stranger { mac, at: event.at }),
                _ => None,
            })
        };
        let off = off_since(timeline, on);
        let was_off = |at: Timestamp| off.is_some_and(|off| off < at && at < on);
        asked()
            .filter(|seen| seen.at >= on)
            .find(|seen| !asked().any(|other| other.mac == seen.mac && was_off(other.at)))
    }
}

/// Since when the machine was off before it was switched on; always, when nothing is known of that,
/// and none when it was on and has been restarted.
fn off_since(timeline: &[Event], on: Timestamp) -> Option<Timestamp> {
    let mut before = timeline.iter().rev().filter(|event| event.at <= on);
    let last = before.find_map(|event| match &event.kind {
        EventKind::Power { state, cause } if cause != "requested" => Some((state, event.at)),
        _ => None,
    });
    match last {
        Some((state, at)) => (state == PowerState::Off.as_str()).then_some(at),
        None => Some(Timestamp::MIN),
    }
}

/// The other nodes whose machines were waited for to ask DHCP at that time.
pub(super) async fn rivals(
    store: &Store,
    events: &EventBus,
    id: NodeId,
    at: Timestamp,
) -> Result<Vec<NodeId>, StoreError> {
    let mut found = Vec::new();
    let nodes = store.nodes_in(&BOOTS).await?;
    let others = nodes.iter().filter(|node| {
        // A node that had failed before is switched off.
        let failed_before = node.provision_updated_at.is_some_and(|since| since < at);
        node.uuid != id && !(node.provision_state.is_failed() && failed_before)
    });
    for node in others.take(LOOKED_AT) {
        let timeline = events.timeline(node.uuid, None, EVENTS).await?;
        let rung = if node.provision_state.is_failed() {
            last_diagnosis(&timeline).map(|diagnosis| diagnosis.rung)
        } else {
            let climb = Climb::of(&timeline);
            let was_on = climb.switched.or(climb.began).is_some_and(|on| on <= at);
            awaited(&climb).map(|(rung, _)| rung).filter(|_| was_on)
        };
        if rung == Some(Rung::DhcpDiscover) {
            found.push(node.uuid);
        }
    }
    Ok(found)
}
