//! Taking nodes through their life over the API, waiting on events instead of sleeping.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use cupola_api::client::Client;
use cupola_api::cupola::Image;
use cupola_api::id::NodeIdent;
use cupola_api::patch::PatchOperation;
use cupola_api::resource::ProvisionRequest;
use cupola_api::{Node, ProvisionState};
use futures_util::StreamExt;
use tokio::time::timeout;

/// Waits until the node is in state `goal` and, where the service does not work on it there, until
/// nobody holds it: the lock is given back right after the state has moved.
///
/// # Errors
/// At once when the node fails; after `deadline` with everything its timeline says.
pub async fn reach(
    client: &Client,
    node: &NodeIdent,
    goal: ProvisionState,
    deadline: Duration,
) -> Result<Node> {
    let id = client.node(node).await?.uuid;
    let mut events = client.events(None, Some(id)).await?;
    let wait = async {
        loop {
            let now = client.node(node).await?;
            if now.provision_state == goal && (goal.is_working() || now.reservation.is_none()) {
                return Ok(now);
            }
            if now.provision_state.is_failed() && now.provision_state != goal {
                bail!("{node} is {}: {:?}", now.provision_state, now.last_error);
            }
            events.next().await.context("the event stream ended")??;
        }
    };
    if let Ok(reached) = timeout(deadline, wait).await {
        return reached;
    }
    let now = client.node(node).await?;
    let timeline = client.timeline(node, None).await?;
    bail!(
        "{node} is {} after {deadline:?}, not {goal}: {:?}\n{:#?}",
        now.provision_state,
        now.last_error,
        timeline.events
    )
}

/// Waits until the node has failed and nobody holds it.
///
/// # Errors
/// When it has not after `deadline`.
pub async fn failed(client: &Client, node: &NodeIdent, deadline: Duration) -> Result<Node> {
    let id = client.node(node).await?.uuid;
    let mut events = client.events(None, Some(id)).await?;
    let wait = async {
        loop {
            let now = client.node(node).await?;
            if now.provision_state.is_failed() && now.reservation.is_none() {
                return Ok(now);
            }
            events.next().await.context("the event stream ended")??;
        }
    };
    timeout(deadline, wait)
        .await
        .with_context(|| format!("{node} has not failed after {deadline:?}"))?
}

/// Waits until nobody holds the node's lock any more, which is shortly after it reached its state.
///
/// # Errors
/// When the lock is still held after `deadline`.
pub async fn released(client: &Client, node: &NodeIdent, deadline: Duration) -> Result<Node> {
    let id = client.node(node).await?.uuid;
    let mut events = client.events(None, Some(id)).await?;
    let wait = async {
        loop {
            let now = client.node(node).await?;
            if now.reservation.is_none() {
                return Ok(now);
            }
            events.next().await.context("the event stream ended")??;
        }
    };
    timeout(deadline, wait)
        .await
        .with_context(|| format!("{node} is still locked after {deadline:?}"))?
}

/// Sends a verb without arguments.
///
/// # Errors
/// When the service refuses.
pub async fn verb(client: &Client, node: &NodeIdent, target: &str) -> Result<()> {
    let request = ProvisionRequest {
        target: target.to_owned(),
        ..ProvisionRequest::default()
    };
    Ok(client.provision(node, &request).await?)
}

/// Puts an image into a node's `instance_info`.
///
/// # Errors
/// When the service refuses.
pub async fn choose_image(client: &Client, node: &NodeIdent, image: &Image) -> Result<()> {
    let patch = [
        PatchOperation::add("/instance_info/image_source", image.source.clone()),
        PatchOperation::add("/instance_info/image_os_hash_algo", image.hash_algo.clone()),
        PatchOperation::add(
            "/instance_info/image_os_hash_value",
            image.hash_value.clone(),
        ),
        PatchOperation::add(
            "/instance_info/image_disk_format",
            image.disk_format.clone(),
        ),
    ];
    client.patch_node(node, &patch).await?;
    Ok(())
}
