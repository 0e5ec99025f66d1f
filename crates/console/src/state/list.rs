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
use lines::{Lines, Look, Scope};

mod lines;

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
    folded: BTreeSet<String>,
    lines: Lines,
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
    pub(crate) fn touch(&mut self) {
        self.lines.touch();
    }

    /// The node at this place of the fleet is about to change, or to be there: only its own row is
    /// worked out anew, and not even that where the change cannot move or hide it.
    pub(crate) fn note(
        &mut self,
        place: usize,
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
        if !before.is_some_and(stays) {
            self.lines.change(place);
        }
    }

    /// Time has passed: a filter that asks for ages may show other nodes.
    pub(crate) fn tick(&mut self) {
        if self.query.is_timed() {
            self.lines.filter(Scope::All);
        }
    }

    /// Whether what the list shows changes with the time alone.
    pub(crate) fn is_timed(&self) -> bool {
        self.query.is_timed()
    }

    /// Sets the filter.
    pub(crate) fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        let query = Query::parse(text);
        self.lines.filter(if query.narrows(&self.query) {
            Scope::Shown
        } else {
            Scope::All
        });
        self.query = query;
    }

    /// What of the filter makes no sense.
    pub(crate) fn filter_problem(&self) -> Option<&str> {
        self.query.problem()
    }

    /// Sets the order.
    pub(crate) fn set_sort(&mut self, sort: Sort) {
        self.sort = sort;
        self.lines.touch();
    }

    /// Groups nodes by a field, or no more. All groups are open at first.
    pub(crate) fn set_group(&mut self, group: Option<Field>) {
        self.group = group;
        self.folded.clear();
        self.heading = None;
        self.lines.touch();
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
        let look = Look {
            sort: self.sort,
            group: self.group,
            query: &self.query,
            folded: &self.folded,
            now,
        };
        let done = self.lines.settle(fleet, &look);
        if done.sorted_all {
            self.marks.retain(|id| fleet.get(*id).is_some());
        }
        if done.moved {
            self.find_cursor(fleet);
        }
        let last = self.lines.rows().len().saturating_sub(1);
        self.at = self.at.min(last);
        self.hold(fleet);
        let height = height.max(1);
        self.top = self.top.min((last + 1).saturating_sub(height)).min(self.at);
        self.top = self.top.max((self.at + 1).saturating_sub(height));
    }

    /// The line of what the cursor holds on to, where it is still shown.
    fn find_cursor(&mut self, fleet: &Fleet) {
        let found = match (&self.heading, self.cursor) {
            (Some(heading), _) => self.lines.find_group(heading),
            (None, Some(id)) => self.lines.find(fleet, id, self.at),
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
        match self.lines.rows().get(self.at) {
            Some(Row::Node(place)) => self.cursor = fleet.at(*place as usize).map(|n| n.uuid),
            Some(Row::Head(number)) => {
                let group = self.lines.groups().get(*number as usize);
                self.heading = group.map(|group| group.label.clone());
            }
            None => {}
        }
    }

    /// Moves the cursor by so many rows; it stops at both ends.
    pub(crate) fn step(&mut self, fleet: &Fleet, by: isize) {
        let last = self.lines.rows().len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
        self.hold(fleet);
    }

    /// Moves the cursor to this visible line, where there is one; whether it was there already.
    pub(crate) fn point(&mut self, fleet: &Fleet, line: usize) -> bool {
        let at = self.top + line;
        if at >= self.lines.rows().len() {
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
        self.lines.group();
    }

    /// The node under the cursor.
    pub(crate) const fn cursor(&self) -> Option<NodeId> {
        self.cursor
    }

    /// The group whose heading is under the cursor.
    pub(crate) fn heading(&self) -> Option<&Group> {
        let heading = self.heading.as_ref()?;
        self.lines
            .groups()
            .iter()
            .find(|group| group.label == *heading)
    }

    /// How many groups there are.
    pub(crate) fn group_count(&self) -> usize {
        self.lines.groups().len()
    }

    /// Folds the group under the cursor, or unfolds it; false where there is no heading.
    pub(crate) fn toggle_fold(&mut self) -> bool {
        let Some(heading) = self.heading.clone() else {
            return false;
        };
        if !self.folded.remove(&heading) {
            self.folded.insert(heading);
        }
        self.lines.group();
        true
    }

    /// Folds all groups, or unfolds them when all are folded.
    pub(crate) fn toggle_folds(&mut self) {
        if self.lines.groups().iter().all(|group| group.folded) {
            self.folded.clear();
        } else {
            self.folded = self
                .lines
                .groups()
                .iter()
                .map(|g| g.label.clone())
                .collect();
        }
        self.lines.group();
    }

    /// How many nodes the filter shows.
    pub(crate) fn len(&self) -> usize {
        self.lines.matched().len()
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
        let rows = self
            .lines
            .rows()
            .iter()
            .enumerate()
            .skip(self.top)
            .take(height);
        rows.filter_map(|(line, row)| {
            let shown = match row {
                Row::Head(number) => Shown::Group(self.lines.groups().get(*number as usize)?),
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
            let nodes = self
                .lines
                .matched()
                .iter()
                .filter_map(|at| fleet.at(*at as usize));
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
        let from = anchor.and_then(|id| {
            self.lines
                .rows()
                .iter()
                .position(|row| id_of(row) == Some(id))
        });
        let Some(from) = from else {
            return false;
        };
        let (first, last) = (from.min(self.at), from.max(self.at));
        let range = self.lines.rows().get(first..=last).unwrap_or_default();
        self.marks.extend(range.iter().filter_map(id_of));
        self.anchor = self.cursor.or(anchor);
        true
    }

    /// Marks all nodes that the filter shows; when all are marked already, takes their marks away.
    pub(crate) fn toggle_all(&mut self, fleet: &Fleet) {
        let nodes = self
            .lines
            .matched()
            .iter()
            .filter_map(|at| fleet.at(*at as usize));
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
mod tests;
