//! The file that overrides single rules: names and what they say, in YAML, of which JSON is a part
//! (oslo.policy's `policy.yaml`).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::expression::{self, Expression, SyntaxError};

/// More than any policy, less than would hurt.
const LONGEST: u64 = 1 << 20;

/// Why a policy file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read.
    #[error("api.policy_file: {} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no list of names and rules.
    #[error(
        "api.policy_file: {} is not a list of rules: {what}; write lines such as \
         \"baremetal:node:get\": \"role:reader\"",
        path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What the reader of YAML says.
        what: String,
    },
    /// A rule cannot be read.
    #[error("api.policy_file: rule {rule} of {}, {error}", path.display())]
    Rule {
        /// The file.
        path: PathBuf,
        /// Its name.
        rule: String,
        /// Where, and what to do.
        error: SyntaxError,
    },
}

/// When a file was changed last, and its length.
pub(super) type Stamp = (Option<SystemTime>, u64);

/// Tells a file apart from a later one.
pub(super) fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.modified().ok(), metadata.len()))
}

/// Reads the rules of a file.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Expression)>, PolicyError> {
    let unreadable = |source| PolicyError::Read {
        path: path.to_owned(),
        source,
    };
    let (_, length) = stamp(path).map_err(unreadable)?;
    if length > LONGEST {
        let what = format!("more than {LONGEST} bytes");
        return Err(unreadable(io::Error::other(what)));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&text).map_err(|problem| match problem {
        Problem::Form(what) => PolicyError::Form {
            path: path.to_owned(),
            what,
        },
        Problem::Rule(rule, error) => PolicyError::Rule {
            path: path.to_owned(),
            rule,
            error,
        },
    })
}

enum Problem {
    Form(String),
    Rule(String, SyntaxError),
}

fn parse(text: &str) -> Result<Vec<(String, Expression)>, Problem> {
    // A file of comments only, as generated samples are, overrides nothing.
    let is_comment = |line: &str| line.is_empty() || line.starts_with('#') || line == "---";
    if text.lines().map(str::trim).all(is_comment) {
        return Ok(Vec::new());
    }
    let rules: BTreeMap<String, String> =
        serde_saphyr::from_str(text).map_err(|error| Problem::Form(error.to_string()))?;
    let read = |(name, text): (String, String)| match expression::parse(&text) {
        Ok(expression) => Ok((name, expression)),
        Err(error) => Err(Problem::Rule(name, error)),
    };
    rules.into_iter().map(read).collect()
}
