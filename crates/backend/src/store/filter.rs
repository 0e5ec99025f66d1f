//! Which nodes a list asks for, and in which order (wire reference §6.2 and §6.3); the same
//! meaning in memory and in SQL.

use cupola_api::id::NodeId;
use cupola_api::node::{Fault, Node};
use cupola_api::state::provision::ProvisionState;
use uuid::Uuid;

use super::column::{Column, find_column};
use super::database::Cell;

/// Conditions that must all hold. The default lets every node pass, children too.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(
    missing_docs,
    reason = "the fields are the filters of the wire reference, section 6.3"
)]
pub struct NodeFilter {
    pub chassis_uuid: Option<Uuid>,
    pub instance_uuid: Option<Uuid>,
    pub associated: Option<bool>,
    pub maintenance: Option<bool>,
    pub provision_state: Option<ProvisionState>,
    /// Any of these states; empty for any.
    pub provision_states: Vec<ProvisionState>,
    pub driver: Option<String>,
    pub resource_class: Option<String>,
    pub fault: Option<Fault>,
    pub conductor_group: Option<String>,
    pub owner: Option<String>,
    pub lessee: Option<String>,
    /// Owner or lessee.
    pub project: Option<String>,
    pub description_contains: Option<String>,
    pub retired: Option<bool>,
    /// Any of these shards; empty for any.
    pub shards: Vec<String>,
    pub sharded: Option<bool>,
    pub parent_node: Option<Uuid>,
    /// Whether nodes with a parent are left out (the default of the wire, not of this struct).
    pub hide_children: bool,
    pub instance_name: Option<String>,
    /// Who holds the node.
    pub reserved_by: Option<String>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortDirection {
    /// Smallest first, unset before set.
    #[default]
    Ascending,
    /// The reverse.
    Descending,
}

/// What a list is sorted by: the order of creation, or a column.
#[derive(Clone, Copy, Default)]
pub struct SortKey(Option<&'static Column>);

impl std::fmt::Debug for SortKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl SortKey {
    /// The order of creation (`id`).
    pub const CREATION: Self = Self(None);

    /// The key with this name on the wire; none for what is not a column or is JSON.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == "id" {
            return Some(Self::CREATION);
        }
        let sortable = |c: &&Column| !c.json && !c.sealed;
        find_column(name).filter(sortable).map(|c| Self(Some(c)))
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Some(column) => column.name,
            None => "id",
        }
    }

    pub(crate) const fn column(self) -> Option<&'static Column> {
        self.0
    }
}

/// One page of a list.
#[derive(Clone, Debug, Default)]
pub struct NodePage {
    /// Which nodes.
    pub filter: NodeFilter,
    /// By what.
    pub sort_key: SortKey,
    /// In which direction; nodes that are equal by the key follow each other by creation.
    pub direction: SortDirection,
    /// At most so many.
    pub limit: Option<usize>,
    /// Only what comes after this node.
    pub marker: Option<NodeId>,
}

fn same<T: PartialEq>(want: Option<&T>, is: &T) -> bool {
    want.is_none_or(|want| want == is)
}

fn same_or_unset<T: PartialEq>(want: Option<&T>, is: Option<&T>) -> bool {
    want.is_none_or(|want| is == Some(want))
}

impl NodeFilter {
    /// Whether this node is asked for.
    #[must_use]
    pub fn matches(&self, node: &Node) -> bool {
        self.matches_identity(node) && self.matches_state(node) && self.matches_owner(node)
    }

    fn matches_identity(&self, node: &Node) -> bool {
        let shard = || node.shard.as_ref().is_some_and(|s| self.shards.contains(s));
        same(self.driver.as_ref(), &node.driver)
            && same_or_unset(self.chassis_uuid.as_ref(), node.chassis_uuid.as_ref())
            && same_or_unset(self.instance_uuid.as_ref(), node.instance_uuid.as_ref())
            && same_or_unset(self.instance_name.as_ref(), node.instance_name.as_ref())
            && same_or_unset(self.resource_class.as_ref(), node.resource_class.as_ref())
            && same(self.conductor_group.as_ref(), &node.conductor_group)
            && same_or_unset(self.parent_node.as_ref(), node.parent_node.as_ref())
            && (!self.hide_children || node.parent_node.is_none())
            && (self.shards.is_empty() || shard())
            && same(self.sharded.as_ref(), &node.shard.is_some())
    }

    fn matches_state(&self, node: &Node) -> bool {
        same(self.associated.as_ref(), &node.instance_uuid.is_some())
            && same(self.maintenance.as_ref(), &node.maintenance)
            && same(self.retired.as_ref(), &node.retired)
            && same(self.provision_state.as_ref(), &node.provision_state)
            && (self.provision_states.is_empty()
                || self.provision_states.contains(&node.provision_state))
            && same_or_unset(self.fault.as_ref(), node.fault.as_ref())
            && same_or_unset(self.reserved_by.as_ref(), node.reservation.as_ref())
    }

    fn matches_owner(&self, node: &Node) -> bool {
        let contains = |part: &String| {
            node.description
                .as_ref()
                .is_some_and(|text| text.contains(part.as_str()))
        };
        same_or_unset(self.owner.as_ref(), node.owner.as_ref())
            && same_or_unset(self.lessee.as_ref(), node.lessee.as_ref())
            && self.project.as_ref().is_none_or(|project| {
                node.owner.as_ref() == Some(project) || node.lessee.as_ref() == Some(project)
            })
            && self.description_contains.as_ref().is_none_or(contains)
    }
}

/// A condition in SQL that grows, with its arguments.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    parts: Vec<String>,
    pub(crate) arguments: Vec<Cell>,
}

impl Condition {
    /// Adds an argument; its place in the text.
    fn place(&mut self, cell: Cell) -> String {
        self.arguments.push(cell);
        format!("${}", self.arguments.len())
    }

    fn equal(&mut self, column: &str, cell: Option<Cell>) {
        if let Some(cell) = cell {
            let place = self.place(cell);
            self.parts.push(format!("{column} = {place}"));
        }
    }

    fn set(&mut self, column: &str, is_set: Option<bool>) {
        if let Some(is_set) = is_set {
            let not = if is_set { "NOT " } else { "" };
            self.parts.push(format!("{column} IS {not}NULL"));
        }
    }

    fn any(&mut self, column: &str, cells: Vec<Cell>) {
        if !cells.is_empty() {
            let places: Vec<_> = cells.into_iter().map(|c| self.place(c)).collect();
            self.parts
                .push(format!("{column} IN ({})", places.join(", ")));
        }
    }

    /// The text after `WHERE`.
    pub(crate) fn text(&self) -> String {
        if self.parts.is_empty() {
            "1 = 1".to_owned()
        } else {
            self.parts.join(" AND ")
        }
    }

    /// Only what comes after the marker: a node's value of the key, and its row.
    pub(crate) fn after(&mut self, page: &NodePage, value: Cell, row: i64) {
        let row = self.place(Cell::int(row));
        let ascending = page.direction == SortDirection::Ascending;
        let beyond = if ascending { ">" } else { "<" };
        let Some(column) = page.sort_key.column() else {
            self.parts.push(format!("id {beyond} {row}"));
            return;
        };
        let key = column.name;
        let part = match (value.is_null(), ascending) {
            (true, true) => format!("({key} IS NOT NULL OR id > {row})"),
            (true, false) => format!("({key} IS NULL AND id < {row})"),
            (false, ascending) => {
                let value = self.place(value);
                let unset = if ascending { "" } else { "OR key IS NULL " };
                let unset = unset.replace("key", key);
                format!(
                    "({key} {beyond} {value} {unset}OR ({key} = {value} AND id {beyond} {row}))"
                )
            }
        };
        self.parts.push(part);
    }
}

impl NodeFilter {
    /// The same as [`Self::matches`], in SQL.
    pub(crate) fn condition(&self) -> Condition {
        let text = |t: &Option<String>| t.clone().map(Cell::text);
        let uuid = |u: Option<Uuid>| u.map(|u| Cell::text(u.to_string()));
        let mut out = Condition::default();
        out.equal("chassis_uuid", uuid(self.chassis_uuid));
        out.equal("instance_uuid", uuid(self.instance_uuid));
        out.equal("parent_node", uuid(self.parent_node));
        out.equal("driver", text(&self.driver));
        out.equal("instance_name", text(&self.instance_name));
        out.equal("resource_class", text(&self.resource_class));
        out.equal("conductor_group", text(&self.conductor_group));
        out.equal("owner", text(&self.owner));
        out.equal("lessee", text(&self.lessee));
        out.equal("reservation", text(&self.reserved_by));
        out.equal("maintenance", self.maintenance.map(Cell::flag));
        out.equal("retired", self.retired.map(Cell::flag));
        out.equal("fault", self.fault.map(|f| Cell::text(f.as_str())));
        let state = |s: ProvisionState| Cell::text(s.as_str());
        out.equal("provision_state", self.provision_state.map(state));
        let states = self.provision_states.iter().copied().map(state);
        out.any("provision_state", states.collect());
        out.any("shard", self.shards.iter().map(Cell::text).collect());
        out.set("instance_uuid", self.associated);
        out.set("shard", self.sharded);
        out.set("parent_node", self.hide_children.then_some(false));
        if let Some(project) = &self.project {
            let place = out.place(Cell::text(project));
            out.parts
                .push(format!("(owner = {place} OR lessee = {place})"));
        }
        if self.description_contains.as_deref() == Some("") {
            out.set("description", Some(true));
        } else if let Some(part) = &self.description_contains {
            // Not LIKE: nothing to escape, and letters keep their case.
            let place = out.place(Cell::text(part));
            out.parts
                .push(format!("replace(description, {place}, '') <> description"));
        }
        out
    }
}
