//! Who sends a request, and how it proves that. What a caller may do is not told here.

mod basic;
mod credentials;
mod keystone;
mod users;
mod verdicts;

use std::path::Path;
use std::sync::Arc;

use cupola_api::identity::IdentityError;
use http::request::Parts;

use crate::config::{Api, AuthStrategy, Config};
pub(crate) use credentials::{Credentials, Scope};
use keystone::Keystone;
pub(crate) use keystone::KeystoneSettings;
pub use keystone::SettingsError;
use users::UserFile;
pub use users::UsersError;

/// How requests prove who sends them.
#[derive(Clone, Debug)]
pub(crate) enum Authentication {
    /// They need not: everybody may do everything.
    Open,
    /// By a user and password of a file (RFC 7617). Any user of the file may do everything.
    HttpBasic(Arc<UserFile>),
    /// By a token of the identity service.
    Keystone(Arc<Keystone>),
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

/// Who calls cannot be found out as configured.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// The file of users cannot be used.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// The section on the identity service lacks something.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The identity service cannot be asked, whatever it is.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// What proved who sends a request, to be looked at again while the answer goes on.
#[derive(Debug)]
pub(crate) struct Proof {
    authentication: Authentication,
    request: Box<Parts>,
}

impl Proof {
    /// Of this request.
    pub(crate) fn new(authentication: Authentication, request: Parts) -> Self {
        Self {
            authentication,
            request: Box::new(request),
        }
    }

    /// Whether it would be let in now. Where that cannot be told, it would.
    pub(crate) async fn holds(&self) -> bool {
        match self.authentication.caller(&self.request).await {
            Ok(_) | Err(Denied::Busy | Denied::Unreadable | Denied::Identity(_)) => true,
            Err(
                Denied::Missing
                | Denied::Wrong
                | Denied::Scheme(_)
                | Denied::Malformed
                | Denied::Token(_),
            ) => false,
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
    /// There is no token, or not a good one. Where to get one.
    #[error("The request you have made requires authentication.")]
    Token(Arc<str>),
    /// The identity service does not say whether a token is good.
    #[error("Tokens cannot be validated now: {0}")]
    Identity(String),
}

impl Authentication {
    /// As configured.
    ///
    /// # Errors
    /// The file of users or the identity service cannot be used.
    pub(crate) async fn open(config: &Config) -> Result<Self, AuthenticationError> {
        match config.api.auth {
            AuthStrategy::None => Ok(Self::Open),
            AuthStrategy::HttpBasic => {
                let path: Arc<Path> = config.api.http_basic_auth_user_file.as_path().into();
                Ok(Self::HttpBasic(Arc::new(UserFile::open(path).await?)))
            }
            AuthStrategy::Keystone => {
                let settings = KeystoneSettings::of(&config.keystone)?;
                Ok(Self::Keystone(Arc::new(Keystone::new(settings)?)))
            }
        }
    }

    /// What is wrong with how callers are found out, though it goes on.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self {
            Self::Open | Self::Keystone(_) => None,
            Self::HttpBasic(users) => users.trouble(),
        }
    }

    /// Who sends this request.
    pub(crate) async fn caller(&self, request: &Parts) -> Result<Caller, Denied> {
        match self {
            Self::Open => Ok(Caller::Anybody),
            Self::Keystone(keystone) => keystone.caller(request).await,
            Self::HttpBasic(users) => {
                let credentials = basic::credentials(&request.headers)?;
                let user = users.check(credentials).await?;
                Ok(Caller::User(user))
            }
        }
    }
}
