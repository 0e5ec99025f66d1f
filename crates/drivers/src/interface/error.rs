//! What can go wrong in an interface's method, told so that a person knows what to do next.

use crate::agent::AgentError;

/// Why an interface could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A value that the interface needs is not there.
    #[error("{0}")]
    MissingParameter(String),
    /// A value is there and wrong.
    #[error("{0}")]
    InvalidParameter(String),
    /// The interface cannot do this at all.
    #[error("Driver {driver} does not support {what} (disabled or not implemented).")]
    Unsupported {
        /// The node's hardware type.
        driver: String,
        /// What was asked for.
        what: String,
    },
    /// The BMC could not be reached, refused, or did not do what it said.
    #[error("{0}")]
    Bmc(String),
    /// The power did not become what it was set to.
    #[error(
        "the machine is still {found} {seconds} s after the command {command}; see whether its BMC \
         hangs, then set the power again"
    )]
    PowerUnchanged {
        /// The power state that was read last, or `unknown`.
        found: String,
        /// The command that was sent.
        command: String,
        /// How long it was waited for, in seconds.
        seconds: u64,
    },
    /// The agent in the ramdisk could not be reached or refused.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// A step ran and failed.
    #[error("{0}")]
    StepFailed(String),
    /// Something of this host failed, such as reading an image.
    #[error("{0}")]
    Local(String),
    /// It took too long.
    #[error("{what} took longer than {seconds} s")]
    DeadlineExceeded {
        /// What was done.
        what: String,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// Somebody asked to stop.
    #[error("stopped on request")]
    Cancelled,
    /// A change could not be stored.
    #[error("the change could not be stored: {0}")]
    NotRecorded(String),
}

impl DriverError {
    /// Whether the error is of the request (HTTP 400), not of the hardware.
    #[must_use]
    pub const fn is_bad_request(&self) -> bool {
        match self {
            Self::MissingParameter(_) | Self::InvalidParameter(_) | Self::Unsupported { .. } => {
                true
            }
            Self::Bmc(_)
            | Self::PowerUnchanged { .. }
            | Self::Agent(_)
            | Self::StepFailed(_)
            | Self::Local(_)
            | Self::DeadlineExceeded { .. }
            | Self::Cancelled
            | Self::NotRecorded(_) => false,
        }
    }
}
