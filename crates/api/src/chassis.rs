//! Chassis: a named group of nodes, such as an enclosure or a rack (wire reference §15).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::collection::{Collection, FIELDS_OR_DETAIL, Part, Words, member};
use crate::contract::kind::{Kind, Rule};
use crate::id::ChassisId;
use crate::node::{Access, Field, Object, field};

/// A chassis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chassis {
    /// Its identifier.
    pub uuid: ChassisId,
    /// What a person reads of it.
    #[serde(default)]
    pub description: Option<String>,
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

impl Default for Chassis {
    fn default() -> Self {
        Self {
            uuid: ChassisId::random(),
            description: None,
            extra: Object::new(),
            created_at: None,
            updated_at: None,
        }
    }
}

use Access::{Create as C, CreateAndPatch as CP, ReadOnly as R};

/// Every field of a chassis.
const FIELDS: &[Field] = &[
    field(1, "uuid", C),
    field(1, "description", CP),
    field(1, "extra", CP),
    field(1, "nodes", R),
    field(1, "created_at", R),
    field(1, "updated_at", R),
    field(1, "links", R),
];

const KINDS: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("description", Kind::Text(255)),
    ("extra", Kind::Object),
];

/// `/v1/chassis`.
pub const CHASSIS: Collection = Collection {
    path: "chassis",
    name: "chassis",
    title: "Chassis",
    words: Words::of("chassis"),
    fields: FIELDS,
    listed: &["uuid", "description"],
    json: &["extra"],
    computed: &["nodes", "links"],
    masked: &[],
    parts: &[Part {
        name: "nodes",
        is_nested: true,
    }],
    kinds: KINDS,
    required: &[],
    detail_since: 43,
    fields_or_detail: FIELDS_OR_DETAIL,
};

member!(Chassis, CHASSIS);
