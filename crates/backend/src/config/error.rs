//! What can be wrong with a configuration, so that whoever wrote it can put it right.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::http::OptionsError;

/// Where a key was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In this file.
    File(PathBuf),
    /// In this variable of the environment.
    Environment(String),
    /// In a `--set` argument.
    Argument,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Argument => f.write_str("--set"),
        }
    }
}

/// Why a configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{path} is not valid TOML in line {line}: {reason}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1; never its text, which may have a password in it.
        line: usize,
        /// Why.
        reason: String,
    },
    /// There is no such key.
    #[error("{origin}: there is no key `{key}`{}", did_you_mean(nearest.as_deref()))]
    Unknown {
        /// The key.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// The nearest key that exists.
        nearest: Option<String>,
    },
    /// The value does not fit the key.
    #[error("{origin}: `{key}` {reason}")]
    Value {
        /// The key.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// What is wrong with it; never the value itself where it may be a secret.
        reason: String,
    },
    /// The argument, of which this is the beginning, is not `section.key=value`.
    #[error("--set {0}…: expected section.key=value, such as --set api.listen=127.0.0.1:6385")]
    Argument(String),
    /// A key is needed because of another one.
    #[error("`{key}` must be set, because {because}")]
    Incomplete {
        /// The key that is missing.
        key: &'static str,
        /// Why it is needed.
        because: &'static str,
    },
    /// A value fits its key but cannot be used.
    #[error("`{key}` {reason}")]
    Unusable {
        /// The key.
        key: &'static str,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The API cannot be served so.
    #[error(transparent)]
    Api(#[from] OptionsError),
    /// `database.url` is no database's.
    #[error("{0}")]
    Database(String),
}

impl ConfigError {
    pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        Self::Syntax {
            path: path.to_owned(),
            line: before.unwrap_or_default().matches('\n').count() + 1,
            reason: error.message().to_owned(),
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => "; docs/cupola.toml has all keys".to_owned(),
    }
}
