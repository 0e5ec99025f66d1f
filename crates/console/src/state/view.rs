//! A view of the node list: which nodes, in which order and groups, with which columns. Where views
//! are kept is `settings`.

use serde::{Deserialize, Deserializer};

use super::field::Field;
use super::sort::Sort;

/// How the node list is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct View {
    /// The filter as it is typed.
    pub(crate) filter: String,
    /// What it is sorted by.
    #[serde(deserialize_with = "field")]
    pub(crate) sort: Field,
    /// Whether the last comes first.
    pub(crate) reverse: bool,
    /// What nodes are grouped by.
    #[serde(deserialize_with = "some_field")]
    pub(crate) group: Option<Field>,
    /// The columns; none for those that fit the screen.
    #[serde(deserialize_with = "fields")]
    pub(crate) columns: Vec<Field>,
}

impl View {
    /// The order.
    pub(crate) const fn order(&self) -> Sort {
        Sort {
            column: self.sort,
            reversed: self.reverse,
        }
    }
}

fn field<'de, D: Deserializer<'de>>(from: D) -> Result<Field, D::Error> {
    let text = String::deserialize(from)?;
    Field::read(&text).map_err(serde::de::Error::custom)
}

fn some_field<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Field>, D::Error> {
    field(from).map(Some)
}

/// Reads the names of columns.
pub(crate) fn fields<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Field>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let read = |text: &String| Field::read(text).map_err(serde::de::Error::custom);
    texts.iter().map(read).collect()
}
