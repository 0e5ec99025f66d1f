//! BIOS settings of a node: what its firmware was last seen to hold (wire reference §3.2, §11.4).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One setting, with what its firmware says of it. What it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BiosSetting {
    /// Its name.
    pub name: String,
    /// Its value, as text.
    pub value: Option<String>,
    /// `Enumeration`, `Integer`, ...
    #[serde(default)]
    pub attribute_type: Option<String>,
    /// What it can be set to.
    #[serde(default)]
    pub allowable_values: Option<Vec<String>>,
    /// The least number.
    #[serde(default)]
    pub lower_bound: Option<i64>,
    /// The greatest number.
    #[serde(default)]
    pub upper_bound: Option<i64>,
    /// The fewest characters.
    #[serde(default)]
    pub min_length: Option<i64>,
    /// The most characters.
    #[serde(default)]
    pub max_length: Option<i64>,
    /// Whether it cannot be set.
    #[serde(default)]
    pub read_only: Option<bool>,
    /// Whether the machine has to boot before a change is in effect.
    #[serde(default)]
    pub reset_required: Option<bool>,
    /// Whether each machine has a value of its own.
    #[serde(default)]
    pub unique: Option<bool>,
    /// When it was seen first.
    #[serde(skip)]
    pub created_at: Option<Timestamp>,
    /// When its value was seen to change last.
    #[serde(skip)]
    pub updated_at: Option<Timestamp>,
}

impl BiosSetting {
    /// A setting of which no more is known than its value.
    #[must_use]
    pub fn new(name: impl Into<String>, value: Option<String>) -> Self {
        Self {
            name: name.into(),
            value,
            ..Self::default()
        }
    }
}
