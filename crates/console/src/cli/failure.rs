//! How a command fails: a text for a person, and an exit code for a script.

use std::process::ExitCode;

use cupola_api::client::ClientError;

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
            ClientError::Unreachable { .. } => Self::Unreachable(format!(
                "{message}. Is `cupola serve` running there? Name another one with --api URL"
            )),
            ClientError::Refused(fault) => Self::Refused(format!("{message} ({})", fault.status)),
            ClientError::BadAnswer { .. } => Self::Failed(message),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
