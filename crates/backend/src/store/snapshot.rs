//! All nodes in memory, for a process that is the only writer: lists and look-ups without SQL.
//!
//! A node enters when its row is committed, never before. Nodes are packed, a tenth of their size;
//! whoever asks for one gets it unpacked, and what was asked for lately is kept so. Locks are held
//! only while bytes and pointers are copied.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use cupola_api::id::{NodeId, NodeIdent};
use parking_lot::{Mutex, RwLock};

use super::column::place_of;
use super::filter::{NodeFilter, NodePage, SortDirection};
use super::packed::{Packed, Peek};
use super::record::{Revision, StoredNode};

/// How many nodes are kept unpacked, at about 4 KiB each.
const LATELY: usize = 512;

/// All nodes, in the order of their creation.
#[derive(Debug)]
pub struct Snapshot {
    index: RwLock<Index>,
    /// The nodes asked for last, each at its row modulo the length. The index is never locked
    /// while one of these is.
    lately: Box<[Mutex<Option<Arc<StoredNode>>>]>,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            index: RwLock::default(),
            lately: std::iter::repeat_with(Mutex::default)
                .take(LATELY)
                .collect(),
        }
    }
}

#[derive(Debug, Default)]
struct Index {
    rows: BTreeMap<i64, Arc<Slot>>,
    by_id: HashMap<NodeId, i64>,
    by_name: HashMap<Box<str>, i64>,
    /// Grows with every change of any node.
    version: u64,
}

/// A node at one revision.
#[derive(Debug)]
struct Slot {
    row: i64,
    revision: Revision,
    uuid: NodeId,
    packed: Packed,
}

/// A node of a page. One in memory is unpacked only when it is asked for: what was rendered before
/// needs its row and revision only.
#[derive(Clone, Debug)]
pub enum Listed {
    /// As it is in memory.
    Packed(#[allow(private_interfaces, reason = "known by its methods")] Arc<Slot>),
    /// As it came from the database.
    Whole(Arc<StoredNode>),
}

impl Listed {
    /// Its place in the order of creation.
    #[must_use]
    pub fn row(&self) -> i64 {
        match self {
            Self::Packed(slot) => slot.row,
            Self::Whole(node) => node.row,
        }
    }

    /// Which state of the node this is.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Packed(slot) => slot.revision,
            Self::Whole(node) => node.revision,
        }
    }

    /// Its identifier.
    #[must_use]
    pub fn uuid(&self) -> NodeId {
        match self {
            Self::Packed(slot) => slot.uuid,
            Self::Whole(node) => node.uuid,
        }
    }

    /// All of it.
    #[must_use]
    pub fn node(&self) -> Option<Arc<StoredNode>> {
        match self {
            Self::Packed(slot) => slot.unpack(),
            Self::Whole(node) => Some(node.clone()),
        }
    }
}

impl Slot {
    fn unpack(&self) -> Option<Arc<StoredNode>> {
        match self.packed.unpack(self.row, self.revision) {
            Ok(node) => Some(Arc::new(node)),
            Err(reason) => {
                tracing::error!(node = %self.uuid, reason, "a node in memory cannot be read");
                None
            }
        }
    }

    fn of(node: &StoredNode) -> Arc<Self> {
        Arc::new(Self {
            row: node.row,
            revision: node.revision,
            uuid: node.uuid,
            packed: Packed::of(node),
        })
    }

    fn name(&self) -> Option<&str> {
        match self.packed.peek(place_of("name")) {
            Peek::Text(name) => Some(name),
            Peek::Null | Peek::Int(_) => None,
        }
    }
}

impl Snapshot {
    #[cfg(test)]
    pub(crate) fn of(nodes: &[Arc<StoredNode>]) -> Self {
        let snapshot = Self::default();
        for node in nodes {
            snapshot.insert(node);
        }
        snapshot
    }

    pub(crate) fn insert(&self, node: &StoredNode) {
        let slot = Slot::of(node);
        let mut index = self.index.write();
        index.version += 1;
        index.by_id.insert(node.uuid, node.row);
        if let Some(name) = &node.name {
            index.by_name.insert(name.as_str().into(), node.row);
        }
        index.rows.insert(node.row, slot);
    }

    /// Takes a newer state of a node that is there. Commits may arrive in any order: an older
    /// revision, or a node deleted since, changes nothing.
    pub(crate) fn replace(&self, node: &Arc<StoredNode>) {
        let new = Slot::of(node);
        let mut guard = self.index.write();
        let index = &mut *guard;
        let Some(slot) = index.rows.get_mut(&node.row) else {
            return;
        };
        if slot.revision >= node.revision {
            return;
        }
        index.version += 1;
        if slot.name() != new.name() {
            if let Some(old) = slot.name()
                && index.by_name.get(old) == Some(&node.row)
            {
                index.by_name.remove(old);
            }
            if let Some(name) = new.name() {
                index.by_name.insert(name.into(), node.row);
            }
        }
        *slot = new;
        drop(guard);
        self.keep(node);
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
        if let Some(name) = old.name()
            && index.by_name.get(name) == Some(&row)
        {
            index.by_name.remove(name);
        }
    }

    /// Where a node is kept unpacked.
    fn place(&self, row: i64) -> Option<&Mutex<Option<Arc<StoredNode>>>> {
        let length = i64::try_from(self.lately.len()).ok()?;
        let at = usize::try_from(row.checked_rem_euclid(length)?).ok()?;
        self.lately.get(at)
    }

    fn keep(&self, node: &Arc<StoredNode>) {
        if let Some(place) = self.place(node.row) {
            *place.lock() = Some(node.clone());
        }
    }

    fn unpacked(&self, slot: &Slot) -> Option<Arc<StoredNode>> {
        let known = self.place(slot.row).and_then(|place| place.lock().clone());
        let is_same = |n: &Arc<StoredNode>| n.row == slot.row && n.revision == slot.revision;
        if let Some(node) = known.filter(is_same) {
            return Some(node);
        }
        slot.unpack()
    }

    fn listed(slots: Vec<Arc<Slot>>) -> Vec<Listed> {
        slots.into_iter().map(Listed::Packed).collect()
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
            NodeIdent::Name(name) => index.by_name.get(name.as_str()),
        }?;
        let slot = index.rows.get(row)?.clone();
        drop(index);
        let node = self.unpacked(&slot)?;
        self.keep(&node);
        Some(node)
    }

    /// At most `limit` nodes that pass, of those after this row, in the order of their creation.
    #[must_use]
    pub fn after(&self, filter: &NodeFilter, row: i64, limit: usize) -> Vec<Arc<StoredNode>> {
        let tests = filter.prepared();
        let index = self.index.read();
        let slots: Vec<_> = index
            .rows
            .range((Bound::Excluded(row), Bound::Unbounded))
            .map(|(_, slot)| slot)
            .filter(|slot| tests.pass(&slot.packed))
            .take(limit)
            .cloned()
            .collect();
        drop(index);
        slots
            .iter()
            .filter_map(|slot| self.unpacked(slot))
            .collect()
    }

    /// One page of a list. None when the marker is unknown.
    #[must_use]
    pub fn page(&self, page: &NodePage) -> Option<Vec<Listed>> {
        let limit = page.limit.unwrap_or(usize::MAX);
        let tests = page.filter.prepared();
        let index = self.index.read();
        let marker = match &page.marker {
            Some(id) => Some(index.rows.get(index.by_id.get(id)?)?.clone()),
            None => None,
        };
        let wanted = |slot: &&Arc<Slot>| tests.pass(&slot.packed);
        let Some(key) = page.sort_key.column() else {
            let from = marker.map_or(Bound::Unbounded, |m| Bound::Excluded(m.row));
            let range = match page.direction {
                SortDirection::Ascending => index.rows.range((from, Bound::Unbounded)),
                SortDirection::Descending => index.rows.range((Bound::Unbounded, from)),
            };
            let rows = range.map(|(_, slot)| slot);
            let slots = match page.direction {
                SortDirection::Ascending => rows.filter(wanted).take(limit).cloned().collect(),
                SortDirection::Descending => {
                    rows.rev().filter(wanted).take(limit).cloned().collect()
                }
            };
            drop(index);
            return Some(Self::listed(slots));
        };
        let at = place_of(key.name);
        let place = |slot: &Arc<Slot>| (slot.packed.cell(at), slot.row);
        let after = marker.as_ref().map(place);
        let mut keyed: Vec<_> = index
            .rows
            .values()
            .filter(wanted)
            .map(|slot| (place(slot), slot.clone()))
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
        let slots = keyed
            .into_iter()
            .filter(|(at, _)| beyond(at))
            .take(limit)
            .map(|(_, slot)| slot)
            .collect();
        Some(Self::listed(slots))
    }
}
