//! The file that overrides single rules: names and what they say, in YAML, of which JSON is a part
//! (oslo.policy's `policy.yaml`).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::expression::{self, Expression, SyntaxError};
use crate::operator_file::{self, Audience, Exposure};

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
    #[error("api.policy_file: rule {rule} in line {line} of {}, {error}", path.display())]
    Rule {
        /// The file.
        path: PathBuf,
        /// The line that names it, counted from 1.
        line: usize,
        /// Its name.
        rule: String,
        /// Where, and what to do.
        error: SyntaxError,
    },
}

/// Reads the rules of a file.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Expression)>, PolicyError> {
    let contents = operator_file::read(path).map_err(unreadable(path))?;
    let text = contents.into_text().map_err(unreadable(path))?;
    // A file that an editor or a full disk has cut to nothing must not lift what it forbade.
    if text.trim().is_empty() {
        return Err(PolicyError::Form {
            path: path.to_owned(),
            what: "it is empty (no rules at all are written as {})".to_owned(),
        });
    }
    parse(&text).map_err(|problem| match problem {
        Problem::Form(what) => PolicyError::Form {
            path: path.to_owned(),
            what,
        },
        Problem::Rule(rule, error) => PolicyError::Rule {
            path: path.to_owned(),
            line: line_of(&text, &rule),
            rule,
            error,
        },
    })
}

/// What is wrong with who may write the file.
pub(super) fn exposure(path: &Path) -> Option<Exposure> {
    let contents = operator_file::read(path).ok()?;
    contents.exposure(path, Audience::Public)
}

/// It cannot be read, for that reason.
pub(super) fn unreadable(path: &Path) -> impl Fn(io::Error) -> PolicyError + use<> {
    let path = path.to_owned();
    move |source| PolicyError::Read {
        path: path.clone(),
        source,
    }
}

/// The line that a rule begins in: the last one of that name counts.
fn line_of(text: &str, rule: &str) -> usize {
    let names = |line: &str| {
        let rest = line.trim_start_matches([' ', '\t', '{', ',', '"', '\'']);
        let rest = rest.strip_prefix(rule);
        rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    };
    let found = text.lines().zip(1..).filter(|(line, _)| names(line)).last();
    found.map_or(1, |(_, number)| number)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cut_to_nothing_is_no_policy() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = read(file.path()).expect_err("empty").to_string();
        assert!(error.contains("is empty"), "{error}");
        std::fs::write(file.path(), "{}").expect("written");
        assert_eq!(read(file.path()).expect("no rules").len(), 0);
    }

    #[test]
    fn a_mark_of_an_editor_is_no_part_of_a_rule() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "\u{feff}a: \"@\"\n").expect("written");
        let rules = read(file.path()).expect("a rule");
        assert_eq!(rules, [("a".to_owned(), Expression::Always)]);
    }

    #[test]
    fn what_is_about_nothing_is_refused_with_what_is_near() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let rules = "a: \"@\"\nb: \"role:member and project_id:%(node.ownr)s\"\n";
        std::fs::write(file.path(), rules).expect("written");
        let error = read(file.path()).expect_err("misspelt").to_string();
        for part in ["rule b in line 2", "%(node.ownr)s", "%(node.owner)s"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
