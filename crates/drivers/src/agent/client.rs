//! The client of one agent's command API: sends commands, reads their results.
//!
//! Connections are kept per agent ([`AgentClients`]), for a TLS handshake costs more than a poll.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cupola_api::agent::{
    AgentFault, AgentToken, Command, CommandList, CommandName, CommandResult, CommandStatus,
};
use cupola_api::id::NodeId;
use cupola_api::node::{Node, Object};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::HashMap;
use tokio::sync::OnceCell;

use super::trust::Trust;
use super::{AgentError, tls};
use crate::crash_point::{CrashPoint, crash_point};
use crate::interface::AgentSettings;

/// How an agent is reached; from `driver_internal_info` of its node.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentAddress {
    url: String,
    trust: Trust,
    token: String,
}

impl AgentAddress {
    /// Reads it from the node; `verify_ca` is what the configuration says of certificates.
    ///
    /// # Errors
    /// [`AgentError::NoAddress`] when no agent has called.
    pub fn of(node: &Node, verify_ca: &str) -> Result<Self, AgentError> {
        let text = |key: &str| {
            node.driver_internal_info
                .get(key)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let missing = |what: &str| AgentError::NoAddress(what.to_owned());
        Ok(Self {
            url: text("agent_url").ok_or_else(|| missing("it has not called yet"))?,
            trust: Trust::of(node, verify_ca),
            token: text("agent_secret_token").ok_or_else(|| missing("it has no token"))?,
        })
    }
}

impl fmt::Debug for AgentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentAddress")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The clients of all agents that are being driven, one per node.
#[derive(Debug, Default)]
pub struct AgentClients {
    clients: Mutex<HashMap<NodeId, Arc<AgentClient>>>,
}

impl AgentClients {
    /// The client of the node's agent; a new one when the agent is another than last time.
    ///
    /// # Errors
    /// [`AgentError::NoAddress`] when no agent has called.
    pub fn of(
        &self,
        node: &Node,
        settings: &AgentSettings,
    ) -> Result<Arc<AgentClient>, AgentError> {
        let address = AgentAddress::of(node, &settings.verify_ca)?;
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get(&node.uuid).filter(|c| c.address == address) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(AgentClient::new(address, settings.clone()));
        clients.insert(node.uuid, Arc::clone(&client));
        Ok(client)
    }

    /// Closes the connections to the node's agent.
    pub fn forget(&self, node: NodeId) {
        self.clients.lock().remove(&node);
    }
}

/// The client of one agent.
pub struct AgentClient {
    address: AgentAddress,
    // Made at the first request: authorities are read from a file.
    http: OnceCell<reqwest::Client>,
    settings: AgentSettings,
}

impl fmt::Debug for AgentClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentClient")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl AgentClient {
    /// A client of the agent at this address.
    #[must_use]
    pub fn new(address: AgentAddress, settings: AgentSettings) -> Self {
        Self {
            address,
            http: OnceCell::new(),
            settings,
        }
    }

    async fn http(&self) -> Result<&reqwest::Client, AgentError> {
        let made = self.http.get_or_try_init(async || self.connect().await);
        made.await.map_err(AgentError::NoAddress)
    }

    async fn connect(&self) -> Result<reqwest::Client, String> {
        // Installing fails only when a provider is there already, which is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(10).min(self.settings.command_timeout))
            .pool_max_idle_per_host(1)
            .timeout(self.settings.command_timeout);
        match &self.address.trust {
            Trust::Pinned(pem) => builder = builder.tls_backend_preconfigured(tls::pinned(pem)?),
            Trust::Authorities(path) => {
                let unusable = |error: &dyn fmt::Display| {
                    format!(
                        "the file of agent_verify_ca, {}, cannot be used: {error}",
                        path.display()
                    )
                };
                let pem = tokio::fs::read(path).await.map_err(|e| unusable(&e))?;
                let certificates =
                    reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| unusable(&e))?;
                builder = builder.tls_certs_only(certificates);
            }
            Trust::System => {}
            Trust::Anybody => builder = builder.tls_danger_accept_invalid_certs(true),
        }
        builder.build().map_err(|error| error.to_string())
    }

    /// Sends a command; with `wait` the agent answers when it is done, else at once.
    ///
    /// # Errors
    /// When the agent cannot be reached, is busy, or refuses. A command that ran and failed is no
    /// error here: see [`CommandResult::command_status`].
    pub async fn send(
        &self,
        name: CommandName,
        params: Object,
        wait: bool,
    ) -> Result<CommandResult, AgentError> {
        let command = Command {
            name: name.as_str().to_owned(),
            params,
        };
        let wait = if wait { "true" } else { "false" };
        let http = self.http().await?;
        let mut attempt = 1;
        crash_point(CrashPoint::AgentCommandDue);
        loop {
            let request = http
                .post(self.url())
                .query(&[("wait", wait), ("agent_token", &self.address.token)])
                .json(&command);
            match self.exchange(name.as_str(), request).await {
                Err(AgentError::Unreachable { .. })
                    if attempt < self.settings.max_command_attempts =>
                {
                    // The command may have arrived though its answer did not.
                    if let Some(running) = self.running(name).await {
                        return Ok(running);
                    }
                    attempt += 1;
                }
                other => {
                    crash_point(CrashPoint::AgentCommandAnswered);
                    return other;
                }
            }
        }
    }

    /// Sends a command and waits until it is done; its failure is an error.
    ///
    /// # Errors
    /// As [`AgentClient::send`], and [`AgentError::CommandFailed`], [`AgentError::TooSlow`].
    pub async fn run(
        &self,
        name: CommandName,
        params: Object,
        wait: bool,
    ) -> Result<CommandResult, AgentError> {
        let mut result = self.send(name, params, wait).await?;
        let started = tokio::time::Instant::now();
        while result.command_status == CommandStatus::Running {
            if started.elapsed() > self.settings.command_wait {
                return Err(AgentError::TooSlow {
                    command: name.to_string(),
                    seconds: self.settings.command_wait.as_secs(),
                });
            }
            let pace = self.settings.command_wait_interval.min(
                // Most commands end within a second; a slow one is asked less and less.
                Duration::from_millis(200) + started.elapsed() / 4,
            );
            tokio::time::sleep(pace).await;
            let commands = self.commands().await?.commands;
            result = commands
                .into_iter()
                .rev()
                .find(|c| c.id == result.id)
                .ok_or_else(|| AgentError::CommandFailed {
                    command: name.to_string(),
                    message: "the agent knows nothing of it any more; has the machine rebooted?"
                        .to_owned(),
                })?;
        }
        succeeded(name.as_str(), result)
    }

    /// The commands since the agent started, oldest first.
    ///
    /// # Errors
    /// When the agent cannot be reached or refuses.
    pub async fn commands(&self) -> Result<CommandList, AgentError> {
        let http = self.http().await?;
        let mut attempt = 1;
        loop {
            let request = http
                .get(self.url())
                .query(&[("agent_token", &self.address.token)]);
            match self.exchange("get commands", request).await {
                Err(AgentError::Unreachable { .. })
                    if attempt < self.settings.max_command_attempts =>
                {
                    attempt += 1;
                }
                other => {
                    crash_point(CrashPoint::AgentPolled);
                    return other;
                }
            }
        }
    }

    async fn running(&self, name: CommandName) -> Option<CommandResult> {
        let http = self.http().await.ok()?;
        let request = http
            .get(self.url())
            .query(&[("agent_token", &self.address.token)]);
        let list: CommandList = self.exchange("get commands", request).await.ok()?;
        let last = list.commands.into_iter().next_back()?;
        let same = last.command_name == name.short();
        (same && last.command_status == CommandStatus::Running).then_some(last)
    }

    async fn exchange<T: serde::de::DeserializeOwned>(
        &self,
        command: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<T, AgentError> {
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|e| self.unreachable(&e))?;
        if !status.is_success() {
            let fault: AgentFault = serde_json::from_slice(&body).unwrap_or_else(|_| AgentFault {
                faultcode: String::new(),
                faultstring: String::from_utf8_lossy(&body).chars().take(300).collect(),
            });
            if status == reqwest::StatusCode::CONFLICT || fault.is_busy() {
                return Err(AgentError::Busy);
            }
            return Err(AgentError::Refused {
                command: command.to_owned(),
                status: status.as_u16(),
                message: fault.faultstring,
            });
        }
        serde_json::from_slice(&body).map_err(|error| AgentError::Unreadable {
            command: command.to_owned(),
            reason: error.to_string(),
        })
    }

    fn url(&self) -> String {
        format!("{}/v1/commands/", self.address.url.trim_end_matches('/'))
    }

    fn unreachable(&self, error: &reqwest::Error) -> AgentError {
        // The error's own text holds the URL with the token; its causes do not.
        let mut reason = if error.is_timeout() {
            "no answer in time".to_owned()
        } else {
            "the connection failed".to_owned()
        };
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            reason = cause.to_string();
            source = cause.source();
        }
        let port = url::Url::parse(&self.address.url)
            .ok()
            .and_then(|url| url.port_or_known_default())
            .unwrap_or(cupola_api::agent::DEFAULT_PORT);
        AgentError::Unreachable {
            url: self.address.url.clone(),
            port,
            reason,
        }
    }
}

/// The result of a command that has to have succeeded.
///
/// # Errors
/// [`AgentError::CommandFailed`], [`AgentError::VersionMismatch`].
pub(crate) fn succeeded(command: &str, result: CommandResult) -> Result<CommandResult, AgentError> {
    match result.command_status {
        CommandStatus::Succeeded | CommandStatus::Running => Ok(result),
        CommandStatus::VersionMismatch => Err(AgentError::VersionMismatch),
        CommandStatus::Failed => Err(AgentError::CommandFailed {
            command: command.to_owned(),
            message: result
                .command_error
                .as_ref()
                .map_or("it did not say why", |error| error.text())
                .to_owned(),
        }),
    }
}

/// A new agent token: 256 random bits as 43 URL-safe characters.
///
/// # Errors
/// When the operating system gives no random numbers.
pub fn new_token() -> Result<AgentToken, getrandom::Error> {
    use base64::Engine as _;
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(AgentToken::new(
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes),
    ))
}
