//! What inspection found of a node; the last one counts.

use cupola_api::id::NodeId;
use cupola_api::resource::NodeInventory;

use super::Store;
use super::column::Stored as _;
use super::database::{Cell, sql};
use super::error::StoreError;

impl Store {
    /// Keeps the inventory in place of the one before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the node is unknown.
    pub async fn put_inventory(
        &self,
        node: NodeId,
        found: &NodeInventory,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO inventories (node_uuid, inventory, plugin_data) VALUES ($1, $2, $3) \
             ON CONFLICT (node_uuid) DO UPDATE SET inventory = excluded.inventory, \
             plugin_data = excluded.plugin_data",
            [
                Cell::text(node.to_string()),
                found.inventory.to_cell(),
                found.plugin_data.to_cell(),
            ],
        );
        match self.database().execute(statement).await {
            Err(StoreError::NotFound { .. }) => Err(StoreError::not_found("Node", node)),
            other => other.map(drop),
        }
    }

    /// The inventory of a node.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn inventory(&self, node: NodeId) -> Result<Option<NodeInventory>, StoreError> {
        let statement = sql(
            "SELECT inventory, plugin_data FROM inventories WHERE node_uuid = $1",
            [Cell::text(node.to_string())],
        );
        let Some(row) = self.database().read_one(statement).await? else {
            return Ok(None);
        };
        let object = |at| {
            serde_json::from_str(&row.required_text(at)?)
                .map_err(|error| StoreError::corrupt("inventories", error))
        };
        Ok(Some(NodeInventory {
            inventory: object(0)?,
            plugin_data: object(1)?,
        }))
    }
}
