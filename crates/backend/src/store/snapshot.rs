//! All nodes in memory, for a process that is the only writer: lists and look-ups without SQL.
//!
//! A node enters when its row is committed, never before. Locks are held only while pointers are
//! copied.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use cupola_api::id::{NodeId, NodeIdent};
use parking_lot::RwLock;

use super::filter::{NodePage, SortDirection};
use super::record::StoredNode;

/// All nodes, in the order of their creation.
#[derive(Debug, Default)]
pub struct Snapshot {
    index: RwLock<Index>,
}

#[derive(Debug, Default)]
struct Index {
    rows: BTreeMap<i64, Arc<StoredNode>>,
    by_id: HashMap<NodeId, i64>,
    by_name: HashMap<String, i64>,
    /// Grows with every change of any node.
    version: u64,
}

impl Snapshot {
    pub(crate) fn of(nodes: Vec<Arc<StoredNode>>) -> Self {
        let snapshot = Self::default();
        for node in nodes {
            snapshot.insert(node);
        }
        snapshot
    }

    pub(crate) fn insert(&self, node: Arc<StoredNode>) {
        let mut index = self.index.write();
        index.version += 1;
        index.by_id.insert(node.uuid, node.row);
        if let Some(name) = &node.name {
            index.by_name.insert(name.clone(), node.row);
        }
        index.rows.insert(node.row, node);
    }

    /// Takes a newer state of a node that is there. Commits may arrive in any order: an older
    /// revision, or a node deleted since, changes nothing.
    pub(crate) fn replace(&self, node: Arc<StoredNode>) {
        let mut guard = self.index.write();
        let index = &mut *guard;
        let Some(slot) = index.rows.get_mut(&node.row) else {
            return;
        };
        if slot.revision >= node.revision {
            return;
        }
        index.version += 1;
        if slot.name != node.name {
            if let Some(old) = &slot.name
                && index.by_name.get(old) == Some(&node.row)
            {
                index.by_name.remove(old);
            }
            if let Some(new) = &node.name {
                index.by_name.insert(new.clone(), node.row);
            }
        }
        *slot = node;
    }

    pub(crate) fn remove(&self, row: i64) {
        let mut index = self.index.write();
        let Some(old) = index.rows.remove(&row) else {
            return;
        };
        index.version += 1;
        if index.by_id.get(&old.uuid) == Some(&row) {
            index.by_id.remove(&old.uuid);
        }
        if let Some(name) = &old.name
            && index.by_name.get(name) == Some(&row)
        {
            index.by_name.remove(name);
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.read().rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Grows with every change of any node: a rendered list of the same version is still right.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.index.read().version
    }

    /// One node.
    #[must_use]
    pub fn get(&self, ident: &NodeIdent) -> Option<Arc<StoredNode>> {
        let index = self.index.read();
        let row = match ident {
            NodeIdent::Id(id) => index.by_id.get(id),
            NodeIdent::Name(name) => index.by_name.get(name),
        }?;
        index.rows.get(row).cloned()
    }

    /// All nodes in the order of their creation, with the version of which they are the state.
    #[must_use]
    pub fn all(&self) -> (Vec<Arc<StoredNode>>, u64) {
        let index = self.index.read();
        (index.rows.values().cloned().collect(), index.version)
    }

    /// One page of a list. None when the marker is unknown.
    #[must_use]
    pub fn page(&self, page: &NodePage) -> Option<Vec<Arc<StoredNode>>> {
        let limit = page.limit.unwrap_or(usize::MAX);
        let index = self.index.read();
        let marker = match &page.marker {
            Some(id) => Some(index.rows.get(index.by_id.get(id)?)?),
            None => None,
        };
        let wanted = |node: &&Arc<StoredNode>| page.filter.matches(node);
        let Some(key) = page.sort_key.column() else {
            let from = |m: Option<&Arc<StoredNode>>| {
                m.map_or(Bound::Unbounded, |m| Bound::Excluded(m.row))
            };
            return Some(match page.direction {
                SortDirection::Ascending => index
                    .rows
                    .range((from(marker), Bound::Unbounded))
                    .map(|(_, node)| node)
                    .filter(wanted)
                    .take(limit)
                    .cloned()
                    .collect(),
                SortDirection::Descending => index
                    .rows
                    .range((Bound::Unbounded, from(marker)))
                    .rev()
                    .map(|(_, node)| node)
                    .filter(wanted)
                    .take(limit)
                    .cloned()
                    .collect(),
            });
        };
        let place = |node: &Arc<StoredNode>| ((key.get)(node), node.row);
        let after = marker.map(place);
        let mut keyed: Vec<_> = index
            .rows
            .values()
            .filter(wanted)
            .map(|node| (place(node), node.clone()))
            .collect();
        drop(index);
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        if page.direction == SortDirection::Descending {
            keyed.reverse();
        }
        let beyond = |at: &_| match (&after, page.direction) {
            (None, _) => true,
            (Some(after), SortDirection::Ascending) => at > after,
            (Some(after), SortDirection::Descending) => at < after,
        };
        Some(
            keyed
                .into_iter()
                .filter(|(at, _)| beyond(at))
                .take(limit)
                .map(|(_, node)| node)
                .collect(),
        )
    }
}
