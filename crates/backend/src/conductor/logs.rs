//! Collecting the logs of a ramdisk while its agent can still be asked: after a failure, before the
//! machine is switched off. Where they are kept is [`crate::agent_logs`]'s.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use cupola_api::cupola::{AgentLog, LogPage};
use cupola_api::event::Severity;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::Object;
use cupola_drivers::agent::AgentError;
use cupola_drivers::interface::DriverError;
use jiff::Timestamp;
use serde_json::Value;

use super::Conductor;
use super::error::WorkError;
use super::work::Work;
use crate::agent_logs::{AgentLogs, LogAbout, LogError};
use crate::config::LogsCollect;

/// How long an agent may take over its logs: a node that failed is not held for longer.
const LIMIT: Duration = Duration::from_secs(30);
/// How many bytes of an archive are handed over at once.
const CHUNK: usize = 256 << 10;

/// Why the logs are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The work went well.
    Well,
    /// The work failed.
    Badly,
}

impl Conductor {
    /// Where logs are kept, when they are wanted after such an end.
    fn logs_wanted(&self, ended: Ended) -> Option<&AgentLogs> {
        let options = &self.options().agent_logs;
        let wanted = match options.collect {
            LogsCollect::Always => true,
            LogsCollect::OnFailure => ended == Ended::Badly,
            LogsCollect::Never => false,
        };
        options.logs.as_ref().filter(|_| wanted)
    }

    pub(super) async fn logs_of(&self, node: NodeId) -> Result<Vec<AgentLog>, ApiFault> {
        let Some(logs) = self.options().agent_logs.logs.clone() else {
            return Ok(Vec::new());
        };
        blocking(move || Ok(logs.of_node(node))).await
    }

    pub(super) async fn log_lines(
        &self,
        node: NodeId,
        name: &str,
        from: u64,
        count: usize,
    ) -> Result<LogPage, ApiFault> {
        let (logs, name) = (self.kept_logs(node, name)?, name.to_owned());
        blocking(move || logs.lines(node, &name, from, count)).await
    }

    pub(super) async fn log_bytes(
        &self,
        node: NodeId,
        name: &str,
        offset: u64,
    ) -> Result<Bytes, ApiFault> {
        let (logs, name) = (self.kept_logs(node, name)?, name.to_owned());
        blocking(move || logs.bytes(node, &name, offset, CHUNK).map(Bytes::from)).await
    }

    fn kept_logs(&self, node: NodeId, name: &str) -> Result<AgentLogs, ApiFault> {
        let missing = || LogError::NotFound {
            node,
            name: name.to_owned(),
        };
        let logs = self.options().agent_logs.logs.clone();
        logs.ok_or_else(|| ApiFault::not_found(missing().to_string()))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, ApiFault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error @ LogError::NotFound { .. })) => Err(ApiFault::not_found(error.to_string())),
        Ok(Err(error)) => Err(ApiFault::internal(error.to_string())),
        Err(error) => Err(ApiFault::internal(error.to_string())),
    }
}

impl Work {
    /// Asks the agent for the ramdisk's logs and keeps them, when there is an agent and logs are
    /// wanted. Never fails: what goes wrong here must not hide why the work ended.
    pub(super) async fn collect_logs(&self, label: &'static str, ended: Ended) {
        if self.is_stopping() || self.conductor().logs_wanted(ended).is_none() {
            return;
        }
        let Ok(node) = self.node().await else { return };
        if !node.driver_internal_info.contains_key("agent_url") {
            return;
        }
        match self.ask_for_logs().await {
            Ok(Some(archive)) => self.keep_logs(label, ended, archive).await,
            Ok(None) => {}
            Err(WorkError::Driver(DriverError::Agent(AgentError::Busy))) => self.log(
                Severity::Info,
                "the agent is busy, so that its logs could not be collected",
            ),
            Err(error) => self.log(
                Severity::Warning,
                format!("the ramdisk's logs could not be collected: {error}"),
            ),
        }
    }

    async fn ask_for_logs(&self) -> Result<Option<Vec<u8>>, WorkError> {
        let (task, hardware) = self.hardware().await?;
        let task = task.within(LIMIT);
        let asked = hardware.deploy.collect_logs(&task, &hardware);
        Ok(task.run("collecting the ramdisk's logs", asked).await?)
    }

    /// Keeps logs that came with an inventory; whether there were any.
    pub(super) async fn keep_inspection_logs(&self, data: &Object, ended: Ended) -> bool {
        let Some(text) = data.get("logs").and_then(Value::as_str) else {
            return false;
        };
        if self.conductor().logs_wanted(ended).is_none() {
            return false;
        }
        let text: String = text.split_ascii_whitespace().collect();
        match base64::engine::general_purpose::STANDARD.decode(text) {
            Ok(archive) => {
                self.keep_logs("inspect", ended, archive).await;
                true
            }
            Err(error) => {
                let text = format!("the logs that came with the inventory are no base64: {error}");
                self.log(Severity::Warning, text);
                false
            }
        }
    }

    async fn keep_logs(&self, label: &'static str, ended: Ended, archive: Vec<u8>) {
        let Some(logs) = self.conductor().logs_wanted(ended).cloned() else {
            return;
        };
        let Ok(node) = self.node().await else { return };
        let kept = blocking(move || {
            let about = LogAbout {
                node: node.uuid,
                instance: node.instance_uuid,
                label,
            };
            logs.keep(about, Timestamp::now(), &archive)
        });
        match kept.await {
            Ok(name) => self.log(Severity::Info, format!("the ramdisk's logs are in {name}")),
            Err(fault) => self.log(
                Severity::Warning,
                format!("the ramdisk's logs could not be kept: {}", fault.message),
            ),
        }
    }
}
