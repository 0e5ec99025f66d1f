//! Node summaries: getting them from any server, and the words that lists show.

use cupola_api::client::{Client, ClientError, NodeQuery};
use cupola_api::cupola::NodeSummary;
use cupola_api::state::power::PowerState;

/// The fields of a node that a summary needs from a server without `/cupola/v1`: those that every
/// server has, then those that came with later versions of the API. Not `created_at` and `updated_at`:
/// Ironic refuses lists that are to show them.
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
    "extra",
    "properties",
];
/// With version 1.65. Not `conductor`: Ironic answers lists that are to show it with status 500.
const LATER: &[&str] = &[
    "traits",
    "conductor_group",
    "protected",
    "owner",
    "description",
    "retired",
    "lessee",
];
/// With version 1.104.
const LATEST: &[&str] = &["shard", "instance_name"];

/// Which fields a server knows: the newest are asked for until it refuses them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fields {
    /// All of them.
    #[default]
    Latest,
    /// Those of version 1.65.
    Later,
    /// Those that every server has.
    Core,
}

impl Fields {
    fn names(self) -> Vec<&'static str> {
        match self {
            Self::Latest => [CORE, LATER, LATEST].concat(),
            Self::Later => [CORE, LATER].concat(),
            Self::Core => CORE.to_vec(),
        }
    }

    const fn fewer(self) -> Option<Self> {
        match self {
            Self::Latest => Some(Self::Later),
            Self::Later => Some(Self::Core),
            Self::Core => None,
        }
    }
}

/// All nodes in short, from `/cupola/v1` or, where a server lacks that, from `/v1`.
///
/// # Errors
/// As every call of the client.
pub(crate) async fn all(client: &Client) -> Result<Vec<NodeSummary>, ClientError> {
    match client.summaries().await {
        Ok(list) => Ok(list.nodes),
        Err(error) if is_no_cupola(&error) => {
            client.newest_version().await?;
            from_nodes(client, &mut Fields::default()).await
        }
        Err(error) => Err(error),
    }
}

/// Whether something else than Cupola answers.
pub(crate) fn is_no_cupola(error: &ClientError) -> bool {
    matches!(error, ClientError::BadAnswer { .. }) || matches!(error.status(), Some(404 | 405))
}

/// All nodes in short, from `/v1/nodes`, with as many fields as the server knows.
///
/// # Errors
/// As every call of the client.
pub(crate) async fn from_nodes(
    client: &Client,
    fields: &mut Fields,
) -> Result<Vec<NodeSummary>, ClientError> {
    loop {
        let query = NodeQuery {
            fields: fields.names(),
            ..NodeQuery::default()
        };
        match (client.nodes(&query).await, fields.fewer()) {
            (Ok(nodes), _) => return Ok(nodes.iter().map(NodeSummary::from).collect()),
            // A server that does not know a field says so.
            (Err(error), Some(fewer)) if matches!(error.status(), Some(400 | 406)) => {
                *fields = fewer;
            }
            (Err(error), _) => return Err(error),
        }
    }
}

/// So many nodes at most, those first that have the latest time of this name.
///
/// # Errors
/// As every call of the client.
pub(crate) async fn latest(
    client: &Client,
    fields: Fields,
    key: &str,
    count: u32,
) -> Result<Vec<NodeSummary>, ClientError> {
    let query = NodeQuery {
        fields: fields.names(),
        filters: vec![
            ("sort_key", key.to_owned()),
            ("sort_dir", "desc".to_owned()),
        ],
        limit: Some(count),
        ..NodeQuery::default()
    };
    let nodes = client.nodes(&query).await?;
    Ok(nodes.iter().map(NodeSummary::from).collect())
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
