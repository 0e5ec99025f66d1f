//! Runbooks: lists of steps, kept under a name, that clean or service nodes with one of their traits
//! (wire reference §14.2).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::collection::{Collection, FIELDS_OR_DETAIL, Marker, Newer, Wording, Words, member};
use crate::contract::kind::{Kind, Rule};
use crate::id::RunbookId;
use crate::node::{Access, Field, Object, field};

/// A runbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Runbook {
    /// Its identifier.
    pub uuid: RunbookId,
    /// Its name, unique among runbooks.
    pub name: String,
    /// Its steps, at least one, no two of the same interface and name.
    pub steps: Vec<RunbookStep>,
    /// Whether its steps run without a ramdisk.
    #[serde(default)]
    pub disable_ramdisk: bool,
    /// What its owner notes.
    #[serde(default)]
    pub extra: Object,
    /// Whether every project may use it; such a one has no owner.
    #[serde(default)]
    pub public: bool,
    /// The project that it belongs to.
    #[serde(default)]
    pub owner: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The traits of nodes that it may be used on, sorted.
    #[serde(default)]
    pub traits: Vec<String>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it was changed last.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

/// A step of a runbook.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RunbookStep {
    /// The interface it belongs to, such as `deploy`.
    pub interface: String,
    /// Its name.
    pub step: String,
    /// Its arguments; they can hold secrets.
    #[serde(default)]
    pub args: Object,
    /// Lower runs earlier.
    pub order: i64,
}

impl fmt::Debug for RunbookStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunbookStep")
            .field("interface", &self.interface)
            .field("step", &self.step)
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}

use Access::{Create as C, CreateAndPatch as CP, ReadOnly as R};

/// Every field of a runbook.
const FIELDS: &[Field] = &[
    field(92, "uuid", C),
    field(92, "name", CP),
    field(92, "steps", CP),
    field(92, "disable_ramdisk", CP),
    field(92, "extra", CP),
    field(92, "public", CP),
    field(92, "owner", CP),
    field(112, "description", CP),
    field(112, "traits", R),
    field(92, "created_at", R),
    field(92, "updated_at", R),
    field(92, "links", R),
];

const KINDS: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("name", Kind::BoundedText(255)),
    ("steps", Kind::FilledList),
    ("disable_ramdisk", Kind::PlainBoolean(false)),
    ("extra", Kind::Object),
    ("public", Kind::PlainBoolean(false)),
    ("owner", Kind::Text(255)),
    ("description", Kind::Text(255)),
];

/// `/v1/runbooks`.
pub const RUNBOOKS: Collection = Collection {
    path: "runbooks",
    name: "runbooks",
    title: "Runbook",
    words: Words {
        ident: "runbook_ident",
        marker: Marker::Name,
        direction: Wording::Plain,
        fields: Wording::Plain,
        newer: Newer::Unknown,
        ..Words::of("runbook")
    },
    fields: FIELDS,
    listed: &["uuid", "name"],
    json: &["extra", "steps", "traits"],
    computed: &["links"],
    masked: &["steps"],
    parts: &[],
    kinds: KINDS,
    required: &["steps", "name"],
    detail_since: 92,
    fields_or_detail: FIELDS_OR_DETAIL,
};

member!(Runbook, RUNBOOKS);
