//! Comparing two nodes, or a node with what most of its class have: facts by their path, and which of
//! them differ.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cupola_api::id::NodeId;
use serde_json::Value;

use crate::effect::Ticket;
use crate::event::Answer;

/// At most so many facts of a node are compared.
const FACTS: usize = 4000;

/// What is known of a node: each fact by its path, such as `inventory.cpu.count`.
pub(crate) type Sheet = BTreeMap<String, String>;

/// What a node is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum With {
    /// Another node.
    Node(NodeId),
    /// Others of its class and hardware type.
    Class(String, Vec<NodeId>),
}

/// A fact of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its path.
    pub(crate) path: String,
    /// The left one's value.
    pub(crate) left: Option<String>,
    /// The right one's value.
    pub(crate) right: Option<String>,
}

impl Row {
    /// Whether the values differ.
    pub(crate) fn differs(&self) -> bool {
        self.left != self.right
    }
}

/// The screen.
#[derive(Debug)]
pub(crate) struct Compare {
    /// The node on the left.
    pub(crate) node: NodeId,
    /// What is on the right.
    pub(crate) with: With,
    /// The question that is waited for.
    pub(crate) ticket: Ticket,
    /// All facts, once they have come.
    pub(crate) rows: Option<Answer<Vec<Row>>>,
    /// Of how many nodes the values on the right are.
    pub(crate) of: usize,
    /// Whether what is the same is shown too, and what is each node's own.
    pub(crate) all: bool,
    /// The line under the cursor.
    pub(crate) at: usize,
}

impl Compare {
    /// Nothing has come yet.
    pub(crate) const fn new(node: NodeId, with: With, ticket: Ticket) -> Self {
        Self {
            node,
            with,
            ticket,
            rows: None,
            of: 0,
            all: false,
            at: 0,
        }
    }

    /// The facts have come: the left one's first.
    pub(crate) fn take(&mut self, sheets: Answer<Vec<Sheet>>) {
        self.at = 0;
        self.rows = Some(sheets.map(|mut sheets| {
            let left = if sheets.is_empty() {
                Sheet::new()
            } else {
                sheets.remove(0)
            };
            self.of = sheets.len();
            rows(left, usual(sheets))
        }));
    }

    /// The lines that are shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Row> {
        let rows = match &self.rows {
            Some(Ok(rows)) => rows.as_slice(),
            Some(Err(_)) | None => &[],
        };
        let is_class = matches!(self.with, With::Class(..));
        rows.iter().filter(move |row| {
            let is_unfair = is_own(&row.path) || (is_class && row.right.is_none());
            self.all || (row.differs() && !is_unfair)
        })
    }

    /// Moves by so many lines.
    pub(crate) fn step(&mut self, by: isize) {
        let last = self.shown().count().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
    }
}

/// Whether every node has its own: to differ in it means nothing.
fn is_own(path: &str) -> bool {
    const OWN: [&str; 16] = [
        "uuid",
        "name",
        "mac",
        "mac_address",
        "address",
        "ipv4_address",
        "ipv6_address",
        "lldp",
        "serial",
        "serial_number",
        "wwn",
        "by_path",
        "hctl",
        "system_uuid",
        "bmc_address",
        "client_id",
    ];
    let last = path.rsplit('.').next().unwrap_or(path);
    OWN.contains(&last) || last.ends_with("_address") || last.ends_with("_port")
}

fn rows(mut left: Sheet, mut right: Sheet) -> Vec<Row> {
    let paths: BTreeSet<String> = left.keys().chain(right.keys()).cloned().collect();
    let row = |path: String| Row {
        left: left.remove(&path),
        right: right.remove(&path),
        path,
    };
    paths.into_iter().map(row).collect()
}

/// Of each fact the value that more than half of them have.
fn usual(mut sheets: Vec<Sheet>) -> Sheet {
    if sheets.len() == 1 {
        return sheets.pop().unwrap_or_default();
    }
    let most = sheets.len() / 2;
    let mut counts: BTreeMap<String, HashMap<String, usize>> = BTreeMap::new();
    for (path, value) in sheets.into_iter().flatten() {
        *counts.entry(path).or_default().entry(value).or_default() += 1;
    }
    let usual = |(path, values): (String, HashMap<String, usize>)| {
        let found = values.into_iter().find(|(_, count)| *count > most);
        found.map(|(value, _)| (path, value))
    };
    counts.into_iter().filter_map(usual).collect()
}

/// Members of an answer that tell nothing of the hardware, or are another resource's.
fn is_noise(key: &str) -> bool {
    matches!(
        key,
        "links"
            | "created_at"
            | "updated_at"
            | "provision_updated_at"
            | "driver_internal_info"
            | "states"
            | "ports"
            | "portgroups"
            | "volume"
            | "history"
            | "reservation"
            | "clean_step"
            | "deploy_step"
            | "service_step"
            | "last_error"
            | "boot_time"
            | "node_uuid"
    )
}

/// Adds the facts of a value below a path. Items that have a name are found by it, not by their
/// place.
pub(crate) fn flatten(path: &str, value: &Value, into: &mut Sheet) {
    if into.len() >= FACTS {
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (key, value) in members.iter().filter(|(key, _)| !is_noise(key)) {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(&path, value, into);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (at, item) in items.iter().enumerate() {
                let name = ["name", "component", "pci_address", "id"]
                    .iter()
                    .find_map(|key| item.get(key)?.as_str());
                let place = at.to_string();
                let name = name.unwrap_or(&place);
                flatten(&format!("{path}[{name}]"), item, into);
            }
        }
        Value::Array(items) => {
            let mut texts: Vec<String> = items.iter().map(scalar).collect();
            texts.sort();
            if !texts.is_empty() {
                into.insert(path.to_owned(), texts.join(", "));
            }
        }
        other => {
            into.insert(path.to_owned(), scalar(other));
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sheet(value: &Value) -> Sheet {
        let mut sheet = Sheet::new();
        flatten("", value, &mut sheet);
        sheet
    }

    fn differing(compare: &Compare) -> Vec<&str> {
        compare.shown().map(|row| row.path.as_str()).collect()
    }

    #[test]
    fn disks_are_compared_by_name_and_what_is_each_ones_own_is_not() {
        let left = json!({"uuid": "a", "driver": "ipmi", "traits": ["B", "A"],
            "inventory": {"disks": [{"name": "/dev/sda", "size": 1, "serial": "x"},
                                    {"name": "/dev/sdb", "size": 2}]}});
        let right = json!({"uuid": "b", "driver": "ipmi", "traits": ["A", "B"],
            "inventory": {"disks": [{"name": "/dev/sdb", "size": 2},
                                    {"name": "/dev/sda", "size": 9, "serial": "y"}]}});
        let node = NodeId::random();
        let mut compare = Compare::new(node, With::Node(node), Ticket(1));
        compare.take(Ok(vec![sheet(&left), sheet(&right)]));
        assert_eq!(differing(&compare), ["inventory.disks[/dev/sda].size"]);
        compare.all = true;
        assert_eq!(compare.shown().count(), 8);
    }

    #[test]
    fn the_class_is_what_more_than_half_of_it_have() {
        let with = |memory: u32, name: &str| sheet(&json!({"memory": memory, "extra": name}));
        let node = NodeId::random();
        let class = With::Class("gold".to_owned(), Vec::new());
        let mut compare = Compare::new(node, class, Ticket(1));
        let sheets = vec![
            with(1, "a"),
            with(2, "b"),
            with(2, "c"),
            with(3, "d"),
            with(2, "e"),
        ];
        compare.take(Ok(sheets));
        assert_eq!((differing(&compare), compare.of), (vec!["memory"], 4));
        let value = compare.shown().next().and_then(|row| row.right.clone());
        assert_eq!(value.as_deref(), Some("2"), "three of four");
    }
}
