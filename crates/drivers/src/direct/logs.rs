//! The logs of the ramdisk, as its agent packs them.

use base64::Engine as _;
use cupola_api::agent::CommandName;
use cupola_api::node::Object;
use serde_json::Value;

use crate::agent::{AgentClient, AgentError};
use crate::interface::Result;

/// Asks for them: a gzipped tar archive.
pub(super) async fn collect(agent: &AgentClient) -> Result<Vec<u8>> {
    let name = CommandName::CollectSystemLogs;
    let result = agent.run(name, Object::new(), true).await?;
    let packed = result
        .result_object()
        .and_then(|object| object.get("system_logs"))
        .and_then(Value::as_str);
    let unreadable = |reason: String| AgentError::Unreadable {
        command: name.to_string(),
        reason,
    };
    let packed = packed.ok_or_else(|| unreadable("it has no system_logs".to_owned()))?;
    // Python's encoder may break lines.
    let compact: String = packed.split_ascii_whitespace().collect();
    let archive = base64::engine::general_purpose::STANDARD
        .decode(compact)
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(archive)
}
