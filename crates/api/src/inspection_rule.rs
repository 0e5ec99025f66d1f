//! Inspection rules: what is done with a node at the end of its inspection, under which conditions
//! (wire reference §14.3). Which conditions and actions there are, and their arguments, is a table
//! here; what they do is the conductor's.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::collection::{Collection, FIELDS_OR_DETAIL, Marker, Member, Wording, Words};
use crate::contract::kind::{Kind, Rule};
use crate::id::InspectionRuleId;
use crate::node::{Access, Field, Object, field};

/// The only phase there is: after the hooks of the inspection.
pub const MAIN_PHASE: &str = "main";

/// The highest priority of a rule.
pub const HIGHEST_PRIORITY: i64 = 9999;

/// An inspection rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InspectionRule {
    /// Its identifier.
    pub uuid: InspectionRuleId,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Higher runs earlier; from 0 to [`HIGHEST_PRIORITY`].
    #[serde(default)]
    pub priority: i64,
    /// When it runs; always [`MAIN_PHASE`].
    #[serde(default = "main_phase")]
    pub phase: String,
    /// Whether its conditions and actions are never shown.
    #[serde(default)]
    pub sensitive: bool,
    /// What must hold, all of it.
    #[serde(default)]
    pub conditions: Vec<RuleCondition>,
    /// What is done then, at least one thing.
    pub actions: Vec<RuleAction>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it was changed last.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

fn main_phase() -> String {
    MAIN_PHASE.to_owned()
}

/// How the results of a condition are put together that is checked for each item of a loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Multiple {
    /// It holds for one of them.
    #[default]
    Any,
    /// It holds for each of them.
    All,
    /// The first for which it holds decides.
    First,
    /// The last item decides.
    Last,
}

/// A condition.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleCondition {
    /// One of [`CONDITIONS`], after a `!` when it must not hold.
    pub op: String,
    /// Its arguments: an object, or a list in the order of the table.
    pub args: Value,
    /// The items that it is checked for, each of which is `{item}` in its turn.
    #[serde(rename = "loop", default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Value>,
    /// How the results of a loop are put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiple: Option<Multiple>,
}

/// An action.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleAction {
    /// One of [`ACTIONS`].
    pub op: String,
    /// Its arguments: an object, or a list in the order of the table.
    pub args: Value,
    /// The items that it is done for, each of which is `{item}` in its turn.
    #[serde(rename = "loop", default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Value>,
}

// Arguments may hold passwords.
impl fmt::Debug for RuleCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleCondition({})", self.op)
    }
}

impl fmt::Debug for RuleAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleAction({})", self.op)
    }
}

/// A kind of condition or action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleOperation {
    /// Its name.
    pub name: &'static str,
    /// The arguments that must be given.
    pub required: &'static [&'static str],
    /// Those that may be given.
    pub optional: &'static [&'static str],
    /// Those in which `{...}` is replaced also outside of a loop.
    pub formatted: &'static [&'static str],
}

const fn operation(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    formatted: &'static [&'static str],
) -> RuleOperation {
    RuleOperation {
        name,
        required,
        optional,
        formatted,
    }
}

const VALUE: &[&str] = &["value"];
const VALUES: &[&str] = &["values"];
const FORCED: &[&str] = &["force_strings"];
const UNIQUE: &[&str] = &["unique"];
const CALL: &[&str] = &["headers", "proxies", "timeout", "retries", "backoff_factor"];

/// The conditions.
pub const CONDITIONS: &[RuleOperation] = &[
    operation("eq", VALUES, FORCED, VALUES),
    operation("lt", VALUES, FORCED, VALUES),
    operation("gt", VALUES, FORCED, VALUES),
    operation("is-empty", VALUE, &[], VALUE),
    operation(
        "in-net",
        &["address", "subnet"],
        &[],
        &["address", "subnet"],
    ),
    operation("matches", &["value", "regex"], &[], VALUE),
    operation("contains", &["value", "regex"], &[], VALUE),
    operation("one-of", VALUE, VALUES, VALUE),
    operation("is-none", VALUE, &[], VALUE),
    operation("is-true", VALUE, &[], VALUE),
    operation("is-false", VALUE, &[], VALUE),
];

/// The actions.
pub const ACTIONS: &[RuleOperation] = &[
    operation("fail", &["msg"], &[], &[]),
    operation("log", &["msg"], &["level"], &["msg"]),
    operation("set-attribute", &["path", "value"], &[], VALUE),
    operation("extend-attribute", &["path", "value"], UNIQUE, VALUE),
    operation("del-attribute", &["path"], &[], &[]),
    operation("set-capability", &["name", "value"], &[], VALUE),
    operation("unset-capability", &["name"], &[], &[]),
    operation("add-trait", &["name"], &[], &[]),
    operation("remove-trait", &["name"], &[], &[]),
    operation("set-plugin-data", &["path", "value"], &[], VALUE),
    operation("extend-plugin-data", &["path", "value"], UNIQUE, VALUE),
    operation("unset-plugin-data", &["path"], &[], &[]),
    operation(
        "set-port-attribute",
        &["port_id", "path", "value"],
        &[],
        VALUE,
    ),
    operation(
        "extend-port-attribute",
        &["port_id", "path", "value"],
        UNIQUE,
        VALUE,
    ),
    operation("del-port-attribute", &["port_id", "path"], &[], &[]),
    operation("api-call", &["url"], CALL, &["url"]),
];

impl RuleOperation {
    /// The condition of this name, and whether it must not hold.
    #[must_use]
    pub fn condition(op: &str) -> Option<(&'static Self, bool)> {
        let op = op.trim();
        let (name, is_inverted) = match op.strip_prefix('!') {
            Some(name) => (name.trim_start(), true),
            None => (op, false),
        };
        let found = CONDITIONS.iter().find(|known| known.name == name)?;
        Some((found, is_inverted))
    }

    /// The action of this name.
    #[must_use]
    pub fn action(op: &str) -> Option<&'static Self> {
        ACTIONS.iter().find(|known| known.name == op)
    }

    /// The arguments by their names.
    ///
    /// # Errors
    /// Which are missing, or not known.
    pub fn arguments(&self, args: &Value) -> Result<Object, String> {
        let names = || self.required.iter().chain(self.optional);
        let given: Object = match args {
            Value::Object(members) => members.clone(),
            Value::Array(items) if items.len() > names().count() => {
                return Err(format!(
                    "{} argument(s) given, at most {} taken",
                    items.len(),
                    names().count()
                ));
            }
            Value::Array(items) => names()
                .zip(items)
                .map(|(name, item)| ((*name).to_owned(), item.clone()))
                .collect(),
            _ => return Err("args must be either a list or dictionary".to_owned()),
        };
        let missing: Vec<&str> = self
            .required
            .iter()
            .copied()
            .filter(|name| !given.contains_key(*name))
            .collect();
        let unexpected: Vec<&str> = given
            .keys()
            .map(String::as_str)
            .filter(|name| !names().any(|known| known == name))
            .collect();
        let mut faults = Vec::new();
        if !missing.is_empty() {
            faults.push(format!(
                "missing required argument(s): {}",
                missing.join(", ")
            ));
        }
        if !unexpected.is_empty() {
            faults.push(format!("unexpected argument(s): {}", unexpected.join(", ")));
        }
        if faults.is_empty() {
            Ok(given)
        } else {
            Err(faults.join("; "))
        }
    }
}

use Access::{Create as C, CreateAndPatch as CP, ReadOnly as R};

/// Every field of an inspection rule.
const FIELDS: &[Field] = &[
    field(96, "uuid", C),
    field(96, "description", CP),
    field(96, "priority", CP),
    field(96, "phase", CP),
    field(96, "sensitive", CP),
    field(96, "conditions", CP),
    field(96, "actions", CP),
    field(96, "created_at", R),
    field(96, "updated_at", R),
    field(96, "links", R),
];

const KINDS: &[Rule] = &[
    ("uuid", Kind::Uuid),
    ("description", Kind::Text(255)),
    ("priority", Kind::Count),
    ("phase", Kind::TextOr(16, MAIN_PHASE)),
    ("sensitive", Kind::PlainBoolean(false)),
    ("conditions", Kind::PlainList),
    ("actions", Kind::FilledList),
];

/// `/v1/inspection_rules`.
pub const INSPECTION_RULES: Collection = Collection {
    path: "inspection_rules",
    name: "inspection_rules",
    title: "Rule",
    words: Words {
        marker: Marker::Any,
        fields: Wording::Plain,
        ..Words::of("")
    },
    fields: FIELDS,
    listed: &["uuid", "priority", "phase", "description"],
    json: &["actions", "conditions"],
    computed: &["links"],
    masked: &[],
    parts: &[],
    kinds: KINDS,
    required: &["actions"],
    detail_since: 96,
    fields_or_detail: FIELDS_OR_DETAIL,
};

impl Member for InspectionRule {
    const COLLECTION: &'static Collection = &INSPECTION_RULES;

    fn uuid(&self) -> Uuid {
        self.uuid.0
    }

    fn created_at(&self) -> Option<Timestamp> {
        self.created_at
    }

    fn updated_at(&self) -> Option<Timestamp> {
        self.updated_at
    }

    fn set_created_at(&mut self, at: Timestamp) {
        self.created_at = Some(at);
    }

    fn set_updated_at(&mut self, at: Timestamp) {
        self.updated_at = Some(at);
    }

    fn hide(&self, members: &mut Object) {
        if self.sensitive {
            for name in ["conditions", "actions"] {
                members.insert(name.to_owned(), Value::Null);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_are_named_or_in_order() {
        let (eq, inverted) = RuleOperation::condition("! eq").unwrap();
        assert!(inverted);
        let named = eq.arguments(&json!({"values": [1, 1]})).unwrap();
        assert_eq!(eq.arguments(&json!([[1, 1]])).unwrap(), named);
        let text = eq.arguments(&json!({"value": 1})).unwrap_err();
        assert_eq!(
            text,
            "missing required argument(s): values; unexpected argument(s): value"
        );
        assert!(eq.arguments(&json!([1, 2, 3])).is_err());
        assert!(eq.arguments(&json!("x")).is_err());
        assert!(RuleOperation::condition("!!eq").is_none());
        assert!(RuleOperation::action("!fail").is_none());
    }
}
