//! Volume targets: remote volumes of a node, one of which it may boot from (wire reference §15).
//! Their properties can hold credentials.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::collection::{Collection, Words, member};
use crate::contract::kind::{Kind, Rule};
use crate::id::{NodeId, VolumeTargetId};
use crate::node::{Access, Field, Object, field};
use crate::volume_connector::FIELDS_OR_DETAIL;

/// A volume target.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct VolumeTarget {
    /// Its identifier.
    pub uuid: VolumeTargetId,
    /// The node that it belongs to.
    pub node_uuid: NodeId,
    /// How it is reached, such as `iscsi` or `fibre_channel`.
    pub volume_type: String,
    /// Its place in the boot order of the node, which no other volume of it has; 0 is booted from.
    pub boot_index: i64,
    /// Its name at whoever keeps it.
    pub volume_id: String,
    /// What it takes to reach it; can hold secrets.
    #[serde(default)]
    pub properties: Object,
    /// What its owner notes.
    #[serde(default)]
    pub extra: Object,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it was changed last.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

impl fmt::Debug for VolumeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VolumeTarget")
            .field("uuid", &self.uuid)
            .field("node_uuid", &self.node_uuid)
            .field("volume_type", &self.volume_type)
            .field("boot_index", &self.boot_index)
            .field("volume_id", &self.volume_id)
            .finish_non_exhaustive()
    }
}

impl VolumeTarget {
    /// A target without properties.
    #[must_use]
    pub fn new(node_uuid: NodeId, volume_type: &str, boot_index: i64, volume_id: &str) -> Self {
        Self {
            uuid: VolumeTargetId::random(),
            node_uuid,
            volume_type: volume_type.to_owned(),
            boot_index,
            volume_id: volume_id.to_owned(),
            properties: Object::new(),
            extra: Object::new(),
            created_at: None,
            updated_at: None,
        }
    }
}

use Access::{Create as C, CreateAndPatch as CP, ReadOnly as R};

/// Every field of a volume target.
const FIELDS: &[Field] = &[
    field(32, "uuid", C),
    field(32, "node_uuid", CP),
    field(32, "volume_type", CP),
    field(32, "boot_index", CP),
    field(32, "volume_id", CP),
    field(32, "properties", CP),
    field(32, "extra", CP),
    field(32, "created_at", R),
    field(32, "updated_at", R),
    field(32, "links", R),
];

const KINDS: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("node_uuid", Kind::RequiredUuid),
    ("volume_type", Kind::BoundedText(255)),
    ("boot_index", Kind::Integer),
    ("volume_id", Kind::BoundedText(255)),
    ("properties", Kind::Object),
    ("extra", Kind::Object),
];

/// `/v1/volume/targets`.
pub const VOLUME_TARGETS: Collection = Collection {
    path: "volume/targets",
    name: "targets",
    title: "Volume target",
    words: Words::of("target"),
    fields: FIELDS,
    listed: &[
        "uuid",
        "node_uuid",
        "volume_type",
        "boot_index",
        "volume_id",
    ],
    json: &["extra", "properties"],
    computed: &["node_uuid", "links"],
    masked: &["properties"],
    parts: &[],
    kinds: KINDS,
    required: &["boot_index", "node_uuid", "volume_id", "volume_type"],
    detail_since: 32,
    fields_or_detail: FIELDS_OR_DETAIL,
};

member!(VolumeTarget, VOLUME_TARGETS);
