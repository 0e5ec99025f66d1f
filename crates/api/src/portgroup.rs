//! Port groups: ports of a node that work as one link, such as a bond (wire reference §12.2).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::collection::{Collection, FIELDS_OR_DETAIL, Marker, Newer, Part, Words, member};
use crate::contract::kind::{Kind, Rule};
use crate::id::{NodeId, PortgroupId};
use crate::mac::MacAddress;
use crate::node::{Access, Field, Object, field};

/// The mode of port groups of which nobody says another (Ironic's `default_portgroup_mode`).
pub const DEFAULT_MODE: &str = "active-backup";

/// A port group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(
    missing_docs,
    reason = "the fields are those of the wire reference, section 5.2"
)]
pub struct Portgroup {
    pub uuid: PortgroupId,
    pub name: Option<String>,
    pub address: Option<MacAddress>,
    pub node_uuid: NodeId,
    /// Whether its ports can be used one by one, as a ramdisk does that knows of no bond.
    pub standalone_ports_supported: bool,
    /// The bonding mode, in the words of whoever configures the bond.
    pub mode: Option<String>,
    pub properties: Object,
    pub extra: Object,
    pub internal_info: Object,
    pub physical_network: Option<String>,
    pub category: Option<String>,
    pub dynamic_portgroup: bool,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}

impl Default for Portgroup {
    fn default() -> Self {
        Self::new(NodeId(Uuid::nil()))
    }
}

impl Portgroup {
    /// A port group of this node at the defaults of the API.
    #[must_use]
    pub fn new(node_uuid: NodeId) -> Self {
        Self {
            uuid: PortgroupId::random(),
            name: None,
            address: None,
            node_uuid,
            standalone_ports_supported: true,
            mode: Some(DEFAULT_MODE.to_owned()),
            properties: Object::new(),
            extra: Object::new(),
            internal_info: Object::new(),
            physical_network: None,
            category: None,
            dynamic_portgroup: false,
            created_at: None,
            updated_at: None,
        }
    }
}

use Access::{Create as C, CreateAndPatch as CP, ReadOnly as R};

/// Every field of a port group.
const FIELDS: &[Field] = &[
    field(23, "uuid", C),
    field(23, "name", CP),
    field(23, "address", CP),
    field(23, "node_uuid", CP),
    field(23, "standalone_ports_supported", CP),
    field(23, "extra", CP),
    field(23, "internal_info", R),
    field(23, "ports", R),
    field(23, "created_at", R),
    field(23, "updated_at", R),
    field(23, "links", R),
    field(26, "mode", CP),
    field(26, "properties", CP),
    field(102, "physical_network", CP),
    field(103, "category", CP),
    field(111, "dynamic_portgroup", R),
];

const KINDS: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("name", Kind::Text(255)),
    ("address", Kind::OptionalMac),
    ("node_uuid", Kind::RequiredUuid),
    ("standalone_ports_supported", Kind::Boolean(true)),
    ("extra", Kind::Object),
    ("mode", Kind::Text(255)),
    ("properties", Kind::Object),
    ("physical_network", Kind::Text(64)),
    ("category", Kind::Text(80)),
];

/// `/v1/portgroups`.
pub const PORTGROUPS: Collection = Collection {
    path: "portgroups",
    name: "portgroups",
    title: "Portgroup",
    words: Words {
        marker: Marker::SchemaUuid,
        newer: Newer::Taken(&["physical_network", "category"]),
        ..Words::of("portgroup")
    },
    fields: FIELDS,
    listed: &["uuid", "address", "name"],
    json: &["extra", "internal_info", "properties"],
    computed: &["node_uuid", "ports", "links"],
    masked: &[],
    parts: &[Part {
        name: "ports",
        is_nested: false,
    }],
    kinds: KINDS,
    required: &["node_uuid"],
    detail_since: 43,
    fields_or_detail: FIELDS_OR_DETAIL,
};

member!(Portgroup, PORTGROUPS);
