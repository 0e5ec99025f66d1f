//! The answer to `GET /v1/lookup?addresses=…&node_uuid=…`: which node this machine is, and how its
//! agent has to behave. The rules of who may look up what are the API's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::token::AgentToken;

/// The whole answer (HTTP 200).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookupAnswer {
    /// The node this machine was recognised as.
    pub node: LookupNode,
    /// How the agent has to behave.
    pub config: LookupConfig,
}

/// The part of a node that an agent may see. Secrets in it are masked, as in any node document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookupNode {
    /// The node's UUID.
    pub uuid: Uuid,
    /// `properties`: among them `root_device`, the hints.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// `instance_info`.
    #[serde(default)]
    pub instance_info: Map<String, Value>,
    /// `driver_internal_info`: among them the erase options.
    #[serde(default)]
    pub driver_internal_info: Map<String, Value>,
    /// Links to the node.
    #[serde(default)]
    pub links: Vec<Value>,
}

/// How the agent has to behave. Only `heartbeat_timeout` is required of a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookupConfig {
    /// Seconds without a heartbeat after which the conductor gives the agent up. The agent beats at
    /// a random 30 to 60 % of it.
    pub heartbeat_timeout: u64,
    /// The token, on the first lookup; `******` later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_token: Option<AgentToken>,
    /// Whether heartbeats and commands need the token; always true on servers of this decade.
    #[serde(default)]
    pub agent_token_required: bool,
    /// Whether images may be checked by MD5.
    #[serde(default)]
    pub agent_md5_checksum_enable: bool,
    /// Whether the agent believes the declared image format.
    #[serde(default)]
    pub disable_deep_image_inspection: bool,
    /// Image formats the agent may write; empty: no limit given.
    #[serde(default)]
    pub permitted_image_formats: Vec<String>,
    /// Whether the agent skips asking for the BMC's address.
    #[serde(default)]
    pub agent_skip_bmc_detect: bool,
    /// Whether `image.install_bootloader` is sent for whole-disk images on BIOS too.
    #[serde(default)]
    pub enable_bios_bootloader_install: bool,
    /// Lowest TLS version the agent's server accepts: `1.2` or `1.3`.
    #[serde(default)]
    pub tls_min_version: Option<String>,
    /// Cipher suites of the agent's server.
    #[serde(default)]
    pub tls_cipher_suites: Option<Value>,
    /// Everything else: `metrics`, `metrics_statsd`, `agent_containers`, …
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimal_answer_reads() {
        let answer: LookupAnswer = serde_json::from_str(
            r#"{"node": {"uuid": "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0"},
                "config": {"heartbeat_timeout": 300, "metrics": {"backend": "noop"}}}"#,
        )
        .unwrap();
        assert_eq!(answer.config.heartbeat_timeout, 300);
        assert!(answer.config.agent_token.is_none());
        assert!(answer.config.extra.contains_key("metrics"));
    }
}
