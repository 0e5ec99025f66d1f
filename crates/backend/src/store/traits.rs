//! Traits of a node: a set of names, kept sorted.

use std::sync::Arc;

use cupola_api::id::NodeId;

use super::Store;
use super::database::{Cell, assembled};
use super::error::{Conflict, StoreError};
use super::record::{StoredNode, select_list};

const TRIES: usize = 64;

impl Store {
    /// Replaces all traits.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn set_traits(
        &self,
        id: NodeId,
        traits: &[String],
    ) -> Result<Arc<StoredNode>, StoreError> {
        self.change_traits(id, |set| *set = traits.to_vec()).await
    }

    /// Adds one trait; it may be there.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn add_trait(&self, id: NodeId, name: &str) -> Result<Arc<StoredNode>, StoreError> {
        self.change_traits(id, |set| set.push(name.to_owned()))
            .await
    }

    /// Removes one trait.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the node is unknown or lacks the trait.
    pub async fn remove_trait(
        &self,
        id: NodeId,
        name: &str,
    ) -> Result<Arc<StoredNode>, StoreError> {
        let node = self.node_by_id(id).await?;
        if !node.traits.iter().any(|t| t == name) {
            return Err(StoreError::not_found("Trait", name));
        }
        self.change_traits(id, |set| set.retain(|t| t != name))
            .await
    }

    async fn change_traits(
        &self,
        id: NodeId,
        change: impl Fn(&mut Vec<String>) + Send + Sync,
    ) -> Result<Arc<StoredNode>, StoreError> {
        let text = format!(
            "UPDATE nodes SET revision = revision + 1, traits = $1 \
             WHERE uuid = $2 AND revision = $3 RETURNING {}",
            select_list()
        );
        for _ in 0..TRIES {
            let node = self.node_by_id(id).await?;
            let mut traits = node.traits.clone();
            change(&mut traits);
            traits.sort();
            traits.dedup();
            if traits == node.traits {
                return Ok(node);
            }
            let arguments = vec![
                Cell::text(serde_json::Value::from(traits).to_string()),
                Cell::text(id.to_string()),
                Cell::int(node.revision.0),
            ];
            if let Some(changed) = self.change_node(assembled(text.clone(), arguments)).await? {
                return Ok(changed);
            }
        }
        Err(Conflict::Changed(id).into())
    }
}
