//! Volume connectors: by which name a node is known to a storage network, such as its iSCSI
//! qualified name (wire reference §15).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::collection::{Collection, Words, member};
use crate::contract::kind::{Kind, Rule};
use crate::id::{NodeId, VolumeConnectorId};
use crate::node::{Access, Field, Object, field};

/// What volumes answer to `fields` and `detail` in one request.
pub(crate) const FIELDS_OR_DETAIL: &str = "Can't fetch a subset of fields with 'detail' set";

/// A volume connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeConnector {
    /// Its identifier.
    pub uuid: VolumeConnectorId,
    /// The node that it names.
    pub node_uuid: NodeId,
    /// Which kind of name: `iqn`, `ip`, `mac`, `wwnn`, `wwpn`, `port`, `portgroup` by convention.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name; only one connector has it and this kind.
    pub connector_id: String,
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

impl VolumeConnector {
    /// A connector with nothing noted.
    #[must_use]
    pub fn new(node_uuid: NodeId, kind: &str, connector_id: &str) -> Self {
        Self {
            uuid: VolumeConnectorId::random(),
            node_uuid,
            kind: kind.to_owned(),
            connector_id: connector_id.to_owned(),
            extra: Object::new(),
            created_at: None,
            updated_at: None,
        }
    }
}

use Access::{Create as C, CreateAndPatch as CP, ReadOnly as R};

/// Every field of a volume connector.
const FIELDS: &[Field] = &[
    field(32, "uuid", C),
    field(32, "node_uuid", CP),
    field(32, "type", CP),
    field(32, "connector_id", CP),
    field(32, "extra", CP),
    field(32, "created_at", R),
    field(32, "updated_at", R),
    field(32, "links", R),
];

const KINDS: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("node_uuid", Kind::RequiredUuid),
    ("type", Kind::BoundedText(32)),
    ("connector_id", Kind::BoundedText(255)),
    ("extra", Kind::Object),
];

/// `/v1/volume/connectors`.
pub const VOLUME_CONNECTORS: Collection = Collection {
    path: "volume/connectors",
    name: "connectors",
    title: "Volume connector",
    words: Words::of("connector"),
    fields: FIELDS,
    listed: &["uuid", "node_uuid", "type", "connector_id"],
    json: &["extra"],
    computed: &["node_uuid", "links"],
    masked: &[],
    parts: &[],
    kinds: KINDS,
    required: &["connector_id", "node_uuid", "type"],
    detail_since: 32,
    fields_or_detail: FIELDS_OR_DETAIL,
};

member!(VolumeConnector, VOLUME_CONNECTORS);
