//! Why a command did not reach the agent, or was not taken.

/// A failed exchange with an agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No agent has called, or what it said of itself cannot be used.
    #[error("no agent to talk to: {0}")]
    NoAddress(String),
    /// The connection failed, several times.
    #[error(
        "agent at {url} cannot be reached: {reason}; look at the machine's console, and whether \
         port {port} of its address is open to this host"
    )]
    Unreachable {
        /// Where it was called; without the token.
        url: String,
        /// Its port.
        port: u16,
        /// What the connection said.
        reason: String,
    },
    /// The agent runs another command.
    #[error("agent is busy")]
    Busy,
    /// The agent refused.
    #[error("agent answered HTTP {status} to {command}: {message}")]
    Refused {
        /// The command.
        command: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// A command ended badly.
    #[error("agent failed at {command}: {message}")]
    CommandFailed {
        /// The command.
        command: String,
        /// Its words.
        message: String,
    },
    /// A command went on for too long.
    #[error("agent did not finish {command} within {seconds} s")]
    TooSlow {
        /// The command.
        command: String,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The agent's answer makes no sense.
    #[error("agent's answer to {command} cannot be read: {reason}")]
    Unreadable {
        /// The command.
        command: String,
        /// Why.
        reason: String,
    },
    /// The agent has not run this step, or has forgotten it over a reboot.
    #[error("the agent knows nothing of step {step}; its machine has rebooted meanwhile")]
    NoSuchCommand {
        /// `interface.step`.
        step: String,
    },
    /// The steps were read from other versions of the agent's hardware managers.
    #[error("agent has changed since its steps were read")]
    VersionMismatch,
}

impl AgentError {
    /// Whether the agent may be there and only could not be asked now.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::NoAddress(_) | Self::Busy
        )
    }
}
