//! What can go wrong between a client and a server.

use crate::fault::ApiFault;

/// Why a call failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is no URL that can be used.
    #[error("{url} is no usable API address: {reason}. Give it as http://HOST:PORT")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer came.
    #[error("{target} does not answer: {reason}")]
    Unreachable {
        /// Where the request went.
        target: String,
        /// The cause.
        reason: String,
    },
    /// The server refused or failed.
    #[error(transparent)]
    Refused(#[from] ApiFault),
    /// Something else than the Bare Metal API answers there.
    #[error(
        "{target} answers, but is no Bare Metal API ({said}): check host, port and path. Its port is 6385 by \
         convention, its path often /baremetal"
    )]
    NotBareMetal {
        /// Where the request went.
        target: String,
        /// What came instead.
        said: String,
    },
    /// The answer is not what the API promises.
    #[error("{target} sent an answer that cannot be read: {reason}")]
    BadAnswer {
        /// Where it came from.
        target: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ClientError {
    /// The HTTP status, when the server gave one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(fault) => Some(fault.status),
            Self::BadUrl { .. }
            | Self::Unreachable { .. }
            | Self::NotBareMetal { .. }
            | Self::BadAnswer { .. } => None,
        }
    }

    /// Whether the same call may succeed a moment later (node locked, no worker free).
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.status(), Some(409 | 503))
    }
}
