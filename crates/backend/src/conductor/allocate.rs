//! Allocations: which node one gets (wire reference §13). The nodes that fit are shuffled, and the
//! store gives the first one that nobody holds, in one transaction; so many allocations may look at
//! once, here and in other conductors, and none of them takes another's node.

use std::sync::Arc;
use std::time::Duration;

use cupola_api::allocation::{Allocation, AllocationState};
use cupola_api::event::Severity;
use cupola_api::fault::ApiFault;
use cupola_api::id::{AllocationId, NodeId};
use cupola_api::node::Node;
use cupola_api::state::provision::ProvisionState as S;
use uuid::Uuid;

use super::Conductor;
use super::error::{WorkError, store_fault};
use super::work::Work;
use super::workers::Worker;
use crate::store::patience::patiently;
use crate::store::{Cell, NodeFilter, NodePage, Only, StoreError, StoredNode};

/// How often the nodes that fit are gone through, for those that were held the time before.
const ROUNDS: usize = 3;
/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a node is tried that changes between being read and being taken.
const TRIES: usize = 8;
/// Of how many nodes it is told why an allocation did not get them.
const MOST_TOLD: usize = 32;
/// How often allocations are looked for whose conductor died.
pub(super) const ORPHANS_INTERVAL: Duration = Duration::from_secs(60);

/// Why an allocation did not get a node.
#[derive(Debug, thiserror::Error)]
enum AllocateError {
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the service stops")]
    Stopping,
}

/// What became of one node.
enum Outcome {
    Taken(Arc<StoredNode>),
    /// The allocation has ended meanwhile, here or elsewhere.
    Settled,
    Held,
    Gone,
}

impl Conductor {
    /// Stores an allocation, and looks for its node after the answer.
    pub(super) async fn start_allocation(
        &self,
        allocation: Allocation,
    ) -> Result<Allocation, ApiFault> {
        let worker = self.inner.workers.for_request()?;
        let made = self.store().create_document(allocation).await;
        let made = made.map_err(|error| store_fault(&error))?;
        self.spawn_allocation(made.uuid, worker);
        Ok(made)
    }

    /// Looks for the nodes of allocations that nobody works on: what a process left that died.
    pub(super) async fn resume_allocations(self) -> Result<(), StoreError> {
        let state = Cell::text(AllocationState::Allocating.as_str());
        let left = self
            .store()
            .documents::<Allocation>(&[Only::Is("state", state)])
            .await?;
        for allocation in left {
            let Some(worker) = self.inner.workers.for_heartbeat() else {
                // The others are found the next time.
                return Ok(());
            };
            self.spawn_allocation(allocation.uuid, worker);
        }
        Ok(())
    }

    fn spawn_allocation(&self, id: AllocationId, worker: Worker) {
        if !self.inner.allocating.lock().insert(id) {
            return;
        }
        let conductor = self.clone();
        let end = self.inner.stop.clone();
        self.inner.tracker.spawn(patiently(end, async move {
            conductor.allocate(id).await;
            conductor.inner.allocating.lock().remove(&id);
            drop(worker);
        }));
    }

    /// Looks for the node of an allocation, and writes down that it was found, or why not.
    async fn allocate(&self, id: AllocationId) {
        let error = match self.find_and_take(id).await {
            Ok(()) => return,
            Err(AllocateError::Stopping) => return,
            Err(AllocateError::Store(StoreError::NotFound { .. })) => {
                tracing::info!(allocation = %id, "the allocation was deleted before it had a node");
                return;
            }
            Err(AllocateError::Store(StoreError::Unavailable(outage))) => {
                tracing::warn!(%outage, allocation = %id, "the node is looked for later");
                return;
            }
            Err(error) => error.to_string(),
        };
        if let Err(error) = self.tell_refused(id).await {
            tracing::warn!(%error, allocation = %id, "the nodes were not told why they were not taken");
        }
        self.fail_allocation(id, &error).await;
    }

    /// Tells at each node that was asked for, or could have been, why the allocation did not get it:
    /// its error is upstream's, which names none.
    async fn tell_refused(&self, id: AllocationId) -> Result<(), StoreError> {
        let allocation: Allocation = self.store().document(id.0).await?;
        let nodes = if allocation.candidate_nodes.is_empty() {
            let page = NodePage {
                filter: NodeFilter {
                    resource_class: allocation.resource_class.clone(),
                    project: allocation.owner.clone(),
                    ..NodeFilter::default()
                },
                limit: Some(MOST_TOLD),
                ..NodePage::default()
            };
            self.store().list_nodes(&page).await?
        } else {
            let mut nodes = Vec::new();
            for id in allocation.candidate_nodes.iter().take(MOST_TOLD) {
                match self.store().node_by_id(*id).await {
                    Ok(node) => nodes.push(node),
                    Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            nodes
        };
        for node in nodes {
            let why = unfit(&allocation, &node);
            if why.is_empty() {
                continue;
            }
            let text = format!("not given to {}: {}", title(&allocation), why.join("; "));
            self.events()
                .log(Some(node.uuid), Severity::Warning, "conductor", text);
        }
        Ok(())
    }

    /// Ends an allocation that has not ended yet; the text of its error.
    async fn fail_allocation(&self, id: AllocationId, error: &str) -> String {
        let text = failure(id, error);
        let failed = self.store().modify_allocation(id, |allocation| {
            if allocation.state == AllocationState::Allocating {
                allocation.state = AllocationState::Error;
                allocation.last_error = Some(text.clone());
            }
        });
        match failed.await {
            Ok(_) => tracing::info!("{text}"),
            Err(error) => tracing::warn!(%error, allocation = %id, "its error could not be kept"),
        }
        text
    }

    async fn find_and_take(&self, id: AllocationId) -> Result<(), AllocateError> {
        let allocation: Allocation = self.store().document(id.0).await?;
        if allocation.state != AllocationState::Allocating {
            return Ok(());
        }
        let mut left = self.suitable(&allocation).await?;
        let count = left.len();
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::select! {
                    () = self.inner.stop.cancelled() => return Err(AllocateError::Stopping),
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
            let mut held = Vec::new();
            for node in left {
                match self.take(&allocation, node).await? {
                    Outcome::Taken(node) => {
                        self.tell(&allocation, &node);
                        return Ok(());
                    }
                    Outcome::Settled => return Ok(()),
                    Outcome::Held => held.push(node),
                    Outcome::Gone => {}
                }
            }
            if held.is_empty() {
                return Err(AllocateError::Failed(
                    "all nodes were filtered out during reservation".to_owned(),
                ));
            }
            left = held;
        }
        Err(AllocateError::Failed(format!(
            "could not reserve any of {count} suitable nodes"
        )))
    }

    /// The nodes that fit, in the order in which they are tried.
    async fn suitable(&self, allocation: &Allocation) -> Result<Vec<NodeId>, AllocateError> {
        let filter = NodeFilter {
            provision_state: Some(S::Available),
            associated: Some(false),
            maintenance: Some(false),
            resource_class: allocation.resource_class.clone(),
            project: allocation.owner.clone(),
            ..NodeFilter::default()
        };
        let nodes = self.store().nodes(filter).await?;
        order(allocation, nodes).map_err(AllocateError::Failed)
    }

    async fn take(&self, allocation: &Allocation, id: NodeId) -> Result<Outcome, AllocateError> {
        for _ in 0..TRIES {
            let node = match self.store().node_by_id(id).await {
                Err(StoreError::NotFound { .. }) => return Ok(Outcome::Gone),
                found => found?,
            };
            if !is_free(&node) || !fits(allocation, &node) {
                return Ok(Outcome::Gone);
            }
            if node.reservation.is_some() {
                return Ok(Outcome::Held);
            }
            match self.store().claim_node(allocation.uuid, &node).await {
                Ok(Some(node)) => return Ok(Outcome::Taken(node)),
                Ok(None) => {}
                Err(StoreError::Conflict(conflict)) => {
                    return Err(AllocateError::Failed(conflict.to_string()));
                }
                Err(error) => return Err(error.into()),
            }
            let now: Allocation = self.store().document(allocation.uuid.0).await?;
            if now.state != AllocationState::Allocating {
                return Ok(Outcome::Settled);
            }
        }
        Ok(Outcome::Held)
    }

    fn tell(&self, allocation: &Allocation, node: &StoredNode) {
        self.events().node_changed(node);
        let text = format!("given to {}", title(allocation));
        self.events()
            .log(Some(node.uuid), Severity::Info, "conductor", text);
    }

    /// Makes an allocation for a node that is in use already. One that is refused stays in `error`.
    pub(super) async fn backfill(
        &self,
        allocation: Allocation,
        node: NodeId,
    ) -> Result<Allocation, ApiFault> {
        let fault = |error: StoreError| store_fault(&error);
        let made = self
            .store()
            .create_document(allocation)
            .await
            .map_err(fault)?;
        let held = match self.lock(node).await {
            Ok(held) => held,
            Err(fault) => {
                self.fail_allocation(made.uuid, &fault.message).await;
                return Err(fault);
            }
        };
        let done = self.backfill_held(&made, &held.work).await;
        self.release(held).await;
        if let Err(fault) = &done {
            self.fail_allocation(made.uuid, &fault.message).await;
        }
        match done {
            Ok(node) => self.tell(&made, &node),
            // An associated node is told of in its own words.
            Err(fault) if fault.message.starts_with("Node ") => return Err(fault),
            Err(fault) => {
                return Err(ApiFault::new(
                    fault.status,
                    failure(made.uuid, &fault.message),
                ));
            }
        }
        self.store().document(made.uuid.0).await.map_err(fault)
    }

    async fn backfill_held(
        &self,
        allocation: &Allocation,
        work: &Work,
    ) -> Result<Arc<StoredNode>, ApiFault> {
        for _ in 0..TRIES {
            let node = work.node().await.map_err(WorkError::from)?;
            check_backfill(allocation, &node)?;
            let claimed = self.store().claim_node(allocation.uuid, &node).await;
            if let Some(node) = claimed.map_err(|error| store_fault(&error))? {
                return Ok(node);
            }
        }
        Err(ApiFault::conflict(format!(
            "Cannot backfill an allocation for node {}: it changes too often, try again",
            work.id()
        )))
    }

    /// Deletes an allocation and frees its node, unless that is in use.
    pub(super) async fn remove_allocation(&self, id: AllocationId) -> Result<(), ApiFault> {
        let fault = |error: StoreError| store_fault(&error);
        let allocation: Allocation = self.store().document(id.0).await.map_err(fault)?;
        let Some(node) = allocation.node_uuid else {
            let freed = self.store().delete_allocation(id).await.map_err(fault)?;
            self.tell_freed(freed.as_deref());
            return Ok(());
        };
        let held = self.lock(node).await?;
        let removed = async {
            let node = held.work.node().await.map_err(WorkError::from)?;
            check_removal(id, &node)?;
            let freed = self.store().delete_allocation(id).await.map_err(fault)?;
            self.tell_freed(freed.as_deref());
            Ok(())
        };
        let removed = removed.await;
        self.release(held).await;
        removed
    }

    fn tell_freed(&self, node: Option<&StoredNode>) {
        if let Some(node) = node {
            self.events().node_changed(node);
            let text = "its allocation was deleted";
            self.events()
                .log(Some(node.uuid), Severity::Info, "conductor", text);
        }
    }
}

impl Work {
    /// Deletes the allocation of the node, if it has one, with the instance that it stands for.
    pub(super) async fn end_allocation(&self) -> Result<(), StoreError> {
        let Some(id) = self.node().await?.allocation_uuid else {
            return Ok(());
        };
        let store = self.conductor().store();
        match store.delete_allocation(AllocationId(id)).await {
            Ok(freed) => self.conductor().tell_freed(freed.as_deref()),
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn title(allocation: &Allocation) -> String {
    match &allocation.name {
        Some(name) => format!("allocation {} ({name})", allocation.uuid),
        None => format!("allocation {}", allocation.uuid),
    }
}

fn failure(id: AllocationId, error: &str) -> String {
    format!("Failed to process allocation {id}: {error}.")
}

/// Whether an instance may be put on the node.
fn is_free(node: &Node) -> bool {
    node.provision_state == S::Available
        && !node.maintenance
        && node.instance_uuid.is_none()
        && node.power_state.is_some()
}

fn has_traits(allocation: &Allocation, node: &Node) -> bool {
    let wanted = &allocation.traits;
    wanted.iter().all(|name| node.traits.contains(name))
}

fn is_candidate(allocation: &Allocation, node: &Node) -> bool {
    let candidates = &allocation.candidate_nodes;
    candidates.is_empty() || candidates.contains(&node.uuid)
}

fn is_of_owner(allocation: &Allocation, node: &Node) -> bool {
    let owner = allocation.owner.as_ref();
    owner.is_none_or(|_| node.owner.as_ref() == owner || node.lessee.as_ref() == owner)
}

/// All that keeps the node from the allocation.
fn unfit(allocation: &Allocation, node: &Node) -> Vec<String> {
    let mut why = Vec::new();
    if node.provision_state != S::Available {
        why.push(format!("it is {}, not available", node.provision_state));
    }
    if node.maintenance {
        why.push("it is in maintenance".to_owned());
    }
    if let Some(instance) = node.instance_uuid {
        why.push(format!("it carries the instance {instance}"));
    }
    if node.power_state.is_none() {
        why.push("its power state is not known; see whether its BMC answers".to_owned());
    }
    if allocation.resource_class != node.resource_class {
        let wanted = allocation.resource_class.as_deref().unwrap_or("None");
        why.push(match &node.resource_class {
            Some(class) => format!("its resource class is {class}, not {wanted}"),
            None => format!("it has no resource class, {wanted} is asked for"),
        });
    }
    if !is_of_owner(allocation, node) {
        why.push("neither its owner nor its lessee is the allocation's owner".to_owned());
    }
    let wanted = allocation.traits.iter();
    let lacking: Vec<&str> = wanted
        .filter(|name| !node.traits.contains(name))
        .map(String::as_str)
        .collect();
    if !lacking.is_empty() {
        why.push(format!("it lacks the traits {}", lacking.join(", ")));
    }
    if let Some(holder) = &node.reservation {
        why.push(format!("it is locked by {holder}"));
    }
    why
}

/// Whether a free node is what the allocation asks for.
fn fits(allocation: &Allocation, node: &Node) -> bool {
    allocation.resource_class == node.resource_class
        && is_of_owner(allocation, node)
        && is_candidate(allocation, node)
        && has_traits(allocation, node)
}

/// The nodes that fit: shuffled, the one with the name of the allocation first.
fn order(allocation: &Allocation, mut nodes: Vec<Arc<StoredNode>>) -> Result<Vec<NodeId>, String> {
    nodes.retain(|node| is_free(node) && is_candidate(allocation, node));
    let class = allocation.resource_class.as_deref().unwrap_or("None");
    if nodes.is_empty() {
        return Err(if allocation.candidate_nodes.is_empty() {
            format!("no available nodes match the resource class {class}")
        } else {
            format!(
                "none of the requested nodes are available and match the resource class {class}"
            )
        });
    }
    nodes.retain(|node| has_traits(allocation, node));
    if nodes.is_empty() {
        let traits = allocation.traits.join(", ");
        return Err(format!(
            "no suitable nodes have the requested traits {traits}"
        ));
    }
    nodes.sort_by_cached_key(|_| Uuid::new_v4());
    if let Some(name) = &allocation.name {
        nodes.sort_by_key(|node| node.name.as_ref() != Some(name));
    }
    Ok(nodes.iter().map(|node| node.uuid).collect())
}

fn check_backfill(allocation: &Allocation, node: &Node) -> Result<(), ApiFault> {
    let id = node.uuid;
    if let Some(instance) = node.instance_uuid.filter(|i| *i != allocation.uuid.0) {
        return Err(ApiFault::conflict(format!(
            "Node {id} is associated with instance {instance}."
        )));
    }
    let why = if node.provision_state != S::Active {
        format!("it is in state \"{}\", not active", node.provision_state)
    } else if allocation.resource_class != node.resource_class {
        format!(
            "its resource class {} is not the requested {}",
            node.resource_class.as_deref().unwrap_or("None"),
            allocation.resource_class.as_deref().unwrap_or("None")
        )
    } else if !has_traits(allocation, node) {
        let traits = allocation.traits.join(", ");
        format!("it does not have all of the requested traits {traits}")
    } else if !is_candidate(allocation, node) {
        "it is not among the candidate nodes".to_owned()
    } else {
        return Ok(());
    };
    Err(ApiFault::conflict(format!(
        "Cannot backfill an allocation for node {id}: {why}"
    )))
}

/// A node that is used keeps its allocation, unless it is in maintenance.
fn check_removal(id: AllocationId, node: &Node) -> Result<(), ApiFault> {
    let may_update = matches!(
        node.provision_state,
        S::DeployFailed
            | S::Inspecting
            | S::InspectWait
            | S::InspectFailed
            | S::CleanFailed
            | S::Error
            | S::Verifying
            | S::AdoptFailed
            | S::RescueFailed
            | S::UnrescueFailed
            | S::ServiceHold
            | S::ServiceFailed
    );
    let is_moving = node.target_provision_state.is_some() && !may_update;
    if node.maintenance || !(node.provision_state == S::Active || is_moving) {
        return Ok(());
    }
    let why = if is_moving {
        format!(
            "in state {} where updates are not allowed",
            node.provision_state
        )
    } else {
        "active".to_owned()
    };
    Err(ApiFault::conflict(format!(
        "Cannot remove allocation {id} for node {}, because the node is {why} (and maintenance mode \
         is off)",
        node.uuid
    )))
}

#[cfg(test)]
#[path = "allocate/tests.rs"]
mod tests;
