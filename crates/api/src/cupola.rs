//! What the Bare Metal API has no word for, served under `/cupola/v1`.
//!
//! * `GET /cupola/v1/events[?node=ID]` – server-sent events: `event: event` with an [`Event`] as
//!   data and its id as `id`, or `event: missed` when the client must list again.
//! * `GET /cupola/v1/nodes` – all nodes as [`NodeSummaries`], compact.
//! * `GET /cupola/v1/nodes/{node}/timeline[?after=ID&limit=N]` – [`Timeline`], oldest first.
//! * `GET /cupola/v1/nodes/{node}/explain` – [`Explanation`]: where it stands, and why.
//! * `GET /cupola/v1/durations` – [`crate::durations::Durations`]: how long phases and steps
//!   usually take.
//! * `GET /cupola/v1/images` – [`Images`]: what is configured for deployment.
//! * `GET /cupola/v1/nodes/{node}/logs` – [`AgentLogs`]: logs that were collected of the node's
//!   ramdisks, the newest first.
//! * `GET /cupola/v1/nodes/{node}/logs/{name}` – one of them, a gzipped tar archive; a recorded
//!   serial console as it was ([`AgentLog::is_recording`]).
//! * `GET /cupola/v1/nodes/{node}/logs/{name}/lines[?from=N&count=N]` – its lines as [`LogPage`].
//! * `GET` and `POST /cupola/v1/nodes/{node}/serial` – its serial console: [`crate::serial`].
//! * `POST /cupola/v1/probe` – body [`ProbeRequest`], answer [`crate::probe::ProbeReport`].
//! * `POST /cupola/v1/identify` – body [`IdentifyRequest`]: lights the locate LED of a machine that has
//!   no node yet, or puts it out.
//! * `POST /cupola/v1/discovery` – body [`crate::discovery::DiscoveryRequest`], answer
//!   [`crate::discovery::DiscoveryReport`]: which BMCs there are at these addresses.
//! * `GET /cupola/v1/unknown-macs` – [`UnknownMacs`]: who asked DHCP lately and belongs to no port.
//!
//! [`Event`]: crate::event::Event
//! [`Explanation`]: crate::diagnosis::Explanation

use std::ops::Not;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::event::{Event, EventId};
use crate::id::NodeId;
use crate::mac::MacAddress;
use crate::node::{Fault, Node, Object};
use crate::state::power::PowerState;
use crate::state::provision::ProvisionState;

/// What a node waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What a person reads: `ramdisk to call`, `agent to finish write_image`, `power off`.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// When it is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// The step that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSummary {
    /// `interface.step`.
    pub step: String,
    /// Its position, from 1.
    pub index: u32,
    /// How many there are.
    pub total: u32,
    /// From 0 to 100, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// What a list shows of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the fields are those of the node resource unless said"
)]
pub struct NodeSummary {
    pub uuid: NodeId,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub driver: String,
    #[serde(default)]
    pub resource_class: Option<String>,
    #[serde(default)]
    pub power_state: Option<PowerState>,
    #[serde(default)]
    pub target_power_state: Option<PowerState>,
    pub provision_state: ProvisionState,
    #[serde(default)]
    pub target_provision_state: Option<ProvisionState>,
    #[serde(default)]
    pub provision_updated_at: Option<Timestamp>,
    #[serde(default)]
    pub maintenance: bool,
    #[serde(default)]
    pub fault: Option<Fault>,
    #[serde(default)]
    pub last_error: Option<String>,
    #[serde(default)]
    pub reservation: Option<String>,
    #[serde(default)]
    pub instance_uuid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lessee: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub conductor_group: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conductor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    #[serde(default, skip_serializing_if = "Not::not")]
    pub retired: bool,
    #[serde(default, skip_serializing_if = "Not::not")]
    pub protected: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traits: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The rack that it stands in: `extra.rack`, else `properties.rack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
    /// Its place in the rack: `extra.unit`, else `properties.unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it waits for, when it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// The step that runs, when one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepSummary>,
}

impl From<&Node> for NodeSummary {
    /// The part that the node itself holds; what it waits for and its step stay empty.
    fn from(node: &Node) -> Self {
        Self {
            uuid: node.uuid,
            name: node.name.clone(),
            driver: node.driver.clone(),
            resource_class: node.resource_class.clone(),
            power_state: node.power_state,
            target_power_state: node.target_power_state,
            provision_state: node.provision_state,
            target_provision_state: node.target_provision_state,
            provision_updated_at: node.provision_updated_at,
            maintenance: node.maintenance,
            fault: node.fault,
            last_error: node.last_error.clone(),
            reservation: node.reservation.clone(),
            instance_uuid: node.instance_uuid,
            instance_name: node.instance_name.clone(),
            owner: node.owner.clone(),
            lessee: node.lessee.clone(),
            description: node.description.clone(),
            conductor_group: node.conductor_group.clone(),
            conductor: node.conductor.clone(),
            shard: node.shard.clone(),
            retired: node.retired,
            protected: node.protected,
            traits: node.traits.clone(),
            created_at: node.created_at,
            updated_at: node.updated_at,
            rack: place(node, "rack"),
            unit: place(node, "unit"),
            waiting: None,
            step: None,
        }
    }
}

/// Where a node stands, as somebody has written it down: the API has no field for it.
fn place(node: &Node, key: &str) -> Option<String> {
    [&node.extra, &node.properties]
        .into_iter()
        .find_map(|object| match object.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::String(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        })
}

/// All nodes, and the place in the event stream from which to follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSummaries {
    /// The nodes, in the order of their creation.
    pub nodes: Vec<NodeSummary>,
    /// Events after this one are not in the list yet.
    pub last_event: EventId,
}

/// What happened to a node, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The events.
    pub events: Vec<Event>,
}

/// An image that can be deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// What a person calls it.
    pub name: String,
    /// Where the agent gets it (`instance_info.image_source`).
    pub source: String,
    /// `raw` or `qcow2`.
    pub disk_format: String,
    /// `md5`, `sha256` or `sha512`.
    pub hash_algo: String,
    /// The hash, hexadecimal.
    pub hash_value: String,
    /// Size of the file in bytes, when known.
    #[serde(default)]
    pub size: Option<u64>,
}

/// The images that are configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// In the order of the configuration.
    pub images: Vec<Image>,
}

/// Logs that an agent has sent, or a recorded serial console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentLog {
    /// Its name.
    pub name: String,
    /// What was done with the node, such as `deploy`.
    pub label: String,
    /// When it was collected, to the second.
    pub collected_at: Timestamp,
    /// Size of the archive in bytes.
    pub size: u64,
}

impl AgentLog {
    /// Whether it is what a machine wrote to its serial console meanwhile.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.name.ends_with(crate::serial::RECORDING)
    }
}

/// The logs of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentLogs {
    /// The newest first.
    pub logs: Vec<AgentLog>,
}

/// A part of a log, readable: the files of the archive one after the other, each under a heading
/// `==> NAME <==`, without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// The number of the first of these lines, counted from 0.
    pub first: u64,
    /// The lines.
    pub lines: Vec<String>,
    /// Whether the log ends with them.
    pub end: bool,
}

/// A MAC address that asked our DHCP and belongs to no port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownMac {
    /// The address.
    pub mac: MacAddress,
    /// When it first asked, of what is still known.
    pub first_seen: Timestamp,
    /// When it last asked.
    pub last_seen: Timestamp,
    /// How often it asked.
    pub times: u32,
    /// What was seen last, such as `DHCPDISCOVER by firmware, x86_64 UEFI`.
    pub what: String,
}

/// Who asked our DHCP lately and belongs to no port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownMacs {
    /// Who asked last comes first.
    pub macs: Vec<UnknownMac>,
}

/// Whose locate LED is to be lit or put out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdentifyRequest {
    /// The hardware type.
    pub driver: String,
    /// As it would be given to the node.
    pub driver_info: Object,
    /// `on`, which goes out by itself, or `off`.
    pub state: String,
}

/// What to test a BMC with before its node exists.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// The hardware type.
    pub driver: String,
    /// As it would be given to the node.
    pub driver_info: Object,
}
