//! The body of `POST /v1/heartbeat/{node}`: the agent lives, and this is where it can be reached.

use serde::{Deserialize, Serialize};

use super::token::AgentToken;

/// A heartbeat as an agent sends it. What a server accepts depends on the microversion and is
/// checked there: every field is optional for reading.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Heartbeat {
    /// `https://ADDRESS:PORT` of the agent's command API; since 1.22, mandatory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// The agent's version; since 1.36.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// The token of the lookup; since 1.62.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_token: Option<AgentToken>,
    /// PEM text of the agent's self-signed certificate; since 1.68.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_verify_ca: Option<String>,
    /// What a ramdisk without command API reports; since 1.72.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_status: Option<AgentStatus>,
    /// The text to `agent_status`; since 1.72.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_status_message: Option<String>,
}

/// What an installer without command API says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// It began.
    Start,
    /// It is done.
    End,
    /// It failed; the message says why.
    Error,
}
