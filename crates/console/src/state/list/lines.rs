//! Which nodes the list shows in which order. What a few nodes' changes cannot touch is not worked
//! out again: they are taken out of the order and put where they belong now.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use cupola_api::id::NodeId;
use jiff::Timestamp;

use crate::state::field::Field;
use crate::state::fleet::Fleet;
use crate::state::group::{self, Group, Row};
use crate::state::query::Query;
use crate::state::sort::Sort;

/// So many changed nodes are put in their places one by one; of more, all are sorted.
const FEW: usize = 1000;

/// How the list is looked at.
pub(super) struct Look<'a> {
    pub(super) sort: Sort,
    pub(super) group: Option<Field>,
    pub(super) query: &'a Query,
    pub(super) folded: &'a BTreeSet<String>,
    pub(super) now: Timestamp,
}

/// Which nodes a new filter may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// Those that are shown, or fewer.
    Shown,
    /// Any.
    All,
}

/// What [`Lines::settle`] had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// All nodes were sorted.
    pub(super) sorted_all: bool,
    /// Rows may be on other lines.
    pub(super) moved: bool,
}

/// The rows of the list.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Places of all nodes, sorted.
    order: Vec<u32>,
    /// Places of the nodes that the filter shows, in the same order.
    matched: Vec<u32>,
    rows: Vec<Row>,
    groups: Vec<Group>,
    /// Nodes or the order have changed.
    is_unsorted: bool,
    /// Places of nodes that have changed since, where that are few.
    changed: HashSet<u32>,
    /// The filter has changed.
    refilter: Option<Scope>,
    /// Groups were folded, or the cursor was sent somewhere.
    is_regrouped: bool,
}

impl Lines {
    /// All nodes, or their order, may have changed.
    pub(super) fn touch(&mut self) {
        self.is_unsorted = true;
        self.changed.clear();
    }

    /// The node at this place of the fleet has changed.
    pub(super) fn change(&mut self, place: usize) {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        if !self.is_unsorted {
            self.changed.insert(place);
        }
        if self.changed.len() > FEW {
            self.touch();
        }
    }

    /// The filter has changed.
    pub(super) fn filter(&mut self, scope: Scope) {
        self.refilter = self.refilter.max(Some(scope));
    }

    /// Rows are made of the same nodes again.
    pub(super) const fn group(&mut self) {
        self.is_regrouped = true;
    }

    /// Works out what has changed.
    pub(super) fn settle(&mut self, fleet: &Fleet, look: &Look<'_>) -> Done {
        let sorted_all = std::mem::take(&mut self.is_unsorted);
        let changed = std::mem::take(&mut self.changed);
        let mut refilter = self.refilter.take();
        if sorted_all {
            self.sort(fleet, look);
            refilter = Some(Scope::All);
        } else if !changed.is_empty() {
            self.place(fleet, look, &changed);
        }
        let is_shown =
            |place: &u32| at(fleet, *place).is_some_and(|n| look.query.matches(n, look.now));
        match refilter {
            Some(_) if look.query.is_empty() => self.matched.clone_from(&self.order),
            Some(Scope::All) => {
                self.matched.clear();
                let order = self.order.iter().copied();
                self.matched.extend(order.filter(is_shown));
            }
            Some(Scope::Shown) => self.matched.retain(is_shown),
            None => {}
        }
        let moved = std::mem::take(&mut self.is_regrouped)
            || sorted_all
            || refilter.is_some()
            || !changed.is_empty();
        if moved {
            (self.rows, self.groups) = group::rows(fleet, &self.matched, look.group, look.folded);
        }
        Done { sorted_all, moved }
    }

    fn sort(&mut self, fleet: &Fleet, look: &Look<'_>) {
        if self.order.len() != fleet.len() {
            self.order = (0..u32::try_from(fleet.len()).unwrap_or(u32::MAX)).collect();
        }
        // Nearly sorted after a small change, which the standard sort takes advantage of.
        self.order.sort_by(|a, b| compare(fleet, look, *a, *b));
    }

    /// Puts the nodes that have changed where they belong now.
    fn place(&mut self, fleet: &Fleet, look: &Look<'_>, changed: &HashSet<u32>) {
        let mut sorted: Vec<u32> = changed.iter().copied().collect();
        sorted.retain(|place| at(fleet, *place).is_some());
        sorted.sort_by(|a, b| compare(fleet, look, *a, *b));
        let comes_before = |a: &u32, b: &u32| compare(fleet, look, *a, *b) == Ordering::Less;
        take_out(&mut self.order, changed);
        merge(&mut self.order, &sorted, comes_before);
        sorted.retain(|place| at(fleet, *place).is_some_and(|n| look.query.matches(n, look.now)));
        take_out(&mut self.matched, changed);
        merge(&mut self.matched, &sorted, comes_before);
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Places of the nodes that the filter shows.
    pub(super) fn matched(&self) -> &[u32] {
        &self.matched
    }

    /// The line of this node; it is probably where it was.
    pub(super) fn find(&self, fleet: &Fleet, id: NodeId, was: usize) -> Option<usize> {
        let wanted = Row::Node(u32::try_from(fleet.place_of(id)?).ok()?);
        if self.rows.get(was) == Some(&wanted) {
            return Some(was);
        }
        self.rows.iter().position(|row| *row == wanted)
    }

    /// The line of this group's heading.
    pub(super) fn find_group(&self, label: &str) -> Option<usize> {
        self.rows.iter().position(|row| match row {
            Row::Head(number) => self
                .groups
                .get(*number as usize)
                .is_some_and(|group| group.label == label),
            Row::Node(_) => false,
        })
    }
}

fn at(fleet: &Fleet, place: u32) -> Option<&cupola_api::cupola::NodeSummary> {
    fleet.at(place as usize)
}

/// Groups come in the order of their field; inside them, nodes as they are sorted.
fn compare(fleet: &Fleet, look: &Look<'_>, a: u32, b: u32) -> Ordering {
    match (at(fleet, a), at(fleet, b)) {
        (Some(a), Some(b)) => {
            let groups = look.group.map_or(Ordering::Equal, |field| {
                let labels = || group::label(field, a).cmp(&group::label(field, b));
                field.compare(a, b).then_with(labels)
            });
            groups.then_with(|| look.sort.compare(a, b))
        }
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

/// Takes these out; the rest keeps its order.
fn take_out(from: &mut Vec<u32>, these: &HashSet<u32>) {
    // Nearly all that is looked up is not in it: most of them are told by the bits of one word.
    let bits = these.iter().fold(0_u128, |bits, place| bits | bit(*place));
    from.retain(|place| bits & bit(*place) == 0 || !these.contains(place));
}

const fn bit(place: u32) -> u128 {
    1 << (place % 128)
}

/// Brings these, which are in order, into what is in order.
fn merge(into: &mut Vec<u32>, these: &[u32], comes_before: impl Fn(&u32, &u32) -> bool) {
    let old = std::mem::take(into);
    into.reserve(old.len() + these.len());
    let mut rest = old.as_slice();
    for place in these {
        let (before, after) = rest.split_at(rest.partition_point(|it| comes_before(it, place)));
        into.extend_from_slice(before);
        into.push(*place);
        rest = after;
    }
    into.extend_from_slice(rest);
}
