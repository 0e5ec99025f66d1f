//! The list of differences that are open: neither explained nor mended. One in a case that is not on
//! it fails the test; one that is gone is to be taken off.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;

use super::compare::Difference;

const HEAD: &str = "# Differences from upstream Ironic that are open: each is to be mended, or explained in
# tests/src/differential/explained/. UPDATE_DIFFERENCES=1 scripts/test differential writes this list anew.
";

fn path() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/differential/known.txt"
    ))
}

/// How the list names a difference.
#[must_use]
pub fn line(case: &str, difference: &Difference) -> String {
    format!("{case} :: {}", difference.key()).replace(['\n', '\r'], " ")
}

/// The case of a line.
#[must_use]
pub fn case(line: &str) -> &str {
    line.rsplit_once(" :: ").map_or(line, |(case, _)| case)
}

/// Reads the list.
///
/// # Errors
/// When it cannot be read.
pub fn read() -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(path())?;
    let lines = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with("# "));
    Ok(lines.map(str::to_owned).collect())
}

/// Writes the list.
///
/// # Errors
/// When it cannot be written.
pub fn write(lines: &BTreeSet<String>) -> Result<()> {
    let mut text = HEAD.to_owned();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    std::fs::write(path(), text)?;
    Ok(())
}
