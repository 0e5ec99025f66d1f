//! The node list: which nodes in which order, where the cursor is, what part is on the screen.
//!
//! Rows are worked out once per change ([`List::settle`]), never per frame. The cursor holds on to
//! its node, or to the heading of its group, not to its line.

use std::collections::BTreeSet;

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use jiff::Timestamp;

use super::field::Field;
use super::fleet::Fleet;
use super::group::{self, Group, Row};
use super::query::Query;
use super::sort::Sort;
use super::view::View;

/// The list and its place on the screen.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// The order.
    pub(crate) sort: Sort,
    /// The filter as it is typed.
    pub(crate) filter: String,
    /// What nodes are grouped by.
    pub(crate) group: Option<Field>,
    /// The columns; none for those that fit the screen.
    pub(crate) columns: Vec<Field>,
    /// The marked nodes.
    pub(crate) marks: BTreeSet<NodeId>,
    /// The node that was marked last: one end of a range.
    anchor: Option<NodeId>,
    query: Query,
    /// Places of all nodes, sorted.
    order: Vec<u32>,
    /// Places of the nodes that the filter shows.
    matched: Vec<u32>,
    rows: Vec<Row>,
    groups: Vec<Group>,
    folded: BTreeSet<String>,
    /// Nodes or the order have changed.
    unsorted: bool,
    /// What the filter shows, or how it is grouped, has changed.
    stale: bool,
    cursor: Option<NodeId>,
    /// The heading under the cursor.
    heading: Option<String>,
    at: usize,
    top: usize,
}

/// What a line of the list shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown<'a> {
    /// The heading of a group.
    Group(&'a Group),
    /// A node.
    Node(&'a NodeSummary),
}

impl List {
    /// Something changed: rows are worked out anew before the next frame.
    pub(crate) const fn touch(&mut self) {
        self.unsorted = true;
    }

    /// A node is about to change, or to be there: what that cannot move or hide stays as it is worked out.
    pub(crate) fn note(
        &mut self,
        before: Option<&NodeSummary>,
        after: &NodeSummary,
        now: Timestamp,
    ) {
        let stays = |before: &NodeSummary| {
            let in_group = self.group.is_none_or(|field| {
                field.compare(before, after).is_eq()
                    && group::label(field, before) == group::label(field, after)
            });
            in_group
                && self.sort.compare(before, after).is_eq()
                && self.query.matches(before, now) == self.query.matches(after, now)
        };
        self.unsorted = self.unsorted || !before.is_some_and(stays);
    }

    /// Time has passed: a filter that asks for ages may show other nodes.
    pub(crate) fn tick(&mut self) {
        self.stale |= self.query.is_timed();
    }

    /// Whether what the list shows changes with the time alone.
    pub(crate) fn is_timed(&self) -> bool {
        self.query.is_timed()
    }

    /// Sets the filter.
    pub(crate) fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        self.query = Query::parse(text);
        self.stale = true;
    }

    /// What of the filter makes no sense.
    pub(crate) fn filter_problem(&self) -> Option<&str> {
        self.query.problem()
    }

    /// Sets the order.
    pub(crate) const fn set_sort(&mut self, sort: Sort) {
        self.sort = sort;
        self.unsorted = true;
    }

    /// Groups nodes by a field, or no more. All groups are open at first.
    pub(crate) fn set_group(&mut self, group: Option<Field>) {
        self.group = group;
        self.folded.clear();
        self.heading = None;
        self.unsorted = true;
    }

    /// How the list is looked at.
    pub(crate) fn view(&self) -> View {
        View {
            filter: self.filter.clone(),
            sort: self.sort.column,
            reverse: self.sort.reversed,
            group: self.group,
            columns: self.columns.clone(),
        }
    }

    /// Looks at the list in this way.
    pub(crate) fn set_view(&mut self, view: &View) {
        self.set_filter(&view.filter);
        self.set_sort(view.order());
        self.set_group(view.group);
        self.columns.clone_from(&view.columns);
    }

    /// Brings rows, cursor and screen part into line; `height` is the number of visible rows.
    pub(crate) fn settle(&mut self, fleet: &Fleet, height: usize, now: Timestamp) {
        if std::mem::take(&mut self.unsorted) {
            self.put_in_order(fleet);
            self.stale = true;
        }
        if std::mem::take(&mut self.stale) {
            self.work_out(fleet, now);
        }
        let last = self.rows.len().saturating_sub(1);
        self.at = self.at.min(last);
        self.hold(fleet);
        let height = height.max(1);
        self.top = self.top.min((last + 1).saturating_sub(height)).min(self.at);
        self.top = self.top.max((self.at + 1).saturating_sub(height));
    }

    fn put_in_order(&mut self, fleet: &Fleet) {
        if self.order.len() != fleet.len() {
            self.order = (0..u32::try_from(fleet.len()).unwrap_or(u32::MAX)).collect();
        }
        let (sort, group) = (self.sort, self.group);
        let at = |place: u32| fleet.at(place as usize);
        // Nearly sorted after a small change, which the standard sort takes advantage of.
        self.order.sort_by(|a, b| match (at(*a), at(*b)) {
            (Some(a), Some(b)) => {
                let groups = group.map(|field| {
                    let labels = || group::label(field, a).cmp(&group::label(field, b));
                    field.compare(a, b).then_with(labels)
                });
                let groups = groups.unwrap_or(std::cmp::Ordering::Equal);
                groups.then_with(|| sort.compare(a, b))
            }
            (a, b) => a.is_none().cmp(&b.is_none()),
        });
        self.marks.retain(|id| fleet.get(*id).is_some());
    }

    fn work_out(&mut self, fleet: &Fleet, now: Timestamp) {
        let at = |place: u32| fleet.at(place as usize);
        let shown = |place: &u32| at(*place).is_some_and(|n| self.query.matches(n, now));
        self.matched.clear();
        if self.query.is_empty() {
            self.matched.extend_from_slice(&self.order);
        } else {
            let order = self.order.iter().copied();
            self.matched.extend(order.filter(shown));
        }
        (self.rows, self.groups) = group::rows(fleet, &self.matched, self.group, &self.folded);
        let found = match (&self.heading, self.cursor) {
            (Some(heading), _) => self.rows.iter().position(|row| match row {
                Row::Head(number) => self
                    .groups
                    .get(*number as usize)
                    .is_some_and(|group| group.label == *heading),
                Row::Node(_) => false,
            }),
            (None, Some(cursor)) => self.rows.iter().position(|row| match row {
                Row::Node(place) => at(*place).is_some_and(|n| n.uuid == cursor),
                Row::Head(_) => false,
            }),
            (None, None) => None,
        };
        if let Some(found) = found {
            self.at = found;
        }
    }

    /// The cursor holds on to what is on its line.
    fn hold(&mut self, fleet: &Fleet) {
        self.cursor = None;
        self.heading = None;
        match self.rows.get(self.at) {
            Some(Row::Node(place)) => self.cursor = fleet.at(*place as usize).map(|n| n.uuid),
            Some(Row::Head(number)) => {
                let group = self.groups.get(*number as usize);
                self.heading = group.map(|group| group.label.clone());
            }
            None => {}
        }
    }

    /// Moves the cursor by so many rows; it stops at both ends.
    pub(crate) fn step(&mut self, fleet: &Fleet, by: isize) {
        let last = self.rows.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
        self.hold(fleet);
    }

    /// Moves the cursor to this visible line, where there is one; whether it was there already.
    pub(crate) fn point(&mut self, fleet: &Fleet, line: usize) -> bool {
        let at = self.top + line;
        if at >= self.rows.len() {
            return false;
        }
        let before = std::mem::replace(&mut self.at, at);
        self.hold(fleet);
        before == at
    }

    /// Moves the cursor to this node, when it is shown.
    pub(crate) fn go_to(&mut self, id: NodeId) {
        self.cursor = Some(id);
        self.heading = None;
        self.stale = true;
    }

    /// The node under the cursor.
    pub(crate) const fn cursor(&self) -> Option<NodeId> {
        self.cursor
    }

    /// The group whose heading is under the cursor.
    pub(crate) fn heading(&self) -> Option<&Group> {
        let heading = self.heading.as_ref()?;
        self.groups.iter().find(|group| group.label == *heading)
    }

    /// How many groups there are.
    pub(crate) const fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Folds the group under the cursor, or unfolds it; false where there is no heading.
    pub(crate) fn toggle_fold(&mut self) -> bool {
        let Some(heading) = self.heading.clone() else {
            return false;
        };
        if !self.folded.remove(&heading) {
            self.folded.insert(heading);
        }
        self.stale = true;
        true
    }

    /// Folds all groups, or unfolds them when all are folded.
    pub(crate) fn toggle_folds(&mut self) {
        if self.groups.iter().all(|group| group.folded) {
            self.folded.clear();
        } else {
            self.folded = self.groups.iter().map(|g| g.label.clone()).collect();
        }
        self.stale = true;
    }

    /// How many nodes the filter shows.
    pub(crate) const fn len(&self) -> usize {
        self.matched.len()
    }

    /// Whether the filter hides anything.
    pub(crate) const fn is_filtered(&self) -> bool {
        !self.query.is_empty()
    }

    /// What is on the visible lines, and whether the cursor is on each.
    pub(crate) fn visible<'a>(
        &'a self,
        fleet: &'a Fleet,
        height: usize,
    ) -> impl Iterator<Item = (bool, Shown<'a>)> {
        let rows = self.rows.iter().enumerate().skip(self.top).take(height);
        rows.filter_map(|(line, row)| {
            let shown = match row {
                Row::Head(number) => Shown::Group(self.groups.get(*number as usize)?),
                Row::Node(place) => Shown::Node(fleet.at(*place as usize)?),
            };
            Some((line == self.at, shown))
        })
    }

    /// Marks the node under the cursor, or takes its mark away; on a heading, those of its group.
    pub(crate) fn toggle_mark(&mut self, fleet: &Fleet) {
        if let Some(id) = self.cursor
            && !self.marks.remove(&id)
        {
            self.marks.insert(id);
            self.anchor = Some(id);
        }
        if let (Some(heading), Some(field)) = (&self.heading, self.group) {
            let nodes = self.matched.iter().filter_map(|at| fleet.at(*at as usize));
            let inside = nodes.filter(|node| group::label(field, node) == heading.as_str());
            let ids: Vec<NodeId> = inside.map(|node| node.uuid).collect();
            self.toggle_marks(ids);
        }
    }

    /// Marks all rows from the node that was marked last to the cursor; false where that node is not
    /// marked any more, or not shown.
    pub(crate) fn mark_range(&mut self, fleet: &Fleet) -> bool {
        let id_of = |row: &Row| match row {
            Row::Node(place) => fleet.at(*place as usize).map(|node| node.uuid),
            Row::Head(_) => None,
        };
        let anchor = self.anchor.filter(|id| self.marks.contains(id));
        let from = anchor.and_then(|id| self.rows.iter().position(|row| id_of(row) == Some(id)));
        let Some(from) = from else {
            return false;
        };
        let (first, last) = (from.min(self.at), from.max(self.at));
        let range = self.rows.get(first..=last).unwrap_or_default();
        self.marks.extend(range.iter().filter_map(id_of));
        self.anchor = self.cursor.or(anchor);
        true
    }

    /// Marks all nodes that the filter shows; when all are marked already, takes their marks away.
    pub(crate) fn toggle_all(&mut self, fleet: &Fleet) {
        let nodes = self.matched.iter().filter_map(|at| fleet.at(*at as usize));
        let ids = nodes.map(|node| node.uuid).collect();
        self.toggle_marks(ids);
    }

    fn toggle_marks(&mut self, ids: Vec<NodeId>) {
        if ids.iter().all(|id| self.marks.contains(id)) {
            for id in &ids {
                self.marks.remove(id);
            }
        } else {
            self.marks.extend(ids);
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
    use crate::testing::{fleet, summary};
    use cupola_api::state::provision::ProvisionState;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn settled(count: u32) -> (Fleet, List) {
        let fleet = fleet(count);
        let mut list = List::default();
        list.touch();
        list.settle(&fleet, 10, NOW);
        (fleet, list)
    }

    #[test]
    fn the_cursor_stays_on_its_node_when_the_order_changes() {
        let (fleet, mut list) = settled(50);
        list.step(&fleet, 20);
        let node = list.cursor();
        list.set_sort(Sort {
            column: Field::Name,
            reversed: true,
        });
        list.settle(&fleet, 10, NOW);
        assert_eq!(list.cursor(), node);
        assert!(
            list.visible(&fleet, 10).any(
                |(here, shown)| here && matches!(shown, Shown::Node(n) if Some(n.uuid) == node)
            )
        );
    }

    #[test]
    fn the_cursor_survives_a_filter_that_hides_its_node_and_a_removal() {
        let (mut fleet, mut list) = settled(50);
        list.step(&fleet, 49);
        list.set_filter("nothing-is-called-so");
        list.settle(&fleet, 10, NOW);
        assert_eq!((list.len(), list.cursor()), (0, None));
        list.set_filter("");
        list.settle(&fleet, 10, NOW);
        let id = list.cursor().expect("a node again");
        fleet.remove(id);
        list.touch();
        list.settle(&fleet, 10, NOW);
        assert!(list.cursor().is_some_and(|now| now != id));
    }

    /// What the list says after a change that was noted, and after one that had everything worked out anew.
    #[test]
    fn a_noted_change_shows_what_working_out_anew_shows() {
        let views = [
            ("", Field::Name, None),
            ("", Field::State, None),
            ("state:active", Field::Name, None),
            ("!state:active", Field::Power, None),
            ("", Field::Name, Some(Field::State)),
        ];
        for (filter, column, group) in views {
            let (mut fleet, mut list) = settled(20);
            list.set_filter(filter);
            list.set_sort(Sort {
                column,
                reversed: false,
            });
            list.set_group(group);
            list.settle(&fleet, 30, NOW);
            for number in [3, 3, 7, 25] {
                let name = format!("node-{number}");
                let state = match number {
                    7 => ProvisionState::Deploying,
                    _ => ProvisionState::Active,
                };
                let node = summary(number, &name, state);
                list.note(fleet.get(node.uuid), &node, NOW);
                fleet.apply(node);
                list.settle(&fleet, 30, NOW);
                let shown = |list: &List| -> Vec<String> {
                    list.visible(&fleet, 30)
                        .map(|(_, shown)| match shown {
                            Shown::Group(group) => group.label.clone(),
                            Shown::Node(node) => {
                                format!("{} {:?}", node.uuid, node.provision_state)
                            }
                        })
                        .collect()
                };
                let noted = shown(&list);
                list.touch();
                list.settle(&fleet, 30, NOW);
                assert_eq!(noted, shown(&list), "{filter} {column:?} {group:?}");
            }
        }
    }

    #[test]
    fn marks_are_what_an_action_acts_on() {
        let (mut fleet, mut list) = settled(5);
        assert_eq!(list.targets().len(), 1);
        list.toggle_all(&fleet);
        assert_eq!(list.targets().len(), 5);
        fleet.replace(vec![summary(1, "node-1", ProvisionState::Active)]);
        list.touch();
        list.settle(&fleet, 10, NOW);
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
            list.settle(&fleet, 20, NOW);
            assert_eq!(list.visible(&fleet, 20).count(), 20);
        }
        assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
    }

    #[test]
    fn groups_have_headings_that_fold_and_are_marked_whole() {
        let mut fleet = Fleet::default();
        let mut nodes = crate::testing::nodes(6);
        for (node, rack) in nodes.iter_mut().zip(["r2", "r10", "r2", "", "r10", "r2"]) {
            node.rack = (!rack.is_empty()).then(|| rack.to_owned());
        }
        fleet.replace(nodes);
        let mut list = List::default();
        list.set_group(Some(Field::Rack));
        list.settle(&fleet, 20, NOW);
        let heads = |list: &List| -> Vec<(String, usize)> {
            let rows = list.visible(&fleet, 20);
            rows.filter_map(|(_, shown)| match shown {
                Shown::Group(group) => Some((group.label.clone(), group.count)),
                Shown::Node(_) => None,
            })
            .collect()
        };
        let want = [("r2", 3), ("r10", 2), ("", 1)].map(|(l, n)| (l.to_owned(), n));
        assert_eq!(heads(&list), want);
        assert_eq!((list.visible(&fleet, 20).count(), list.cursor()), (9, None));
        list.toggle_mark(&fleet);
        assert_eq!(list.targets().len(), 3);
        assert!(list.toggle_fold());
        list.settle(&fleet, 20, NOW);
        assert_eq!((list.visible(&fleet, 20).count(), list.len()), (6, 6));
        assert_eq!(list.heading().map(|g| g.folded), Some(true));
        list.toggle_folds();
        list.settle(&fleet, 20, NOW);
        assert_eq!(list.visible(&fleet, 20).count(), 3);
    }
}
