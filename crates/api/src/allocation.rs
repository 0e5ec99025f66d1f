//! Allocations: requests for a node of a resource class, with traits, and the node that was found
//! (wire reference §13).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::collection::{Collection, FIELDS_OR_DETAIL, Marker, Newer, Words, member};
use crate::contract::kind::{Kind, Rule};
use crate::id::{AllocationId, NodeId};
use crate::node::{Access, Field, Object, field};

/// How far an allocation has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllocationState {
    /// A node is looked for.
    #[default]
    Allocating,
    /// It has a node.
    Active,
    /// No node was found; `last_error` says why.
    Error,
}

impl AllocationState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allocating => "allocating",
            Self::Active => "active",
            Self::Error => "error",
        }
    }
}

/// An allocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// Its identifier, which becomes the node's instance.
    pub uuid: AllocationId,
    /// Its name, unique among allocations; a node of the same name is preferred.
    #[serde(default)]
    pub name: Option<String>,
    /// The resource class that the node must have.
    #[serde(default)]
    pub resource_class: Option<String>,
    /// The traits that the node must have.
    #[serde(default)]
    pub traits: Vec<String>,
    /// The nodes that it may be; any when there are none.
    #[serde(default)]
    pub candidate_nodes: Vec<NodeId>,
    /// What its owner notes.
    #[serde(default)]
    pub extra: Object,
    /// The project whose nodes are taken, owned or leased.
    #[serde(default)]
    pub owner: Option<String>,
    /// How far it has come.
    #[serde(default)]
    pub state: AllocationState,
    /// Why no node was found.
    #[serde(default)]
    pub last_error: Option<String>,
    /// The node that was found.
    #[serde(default)]
    pub node_uuid: Option<NodeId>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it was changed last.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

impl Default for Allocation {
    fn default() -> Self {
        Self {
            uuid: AllocationId::random(),
            name: None,
            resource_class: None,
            traits: Vec::new(),
            candidate_nodes: Vec::new(),
            extra: Object::new(),
            owner: None,
            state: AllocationState::Allocating,
            last_error: None,
            node_uuid: None,
            created_at: None,
            updated_at: None,
        }
    }
}

use Access::{Create as C, CreateAndPatch as CP, ReadOnly as R};

/// Every field of an allocation that is shown.
const FIELDS: &[Field] = &[
    field(52, "uuid", C),
    field(52, "name", CP),
    field(52, "resource_class", C),
    field(52, "traits", C),
    field(52, "candidate_nodes", C),
    field(52, "extra", CP),
    field(52, "state", R),
    field(52, "last_error", R),
    field(52, "node_uuid", R),
    field(60, "owner", C),
    field(52, "created_at", R),
    field(52, "updated_at", R),
    field(52, "links", R),
];

/// The node in use that an allocation is made for afterwards; given, never shown.
pub const BACKFILL: Field = field(58, "node", C);

const KINDS: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("name", Kind::Text(255)),
    ("resource_class", Kind::Text(80)),
    ("traits", Kind::List),
    ("candidate_nodes", Kind::List),
    ("extra", Kind::Object),
    ("owner", Kind::Text(255)),
];

/// `/v1/allocations`.
pub const ALLOCATIONS: Collection = Collection {
    path: "allocations",
    name: "allocations",
    title: "Allocation",
    words: Words {
        patch: "",
        marker: Marker::SchemaUuid,
        newer: Newer::Unknown,
        ..Words::of("")
    },
    fields: FIELDS,
    listed: &[
        "uuid",
        "name",
        "resource_class",
        "traits",
        "candidate_nodes",
        "extra",
        "state",
        "last_error",
        "node_uuid",
        "owner",
        "created_at",
        "updated_at",
    ],
    json: &["extra", "traits", "candidate_nodes"],
    computed: &["node_uuid", "links"],
    masked: &[],
    parts: &[],
    kinds: KINDS,
    required: &[],
    detail_since: 52,
    fields_or_detail: FIELDS_OR_DETAIL,
};

member!(Allocation, ALLOCATIONS);
