//! How a command fails: a text for a person, and an exit code for a script.

use std::process::ExitCode;

use cupola_api::client::ClientError;

use crate::machine::NoMachine;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It was tried and went wrong: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The arguments make no sense: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The server refused: exit code 3.
    #[error("{0}")]
    Refused(String),
    /// No server answers: exit code 4.
    #[error("{0}")]
    Unreachable(String),
}

impl Failure {
    /// A failure of the work itself.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// A mistake in the arguments.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// The same kind of failure with another text.
    pub(crate) fn with(self, text: String) -> Self {
        match self {
            Self::Failed(_) => Self::Failed(text),
            Self::Usage(_) => Self::Usage(text),
            Self::Refused(_) => Self::Refused(text),
            Self::Unreachable(_) => Self::Unreachable(text),
        }
    }

    /// The same with the name of what it is about in front.
    pub(crate) fn about(self, name: &str) -> Self {
        let text = format!("{name}: {self}");
        self.with(text)
    }

    /// Whether both are of one kind.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// What the shell gets.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Unreachable(_) => 4,
        })
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::BadUrl { .. } => Self::Usage(message),
            ClientError::Unreachable { .. } | ClientError::NotBareMetal { .. } => {
                let stop = if message.ends_with(['.', '?']) {
                    ""
                } else {
                    "."
                };
                Self::Unreachable(format!("{message}{stop} Name another API with --api URL"))
            }
            // It says by itself what to do.
            ClientError::Refused(fault) if fault.status == 401 => Self::Refused(message),
            ClientError::Refused(fault) => Self::Refused(format!("{message} ({})", fault.status)),
            ClientError::BadAnswer { .. } => Self::Failed(message),
        }
    }
}

impl From<NoMachine> for Failure {
    fn from(error: NoMachine) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
