//! The node resource: one bare-metal machine, with every field of microversion 1.115.
//!
//! This is the whole object. Which fields an answer shows at which version is [`FIELDS`]; the HTTP
//! layer shapes answers from it, the client reads whatever subset a server sends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::id::NodeId;
use crate::microversion::Microversion;
use crate::state::power::PowerState;
use crate::state::provision::ProvisionState;

/// A free-form JSON object, such as `driver_info` or `properties`.
pub type Object = Map<String, Value>;

/// What went wrong with a node so that it was put into maintenance by the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// The BMC could not be reached.
    #[serde(rename = "power failure")]
    PowerFailure,
    /// A clean step failed while it ran.
    #[serde(rename = "clean failure")]
    CleanFailure,
    /// Rescue could not be aborted.
    #[serde(rename = "rescue abort failure")]
    RescueAbortFailure,
    /// A service step failed while it ran.
    #[serde(rename = "service failure")]
    ServiceFailure,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::PowerFailure,
        Self::CleanFailure,
        Self::RescueAbortFailure,
        Self::ServiceFailure,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PowerFailure => "power failure",
            Self::CleanFailure => "clean failure",
            Self::RescueAbortFailure => "rescue abort failure",
            Self::ServiceFailure => "service failure",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.as_str() == text)
    }
}

/// The names of the interfaces that a node's hardware type uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interfaces {
    /// Firmware settings.
    pub bios_interface: Option<String>,
    /// How the ramdisk and the instance are booted.
    pub boot_interface: Option<String>,
    /// Serial or graphical console.
    pub console_interface: Option<String>,
    /// How the image gets onto the machine.
    pub deploy_interface: Option<String>,
    /// Firmware updates.
    pub firmware_interface: Option<String>,
    /// How hardware is discovered.
    pub inspect_interface: Option<String>,
    /// Boot device, sensors, indicators.
    pub management_interface: Option<String>,
    /// Networks of a node in its phases.
    pub network_interface: Option<String>,
    /// Power control.
    pub power_interface: Option<String>,
    /// RAID configuration.
    pub raid_interface: Option<String>,
    /// The rescue ramdisk.
    pub rescue_interface: Option<String>,
    /// Remote volumes.
    pub storage_interface: Option<String>,
    /// Vendor passthru.
    pub vendor_interface: Option<String>,
}

/// One bare-metal machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(
    missing_docs,
    reason = "the fields are those of the wire reference, section 5.1"
)]
pub struct Node {
    pub uuid: NodeId,
    pub name: Option<String>,
    pub driver: String,
    pub driver_info: Object,
    pub driver_internal_info: Object,
    pub properties: Object,
    pub extra: Object,
    pub instance_info: Object,
    pub instance_uuid: Option<Uuid>,
    pub instance_name: Option<String>,
    pub chassis_uuid: Option<Uuid>,
    pub power_state: Option<PowerState>,
    pub target_power_state: Option<PowerState>,
    pub provision_state: ProvisionState,
    pub target_provision_state: Option<ProvisionState>,
    pub provision_updated_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub maintenance: bool,
    pub maintenance_reason: Option<String>,
    pub fault: Option<Fault>,
    pub console_enabled: bool,
    pub reservation: Option<String>,
    pub inspection_started_at: Option<Timestamp>,
    pub inspection_finished_at: Option<Timestamp>,
    pub clean_step: Object,
    pub deploy_step: Object,
    pub service_step: Object,
    pub raid_config: Object,
    pub target_raid_config: Object,
    #[serde(flatten)]
    pub interfaces: Interfaces,
    pub resource_class: Option<String>,
    pub traits: Vec<String>,
    pub conductor_group: String,
    pub conductor: Option<String>,
    pub automated_clean: Option<bool>,
    pub protected: bool,
    pub protected_reason: Option<String>,
    pub owner: Option<String>,
    pub lessee: Option<String>,
    pub description: Option<String>,
    pub allocation_uuid: Option<Uuid>,
    pub retired: bool,
    pub retired_reason: Option<String>,
    pub network_data: Object,
    pub boot_mode: Option<String>,
    pub secure_boot: Option<bool>,
    pub shard: Option<String>,
    pub parent_node: Option<Uuid>,
    pub disable_power_off: bool,
    pub health: Option<String>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}

impl Default for Node {
    fn default() -> Self {
        Self::new(NodeId(Uuid::nil()), String::new())
    }
}

impl Node {
    /// A node as it is right after enrolment: everything else at the defaults of the API.
    #[must_use]
    pub fn new(uuid: NodeId, driver: String) -> Self {
        Self {
            uuid,
            name: None,
            driver,
            driver_info: Object::new(),
            driver_internal_info: Object::new(),
            properties: Object::new(),
            extra: Object::new(),
            instance_info: Object::new(),
            instance_uuid: None,
            instance_name: None,
            chassis_uuid: None,
            power_state: None,
            target_power_state: None,
            provision_state: ProvisionState::Enroll,
            target_provision_state: None,
            provision_updated_at: None,
            last_error: None,
            maintenance: false,
            maintenance_reason: None,
            fault: None,
            console_enabled: false,
            reservation: None,
            inspection_started_at: None,
            inspection_finished_at: None,
            clean_step: Object::new(),
            deploy_step: Object::new(),
            service_step: Object::new(),
            raid_config: Object::new(),
            target_raid_config: Object::new(),
            interfaces: Interfaces::default(),
            resource_class: None,
            traits: Vec::new(),
            conductor_group: String::new(),
            conductor: None,
            automated_clean: None,
            protected: false,
            protected_reason: None,
            owner: None,
            lessee: None,
            description: None,
            allocation_uuid: None,
            retired: false,
            retired_reason: None,
            network_data: Object::new(),
            boot_mode: None,
            secure_boot: None,
            shard: None,
            parent_node: None,
            disable_power_off: false,
            health: None,
            created_at: None,
            updated_at: None,
        }
    }

    /// What a person calls the node: its name, else its UUID.
    #[must_use]
    pub fn display_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.uuid.to_string())
    }
}

/// How a field may be written by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Never.
    ReadOnly,
    /// When the node is created.
    Create,
    /// When the node is created, and by a patch later.
    CreateAndPatch,
    /// By a patch only.
    Patch,
}

/// One field of the node resource.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// The microversion that brought it.
    pub since: Microversion,
    /// How clients may write it.
    pub access: Access,
}

/// One row of a table of fields.
pub(crate) const fn field(minor: u16, name: &'static str, access: Access) -> Field {
    Field {
        name,
        since: Microversion::new(minor),
        access,
    }
}

use Access::{Create as C, CreateAndPatch as CP, Patch as P, ReadOnly as R};

/// Every field of a node, in the order of the versions that brought them.
pub const FIELDS: &[Field] = &[
    field(1, "uuid", C),
    field(1, "created_at", R),
    field(1, "updated_at", R),
    field(1, "driver", CP),
    field(1, "driver_info", CP),
    field(1, "properties", CP),
    field(1, "extra", CP),
    field(1, "instance_info", CP),
    field(1, "instance_uuid", CP),
    field(1, "chassis_uuid", CP),
    field(1, "power_state", R),
    field(1, "target_power_state", R),
    field(1, "provision_state", R),
    field(1, "target_provision_state", R),
    field(1, "provision_updated_at", R),
    field(1, "last_error", R),
    field(1, "maintenance", CP),
    field(1, "maintenance_reason", R),
    field(1, "console_enabled", C),
    field(1, "reservation", R),
    field(1, "ports", R),
    field(1, "links", R),
    field(3, "driver_internal_info", R),
    field(5, "name", CP),
    field(6, "inspection_started_at", R),
    field(6, "inspection_finished_at", R),
    field(7, "clean_step", R),
    field(12, "raid_config", R),
    field(12, "target_raid_config", R),
    field(14, "states", R),
    field(20, "network_interface", CP),
    field(21, "resource_class", CP),
    field(24, "portgroups", R),
    field(31, "boot_interface", CP),
    field(31, "console_interface", CP),
    field(31, "deploy_interface", CP),
    field(31, "inspect_interface", CP),
    field(31, "management_interface", CP),
    field(31, "power_interface", CP),
    field(31, "raid_interface", CP),
    field(31, "vendor_interface", CP),
    field(32, "volume", R),
    field(33, "storage_interface", CP),
    field(37, "traits", R),
    field(38, "rescue_interface", CP),
    field(40, "bios_interface", CP),
    field(42, "fault", R),
    field(44, "deploy_step", R),
    field(46, "conductor_group", CP),
    field(47, "automated_clean", CP),
    field(48, "protected", P),
    field(48, "protected_reason", P),
    field(49, "conductor", R),
    field(50, "owner", CP),
    field(51, "description", CP),
    field(52, "allocation_uuid", R),
    field(61, "retired", CP),
    field(61, "retired_reason", CP),
    field(65, "lessee", CP),
    field(66, "network_data", CP),
    field(75, "boot_mode", C),
    field(75, "secure_boot", C),
    field(82, "shard", CP),
    field(83, "parent_node", CP),
    field(86, "firmware_interface", CP),
    field(87, "service_step", R),
    field(95, "disable_power_off", CP),
    field(104, "instance_name", CP),
    field(109, "health", R),
];

/// The fields of a list entry when a request names none (with `name` from 1.5 on).
pub const DEFAULT_LIST_FIELDS: &[&str] = &[
    "instance_uuid",
    "maintenance",
    "name",
    "power_state",
    "provision_state",
    "uuid",
];

/// Looks a field up by its name on the wire.
#[must_use]
pub fn find_field(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|f| f.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_covers_the_struct() {
        let Ok(Value::Object(all)) = serde_json::to_value(Node::default()) else {
            unreachable!()
        };
        for key in all.keys() {
            assert!(
                find_field(key).is_some(),
                "{key} is in Node but not in FIELDS"
            );
        }
        let links = ["links", "ports", "states", "portgroups", "volume"];
        for field in FIELDS.iter().filter(|f| !links.contains(&f.name)) {
            assert!(
                all.contains_key(field.name),
                "{} is in FIELDS but not in Node",
                field.name
            );
        }
    }

    #[test]
    fn reads_what_an_old_server_sends() {
        let text = r#"{"uuid":"6f6d4d5e-0000-4000-8000-000000000001","provision_state":"active",
            "power_state":"power on","links":[]}"#;
        let node: Node = serde_json::from_str(text).expect("a subset of the fields");
        assert_eq!(node.provision_state, ProvisionState::Active);
        assert_eq!(node.power_state, Some(PowerState::On));
    }
}
