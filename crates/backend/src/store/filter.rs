//! Which nodes a list asks for, and in which order (wire reference §6.2 and §6.3); the same
//! meaning in memory and in SQL.

use cupola_api::id::NodeId;
use cupola_api::node::Fault;
use cupola_api::state::provision::ProvisionState;
use uuid::Uuid;

use super::column::{Column, find_column, place_of};
use super::database::Cell;
use super::packed::{Packed, Peek};

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

/// One condition on one column; the same in memory and in SQL.
#[derive(Clone, Debug)]
enum Test {
    /// The column holds this.
    Equal(&'static str, Cell),
    /// It holds one of these.
    Any(&'static str, Vec<Cell>),
    /// It holds something, or nothing.
    Set(&'static str, bool),
    /// The owner or the lessee is this project.
    Project(String),
    /// The description has this in it.
    Described(String),
}

/// The conditions of a filter, ready to be asked of many nodes.
#[derive(Debug)]
pub(crate) struct Tests(Vec<(Test, usize)>);

impl Tests {
    /// Whether a node passes.
    pub(crate) fn pass(&self, node: &Packed) -> bool {
        self.0.iter().all(|(test, at)| match test {
            Test::Equal(_, cell) => node.peek(*at).is(cell),
            Test::Any(_, cells) => {
                let value = node.peek(*at);
                cells.iter().any(|cell| value.is(cell))
            }
            Test::Set(_, wanted) => (node.peek(*at) != Peek::Null) == *wanted,
            Test::Project(project) => ["owner", "lessee"]
                .into_iter()
                .any(|name| node.peek(place_of(name)) == Peek::Text(project)),
            Test::Described(part) => {
                matches!(node.peek(*at), Peek::Text(text) if text.contains(part.as_str()))
            }
        })
    }
}

impl Test {
    const fn column(&self) -> &'static str {
        match self {
            Self::Equal(column, _) | Self::Any(column, _) | Self::Set(column, _) => column,
            Self::Project(_) => "owner",
            Self::Described(_) => "description",
        }
    }
}

impl NodeFilter {
    /// The conditions, for nodes in memory.
    pub(crate) fn prepared(&self) -> Tests {
        let placed = |test: Test| {
            let at = place_of(test.column());
            (test, at)
        };
        Tests(self.tests().into_iter().map(placed).collect())
    }

    fn tests(&self) -> Vec<Test> {
        let mut out = Vec::new();
        let uuid = |u: Option<Uuid>| u.map(|u| Cell::text(u.to_string()));
        let text = |t: &Option<String>| t.clone().map(Cell::text);
        let state = |s: ProvisionState| Cell::text(s.as_str());
        let equal = [
            ("chassis_uuid", uuid(self.chassis_uuid)),
            ("instance_uuid", uuid(self.instance_uuid)),
            ("parent_node", uuid(self.parent_node)),
            ("driver", text(&self.driver)),
            ("instance_name", text(&self.instance_name)),
            ("resource_class", text(&self.resource_class)),
            ("conductor_group", text(&self.conductor_group)),
            ("owner", text(&self.owner)),
            ("lessee", text(&self.lessee)),
            ("reservation", text(&self.reserved_by)),
            ("maintenance", self.maintenance.map(Cell::flag)),
            ("retired", self.retired.map(Cell::flag)),
            ("fault", self.fault.map(|f| Cell::text(f.as_str()))),
            ("provision_state", self.provision_state.map(state)),
        ];
        let equal = equal.into_iter();
        out.extend(equal.filter_map(|(column, cell)| Some(Test::Equal(column, cell?))));
        let mut any = |column, cells: Vec<Cell>| {
            if !cells.is_empty() {
                out.push(Test::Any(column, cells));
            }
        };
        let states = self.provision_states.iter().copied().map(state);
        any("provision_state", states.collect());
        any("shard", self.shards.iter().map(Cell::text).collect());
        let set = [
            ("instance_uuid", self.associated),
            ("shard", self.sharded),
            ("parent_node", self.hide_children.then_some(false)),
        ];
        let set = set.into_iter();
        out.extend(set.filter_map(|(column, wanted)| Some(Test::Set(column, wanted?))));
        out.extend(self.project.clone().map(Test::Project));
        out.extend(self.description_contains.clone().map(Test::Described));
        out
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

    fn add(&mut self, test: Test) {
        let part = match test {
            Test::Equal(column, cell) => format!("{column} = {}", self.place(cell)),
            Test::Any(column, cells) => {
                let places: Vec<_> = cells.into_iter().map(|c| self.place(c)).collect();
                format!("{column} IN ({})", places.join(", "))
            }
            Test::Set(column, true) => format!("{column} IS NOT NULL"),
            Test::Set(column, false) => format!("{column} IS NULL"),
            Test::Project(project) => {
                let place = self.place(Cell::text(project));
                format!("(owner = {place} OR lessee = {place})")
            }
            Test::Described(part) if part.is_empty() => "description IS NOT NULL".to_owned(),
            Test::Described(part) => {
                // Not LIKE: nothing to escape, and letters keep their case.
                let place = self.place(Cell::text(part));
                format!("replace(description, {place}, '') <> description")
            }
        };
        self.parts.push(part);
    }

    /// Only rows after this one.
    pub(crate) fn after_row(&mut self, row: i64) {
        let row = self.place(Cell::int(row));
        self.parts.push(format!("id > {row}"));
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
    /// The conditions in SQL.
    pub(crate) fn condition(&self) -> Condition {
        let mut out = Condition::default();
        for test in self.tests() {
            out.add(test);
        }
        out
    }
}
