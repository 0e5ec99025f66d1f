//! The port resource: one network interface of a node (wire reference §12.1).

use crate::collection::Newer;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{NodeId, PortId};
use crate::mac::MacAddress;
use crate::node::{Access, Field, Object, field};

/// One network interface of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the fields are those of the wire reference, section 5.2"
)]
pub struct Port {
    pub uuid: PortId,
    pub address: MacAddress,
    #[serde(default = "unknown_node")]
    pub node_uuid: NodeId,
    #[serde(default)]
    pub extra: Object,
    #[serde(default)]
    pub internal_info: Object,
    #[serde(default)]
    pub local_link_connection: Object,
    #[serde(default = "yes")]
    pub pxe_enabled: bool,
    #[serde(default)]
    pub portgroup_uuid: Option<Uuid>,
    #[serde(default)]
    pub physical_network: Option<String>,
    #[serde(default)]
    pub is_smartnic: bool,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub vendor: Option<String>,
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default = "yes")]
    pub available_for_dynamic_portgroup: bool,
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

const fn yes() -> bool {
    true
}

const fn unknown_node() -> NodeId {
    NodeId(Uuid::nil())
}

/// Where `internal_info` of a port or a port group names the virtual network interface (VIF) that
/// is attached to it.
pub const ATTACHED_VIF: &str = "tenant_vif_port_id";

/// The VIF that is attached to a port or a port group with this `internal_info`.
#[must_use]
pub fn attached_vif(internal_info: &Object) -> Option<&str> {
    internal_info.get(ATTACHED_VIF).and_then(|vif| vif.as_str())
}

impl Port {
    /// A port with this address at the defaults of the API.
    #[must_use]
    pub fn new(uuid: PortId, node_uuid: NodeId, address: MacAddress) -> Self {
        Self {
            uuid,
            address,
            node_uuid,
            extra: Object::new(),
            internal_info: Object::new(),
            local_link_connection: Object::new(),
            pxe_enabled: true,
            portgroup_uuid: None,
            physical_network: None,
            is_smartnic: false,
            name: None,
            description: None,
            vendor: None,
            category: None,
            available_for_dynamic_portgroup: true,
            created_at: None,
            updated_at: None,
        }
    }
}

use Access::{Create as C, CreateAndPatch as CP, ReadOnly as R};

/// Fields that older versions may patch as well: they only do not see them.
pub const PATCHED_EARLY: Newer = Newer::Taken(&[
    "name",
    "description",
    "vendor",
    "category",
    "available_for_dynamic_portgroup",
]);

/// Fields that older versions may ask for as well, and do not get.
pub const ASKED_EARLY: Newer = Newer::Taken(&["internal_info"]);

/// Every field of a port.
pub const FIELDS: &[Field] = &[
    field(1, "uuid", C),
    field(1, "address", CP),
    field(1, "node_uuid", CP),
    field(1, "extra", CP),
    field(1, "created_at", R),
    field(1, "updated_at", R),
    field(1, "links", R),
    field(18, "internal_info", R),
    field(19, "local_link_connection", CP),
    field(19, "pxe_enabled", CP),
    field(24, "portgroup_uuid", CP),
    field(34, "physical_network", CP),
    field(53, "is_smartnic", CP),
    field(88, "name", CP),
    field(97, "description", CP),
    field(100, "vendor", CP),
    field(101, "category", CP),
    field(111, "available_for_dynamic_portgroup", CP),
];
