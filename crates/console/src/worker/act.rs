//! Actions on nodes, as calls of the API.

use std::time::Duration;

use cupola_api::client::{Client, ClientError};
use cupola_api::id::{NodeId, NodeIdent};
use cupola_api::mac::MacAddress;
use cupola_api::resource::BootDeviceSetting;
use serde_json::Value;

use crate::effect::Action;
use crate::event::Accepted;
use crate::request::{Method, Secrets, requests};

/// A node that is locked is asked again so often, a second apart.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_secs(1);

/// Acts on a node; when it is locked, waits for a while until it is not.
pub(crate) async fn act(
    client: &Client,
    id: NodeId,
    action: &Action,
) -> Result<Accepted, ClientError> {
    let mut tries = 1;
    loop {
        match once(client, id, action).await {
            Err(error) if error.is_retryable() && tries < TRIES => tries += 1,
            outcome => return outcome,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn once(client: &Client, id: NodeId, action: &Action) -> Result<Accepted, ClientError> {
    let accepted = before(client, &id.into(), action).await?;
    let indicator = accepted.indicator.as_deref();
    for request in requests(id, action, indicator, Secrets::Sent) {
        let method = match request.method {
            Method::Put => http::Method::PUT,
            Method::Patch => http::Method::PATCH,
            Method::Delete => http::Method::DELETE,
        };
        let body = request.body.as_ref();
        client.send(method, &request.path, body).await?;
    }
    Ok(accepted)
}

/// What must be known before: what the LED is called, and what a boot device was, so that it can be
/// set back.
async fn before(
    client: &Client,
    node: &NodeIdent,
    action: &Action,
) -> Result<Accepted, ClientError> {
    let mut known = Accepted::default();
    match action {
        Action::Locate(_) => known.indicator = client.indicators(node).await?.into_iter().next(),
        Action::BootDevice(..) => {
            // A BMC that does not say what it has set can have it set all the same.
            if let Ok(BootDeviceSetting {
                boot_device: Some(device),
                persistent,
            }) = client.boot_device(node).await
            {
                let persistent = persistent.unwrap_or(false);
                known.inverse = Some(Action::BootDevice(device, persistent));
            }
        }
        _ => {}
    }
    Ok(known)
}

/// Enrols a node with its ports. When a port is refused the node goes again, so that the same can
/// be tried once more.
///
/// # Errors
/// A text for a person.
pub(crate) async fn enroll(
    client: &Client,
    body: &Value,
    macs: &[MacAddress],
) -> Result<NodeId, String> {
    let node = client.create_node(body).await.map_err(|e| e.to_string())?;
    for mac in macs {
        if let Err(error) = client.create_port(node.uuid, *mac).await {
            let undone = match client.delete_node(&node.uuid.into()).await {
                Ok(()) => "nothing was enrolled".to_owned(),
                Err(e) => format!("node {} stays enrolled without it: {e}", node.uuid),
            };
            let error = error.to_string();
            let error = error.trim_end_matches('.');
            return Err(format!("port {mac}: {error}; {undone}"));
        }
    }
    Ok(node.uuid)
}
