//! All nodes as last heard of, by id, with the counts that the title bar shows.

use std::collections::HashMap;

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;

/// How many nodes are in which condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Something is being done to them, or they wait for something.
    pub(crate) moving: usize,
    /// Something failed.
    pub(crate) failed: usize,
    /// In maintenance.
    pub(crate) maintenance: usize,
}

/// All nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fleet {
    nodes: Vec<NodeSummary>,
    index: HashMap<NodeId, usize>,
    counts: Counts,
}

/// Whether something is being done to a node, or it waits for something.
pub(crate) const fn is_moving(node: &NodeSummary) -> bool {
    let state = node.provision_state;
    state.is_working() || state.is_waiting() || node.target_power_state.is_some()
}

/// Whether something failed with a node.
pub(crate) const fn is_failed(node: &NodeSummary) -> bool {
    node.provision_state.is_failed() || node.fault.is_some()
}

impl Fleet {
    /// All nodes, in no order.
    pub(crate) fn nodes(&self) -> &[NodeSummary] {
        &self.nodes
    }

    /// Replaces everything.
    pub(crate) fn replace(&mut self, nodes: Vec<NodeSummary>) {
        self.index = nodes
            .iter()
            .enumerate()
            .map(|(at, n)| (n.uuid, at))
            .collect();
        self.counts = Counts::default();
        self.nodes = nodes;
        for node in &self.nodes {
            count(&mut self.counts, node, 1);
        }
    }

    /// Adds or changes a node.
    pub(crate) fn apply(&mut self, node: NodeSummary) {
        count(&mut self.counts, &node, 1);
        match self
            .index
            .get(&node.uuid)
            .and_then(|at| self.nodes.get_mut(*at))
        {
            Some(place) => {
                count(&mut self.counts, place, -1);
                *place = node;
            }
            None => {
                self.index.insert(node.uuid, self.nodes.len());
                self.nodes.push(node);
            }
        }
    }

    /// Forgets a node.
    pub(crate) fn remove(&mut self, id: NodeId) {
        let Some(at) = self.index.remove(&id).filter(|at| *at < self.nodes.len()) else {
            return;
        };
        let gone = self.nodes.swap_remove(at);
        count(&mut self.counts, &gone, -1);
        if let Some(moved) = self.nodes.get(at) {
            self.index.insert(moved.uuid, at);
        }
    }

    /// The node with this id.
    pub(crate) fn get(&self, id: NodeId) -> Option<&NodeSummary> {
        self.at(*self.index.get(&id)?)
    }

    /// The node at this place; places change only when nodes are replaced or removed.
    pub(crate) fn at(&self, place: usize) -> Option<&NodeSummary> {
        self.nodes.get(place)
    }

    /// The place of the node with this id.
    pub(crate) fn place_of(&self, id: NodeId) -> Option<usize> {
        self.index.get(&id).copied()
    }

    /// The node with this name or UUID.
    pub(crate) fn find(&self, text: &str) -> Option<&NodeSummary> {
        let by_id = text.parse().ok().and_then(|id| self.get(id));
        by_id.or_else(|| self.nodes.iter().find(|n| n.name.as_deref() == Some(text)))
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &NodeSummary> {
        self.nodes.iter()
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// How many are in which condition.
    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }
}

fn count(counts: &mut Counts, node: &NodeSummary, change: isize) {
    let mut add = |field: fn(&mut Counts) -> &mut usize, holds: bool| {
        if holds {
            let value = field(counts);
            *value = value.saturating_add_signed(change);
        }
    };
    add(|c| &mut c.moving, is_moving(node));
    add(|c| &mut c.failed, is_failed(node));
    add(|c| &mut c.maintenance, node.maintenance);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;
    use cupola_api::state::provision::ProvisionState;

    #[test]
    fn counts_follow_changes_and_removals() {
        let mut fleet = Fleet::default();
        let mut node = summary(1, "a", ProvisionState::Deploying);
        fleet.replace(vec![node.clone(), summary(2, "b", ProvisionState::Active)]);
        assert_eq!(fleet.counts().moving, 1);
        node.provision_state = ProvisionState::DeployFailed;
        fleet.apply(node.clone());
        assert_eq!((fleet.counts().moving, fleet.counts().failed), (0, 1));
        fleet.remove(node.uuid);
        assert_eq!(fleet.counts(), Counts::default());
        assert_eq!(
            fleet.find("b").map(|n| n.provision_state),
            Some(ProvisionState::Active)
        );
        assert!(fleet.get(node.uuid).is_none());
    }
}
