//! Takes a fresh node to `available`, as an operator would: one verb, wait, the next verb.

use cupola_api::ProvisionState;
use cupola_api::client::{Client, ClientError};
use cupola_api::event::StreamItem;
use cupola_api::id::NodeIdent;
use cupola_api::resource::ProvisionRequest;
use futures_util::StreamExt;

/// Takes a node from `enroll` to `available`. What fails is on the node's own timeline too.
pub(super) async fn provide(client: &Client, node: &NodeIdent) {
    for (verb, goal) in [
        ("manage", ProvisionState::Manageable),
        ("provide", ProvisionState::Available),
    ] {
        match request_and_wait(client, node, verb).await {
            Ok(state) if state == goal => {}
            Ok(state) => {
                tracing::warn!(%node, verb, %state, "a node of the demo did not get further");
                return;
            }
            Err(error) => {
                tracing::warn!(%node, verb, %error, "the demo cannot prepare a node");
                return;
            }
        }
    }
}

/// Sends a verb and waits until the node is at rest again.
pub(super) async fn request_and_wait(
    client: &Client,
    node: &NodeIdent,
    verb: &str,
) -> Result<ProvisionState, ClientError> {
    let id = client.node(node).await?.uuid;
    let mut events = client.events(None, Some(id)).await?;
    let request = ProvisionRequest {
        target: verb.to_owned(),
        ..ProvisionRequest::default()
    };
    client.provision(node, &request).await?;
    loop {
        let state = client.node(node).await?.provision_state;
        if !state.is_working() && !state.is_waiting() {
            return Ok(state);
        }
        match events.next().await {
            Some(Ok(StreamItem::Event(_) | StreamItem::Missed)) => {}
            Some(Err(error)) => return Err(error),
            None => return Ok(state),
        }
    }
}
