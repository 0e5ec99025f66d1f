//! Everything that a server says of a node, as facts to compare and as JSON for a bundle; without
//! secrets.

use cupola_api::client::Client;
use cupola_api::id::NodeId;
use serde_json::Value;

use crate::event::Answer;
use crate::redact;
use crate::state::watching::compare::{Sheet, flatten};

/// What is asked for beside the node itself.
pub(super) const PARTS: [&str; 4] = ["inventory", "bios", "firmware", "ports"];

/// The facts of a node. A part that the server does not have is left out.
pub(super) async fn sheet(client: &Client, id: NodeId) -> Answer<Sheet> {
    let mut sheet = Sheet::new();
    let mut node = client.node_part(&id.into(), "").await;
    let node = node.as_mut().map_err(|error| error.to_string())?;
    redact::json(node);
    flatten("", node, &mut sheet);
    for part in PARTS {
        if let Some(found) = self::part(client, id, part).await {
            flatten("", &found, &mut sheet);
        }
    }
    Ok(sheet)
}

/// A part of a node without secrets; none where the server does not have it.
pub(super) async fn part(client: &Client, id: NodeId, name: &str) -> Option<Value> {
    let path = if name == "ports" {
        "ports/detail"
    } else {
        name
    };
    let mut found = match client.node_part(&id.into(), path).await {
        Ok(found) => found,
        Err(_) if name == "ports" => client.node_part(&id.into(), name).await.ok()?,
        Err(_) => return None,
    };
    redact::json(&mut found);
    if name == "ports" {
        // Its address is each port's own; beside it, ports are told apart by their order.
        return Some(serde_json::json!({ "port": found.get("ports")?.clone() }));
    }
    if name == "inventory" {
        // What hooks kept beside it is the same once more.
        if let Some(members) = found.as_object_mut() {
            members.remove("plugin_data");
        }
    }
    Some(found)
}
