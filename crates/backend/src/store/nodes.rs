//! Nodes: created, read, listed, changed, deleted.

use std::sync::Arc;

use cupola_api::cupola::{NodeSummary, StepSummary, Waiting};
use cupola_api::id::{NodeId, NodeIdent};
use cupola_api::node::Node;
use cupola_api::state::provision::ProvisionState;
use futures_util::stream::{self, Stream, TryStreamExt as _};
use jiff::Timestamp;

use super::Store;
use super::column::{COLUMNS, Written};
use super::database::{Cell, Database, Returns, Row, Statement, assembled, is_taken, sql};
use super::error::{Conflict, StoreError};
use super::filter::{NodeFilter, NodePage, SortDirection};
use super::patience;
use super::record::{Progress, Revision, StoredNode, decode, encode, select_list};
use super::seal::Sealer;
use super::snapshot::{Listed, Snapshot};

/// How often a change is tried again when others change the same node meanwhile.
const MODIFY_TRIES: usize = 64;

/// How many nodes are read at once where all are wanted.
const BATCH: usize = 64;

/// Every node into the snapshot, a few at a time.
pub(super) async fn load_all(
    database: &Database,
    sealer: &Sealer,
    snapshot: &Snapshot,
) -> Result<(), StoreError> {
    let mut row = i64::MIN;
    loop {
        let nodes = read_after(database, sealer, &NodeFilter::default(), row).await?;
        for node in &nodes {
            snapshot.insert(node);
            row = node.row;
        }
        if nodes.len() < BATCH {
            return Ok(());
        }
    }
}

/// The next nodes that pass, after this row.
async fn read_after(
    database: &Database,
    sealer: &Sealer,
    filter: &NodeFilter,
    row: i64,
) -> Result<Vec<Arc<StoredNode>>, StoreError> {
    let mut condition = filter.condition();
    condition.after_row(row);
    let text = format!(
        "SELECT {} FROM nodes WHERE {} ORDER BY id LIMIT {BATCH}",
        select_list(),
        condition.text()
    );
    let rows = database.read(assembled(text, condition.arguments)).await?;
    rows.iter().map(|row| decode(row, sealer)).collect()
}

/// Runs to its end even when the caller goes away: what is committed must reach the snapshot.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::spawn(patience::inherit(work)).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Refused(error.to_string())),
    }
}

pub(super) fn conflict(error: StoreError, node: &Node) -> StoreError {
    let kind = if is_taken(&error, "nodes", "uuid") {
        Conflict::NodeUuid(node.uuid.to_string())
    } else if is_taken(&error, "nodes", "name") {
        Conflict::NodeName(node.name.clone().unwrap_or_default())
    } else if is_taken(&error, "nodes", "instance_uuid") {
        Conflict::InstanceUuid {
            instance: node.instance_uuid.unwrap_or_default().to_string(),
            node: node.uuid,
        }
    } else {
        return error;
    };
    kind.into()
}

/// All nodes that pass, a few at a time.
#[derive(Debug)]
pub struct Batches {
    store: Store,
    filter: NodeFilter,
    /// After which to go on; none at the end.
    row: Option<i64>,
}

impl Batches {
    /// The next few; none at the end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Arc<StoredNode>>>, StoreError> {
        let Some(row) = self.row else {
            return Ok(None);
        };
        let nodes = match self.store.snapshot() {
            Some(snapshot) => snapshot.after(&self.filter, row, BATCH),
            None => {
                let store = &self.store;
                read_after(store.database(), store.sealer(), &self.filter, row).await?
            }
        };
        self.row = nodes.last().filter(|_| nodes.len() == BATCH).map(|n| n.row);
        Ok(Some(nodes).filter(|nodes| !nodes.is_empty()))
    }

    /// One by one; the next few are read when the last of those before is taken.
    pub fn nodes(self) -> impl Stream<Item = Result<Arc<StoredNode>, StoreError>> + Send {
        let batches = stream::try_unfold(self, |mut batches| async {
            let nodes = batches.next().await?;
            Ok::<_, StoreError>(nodes.map(|nodes| (nodes, batches)))
        });
        batches
            .map_ok(|nodes| stream::iter(nodes.into_iter().map(Ok)))
            .try_flatten()
    }
}

impl Store {
    /// Stores a new node; `created_at` is set here.
    ///
    /// # Errors
    /// [`Conflict`] when its UUID, name or instance is taken.
    pub async fn create_node(&self, mut node: Node) -> Result<Arc<StoredNode>, StoreError> {
        node.created_at = Some(Timestamp::now());
        let mut names = Vec::new();
        let mut places = Vec::new();
        let mut arguments = Vec::new();
        for column in COLUMNS {
            names.push(column.name);
            arguments.push(encode(column, &node, self.sealer())?);
            places.push(format!("${}", arguments.len()));
        }
        let text = format!(
            "INSERT INTO nodes ({}) VALUES ({}) RETURNING {}",
            names.join(", "),
            places.join(", "),
            select_list()
        );
        let store = self.clone();
        detached(async move {
            let rows = store
                .database()
                .write(assembled(text, arguments))
                .await
                .map_err(|error| conflict(error, &node))?;
            let row = rows
                .first()
                .ok_or_else(|| StoreError::corrupt("nodes", "a row was not returned"))?;
            let stored = decode(row, store.sealer())?;
            if let Some(snapshot) = store.snapshot() {
                snapshot.insert(&stored);
            }
            Ok(stored)
        })
        .await
    }

    /// One node, by UUID or name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn node(&self, ident: &NodeIdent) -> Result<Arc<StoredNode>, StoreError> {
        let missing = || StoreError::not_found("Node", ident);
        if let Some(snapshot) = self.snapshot() {
            return snapshot.get(ident).ok_or_else(missing);
        }
        let (column, value) = match ident {
            NodeIdent::Id(id) => ("uuid", id.to_string()),
            NodeIdent::Name(name) => ("name", name.clone()),
        };
        let text = format!("SELECT {} FROM nodes WHERE {column} = $1", select_list());
        let statement = assembled(text, vec![Cell::text(value)]);
        let row = self.database().read_one(statement).await?;
        decode(&row.ok_or_else(missing)?, self.sealer())
    }

    /// One node, by identifier.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn node_by_id(&self, id: NodeId) -> Result<Arc<StoredNode>, StoreError> {
        self.node(&NodeIdent::Id(id)).await
    }

    /// One page of nodes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the marker is unknown.
    pub async fn list_nodes(&self, page: &NodePage) -> Result<Vec<Arc<StoredNode>>, StoreError> {
        let listed = self.node_page(page).await?;
        Ok(listed.iter().filter_map(Listed::node).collect())
    }

    /// The same, each node whole only when it is asked for.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the marker is unknown.
    pub async fn node_page(&self, page: &NodePage) -> Result<Vec<Listed>, StoreError> {
        let unknown =
            || StoreError::not_found("Node", page.marker.unwrap_or(NodeId(uuid::Uuid::nil())));
        if let Some(snapshot) = self.snapshot() {
            return snapshot.page(page).ok_or_else(unknown);
        }
        let mut condition = page.filter.condition();
        if let Some(marker) = page.marker {
            let node = self.node_by_id(marker).await?;
            let value = page
                .sort_key
                .column()
                .map_or(Cell::int(node.row), |c| (c.get)(&node));
            condition.after(page, value, node.row);
        }
        let (direction, nulls) = match page.direction {
            SortDirection::Ascending => ("ASC", "FIRST"),
            SortDirection::Descending => ("DESC", "LAST"),
        };
        let mut order = format!("id {direction}");
        if let Some(column) = page.sort_key.column() {
            order = format!("{} {direction} NULLS {nulls}, {order}", column.name);
        }
        let limit = i64::try_from(page.limit.unwrap_or(usize::MAX)).unwrap_or(i64::MAX);
        let text = format!(
            "SELECT {} FROM nodes WHERE {} ORDER BY {order} LIMIT {limit}",
            select_list(),
            condition.text()
        );
        let rows = self
            .database()
            .read(assembled(text, condition.arguments))
            .await?;
        rows.iter()
            .map(|row| decode(row, self.sealer()).map(Listed::Whole))
            .collect()
    }

    /// Every node that passes, in the order of creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn nodes(&self, filter: NodeFilter) -> Result<Vec<Arc<StoredNode>>, StoreError> {
        self.list_nodes(&NodePage {
            filter,
            ..NodePage::default()
        })
        .await
    }

    /// The same, a few at a time: what is created or deleted meanwhile may or may not be among them.
    #[must_use]
    pub fn batches(&self, filter: NodeFilter) -> Batches {
        Batches {
            store: self.clone(),
            filter,
            row: Some(i64::MIN),
        }
    }

    /// The nodes in any of these states.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn nodes_in(
        &self,
        states: &[ProvisionState],
    ) -> Result<Vec<Arc<StoredNode>>, StoreError> {
        if states.is_empty() {
            return Ok(Vec::new());
        }
        self.nodes(NodeFilter {
            provision_states: states.to_vec(),
            ..NodeFilter::default()
        })
        .await
    }

    /// How many nodes are in which shard: the fullest first, then those in none, then by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn shards(&self) -> Result<Vec<(Option<String>, i64)>, StoreError> {
        let statement = sql("SELECT shard, COUNT(*) FROM nodes GROUP BY shard", []);
        let rows = self.database().read(statement).await?;
        let shard = |row: &Row| Ok((row.text(0)?, row.required_int(1)?));
        let mut shards = rows
            .iter()
            .map(shard)
            .collect::<Result<Vec<_>, StoreError>>()?;
        shards.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(shards)
    }

    /// What lists show of every node, in the order of creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn summaries(&self) -> Result<Vec<NodeSummary>, StoreError> {
        let mut summaries = Vec::new();
        let mut batches = self.batches(NodeFilter::default());
        while let Some(nodes) = batches.next().await? {
            summaries.extend(nodes.iter().map(|node| node.summary()));
        }
        Ok(summaries)
    }

    /// Stores every field of the node but `reservation`, `traits` and `created_at`, which have
    /// methods of their own. The last writer wins; see [`Self::modify_node`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`Conflict`] when a name or instance is taken.
    pub async fn save_node(&self, node: &Node) -> Result<Arc<StoredNode>, StoreError> {
        let saved = self.write_node(node, None).await?;
        saved.ok_or_else(|| StoreError::not_found("Node", node.uuid))
    }

    /// As [`Self::save_node`], unless the node has changed since this revision.
    ///
    /// # Errors
    /// [`Conflict::Changed`] when it has, or is gone.
    pub async fn save_node_if(
        &self,
        node: &Node,
        revision: Revision,
    ) -> Result<Arc<StoredNode>, StoreError> {
        let saved = self.write_node(node, Some(revision)).await?;
        saved.ok_or_else(|| Conflict::Changed(node.uuid).into())
    }

    /// Reads the node, changes it and stores it, again when another has changed it meanwhile; so
    /// no change of another is lost. `change` may run more than once. Nothing is written when
    /// nothing changes.
    ///
    /// # Errors
    /// As [`Self::save_node`].
    pub async fn modify_node(
        &self,
        id: NodeId,
        mut change: impl FnMut(&mut Node) + Send,
    ) -> Result<Arc<StoredNode>, StoreError> {
        for _ in 0..MODIFY_TRIES {
            let stored = self.node_by_id(id).await?;
            let mut node = stored.node.clone();
            change(&mut node);
            if node == stored.node {
                return Ok(stored);
            }
            if let Some(saved) = self.write_node(&node, Some(stored.revision)).await? {
                return Ok(saved);
            }
        }
        Err(Conflict::Changed(id).into())
    }

    async fn write_node(
        &self,
        node: &Node,
        revision: Option<Revision>,
    ) -> Result<Option<Arc<StoredNode>>, StoreError> {
        self.change_node(self.saving_node(node, revision)?)
            .await
            .map_err(|error| conflict(error, node))
    }

    /// The statement that stores a node, if it has not changed since this revision, and returns
    /// [`select_list`].
    pub(super) fn saving_node(
        &self,
        node: &Node,
        revision: Option<Revision>,
    ) -> Result<Statement, StoreError> {
        let mut node = node.clone();
        node.updated_at = Some(Timestamp::now());
        let mut parts = Vec::new();
        let mut arguments = Vec::new();
        for column in COLUMNS.iter().filter(|c| c.written == Written::Saved) {
            arguments.push(encode(column, &node, self.sealer())?);
            parts.push(format!("{} = ${}", column.name, arguments.len()));
        }
        arguments.push(Cell::text(node.uuid.to_string()));
        let mut condition = format!("uuid = ${}", arguments.len());
        if let Some(Revision(revision)) = revision {
            arguments.push(Cell::int(revision));
            condition = format!("{condition} AND revision = ${}", arguments.len());
        }
        let text = format!(
            "UPDATE nodes SET revision = revision + 1, {} WHERE {condition} RETURNING {}",
            parts.join(", "),
            select_list()
        );
        Ok(assembled(text, arguments))
    }

    /// Runs a statement that changes one node and returns [`select_list`].
    pub(super) async fn change_node(
        &self,
        statement: Statement,
    ) -> Result<Option<Arc<StoredNode>>, StoreError> {
        let store = self.clone();
        detached(async move {
            let rows = store.database().write(statement).await?;
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            let stored = decode(row, store.sealer())?;
            if let Some(snapshot) = store.snapshot() {
                snapshot.replace(&stored);
            }
            Ok(Some(stored))
        })
        .await
    }

    /// Keeps what the node waits for and which step runs.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn set_progress(
        &self,
        id: NodeId,
        waiting: Option<Waiting>,
        step: Option<StepSummary>,
    ) -> Result<Arc<StoredNode>, StoreError> {
        let progress = Progress { waiting, step };
        let body = serde_json::to_string(&progress)
            .map_err(|error| StoreError::corrupt("nodes.progress", error))?;
        let text = format!(
            "UPDATE nodes SET revision = revision + 1, progress = $1 WHERE uuid = $2 RETURNING {}",
            select_list()
        );
        let arguments = vec![Cell::text(body), Cell::text(id.to_string())];
        let changed = self.change_node(assembled(text, arguments)).await?;
        changed.ok_or_else(|| StoreError::not_found("Node", id))
    }

    /// Deletes a node with its ports, history, inventory, steps and events. Its children are nodes
    /// without a parent then; they are what is returned.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_node(&self, id: NodeId) -> Result<Vec<Arc<StoredNode>>, StoreError> {
        let store = self.clone();
        detached(async move {
            let uuid = || vec![Cell::text(id.to_string())];
            let free = format!(
                "UPDATE nodes SET revision = revision + 1, parent_node = NULL \
                 WHERE parent_node = $1 RETURNING {}",
                select_list()
            );
            let statements = vec![
                (
                    assembled(
                        "DELETE FROM nodes WHERE uuid = $1 RETURNING id".to_owned(),
                        uuid(),
                    ),
                    Returns::OneOrMore,
                ),
                (assembled(free, uuid()), Returns::AnyNumber),
                (
                    assembled("DELETE FROM events WHERE node_uuid = $1".to_owned(), uuid()),
                    Returns::AnyNumber,
                ),
            ];
            let answers = store.database().together(statements).await?;
            store.ports_changed();
            let mut answers = answers
                .ok_or_else(|| StoreError::not_found("Node", id))?
                .into_iter();
            let deleted = answers.next().unwrap_or_default();
            let freed = answers.next().unwrap_or_default();
            if let (Some(snapshot), Some(row)) = (store.snapshot(), deleted.first()) {
                snapshot.remove(row.required_int(0)?);
            }
            let freed = freed.iter().map(|row| decode(row, store.sealer()));
            let freed = freed.collect::<Result<Vec<_>, _>>()?;
            if let Some(snapshot) = store.snapshot() {
                freed.iter().for_each(|child| snapshot.replace(child));
            }
            Ok(freed)
        })
        .await
    }
}
