//! Node summaries: getting them from any server, and the words that lists show.

use cupola_api::client::{Client, ClientError, NodeQuery};
use cupola_api::cupola::NodeSummary;
use cupola_api::state::power::PowerState;

/// The fields of a node that a summary needs from a server without `/cupola/v1`: those that every
/// server has, then those that came with later versions of the API.
const CORE: &[&str] = &[
    "uuid",
    "name",
    "driver",
    "resource_class",
    "power_state",
    "target_power_state",
    "provision_state",
    "target_provision_state",
    "provision_updated_at",
    "maintenance",
    "fault",
    "last_error",
    "reservation",
    "instance_uuid",
    "created_at",
    "updated_at",
    "extra",
    "properties",
];
/// With version 1.65.
const LATER: &[&str] = &[
    "traits",
    "conductor_group",
    "protected",
    "conductor",
    "owner",
    "description",
    "retired",
    "lessee",
];
/// With version 1.104.
const LATEST: &[&str] = &["shard", "instance_name"];

/// All nodes in short, from `/cupola/v1` or, where a server lacks that, from `/v1`.
///
/// # Errors
/// As every call of the client.
pub(crate) async fn all(client: &Client) -> Result<Vec<NodeSummary>, ClientError> {
    match client.summaries().await {
        Ok(list) => Ok(list.nodes),
        Err(error) if error.status() == Some(404) => from_nodes(client).await,
        Err(error) => Err(error),
    }
}

/// All nodes in short, from `/v1/nodes`.
///
/// # Errors
/// As every call of the client.
pub(crate) async fn from_nodes(client: &Client) -> Result<Vec<NodeSummary>, ClientError> {
    let mut sets = [[LATER, LATEST].concat(), LATER.to_vec(), Vec::new()]
        .into_iter()
        .peekable();
    while let Some(later) = sets.next() {
        let query = NodeQuery {
            fields: [CORE, &later].concat(),
            ..NodeQuery::default()
        };
        match client.nodes(&query).await {
            Ok(nodes) => return Ok(nodes.iter().map(NodeSummary::from).collect()),
            // A server that does not know a field says so.
            Err(error) if matches!(error.status(), Some(400 | 406)) && sets.peek().is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Vec::new())
}

/// What a person calls the node: its name, else its UUID.
pub(crate) fn display_name(node: &NodeSummary) -> String {
    node.name.clone().unwrap_or_else(|| node.uuid.to_string())
}

/// The power state in one word; what could not be read is never `off`.
pub(crate) const fn power_word(state: Option<PowerState>) -> &'static str {
    match state {
        Some(PowerState::On) => "on",
        Some(PowerState::Off) => "off",
        Some(PowerState::Error) => "error",
        None => "unknown",
    }
}

/// What a node does, waits for or suffers from, in one line.
pub(crate) fn activity(node: &NodeSummary) -> String {
    let mut parts = Vec::new();
    if let Some(step) = &node.step {
        let percent = step.percent.map(|p| format!(" {p}%")).unwrap_or_default();
        parts.push(format!(
            "{} {}/{}{percent}",
            step.step, step.index, step.total
        ));
    }
    if let Some(waiting) = &node.waiting {
        parts.push(format!("waits for {}", waiting.what));
    }
    if let Some(fault) = node.fault {
        parts.push(format!("fault: {}", fault.as_str()));
    }
    if parts.is_empty()
        && let Some(error) = &node.last_error
    {
        parts.push(error.clone());
    }
    parts.join(", ")
}
