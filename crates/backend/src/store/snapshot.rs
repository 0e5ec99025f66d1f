//! All nodes in memory, for a process that is the only writer: lists and look-ups without SQL.
//!
//! A node enters when its row is committed, never before. Nodes are packed, a tenth of their size;
//! whoever asks for one gets it unpacked, and what was asked for lately is kept so. Locks are held
//! only while bytes and pointers are copied.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::ops::Bound;
use std::sync::Arc;

use cupola_api::id::{NodeId, NodeIdent};
use hashbrown::HashTable;
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
    /// The row of each node by its UUID, which only the row itself holds.
    by_id: HashTable<i64>,
    /// The row of each node that has a name, in the same way.
    by_name: HashTable<i64>,
    hasher: RandomState,
    /// Grows with every change of any node.
    version: u64,
}

impl Index {
    fn row_of_id(&self, id: NodeId) -> Option<i64> {
        let is_it = |row: &i64| self.rows.get(row).is_some_and(|slot| slot.uuid() == id);
        self.by_id.find(self.hasher.hash_one(id), is_it).copied()
    }

    fn row_of_name(&self, name: &str) -> Option<i64> {
        let hash = self.hasher.hash_one(name);
        let is_it = |row: &i64| self.rows.get(row).is_some_and(|s| s.name() == Some(name));
        self.by_name.find(hash, is_it).copied()
    }

    /// Enters a row that is among `rows` already.
    fn enter_id(&mut self, id: NodeId, row: i64) {
        let (rows, hasher) = (&self.rows, &self.hasher);
        let hash_of = |row: &i64| hash(hasher, rows.get(row).map(|slot| slot.uuid()));
        self.by_id.insert_unique(hasher.hash_one(id), row, hash_of);
    }

    /// The same by its name, in place of any other row that still has it.
    fn enter_name(&mut self, name: &str, row: i64) {
        let (rows, hasher) = (&self.rows, &self.hasher);
        let has_it = |row: &i64| rows.get(row).is_some_and(|s| s.name() == Some(name));
        let hash_of = |row: &i64| hash(hasher, rows.get(row).and_then(|slot| slot.name()));
        let at = self.by_name.entry(hasher.hash_one(name), has_it, hash_of);
        at.insert(row);
    }

    /// Takes a row out that is still among `rows`.
    fn leave_id(&mut self, id: NodeId, row: i64) {
        let found = self
            .by_id
            .find_entry(self.hasher.hash_one(id), |r| *r == row);
        if let Ok(entry) = found {
            entry.remove();
        }
    }

    /// Takes a node out of everything.
    fn forget(&mut self, slot: &Slot) {
        self.leave_id(slot.uuid(), slot.row);
        if let Some(name) = slot.name() {
            self.leave_name(name, slot.row);
        }
        self.rows.remove(&slot.row);
    }

    fn leave_name(&mut self, name: &str, row: i64) {
        let hash = self.hasher.hash_one(name);
        if let Ok(entry) = self.by_name.find_entry(hash, |r| *r == row) {
            entry.remove();
        }
    }
}

/// A row that is entered has what it is entered by; without, any place is as good.
fn hash(hasher: &RandomState, key: Option<impl Hash>) -> u64 {
    key.map_or(0, |key| hasher.hash_one(key))
}

/// A node at one revision.
#[derive(Debug)]
struct Slot {
    row: i64,
    revision: Revision,
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
            Self::Packed(slot) => slot.uuid(),
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
                tracing::error!(node = %self.uuid(), reason, "a node in memory cannot be read");
                None
            }
        }
    }

    fn of(node: &StoredNode) -> Arc<Self> {
        Arc::new(Self {
            row: node.row,
            revision: node.revision,
            packed: Packed::of(node),
        })
    }

    const fn uuid(&self) -> NodeId {
        self.packed.uuid()
    }

    fn name(&self) -> Option<&str> {
        match self.packed.peek(place_of("name")) {
            Peek::Text(name) => Some(name),
            Peek::Null | Peek::Int(_) | Peek::Uuid(_) => None,
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
        if let Some(old) = index.rows.get(&node.row).cloned() {
            index.forget(&old);
        }
        index.rows.insert(node.row, slot);
        index.enter_id(node.uuid, node.row);
        if let Some(name) = &node.name {
            index.enter_name(name, node.row);
        }
    }

    /// Takes a newer state of a node that is there. Commits may arrive in any order: an older
    /// revision, or a node deleted since, changes nothing.
    pub(crate) fn replace(&self, node: &Arc<StoredNode>) {
        let new = Slot::of(node);
        let mut index = self.index.write();
        let Some(old) = index.rows.get(&node.row).cloned() else {
            return;
        };
        if old.revision >= node.revision {
            return;
        }
        index.version += 1;
        let is_renamed = old.name() != new.name();
        if is_renamed && let Some(name) = old.name() {
            index.leave_name(name, node.row);
        }
        index.rows.insert(node.row, new.clone());
        if is_renamed && let Some(name) = new.name() {
            index.enter_name(name, node.row);
        }
        drop(index);
        self.keep(node);
    }

    pub(crate) fn remove(&self, row: i64) {
        let mut index = self.index.write();
        let Some(old) = index.rows.get(&row).cloned() else {
            return;
        };
        index.version += 1;
        index.forget(&old);
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
            NodeIdent::Id(id) => index.row_of_id(*id),
            NodeIdent::Name(name) => index.row_of_name(name.as_str()),
        }?;
        let slot = index.rows.get(&row)?.clone();
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
            Some(id) => Some(index.rows.get(&index.row_of_id(*id)?)?.clone()),
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
