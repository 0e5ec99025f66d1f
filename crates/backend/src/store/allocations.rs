//! What settles an allocation: a node is given to it, or taken back, in one transaction with the
//! allocation itself. Whatever comes between reading and writing, a node has one allocation at the
//! most, and both sides say the same.

use std::sync::Arc;

use cupola_api::allocation::{Allocation, AllocationState};
use cupola_api::id::{AllocationId, NodeId};
use jiff::Timestamp;
use serde_json::Value;

use super::Store;
use super::database::{Cell, Returns, Statement, assembled, sql};
use super::documents::{Document, explained};
use super::error::{Conflict, StoreError};
use super::nodes::{conflict, detached};
use super::record::{StoredNode, decode};

/// How often a change is tried again when others change the same rows meanwhile.
const TRIES: usize = 64;

/// An allocation as it was at one revision.
struct Known {
    allocation: Allocation,
    revision: i64,
}

impl Store {
    async fn known_allocation(&self, id: AllocationId) -> Result<Known, StoreError> {
        let statement = sql(
            "SELECT uuid, body, revision FROM allocations WHERE uuid = $1",
            [Cell::text(id.to_string())],
        );
        let row = self.database().read_one(statement).await?;
        let row = row.ok_or_else(|| StoreError::not_found("Allocation", id))?;
        Ok(Known {
            allocation: self.read_document(&row)?,
            revision: row.required_int(2)?,
        })
    }

    /// The statement that stores an allocation, unless it has changed since this revision.
    fn saving_allocation(
        &self,
        allocation: &mut Allocation,
        revision: i64,
    ) -> Result<Statement, StoreError> {
        let now = Timestamp::now();
        allocation.updated_at = Some(now);
        let mut arguments = vec![
            Cell::text(allocation.uuid.to_string()),
            Cell::int(revision),
            Cell::int(now.as_microsecond()),
            self.body_of(allocation)?,
        ];
        arguments.extend(allocation.cells());
        let columns: String = (5..)
            .zip(Allocation::COLUMNS)
            .map(|(place, column)| format!(", {column} = ${place}"))
            .collect();
        let text = format!(
            "UPDATE allocations SET revision = revision + 1, updated_at = $3, body = $4{columns} \
             WHERE uuid = $1 AND revision = $2 RETURNING id"
        );
        Ok(assembled(text, arguments))
    }

    /// Changes an allocation as it is then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`Conflict::Taken`].
    pub(crate) async fn modify_allocation(
        &self,
        id: AllocationId,
        mut change: impl FnMut(&mut Allocation) + Send,
    ) -> Result<Allocation, StoreError> {
        for _ in 0..TRIES {
            let known = self.known_allocation(id).await?;
            let mut allocation = known.allocation.clone();
            change(&mut allocation);
            if allocation == known.allocation {
                return Ok(allocation);
            }
            let statement = self.saving_allocation(&mut allocation, known.revision)?;
            let saved = self.database().write(statement).await;
            let saved = saved.map_err(|error| explained(error, &allocation))?;
            if !saved.is_empty() {
                return Ok(allocation);
            }
        }
        Err(Conflict::Other(format!("A newer state of allocation {id}")).into())
    }

    /// Gives the node, as it is there, to an allocation that has none yet; none when the node or
    /// the allocation is not any more what it was.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the allocation is gone; [`Conflict::InstanceUuid`] when another
    /// node has an instance of its UUID.
    pub(crate) async fn claim_node(
        &self,
        id: AllocationId,
        node: &StoredNode,
    ) -> Result<Option<Arc<StoredNode>>, StoreError> {
        let known = self.known_allocation(id).await?;
        let mut allocation = known.allocation;
        if allocation.state != AllocationState::Allocating {
            return Ok(None);
        }
        allocation.state = AllocationState::Active;
        allocation.node_uuid = Some(node.uuid);
        allocation.last_error = None;
        let mut claimed = node.node.clone();
        claimed.instance_uuid = Some(id.0);
        claimed.allocation_uuid = Some(id.0);
        let traits = Value::from(allocation.traits.clone());
        claimed.instance_info.insert("traits".to_owned(), traits);
        let statements = vec![
            self.saving_node(&claimed, Some(node.revision))?,
            self.saving_allocation(&mut allocation, known.revision)?,
        ];
        let done = self.both(statements).await;
        done.map_err(|error| conflict(explained(error, &allocation), &claimed))
    }

    /// Deletes an allocation, and takes it from its node in the same moment; the node, if it had one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub(crate) async fn delete_allocation(
        &self,
        id: AllocationId,
    ) -> Result<Option<Arc<StoredNode>>, StoreError> {
        for _ in 0..TRIES {
            let known = self.known_allocation(id).await?;
            let delete = sql(
                "DELETE FROM allocations WHERE uuid = $1 AND revision = $2 RETURNING id",
                [Cell::text(id.to_string()), Cell::int(known.revision)],
            );
            let node = match known.allocation.node_uuid {
                Some(node) => self.holding(node, id).await?,
                None => None,
            };
            let Some(node) = node else {
                if !self.database().write(delete).await?.is_empty() {
                    return Ok(None);
                }
                continue;
            };
            let mut freed = node.node.clone();
            freed.allocation_uuid = None;
            freed.instance_uuid = None;
            let statements = vec![self.saving_node(&freed, Some(node.revision))?, delete];
            if let Some(node) = self.both(statements).await? {
                return Ok(Some(node));
            }
        }
        Err(Conflict::Other(format!("A newer state of allocation {id}")).into())
    }

    /// The node, if it is there and this allocation's.
    async fn holding(
        &self,
        node: NodeId,
        id: AllocationId,
    ) -> Result<Option<Arc<StoredNode>>, StoreError> {
        match self.node_by_id(node).await {
            Ok(node) => Ok(Some(node).filter(|node| node.allocation_uuid == Some(id.0))),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Runs the two statements as one. The first returns the node: whoever wants the same node waits
    /// there for the other to end, and then finds it changed.
    async fn both(
        &self,
        statements: Vec<Statement>,
    ) -> Result<Option<Arc<StoredNode>>, StoreError> {
        let store = self.clone();
        let each = statements.into_iter().map(|one| (one, Returns::OneOrMore));
        let statements = each.collect();
        detached(async move {
            let Some(answers) = store.database().together(statements).await? else {
                return Ok(None);
            };
            let row = answers
                .first()
                .and_then(|rows| rows.first())
                .ok_or_else(|| StoreError::corrupt("nodes", "a row was not returned"))?;
            let stored = decode(row, store.sealer())?;
            if let Some(snapshot) = store.snapshot() {
                snapshot.replace(&stored);
            }
            Ok(Some(stored))
        })
        .await
    }
}
