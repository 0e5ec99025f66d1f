//! Reservations: who works on a node. Taken by one conditional update, so that of many who try
//! exactly one gets it, in one process or in several.

use std::sync::Arc;

use cupola_api::id::NodeId;

use super::Store;
use super::database::{Cell, assembled, sql};
use super::error::{Outage, ReserveError, StoreError};
use super::record::{StoredNode, select_list};

/// A node that is held. It stays held until [`Store::release`], also over a restart.
#[derive(Clone, Debug)]
#[must_use = "a reserved node must be released"]
pub struct Reservation {
    /// The node as it was when it was taken.
    pub node: Arc<StoredNode>,
    /// Who holds it.
    pub host: String,
}

impl Store {
    /// Takes the node for `host`.
    ///
    /// # Errors
    /// [`ReserveError::Locked`] names the holder.
    pub async fn reserve(&self, id: NodeId, host: &str) -> Result<Reservation, ReserveError> {
        let text = format!(
            "UPDATE nodes SET revision = revision + 1, reservation = $1 \
             WHERE uuid = $2 AND reservation IS NULL RETURNING {}",
            select_list()
        );
        // A holder that releases between our update and our look is not a reason to fail: once more.
        for _ in 0..3 {
            let arguments = vec![Cell::text(host), Cell::text(id.to_string())];
            if let Some(node) = self.change_node(assembled(text.clone(), arguments)).await? {
                return Ok(Reservation {
                    node,
                    host: host.to_owned(),
                });
            }
            if let Some(host) = self.holder(id).await? {
                return Err(ReserveError::Locked { node: id, host });
            }
        }
        let text = format!("the lock of node {id} changes too often");
        Err(StoreError::Unavailable(Outage::Busy(text)).into())
    }

    async fn holder(&self, id: NodeId) -> Result<Option<String>, StoreError> {
        let statement = sql(
            "SELECT reservation FROM nodes WHERE uuid = $1",
            [Cell::text(id.to_string())],
        );
        let row = self.database().read_one(statement).await?;
        row.ok_or_else(|| StoreError::not_found("Node", id))?
            .text(0)
    }

    /// Gives the node back, when `host` holds it; whether it did.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn release(&self, id: NodeId, host: &str) -> Result<bool, StoreError> {
        let text = format!(
            "UPDATE nodes SET revision = revision + 1, reservation = NULL \
             WHERE uuid = $1 AND reservation = $2 RETURNING {}",
            select_list()
        );
        let arguments = vec![Cell::text(id.to_string()), Cell::text(host)];
        Ok(self
            .change_node(assembled(text, arguments))
            .await?
            .is_some())
    }

    /// Gives back what `host` held when it ended without doing so; the nodes.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn release_all_of(&self, host: &str) -> Result<Vec<NodeId>, StoreError> {
        let statement = sql(
            "SELECT uuid FROM nodes WHERE reservation = $1 ORDER BY id",
            [Cell::text(host)],
        );
        let mut released = Vec::new();
        for row in self.database().read(statement).await? {
            let uuid = row.required_text(0)?;
            let id = uuid
                .parse()
                .map_err(|e| StoreError::corrupt("nodes.uuid", e))?;
            if self.release(id, host).await? {
                released.push(id);
            }
        }
        Ok(released)
    }
}
