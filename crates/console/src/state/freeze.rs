//! A list that stands still: what the service tells is gathered, and shown later.

use std::collections::HashMap;

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use jiff::Timestamp;

use super::fleet::Fleet;

/// What was told since the list stands still.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// Since when.
    pub(crate) since: Timestamp,
    /// How many updates there were.
    pub(crate) updates: usize,
    /// Everything, where it was listed anew.
    listed: Option<Vec<NodeSummary>>,
    /// Of each node only the last change.
    changed: HashMap<NodeId, Option<NodeSummary>>,
}

impl Frozen {
    /// Nothing is told yet.
    pub(crate) fn new(since: Timestamp) -> Self {
        Self {
            since,
            updates: 0,
            listed: None,
            changed: HashMap::new(),
        }
    }

    /// Everything was listed anew.
    pub(crate) fn list(&mut self, nodes: Vec<NodeSummary>) {
        self.updates += 1;
        self.listed = Some(nodes);
        self.changed.clear();
    }

    /// Nodes have changed, or are gone.
    pub(crate) fn change(&mut self, nodes: Vec<NodeSummary>, deleted: Vec<NodeId>) {
        self.updates += nodes.len() + deleted.len();
        let nodes = nodes.into_iter().map(|node| (node.uuid, Some(node)));
        self.changed.extend(nodes);
        let deleted = deleted.into_iter().map(|id| (id, None));
        self.changed.extend(deleted);
    }

    /// Brings all of it into the fleet.
    pub(crate) fn thaw(self, fleet: &mut Fleet) {
        if let Some(nodes) = self.listed {
            fleet.replace(nodes);
        }
        for (id, node) in self.changed {
            match node {
                Some(node) => fleet.apply(node),
                None => fleet.remove(id),
            }
        }
    }
}
