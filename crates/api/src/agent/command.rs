//! Commands: what the conductor posts to `/v1/commands/`, and what the agent keeps of each.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::image::WriteProgress;
use super::step::StepFlow;

/// The body of `POST /v1/commands/?wait=…&agent_token=…`. Its parameters can hold secrets.
#[derive(Clone, Serialize, Deserialize)]
pub struct Command {
    /// `extension.command`.
    pub name: String,
    /// By name; which ones depends on the command.
    #[serde(default)]
    pub params: Map<String, Value>,
}

impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.params.keys().collect();
        formatter
            .debug_struct("Command")
            .field("name", &self.name)
            .field("params", &keys)
            .finish()
    }
}

macro_rules! command_names {
    ($($(#[$meta:meta])* $variant:ident = $text:literal,)+) => {
        /// The commands a conductor sends.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CommandName {
            $($(#[$meta])* $variant,)+
        }

        impl CommandName {
            /// Every command, in the order of this table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// `extension.command`, as in [`Command::name`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

command_names! {
    /// Lists the clean steps.
    GetCleanSteps = "clean.get_clean_steps",
    /// Runs one clean step.
    ExecuteCleanStep = "clean.execute_clean_step",
    /// Lists the deploy steps.
    GetDeploySteps = "deploy.get_deploy_steps",
    /// Runs one deploy step.
    ExecuteDeployStep = "deploy.execute_deploy_step",
    /// Lists the service steps.
    GetServiceSteps = "service.get_service_steps",
    /// Runs one service step.
    ExecuteServiceStep = "service.execute_service_step",
    /// UUIDs of what the last image brought.
    GetPartitionUuids = "standby.get_partition_uuids",
    /// Flushes the disks.
    Sync = "standby.sync",
    /// Flushes the disks and switches the machine off.
    PowerOff = "standby.power_off",
    /// Flushes the disks and reboots.
    RunImage = "standby.run_image",
    /// Makes the disk bootable for the firmware.
    InstallBootloader = "image.install_bootloader",
    /// Sets the password of the ramdisk's accounts; the agent leaves the machine to its user then.
    FinalizeRescue = "rescue.finalize_rescue",
    /// The ramdisk's logs.
    CollectSystemLogs = "log.collect_system_logs",
    /// Ends the agent's API and takes the network down.
    Lockdown = "system.lockdown",
    /// The inventory.
    GetHardwareInfo = "poll.get_hardware_info",
}

impl CommandName {
    /// The part after the dot, as in [`CommandResult::command_name`].
    pub fn short(self) -> &'static str {
        let full = self.as_str();
        full.split_once('.').map_or(full, |(_, short)| short)
    }

    /// The command of that full name.
    pub fn from_full(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|command| command.as_str() == name)
    }

    /// `get_<flow>_steps`.
    pub const fn get_steps(flow: StepFlow) -> Self {
        match flow {
            StepFlow::Clean => Self::GetCleanSteps,
            StepFlow::Deploy => Self::GetDeploySteps,
            StepFlow::Service => Self::GetServiceSteps,
        }
    }

    /// `execute_<flow>_step`.
    pub const fn execute_step(flow: StepFlow) -> Self {
        match flow {
            StepFlow::Clean => Self::ExecuteCleanStep,
            StepFlow::Deploy => Self::ExecuteDeployStep,
            StepFlow::Service => Self::ExecuteServiceStep,
        }
    }
}

impl fmt::Display for CommandName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CommandStatus {
    /// It runs.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended badly; `command_error` says why.
    Failed,
    /// The steps were fetched from another version of the hardware managers: fetch them again.
    #[serde(rename = "CLEAN_VERSION_MISMATCH", alias = "VERSION_MISMATCH")]
    VersionMismatch,
}

/// A command as the agent keeps it: the answer to the POST, and an item of the list.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandResult {
    /// The agent's identifier of it.
    pub id: String,
    /// The part of the name after the dot.
    pub command_name: String,
    /// What it was given. Can hold secrets: never log it.
    #[serde(default)]
    pub command_params: Option<Value>,
    /// Where it is.
    pub command_status: CommandStatus,
    /// Why it failed.
    #[serde(default)]
    pub command_error: Option<CommandError>,
    /// What came out.
    #[serde(default)]
    pub command_result: Option<Value>,
}

impl CommandResult {
    /// What the running command stumbles over, where the agent says so.
    pub fn trouble(&self) -> Option<&str> {
        let result = self.command_result.as_ref()?;
        result.get(WriteProgress::TROUBLE_KEY)?.as_str()
    }

    /// How far an image is, where the agent says so.
    pub fn progress(&self) -> Option<WriteProgress> {
        let progress = self.command_result.as_ref()?.get(WriteProgress::KEY)?;
        WriteProgress::deserialize(progress).ok()
    }

    /// The result as an object, where it is one.
    pub fn result_object(&self) -> Option<&Map<String, Value>> {
        self.command_result.as_ref()?.as_object()
    }
}

impl fmt::Debug for CommandResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CommandResult")
            .field("id", &self.id)
            .field("command_name", &self.command_name)
            .field("command_status", &self.command_status)
            .field("command_error", &self.command_error)
            .finish_non_exhaustive()
    }
}

/// The answer to `GET /v1/commands/`, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CommandList {
    /// The commands since the agent started.
    #[serde(default)]
    pub commands: Vec<CommandResult>,
}

/// Why a command failed: an object, or in old agents a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CommandError {
    /// The usual shape.
    Failure(CommandFailure),
    /// The old shape.
    Text(String),
}

impl CommandError {
    /// The text for a person: the details, else the message.
    pub fn text(&self) -> &str {
        match self {
            Self::Failure(failure) if !failure.details.is_empty() => &failure.details,
            Self::Failure(failure) => &failure.message,
            Self::Text(text) => text,
        }
    }
}

/// The usual shape of a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandFailure {
    /// Its class, such as `ImageWriteError`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The HTTP status it would have.
    #[serde(default)]
    pub code: u16,
    /// What went wrong, in general.
    #[serde(default)]
    pub message: String,
    /// What went wrong, exactly.
    #[serde(default)]
    pub details: String,
}

/// The body of an HTTP status of 400 and above from the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFault {
    /// `Client` or `Server`.
    #[serde(default)]
    pub faultcode: String,
    /// The text.
    #[serde(default)]
    pub faultstring: String,
}

impl AgentFault {
    /// Whether the agent refused because the last command still runs.
    pub fn is_busy(&self) -> bool {
        self.faultstring
            .to_ascii_lowercase()
            .contains("agent is busy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_cut() {
        for name in CommandName::ALL {
            assert_eq!(CommandName::from_full(name.as_str()), Some(*name));
            assert!(!name.short().contains('.'));
        }
        assert_eq!(CommandName::from_full("standby.nothing"), None);
    }

    #[test]
    fn both_words_of_a_version_mismatch_read() {
        for word in ["\"CLEAN_VERSION_MISMATCH\"", "\"VERSION_MISMATCH\""] {
            let status: CommandStatus = serde_json::from_str(word).unwrap();
            assert_eq!(status, CommandStatus::VersionMismatch);
        }
    }

    #[test]
    fn errors_of_both_shapes_read() {
        let result: CommandResult = serde_json::from_str(
            r#"{"id": "1", "command_name": "sync", "command_params": {}, "command_status": "FAILED",
                "command_error": {"type": "X", "code": 500, "message": "m", "details": "d"},
                "command_result": null}"#,
        )
        .unwrap();
        assert_eq!(result.command_error.unwrap().text(), "d");
        let error: CommandError = serde_json::from_str("\"old\"").unwrap();
        assert_eq!(error.text(), "old");
    }
}
