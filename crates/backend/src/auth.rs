//! Who sends a request, and how it proves that. What a caller may do is not told here.

mod basic;
mod credentials;
mod gate;
mod keystone;
mod users;
mod verdicts;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use cupola_api::identity::IdentityError;
use http::request::Parts;
use jiff::Timestamp;

use crate::config::{Api, AuthStrategy, Config};
use crate::http::Connection;
use crate::limit::PerAddress;
use crate::operator_file::Exposure;
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

/// What is wrong with the permissions of the configured file of users. Reads it, so it blocks.
///
/// # Errors
/// It cannot be used.
pub(crate) fn exposed_users(api: &Api) -> Result<Option<Exposure>, UsersError> {
    users::exposed(&api.http_basic_auth_user_file)
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

impl AuthenticationError {
    /// Whether what is configured must be mended, or a file that it names.
    pub(crate) const fn is_configuration(&self) -> bool {
        match self {
            Self::Users(error) => error.is_of_file(),
            Self::Settings(_) => true,
            Self::Identity(error) => {
                matches!(
                    error,
                    IdentityError::BadUrl { .. } | IdentityError::Trust(_)
                )
            }
        }
    }
}

/// Who sent a request, and until when what proves that is good; `None` where it has no end.
pub(crate) type Admitted = (Caller, Option<Timestamp>);

impl Denied {
    /// The user that was named, as it was given.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Wrong(user) => Some(user),
            Self::Missing
            | Self::Scheme(_)
            | Self::Malformed
            | Self::Busy { .. }
            | Self::TooMany { .. }
            | Self::Stopping
            | Self::Token(_)
            | Self::Identity(_) => None,
        }
    }
}

/// Where a request comes from; `None` where it came over no network.
fn origin(request: &Parts) -> Option<IpAddr> {
    let at = request.extensions.get::<Connection>();
    at.map(|at| at.peer.ip())
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// It does not say who sends it.
    #[error("Authorization required")]
    Missing,
    /// There is no such user, or the password is another. The user as it was given.
    #[error("Incorrect username or password")]
    Wrong(Arc<str>),
    /// It proves itself in a way that is not taken here.
    #[error("Unsupported authorization type \"{0}\"")]
    Scheme(String),
    /// The header is not what RFC 7617 says.
    #[error("Could not parse Authorization header")]
    Malformed,
    /// Too many are being looked into, whoever sent them.
    #[error("Too many {what} are being checked; try again in {seconds} seconds")]
    Busy {
        /// Tokens or passwords.
        what: &'static str,
        /// When it may be tried again.
        seconds: u64,
    },
    /// Too many came from one address.
    #[error(
        "Too many {what} from {address} {why}; try again in {seconds} seconds. Where many clients \
         share this address, raise api.refused_logins_per_second"
    )]
    TooMany {
        /// Tokens or passwords.
        what: &'static str,
        /// The address, or the network of IPv6 that it belongs to.
        address: IpAddr,
        /// What they do there.
        why: &'static str,
        /// When it may be tried again.
        seconds: u64,
    },
    /// The service is stopping.
    #[error("Users cannot be checked now: the service is stopping")]
    Stopping,
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
        let api = &config.api;
        let refusals = PerAddress::new(api.refused_logins_per_second, api.refused_logins_burst);
        match api.auth {
            AuthStrategy::None => Ok(Self::Open),
            AuthStrategy::HttpBasic => {
                let path: Arc<Path> = api.http_basic_auth_user_file.as_path().into();
                let users = UserFile::open(path, refusals).await?;
                Ok(Self::HttpBasic(Arc::new(users)))
            }
            AuthStrategy::Keystone => {
                let settings = KeystoneSettings::of(&config.keystone)?;
                let keystone = Keystone::new(settings, refusals)?;
                Ok(Self::Keystone(Arc::new(keystone)))
            }
        }
    }

    /// Reads again what callers are found out by; says what was read, or nothing where there is no
    /// file.
    ///
    /// # Errors
    /// What is wrong with it. What was known before is kept then.
    pub(crate) async fn reload(&self) -> Option<Result<String, String>> {
        match self {
            Self::Open | Self::Keystone(_) => None,
            Self::HttpBasic(users) => {
                let read = users.reload().await;
                Some(read.map(|count| format!("{count} users")))
            }
        }
    }

    /// What is wrong with how callers are found out, though it goes on.
    pub(crate) async fn trouble(&self) -> Option<String> {
        match self {
            Self::Open | Self::Keystone(_) => None,
            Self::HttpBasic(users) => users.trouble().await,
        }
    }

    /// Who sends this request.
    pub(crate) async fn caller(&self, request: &Parts) -> Result<Caller, Denied> {
        self.admit(request).await.map(|(caller, _)| caller)
    }

    /// The same, and until when that is proved.
    pub(crate) async fn admit(&self, request: &Parts) -> Result<Admitted, Denied> {
        match self {
            Self::Open => Ok((Caller::Anybody, None)),
            Self::Keystone(keystone) => keystone.admit(request).await,
            Self::HttpBasic(users) => {
                let credentials = basic::credentials(&request.headers)?;
                let user = users.check(credentials, origin(request)).await?;
                Ok((Caller::User(user), None))
            }
        }
    }
}
