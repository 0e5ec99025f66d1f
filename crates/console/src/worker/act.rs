//! Actions on nodes, as calls of the API.

use std::time::Duration;

use cupola_api::client::{Client, ClientError};
use cupola_api::id::{NodeId, NodeIdent};
use cupola_api::mac::MacAddress;
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::ProvisionVerb;
use serde_json::Value;

use crate::effect::Action;

/// A node that is locked is asked again so often, a second apart.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_secs(1);

/// Acts on a node; when it is locked, waits for a while until it is not.
pub(crate) async fn act(client: &Client, id: NodeId, action: &Action) -> Result<(), ClientError> {
    let mut tries = 1;
    loop {
        match once(client, &id.into(), action).await {
            Err(error) if error.is_retryable() && tries < TRIES => tries += 1,
            outcome => return outcome,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn once(client: &Client, node: &NodeIdent, action: &Action) -> Result<(), ClientError> {
    match action {
        Action::Provision(verb) => client.provision(node, &request(*verb, None)).await,
        Action::Deploy {
            patch,
            config_drive,
        } => {
            client.patch_node(node, patch).await?;
            let request = request(ProvisionVerb::Active, config_drive.clone());
            client.provision(node, &request).await
        }
        Action::Power(target) => client.power(node, *target).await,
        Action::Maintenance(on, reason) => client.maintenance(node, *on, reason.as_deref()).await,
        Action::Delete => client.delete_node(node).await,
    }
}

fn request(verb: ProvisionVerb, configdrive: Option<Value>) -> ProvisionRequest {
    ProvisionRequest {
        target: verb.as_str().to_owned(),
        configdrive,
        ..ProvisionRequest::default()
    }
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
