//! JSON patch documents as the Bare Metal API accepts them (RFC 6902, restricted; wire reference §7).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The operations that are allowed; `test`, `move` and `copy` are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchVerb {
    /// Adds a member or appends to a list.
    Add,
    /// Replaces an existing member.
    Replace,
    /// Removes an existing member.
    Remove,
}

/// One operation of a patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PatchOperation {
    /// What to do.
    pub op: PatchVerb,
    /// JSON pointer, matching `^(/[\w-]+)+$`.
    pub path: String,
    /// The new value; needed by `add` and `replace`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<Value>,
}

impl PatchOperation {
    /// An `add` of `value` at `path`.
    pub fn add(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            op: PatchVerb::Add,
            path: path.into(),
            value: Some(value.into()),
        }
    }

    /// A `replace` of what is at `path`.
    pub fn replace(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            op: PatchVerb::Replace,
            path: path.into(),
            value: Some(value.into()),
        }
    }

    /// A `remove` of what is at `path`.
    pub fn remove(path: impl Into<String>) -> Self {
        Self {
            op: PatchVerb::Remove,
            path: path.into(),
            value: None,
        }
    }
}
