//! The history of a node as the Bare Metal API lists it (wire reference §11.8).

use cupola_api::id::{HistoryId, NodeId};
use cupola_api::resource::HistoryEntry;
use jiff::Timestamp;

use super::Store;
use super::database::{Cell, Row, sql};
use super::error::StoreError;

/// So many entries of a node are kept (`node_history_max_entries`).
pub const HISTORY_ENTRIES: i64 = 300;

fn decode(row: &Row) -> Result<HistoryEntry, StoreError> {
    serde_json::from_str(&row.required_text(0)?)
        .map_err(|error| StoreError::corrupt("history.body", error))
}

impl Store {
    /// Adds an entry (its time is set when it has none) and drops the oldest beyond
    /// [`HISTORY_ENTRIES`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the node is unknown.
    pub async fn add_history(
        &self,
        node: NodeId,
        mut entry: HistoryEntry,
    ) -> Result<HistoryEntry, StoreError> {
        entry.created_at.get_or_insert_with(Timestamp::now);
        let body = serde_json::to_string(&entry)
            .map_err(|error| StoreError::corrupt("history.body", error))?;
        let insert = sql(
            // There already when the answer to the first try was lost.
            "INSERT INTO history (uuid, node_uuid, body) VALUES ($1, $2, $3) \
             ON CONFLICT (uuid) DO NOTHING",
            [
                Cell::text(entry.uuid.to_string()),
                Cell::text(node.to_string()),
                Cell::text(body),
            ],
        );
        let trim = sql(
            "DELETE FROM history WHERE node_uuid = $1 AND id <= \
             (SELECT id FROM history WHERE node_uuid = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
            [Cell::text(node.to_string()), Cell::int(HISTORY_ENTRIES)],
        );
        let done = self.database().transaction(vec![insert, trim]).await;
        match done {
            Err(StoreError::NotFound { .. }) => Err(StoreError::not_found("Node", node)),
            other => other.map(|_| entry),
        }
    }

    /// The entries of a node, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn history(&self, node: NodeId) -> Result<Vec<HistoryEntry>, StoreError> {
        let statement = sql(
            "SELECT body FROM history WHERE node_uuid = $1 ORDER BY id",
            [Cell::text(node.to_string())],
        );
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }

    /// One entry of a node.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn history_entry(
        &self,
        node: NodeId,
        id: HistoryId,
    ) -> Result<HistoryEntry, StoreError> {
        let statement = sql(
            "SELECT body FROM history WHERE node_uuid = $1 AND uuid = $2",
            [Cell::text(node.to_string()), Cell::text(id.to_string())],
        );
        let row = self.database().read_one(statement).await?;
        decode(&row.ok_or_else(|| StoreError::not_found("Node history", id))?)
    }
}
