//! The orders of the node list.

use std::cmp::Ordering;

use cupola_api::cupola::NodeSummary;

use super::field::Field;
use super::natural::natural;

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sort {
    /// By what.
    pub(crate) column: Field,
    /// Whether the last comes first.
    pub(crate) reversed: bool,
}

impl Sort {
    /// Which of two nodes comes first; nodes that are alike come by name, then by UUID.
    pub(crate) fn compare(self, a: &NodeSummary, b: &NodeSummary) -> Ordering {
        let name = Field::Name;
        let names = || natural(name.plain(a), name.plain(b)).then_with(|| a.uuid.cmp(&b.uuid));
        let order = match self.column {
            Field::Name => names(),
            other => other.compare(a, b),
        };
        let order = if self.reversed {
            order.reverse()
        } else {
            order
        };
        order.then_with(names)
    }
}
