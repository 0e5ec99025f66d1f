//! The node list: which nodes in which order, where the cursor is, what part is on the screen.
//!
//! Rows are worked out once per change ([`List::settle`]), never per frame. The cursor holds on to
//! its node, not to its line.

use std::collections::BTreeSet;

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;

use super::fleet::Fleet;
use super::query::Query;
use super::sort::Sort;

/// The list and its place on the screen.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// The order.
    pub(crate) sort: Sort,
    /// The filter as it is typed.
    pub(crate) filter: String,
    /// The marked nodes.
    pub(crate) marks: BTreeSet<NodeId>,
    query: Query,
    /// Places of all nodes, sorted.
    order: Vec<usize>,
    /// Places of the nodes that the filter shows.
    rows: Vec<usize>,
    stale: bool,
    cursor: Option<NodeId>,
    at: usize,
    top: usize,
}

impl List {
    /// Something changed: rows are worked out anew before the next frame.
    pub(crate) const fn touch(&mut self) {
        self.stale = true;
    }

    /// Sets the filter.
    pub(crate) fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        self.query = Query::parse(text);
        self.stale = true;
    }

    /// Sets the order.
    pub(crate) const fn set_sort(&mut self, sort: Sort) {
        self.sort = sort;
        self.stale = true;
    }

    /// Brings rows, cursor and screen part into line; `height` is the number of visible rows.
    pub(crate) fn settle(&mut self, fleet: &Fleet, height: usize) {
        if std::mem::take(&mut self.stale) {
            self.work_out(fleet);
        }
        let last = self.rows.len().saturating_sub(1);
        self.at = self.at.min(last);
        self.cursor = self.id_at(fleet, self.at);
        let height = height.max(1);
        self.top = self.top.min((last + 1).saturating_sub(height)).min(self.at);
        self.top = self.top.max((self.at + 1).saturating_sub(height));
    }

    fn work_out(&mut self, fleet: &Fleet) {
        if self.order.len() != fleet.len() {
            self.order = (0..fleet.len()).collect();
        }
        let sort = self.sort;
        // Nearly sorted after a small change, which the standard sort takes advantage of.
        self.order
            .sort_by(|a, b| match (fleet.at(*a), fleet.at(*b)) {
                (Some(a), Some(b)) => sort.compare(a, b),
                (a, b) => a.is_none().cmp(&b.is_none()),
            });
        let shown = |at: &&usize| fleet.at(**at).is_some_and(|n| self.query.matches(n));
        self.rows = self.order.iter().filter(shown).copied().collect();
        let cursor = self.cursor;
        let id = |at: &usize| fleet.at(*at).map(|n| n.uuid);
        if let Some(at) = self
            .rows
            .iter()
            .position(|at| id(at) == cursor && cursor.is_some())
        {
            self.at = at;
        }
        self.marks.retain(|id| fleet.get(*id).is_some());
    }

    fn id_at(&self, fleet: &Fleet, row: usize) -> Option<NodeId> {
        Some(fleet.at(*self.rows.get(row)?)?.uuid)
    }

    /// Moves the cursor by so many rows; it stops at both ends.
    pub(crate) fn step(&mut self, fleet: &Fleet, by: isize) {
        let last = self.rows.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
        self.cursor = self.id_at(fleet, self.at);
    }

    /// Moves the cursor to this node, when it is shown.
    pub(crate) fn go_to(&mut self, id: NodeId) {
        self.cursor = Some(id);
        self.stale = true;
    }

    /// The node under the cursor.
    pub(crate) const fn cursor(&self) -> Option<NodeId> {
        self.cursor
    }

    /// How many rows there are.
    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the filter hides anything.
    pub(crate) const fn is_filtered(&self) -> bool {
        !self.query.is_empty()
    }

    /// The visible nodes, and whether the cursor is on each.
    pub(crate) fn visible<'a>(
        &'a self,
        fleet: &'a Fleet,
        height: usize,
    ) -> impl Iterator<Item = (bool, &'a NodeSummary)> {
        let rows = self.rows.iter().enumerate().skip(self.top).take(height);
        rows.filter_map(|(row, at)| Some((row == self.at, fleet.at(*at)?)))
    }

    /// Marks the node under the cursor, or takes its mark away.
    pub(crate) fn toggle_mark(&mut self) {
        if let Some(id) = self.cursor
            && !self.marks.remove(&id)
        {
            self.marks.insert(id);
        }
    }

    /// Marks all nodes that the filter shows; when all are marked already, takes their marks away.
    pub(crate) fn toggle_all(&mut self, fleet: &Fleet) {
        let shown: Vec<NodeId> = self
            .rows
            .iter()
            .filter_map(|at| Some(fleet.at(*at)?.uuid))
            .collect();
        if shown.iter().all(|id| self.marks.contains(id)) {
            for id in &shown {
                self.marks.remove(id);
            }
        } else {
            self.marks.extend(shown);
        }
    }

    /// What an action acts on: the marked nodes, else the one under the cursor.
    pub(crate) fn targets(&self) -> Vec<NodeId> {
        if self.marks.is_empty() {
            self.cursor.into_iter().collect()
        } else {
            self.marks.iter().copied().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::sort::Column;
    use crate::testing::{fleet, summary};
    use cupola_api::state::provision::ProvisionState;

    fn settled(count: u32) -> (Fleet, List) {
        let fleet = fleet(count);
        let mut list = List::default();
        list.touch();
        list.settle(&fleet, 10);
        (fleet, list)
    }

    #[test]
    fn the_cursor_stays_on_its_node_when_the_order_changes() {
        let (fleet, mut list) = settled(50);
        list.step(&fleet, 20);
        let node = list.cursor();
        list.set_sort(Sort {
            column: Column::Name,
            reversed: true,
        });
        list.settle(&fleet, 10);
        assert_eq!(list.cursor(), node);
        assert!(
            list.visible(&fleet, 10)
                .any(|(here, n)| here && Some(n.uuid) == node)
        );
    }

    #[test]
    fn the_cursor_survives_a_filter_that_hides_its_node_and_a_removal() {
        let (mut fleet, mut list) = settled(50);
        list.step(&fleet, 49);
        list.set_filter("nothing-is-called-so");
        list.settle(&fleet, 10);
        assert_eq!((list.len(), list.cursor()), (0, None));
        list.set_filter("");
        list.settle(&fleet, 10);
        let id = list.cursor().expect("a node again");
        fleet.remove(id);
        list.touch();
        list.settle(&fleet, 10);
        assert!(list.cursor().is_some_and(|now| now != id));
    }

    #[test]
    fn marks_are_what_an_action_acts_on() {
        let (mut fleet, mut list) = settled(5);
        assert_eq!(list.targets().len(), 1);
        list.toggle_all(&fleet);
        assert_eq!(list.targets().len(), 5);
        fleet.replace(vec![summary(1, "node-1", ProvisionState::Active)]);
        list.touch();
        list.settle(&fleet, 10);
        assert_eq!(list.targets().len(), 1);
        list.toggle_all(&fleet);
        assert!(list.marks.is_empty());
    }

    /// The budget of the house is 2 ms a frame; working rows out happens once per change.
    #[test]
    fn a_hundred_thousand_nodes_are_worked_out_once_and_shown_for_nothing() {
        let (fleet, mut list) = settled(100_000);
        list.step(&fleet, 50_000);
        let start = std::time::Instant::now();
        for _ in 0..1000 {
            list.settle(&fleet, 20);
            assert_eq!(list.visible(&fleet, 20).count(), 20);
        }
        assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
    }
}
