//! The part of `docs/differences.md` that is made from the table of meant differences.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::explained::rules;

const BEGIN: &str = "<!-- made from tests/src/differential/explained: UPDATE_DOCS=1 cargo test -p cupola-tests --lib -->\n";
const END: &str = "<!-- end -->\n";

fn path() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/differences.md"
    ))
}

fn rows() -> String {
    let mut out = "| about | Ironic | Cupola | why |\n|---|---|---|---|\n".to_owned();
    for rule in rules() {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            rule.topic, rule.upstream, rule.cupola, rule.reason
        );
    }
    out
}

/// The page as it is and as it should be.
///
/// # Errors
/// When the page, or its place for the table, is not there.
pub fn page() -> Result<(String, String)> {
    let is = std::fs::read_to_string(path())?;
    let (before, rest) = is
        .split_once(BEGIN)
        .context("docs/differences.md has no place for the table")?;
    let (_, after) = rest
        .split_once(END)
        .context("the table in docs/differences.md has no end")?;
    let wanted = format!("{before}{BEGIN}{}{END}{after}", rows());
    Ok((is, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_table_says() {
        let (is, wanted) = page().expect("the page");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path(), wanted).expect("docs/ can be written");
        } else {
            assert_eq!(
                is, wanted,
                "docs/differences.md is stale: run with UPDATE_DOCS=1"
            );
        }
    }
}
