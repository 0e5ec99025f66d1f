//! Commands: from `extension.command` with parameters to the work, one at a time.
//!
//! Short ones (lists, sync, logs) are done before the answer; long ones run as tasks, and the
//! conductor polls. `table.rs` keeps them all until the machine reboots.

mod steps;
mod table;

use std::sync::{Arc, Mutex, PoisonError};

use cupola_api::agent::{
    BlockDevice, BootloaderParams, Command, CommandName, CommandResult, PartitionUuids,
    RootDeviceHints, StepFlow,
};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bootloader;
use crate::config::AgentConfig;
use crate::error::StepError;
use crate::image::ImagePolicy;
use crate::ironic::http_client;
use crate::partition::PartitionTable;
use crate::platform::Platform;
use crate::rescue;

use table::{CommandTable, Entry};

/// How the machine leaves the ramdisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Reboot,
    PowerOff,
    Lockdown,
    Rescue,
}

/// Why a command was not even begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("Agent is busy executing {0}; try again when it has ended")]
    Busy(String),
    #[error("Unknown command {0}")]
    Unknown(String),
}

/// What commands work with. One per agent.
pub(crate) struct CommandCore {
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) config: AgentConfig,
    pub(crate) client: Client,
    pub(crate) cancel: CancellationToken,
    table: CommandTable,
    facts: Mutex<Facts>,
    leave: mpsc::Sender<Leave>,
    activity: mpsc::Sender<Activity>,
}

/// What was learned on the way.
#[derive(Default, Clone)]
struct Facts {
    policy: ImagePolicy,
    hints: Map<String, Value>,
    written: Option<BlockDevice>,
}

/// What the heartbeat wants to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// A long command began: there is nothing to hurry for.
    Began,
    /// A command ended: the conductor waits for it.
    Ended,
}

impl CommandCore {
    pub(crate) fn new(
        platform: Arc<dyn Platform>,
        config: AgentConfig,
        client: Client,
        cancel: CancellationToken,
        leave: mpsc::Sender<Leave>,
        activity: mpsc::Sender<Activity>,
    ) -> Self {
        Self {
            platform,
            config,
            client,
            cancel,
            table: CommandTable::default(),
            facts: Mutex::default(),
            leave,
            activity,
        }
    }

    /// Takes over what the lookup said.
    pub(crate) fn configure(&self, policy: ImagePolicy, properties: &Map<String, Value>) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.policy = policy;
        facts.hints = hints_in(properties);
    }

    /// The client for some URLs: the API's own, unless they need certificates that it does not have.
    fn client_for<'u>(&self, urls: impl IntoIterator<Item = &'u str>) -> Result<Client, StepError> {
        let mut urls = urls
            .into_iter()
            .filter(|url| url.starts_with("https://"))
            .peekable();
        if urls.peek().is_none() {
            return Ok(self.client.clone());
        }
        http_client(&self.config, urls).map_err(StepError::InvalidParams)
    }

    fn facts(&self) -> Facts {
        self.facts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn learn(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Everything since the start, oldest first.
    pub(crate) fn list(&self) -> Vec<CommandResult> {
        self.table.list()
    }

    /// One of them; with `wait`, once it has ended.
    pub(crate) async fn get(&self, id: &str, wait: bool) -> Option<CommandResult> {
        let entry = self.table.get(id)?;
        if wait {
            entry.ended().await;
        }
        Some(entry.snapshot())
    }

    /// Runs a command. With `wait`, a long one has ended too when this returns.
    pub(crate) async fn execute(
        self: &Arc<Self>,
        command: Command,
        wait: bool,
    ) -> Result<CommandResult, Refusal> {
        let name = CommandName::from_full(&command.name)
            .ok_or_else(|| Refusal::Unknown(command.name.clone()))?;
        let entry = self
            .table
            .begin(name.short(), &command.params)
            .map_err(|running| Refusal::Busy(running.to_owned()))?;
        self.platform.report(&format!("command {name}"));
        let task = tokio::spawn(Arc::clone(self).run(name, command.params, Arc::clone(&entry)));
        if is_long(name) {
            self.notify(Activity::Began);
            if wait {
                entry.ended().await;
            }
        } else if let Err(error) = task.await {
            entry.fail(&StepError::Internal(error.to_string()));
        }
        Ok(entry.snapshot())
    }

    fn notify(&self, activity: Activity) {
        // Full: a heartbeat is due already.
        let _ = self.activity.try_send(activity);
    }

    async fn run(
        self: Arc<Self>,
        name: CommandName,
        params: Map<String, Value>,
        entry: Arc<Entry>,
    ) {
        let guard = EndGuard(&entry);
        let result = tokio::select! {
            result = Box::pin(self.dispatch(name, params, &entry)) => result,
            () = self.cancel.cancelled() => Err(StepError::Stopped),
        };
        match &result {
            Ok(_) => tracing::info!(command = %name, "succeeded"),
            Err(error) => {
                let text = crate::error::with_causes(error);
                self.platform.report(&format!("{name} failed: {text}"));
                tracing::warn!(command = %name, error = text, "failed");
            }
        }
        let leave = match (name, &result) {
            (CommandName::PowerOff, Ok(_)) => Some(Leave::PowerOff),
            (CommandName::RunImage, Ok(_)) => Some(Leave::Reboot),
            (CommandName::Lockdown, Ok(_)) => Some(Leave::Lockdown),
            (CommandName::FinalizeRescue, Ok(_)) => Some(Leave::Rescue),
            _ => None,
        };
        match result {
            Ok(value) => entry.succeed(value),
            Err(error) => entry.fail(&error),
        }
        drop(guard);
        if let Some(leave) = leave {
            // Full: the machine is leaving already.
            let _ = self.leave.try_send(leave);
        } else if is_long(name) {
            self.notify(Activity::Ended);
        }
    }

    async fn dispatch(
        &self,
        name: CommandName,
        params: Map<String, Value>,
        entry: &Entry,
    ) -> Result<Value, StepError> {
        match name {
            CommandName::GetCleanSteps => steps::list(StepFlow::Clean),
            CommandName::GetDeploySteps => steps::list(StepFlow::Deploy),
            CommandName::GetServiceSteps => steps::list(StepFlow::Service),
            CommandName::ExecuteCleanStep => {
                steps::execute(self, StepFlow::Clean, params, entry).await
            }
            CommandName::ExecuteDeployStep => {
                steps::execute(self, StepFlow::Deploy, params, entry).await
            }
            CommandName::ExecuteServiceStep => {
                steps::execute(self, StepFlow::Service, params, entry).await
            }
            CommandName::GetPartitionUuids => self.partition_uuids().await,
            CommandName::InstallBootloader => self.install_bootloader(params).await,
            CommandName::Sync | CommandName::PowerOff | CommandName::RunImage => {
                self.platform.sync().await?;
                Ok(Value::Null)
            }
            CommandName::Lockdown => Ok(Value::Null),
            CommandName::FinalizeRescue => {
                let password = rescue::password(params)?;
                self.platform.rescue(&password).await?;
                Ok(Value::Null)
            }
            CommandName::CollectSystemLogs => self.collect_logs().await,
            CommandName::GetHardwareInfo => {
                let inventory = self.platform.inventory().await?;
                serde_json::to_value(inventory)
                    .map_err(|error| StepError::Internal(error.to_string()))
            }
        }
    }

    /// The disk the last image went to; after a restart of the agent, the one the hints pick.
    async fn root_device(&self) -> Result<BlockDevice, StepError> {
        let facts = self.facts();
        if let Some(device) = facts.written {
            return Ok(device);
        }
        let disks = self.platform.block_devices().await?;
        let hints = RootDeviceHints::parse(&facts.hints)?;
        Ok(hints.select(&disks)?.clone())
    }

    async fn partition_uuids(&self) -> Result<Value, StepError> {
        let device = self.root_device().await?;
        let disk = self.platform.open_disk(&device.name).await?;
        let identifier = tokio::task::spawn_blocking(move || {
            let mut disk = disk;
            PartitionTable::read(&mut disk).map(|table| table.disk_identifier())
        })
        .await
        .map_err(|error| StepError::Internal(error.to_string()))??;
        // Of a whole-disk image, what names the disk stands for the root file system.
        let uuids = PartitionUuids {
            root_uuid: Some(identifier),
            ..PartitionUuids::default()
        };
        serde_json::to_value(uuids).map_err(|error| StepError::Internal(error.to_string()))
    }

    async fn install_bootloader(&self, params: Map<String, Value>) -> Result<Value, StepError> {
        let params = BootloaderParams::deserialize(Value::Object(params))
            .map_err(|error| StepError::InvalidParams(error.to_string()))?;
        let device = self.root_device().await?;
        let text = bootloader::install(self.platform.as_ref(), &device, &params).await?;
        self.platform.report(&text);
        Ok(json!({ "result": format!("install_bootloader: {text}") }))
    }

    async fn collect_logs(&self) -> Result<Value, StepError> {
        let text = crate::logs::collect(self.platform.as_ref())
            .await
            .map_err(|error| StepError::Internal(error.to_string()))?;
        Ok(json!({ "system_logs": text }))
    }
}

/// Fails a command whose task ended without a word (a panic): otherwise the agent were busy for ever.
struct EndGuard<'e>(&'e Entry);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        if self.0.is_running() {
            self.0
                .fail(&StepError::Internal("the command's task died".to_owned()));
        }
    }
}

/// Whether the answer to the POST comes before the end.
fn is_long(name: CommandName) -> bool {
    match name {
        CommandName::ExecuteCleanStep
        | CommandName::ExecuteDeployStep
        | CommandName::ExecuteServiceStep
        | CommandName::InstallBootloader
        | CommandName::PowerOff
        | CommandName::RunImage => true,
        CommandName::GetCleanSteps
        | CommandName::GetDeploySteps
        | CommandName::GetServiceSteps
        | CommandName::GetPartitionUuids
        | CommandName::Sync
        | CommandName::CollectSystemLogs
        | CommandName::Lockdown
        | CommandName::FinalizeRescue
        | CommandName::GetHardwareInfo => false,
    }
}

/// `root_device` of some properties.
fn hints_in(properties: &Map<String, Value>) -> Map<String, Value> {
    properties
        .get("root_device")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}
