//! Cells that have changed a moment ago, so that the eye finds them: each flashes once, for a
//! second, and nothing blinks.

use std::collections::HashMap;

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use jiff::Timestamp;

use super::field::{self, Field, Kind};

/// So many nodes flash at once; when more change, the eye finds them anyway.
const MOST: usize = 64;

/// What has changed a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Flash {
    /// Whether this terminal is fast enough, and has a style for it.
    pub(crate) on: bool,
    cells: HashMap<NodeId, (u64, Timestamp)>,
}

impl Flash {
    /// A node has changed from one to the other.
    pub(crate) fn note(&mut self, before: &NodeSummary, after: &NodeSummary, now: Timestamp) {
        if !self.on || self.cells.len() >= MOST {
            return;
        }
        let changed = field::TABLE.iter().filter(|row| match row.kind {
            // What is made of several fields changes with each step of progress.
            _ if row.field == Field::Does => false,
            Kind::Time => false,
            Kind::Text | Kind::Word | Kind::Flag => {
                row.field.plain(before) != row.field.plain(after)
            }
        });
        let bits = changed.fold(0, |bits, row| bits | bit(row.field));
        if bits != 0 {
            self.cells.insert(after.uuid, (bits, now));
        }
    }

    /// Forgets what changed more than a moment ago.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.cells
            .retain(|_, (_, at)| now.duration_since(*at).as_millis() < 900);
    }

    /// Whether nothing flashes.
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether this cell flashes.
    pub(crate) fn is_lit(&self, node: NodeId, field: Field) -> bool {
        let cells = self.cells.get(&node);
        cells.is_some_and(|(bits, _)| bits & bit(field) != 0)
    }
}

const fn bit(field: Field) -> u64 {
    1 << (field as u64)
}
