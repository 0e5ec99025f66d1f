//! Collections of resources as tables: how one is called, which fields it has since when, which of
//! them a list shows, sorts by and masks, and what may be written to them. Requests are checked and
//! answers are shaped by these tables; there is no behaviour here.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::contract::kind::{Kind, Rule};
use crate::node::{Field, Object};

/// A collection below `/v1`.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// Its path, such as `volume/connectors`.
    pub path: &'static str,
    /// The member of a list's answer that holds the items, such as `connectors`.
    pub name: &'static str,
    /// One of them at the beginning of a sentence, such as `Volume connector`.
    pub title: &'static str,
    /// How requests are refused.
    pub words: Words,
    /// Every field.
    pub fields: &'static [Field],
    /// What a list shows unless asked otherwise, besides the links.
    pub listed: &'static [&'static str],
    /// Fields that hold JSON: nothing can be sorted by them.
    pub json: &'static [&'static str],
    /// Fields that are made for the answer: nothing can be sorted by them either.
    pub computed: &'static [&'static str],
    /// Fields that hold objects with secrets.
    pub masked: &'static [&'static str],
    /// Fields that are links to what belongs to one of them.
    pub parts: &'static [Part],
    /// What the writable fields may hold.
    pub kinds: &'static [Rule],
    /// The fields without which none is made.
    pub required: &'static [&'static str],
    /// The minor version from which a list may be asked for with `detail`.
    pub detail_since: u16,
    /// The refusal of `fields` and `detail` in one request.
    pub fields_or_detail: &'static str,
}

/// In what words a collection refuses requests, as measured.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// One of them in errors about a body, such as `connector`; empty where none is named.
    pub body: &'static str,
    /// The same in errors about a patch.
    pub patch: &'static str,
    /// What an identifier of the path is called; empty where it is not checked by this.
    pub ident: &'static str,
    /// What the marker of a list may be.
    pub marker: Marker,
    /// What a wrong direction of sorting is called.
    pub direction: Wording,
    /// What an unknown field that is asked for is called.
    pub fields: Wording,
    /// What becomes of fields that are newer than the version.
    pub newer: Newer,
}

impl Words {
    /// Those of most collections.
    #[must_use]
    pub const fn of(body: &'static str) -> Self {
        Self {
            body,
            patch: "patch",
            ident: "",
            marker: Marker::Uuid,
            direction: Wording::Schema,
            fields: Wording::Schema,
            newer: Newer::NotAcceptable,
        }
    }
}

/// What the marker of a list may be, and how another one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A UUID.
    Uuid,
    /// A UUID; a schema refuses what is none.
    SchemaUuid,
    /// A name or a UUID.
    Name,
    /// Any text; an empty one is none.
    Any,
}

/// Whether a value is refused as by a schema, or in words of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    /// `Schema error: …`.
    Schema,
    /// Words of its own.
    Plain,
}

/// What becomes of fields that are newer than the version of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newer {
    /// 406.
    NotAcceptable,
    /// These are taken, only not shown; others are not acceptable.
    Taken(&'static [&'static str]),
    /// They are not known; lists may be sorted by them.
    Unknown,
}

impl Newer {
    /// Whether a field is taken from versions that do not show it.
    #[must_use]
    pub fn takes(self, name: &str) -> bool {
        matches!(self, Self::Taken(names) if names.contains(&name))
    }
}

/// A field with the links to a collection below a resource.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its name, which is the last part of the path too.
    pub name: &'static str,
    /// Whether the list of links is the only item of another list, as for chassis since ever.
    pub is_nested: bool,
}

/// What most collections answer to `fields` and `detail` in one request.
pub const FIELDS_OR_DETAIL: &str = "Can not specify ?detail=True and fields in the same request.";

impl Collection {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// What the field of this name may hold, if it can be written.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<Kind> {
        let found = self.kinds.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind)
    }
}

/// A resource of a collection.
pub trait Member: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The collection.
    const COLLECTION: &'static Collection;

    /// Its identifier.
    fn uuid(&self) -> Uuid;

    /// When it was made.
    fn created_at(&self) -> Option<Timestamp>;

    /// When it was changed last.
    fn updated_at(&self) -> Option<Timestamp>;

    /// Notes when it is made.
    fn set_created_at(&mut self, at: Timestamp);

    /// Notes when it is changed.
    fn set_updated_at(&mut self, at: Timestamp);

    /// Takes out of its members what is never shown.
    fn hide(&self, _members: &mut Object) {}
}

/// Makes a type with the usual fields a [`Member`] of a collection.
macro_rules! member {
    ($type:ty, $collection:expr) => {
        impl $crate::collection::Member for $type {
            const COLLECTION: &'static $crate::collection::Collection = &$collection;

            fn uuid(&self) -> uuid::Uuid {
                self.uuid.0
            }

            fn created_at(&self) -> Option<jiff::Timestamp> {
                self.created_at
            }

            fn updated_at(&self) -> Option<jiff::Timestamp> {
                self.updated_at
            }

            fn set_created_at(&mut self, at: jiff::Timestamp) {
                self.created_at = Some(at);
            }

            fn set_updated_at(&mut self, at: jiff::Timestamp) {
                self.updated_at = Some(at);
            }
        }
    };
}
pub(crate) use member;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::chassis::Chassis;
    use crate::deploy_template::DeployTemplate;
    use crate::id::{DeployTemplateId, NodeId};
    use crate::node::Access;
    use crate::portgroup::Portgroup;
    use crate::volume_connector::VolumeConnector;
    use crate::volume_target::VolumeTarget;

    fn check<M: Member>(example: &M) {
        let collection = M::COLLECTION;
        let path = collection.path;
        let Ok(Value::Object(members)) = serde_json::to_value(example) else {
            panic!("{path} is no object")
        };
        let is_part = |name: &str| collection.parts.iter().any(|part| part.name == name);
        for name in members.keys() {
            assert!(
                collection.field(name).is_some(),
                "{path}: {name} is not in the table"
            );
        }
        for field in collection.fields {
            let is_made = field.name == "links" || is_part(field.name);
            assert_eq!(
                is_made,
                !members.contains_key(field.name),
                "{path}: {}",
                field.name
            );
            let is_written = field.access != Access::ReadOnly;
            let has_kind = collection.kind(field.name).is_some();
            assert_eq!(is_written, has_kind, "{path}: the kind of {}", field.name);
        }
        let named = [
            collection.listed,
            collection.json,
            collection.computed,
            collection.masked,
            collection.required,
        ];
        for name in named.into_iter().flatten() {
            assert!(
                collection.field(name).is_some(),
                "{path}: {name} is no field"
            );
        }
    }

    #[test]
    fn the_tables_cover_the_types() {
        check(&crate::allocation::Allocation::default());
        check(&Chassis::default());
        check(&DeployTemplate {
            uuid: DeployTemplateId::random(),
            name: "CUSTOM_A".to_owned(),
            steps: Vec::new(),
            extra: Object::new(),
            created_at: None,
            updated_at: None,
        });
        let runbook = serde_json::json!({"uuid": NodeId::random(), "name": "a", "steps": []});
        check(&serde_json::from_value::<crate::runbook::Runbook>(runbook).unwrap());
        let rule = serde_json::json!({"uuid": NodeId::random(), "actions": []});
        let rule = serde_json::from_value::<crate::inspection_rule::InspectionRule>(rule);
        check(&rule.unwrap());
        check(&Portgroup::new(NodeId::random()));
        check(&VolumeConnector::new(
            NodeId::random(),
            "iqn",
            "iqn.2026-01.test:1",
        ));
        check(&VolumeTarget::new(NodeId::random(), "iscsi", 0, "volume-1"));
    }
}
