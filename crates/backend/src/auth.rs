//! Who sends a request, and how it proves that. What a caller may do is not told here.

mod basic;
mod credentials;
mod users;
mod verdicts;

use std::path::Path;
use std::sync::Arc;

use http::HeaderMap;

use crate::config::{Api, AuthStrategy};
pub(crate) use credentials::{Credentials, Scope};
use users::UserFile;
pub use users::UsersError;

/// How requests prove who sends them.
#[derive(Clone, Debug)]
pub(crate) enum Authentication {
    /// They need not: everybody may do everything.
    Open,
    /// By a user and password of a file (RFC 7617). Any user of the file may do everything.
    HttpBasic(Arc<UserFile>),
}

/// How many users the configured file has. Reads it, so it blocks.
pub(crate) fn count_users(api: &Api) -> Result<usize, UsersError> {
    users::count(&api.http_basic_auth_user_file)
}

/// Marks a request that was handed over in this process, by the console that runs the service: who
/// could send it could read the database as well.
#[derive(Clone, Copy, Debug)]
pub struct SameProcess;

/// Who sent a request, and what the policy goes by.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Nobody was asked: everybody may do everything.
    Anybody,
    /// A user of the configured file, who may do everything.
    User(Arc<str>),
    /// The holder of a token of the identity service: the policy tells what it may do.
    Token(Arc<Credentials>),
}

impl Caller {
    /// The user's name, or its id where it has no name; `None` where nobody was asked.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Anybody => None,
            Self::User(name) => Some(name),
            Self::Token(credentials) => Some(&credentials.user_name),
        }
    }
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// It does not say who sends it.
    #[error("Authorization required")]
    Missing,
    /// There is no such user, or the password is another.
    #[error("Incorrect username or password")]
    Wrong,
    /// It proves itself in a way that is not taken here.
    #[error("Unsupported authorization type \"{0}\"")]
    Scheme(String),
    /// The header is not what RFC 7617 says.
    #[error("Could not parse Authorization header")]
    Malformed,
    /// Too many passwords are being checked.
    #[error("Too many passwords are being checked; try again in a few seconds")]
    Busy,
    /// The file of users cannot be read any more; the log says why.
    #[error("Users cannot be checked now; the log of the service says why")]
    Unreadable,
}

impl Authentication {
    /// As configured.
    ///
    /// # Errors
    /// The file of users cannot be used, or the strategy is not served.
    pub(crate) async fn open(api: &Api) -> Result<Self, UsersError> {
        match api.auth {
            AuthStrategy::None | AuthStrategy::Keystone => Ok(Self::Open),
            AuthStrategy::HttpBasic => {
                let path: Arc<Path> = api.http_basic_auth_user_file.as_path().into();
                Ok(Self::HttpBasic(Arc::new(UserFile::open(path).await?)))
            }
        }
    }

    /// Who sends a request with these headers.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Denied> {
        match self {
            Self::Open => Ok(Caller::Anybody),
            Self::HttpBasic(users) => {
                let credentials = basic::credentials(headers)?;
                let user = users.check(credentials).await?;
                Ok(Caller::User(user))
            }
        }
    }
}
