//! Deploy templates: steps that are added to the deploy of nodes whose instance wants a trait of the
//! template's name (wire reference §14.1).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::collection::{Collection, FIELDS_OR_DETAIL, Marker, Words, member};
use crate::contract::kind::{Kind, Rule};
use crate::id::DeployTemplateId;
use crate::node::{Access, Field, Object, field};

/// A deploy template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeployTemplate {
    /// Its identifier.
    pub uuid: DeployTemplateId,
    /// The trait that asks for it, unique among templates.
    pub name: String,
    /// Its steps, at least one, no two of the same interface and name.
    pub steps: Vec<TemplateStep>,
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

/// A step of a template.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateStep {
    /// The interface it belongs to, such as `deploy`.
    pub interface: String,
    /// Its name.
    pub step: String,
    /// Its arguments; they can hold secrets.
    pub args: Object,
    /// Higher runs earlier; 0 removes the driver's step of that name.
    pub priority: i64,
}

impl std::fmt::Debug for TemplateStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TemplateStep")
            .field("interface", &self.interface)
            .field("step", &self.step)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

use Access::{Create as C, CreateAndPatch as CP, ReadOnly as R};

/// Every field of a deploy template.
const FIELDS: &[Field] = &[
    field(55, "uuid", C),
    field(55, "name", CP),
    field(55, "steps", CP),
    field(55, "extra", CP),
    field(55, "created_at", R),
    field(55, "updated_at", R),
    field(55, "links", R),
];

const KINDS: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("name", Kind::BoundedText(255)),
    ("steps", Kind::FilledList),
    ("extra", Kind::Object),
];

/// `/v1/deploy_templates`.
pub const DEPLOY_TEMPLATES: Collection = Collection {
    path: "deploy_templates",
    name: "deploy_templates",
    title: "Deploy template",
    words: Words {
        ident: "template_ident",
        marker: Marker::Name,
        ..Words::of("template")
    },
    fields: FIELDS,
    listed: &["uuid", "name"],
    json: &["extra", "steps"],
    computed: &["links"],
    masked: &["steps", "extra"],
    parts: &[],
    kinds: KINDS,
    required: &["name", "steps"],
    detail_since: 55,
    fields_or_detail: FIELDS_OR_DETAIL,
};

member!(DeployTemplate, DEPLOY_TEMPLATES);
