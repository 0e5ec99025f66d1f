//! A node as the store hands it out: the resource, and what the store knows besides.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use cupola_api::cupola::{NodeSummary, StepSummary, Waiting};
use cupola_api::node::Node;
use serde::{Deserialize, Serialize};

use super::column::COLUMNS;
use super::database::{Cell, Row};
use super::error::StoreError;
use super::seal::Sealer;

/// Grows with every change of a node, also of its reservation and progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

/// What a node is at: kept with it so that it survives a restart, not part of the Bare Metal API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// The step that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepSummary>,
}

/// A node as it was at one revision.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredNode {
    /// The resource.
    pub node: Node,
    /// Its place in the order of creation; never used again after the node is deleted, so that
    /// (`row`, `revision`) names one state of one node for ever.
    pub row: i64,
    /// Which state of the node this is.
    pub revision: Revision,
    /// What it is at.
    pub progress: Progress,
}

impl Deref for StoredNode {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl StoredNode {
    /// What lists show of it.
    #[must_use]
    pub fn summary(&self) -> NodeSummary {
        NodeSummary {
            waiting: self.progress.waiting.clone(),
            step: self.progress.step.clone(),
            ..NodeSummary::from(&self.node)
        }
    }
}

/// The columns of `nodes` in the order in which [`decode`] reads them.
pub(crate) fn select_list() -> &'static str {
    static LIST: LazyLock<String> = LazyLock::new(|| {
        let mut list = "id, revision, progress".to_owned();
        for column in COLUMNS {
            list.push_str(", ");
            list.push_str(column.name);
        }
        list
    });
    &LIST
}

/// Reads a row of [`select_list`].
pub(crate) fn decode(row: &Row, sealer: &Sealer) -> Result<Arc<StoredNode>, StoreError> {
    let progress = match row.text(2)? {
        Some(text) => {
            serde_json::from_str(&text).map_err(|e| StoreError::corrupt("nodes.progress", e))?
        }
        None => Progress::default(),
    };
    let mut node = Node::default();
    for (at, column) in COLUMNS.iter().enumerate() {
        let at = at + 3;
        let place = || format!("nodes.{}", column.name);
        let cell = match column.kind {
            Cell::Text(_) if column.sealed => {
                let owner = node.uuid.to_string();
                let plain = sealer.open_sealed(&row.required_text(at)?, &owner, column.name)?;
                Cell::text(plain.as_str())
            }
            Cell::Text(_) => Cell::Text(row.text(at)?),
            Cell::Int(_) => Cell::Int(row.int(at)?),
        };
        (column.set)(&mut node, cell).map_err(|reason| StoreError::corrupt(place(), reason))?;
    }
    Ok(Arc::new(StoredNode {
        node,
        row: row.required_int(0)?,
        revision: Revision(row.required_int(1)?),
        progress,
    }))
}

/// The cell of this column as it is stored: sealed when it has to be.
pub(crate) fn encode(
    column: &super::column::Column,
    node: &Node,
    sealer: &Sealer,
) -> Result<Cell, StoreError> {
    match (column.get)(node) {
        Cell::Text(Some(plain)) if column.sealed => {
            let owner = node.uuid.to_string();
            Ok(Cell::text(sealer.seal(&plain, &owner, column.name)?))
        }
        cell => Ok(cell),
    }
}
