//! Why a command failed, with the class name that the protocol carries in `command_error.type`.

use std::io;

use cupola_api::agent::HintError;

use crate::image::ImageError;
use crate::partition::PartitionError;
use crate::platform::PlatformError;

/// Why a step or another command failed. The text is what an operator reads in `last_error`.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The parameters are not what the command takes.
    #[error("{0}")]
    InvalidParams(String),
    /// No such step.
    #[error("this agent has no {flow} step {interface}.{step}; it offers: {offered}")]
    UnknownStep {
        /// The flow asked for.
        flow: &'static str,
        /// The interface asked for.
        interface: String,
        /// The step asked for.
        step: String,
        /// What there is.
        offered: String,
    },
    /// The steps were listed by another version of the agent.
    #[error("the steps were listed by another version of the agent; fetch them again")]
    VersionMismatch,
    /// No disk, or no single one, for the image.
    #[error(transparent)]
    Hints(#[from] HintError),
    /// The image did not come, was refused or could not be written.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The partition table could not be read or changed.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The config drive is no config drive, or does not fit.
    #[error("config drive: {0}")]
    ConfigDrive(String),
    /// The boot entry could not be made.
    #[error("boot loader: {0}")]
    Bootloader(String),
    /// A disk could not be wiped.
    #[error("erasing {device}: {source}")]
    Erase {
        /// Which one.
        device: String,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A disk must not be wiped.
    #[error("{0}")]
    EraseRefused(String),
    /// A disk has data of other machines.
    #[error(
        "{device} has a {what} file system, which other machines may use: nothing was written. If it \
         may be destroyed, set driver_info wipe_special_filesystems to true; else disconnect the disk, \
         or name it in properties.skip_block_devices"
    )]
    ProtectedDevice {
        /// Which one.
        device: String,
        /// The file system.
        what: &'static str,
    },
    /// The machine did not do what was asked.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// A disk failed.
    #[error("disk {device}: {source}")]
    Disk {
        /// Which one.
        device: String,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The agent is ending.
    #[error("the agent was stopped before the command ended")]
    Stopped,
    /// A thread of the agent died: a bug.
    #[error("internal error in the agent: {0}")]
    Internal(String),
}

impl StepError {
    /// The class name in `command_error.type`, as the Python agent names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InvalidParams(_) => "InvalidCommandParamsError",
            Self::UnknownStep { .. } => "DeploymentError",
            Self::VersionMismatch => "VersionMismatch",
            Self::Hints(_) => "DeviceNotFound",
            Self::Image(error) => error.kind(),
            Self::Partition(_) | Self::ConfigDrive(_) => "InstanceDeployFailure",
            Self::Bootloader(_) => "CommandExecutionError",
            Self::Erase { .. } | Self::EraseRefused(_) => "BlockDeviceEraseError",
            Self::ProtectedDevice { .. } => "ProtectedDeviceError",
            Self::Disk { .. } => "BlockDeviceError",
            Self::Platform(_) => "HardwareManagerMethodNotFound",
            Self::Stopped => "CommandExecutionError",
            Self::Internal(_) => "RESTError",
        }
    }

    /// The HTTP status that goes with it in `command_error.code`.
    pub fn code(&self) -> u16 {
        match self {
            Self::InvalidParams(_) => 400,
            Self::Hints(_) => 404,
            Self::UnknownStep { .. }
            | Self::VersionMismatch
            | Self::Image(_)
            | Self::Partition(_)
            | Self::ConfigDrive(_)
            | Self::Bootloader(_)
            | Self::Erase { .. }
            | Self::EraseRefused(_)
            | Self::ProtectedDevice { .. }
            | Self::Platform(_)
            | Self::Disk { .. }
            | Self::Stopped
            | Self::Internal(_) => 500,
        }
    }
}

/// An error with everything that caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // `transparent` and `{source}` messages already hold their cause.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
