//! Small files below `/proc` and `/sys`, or below a directory that stands for the root in tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The root of the file system.
#[derive(Debug, Clone)]
pub(super) struct SysRoot(Arc<Path>);

impl SysRoot {
    pub(super) fn new(root: &Path) -> Self {
        Self(root.into())
    }

    /// A path below it; the argument is relative.
    pub(super) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.0.join(relative)
    }

    /// A file's text without blanks around it; none when absent, unreadable or empty.
    pub(super) fn text(&self, relative: impl AsRef<Path>) -> Option<String> {
        let bytes = fs::read(self.path(relative)).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A file's number.
    pub(super) fn number<T: std::str::FromStr>(&self, relative: impl AsRef<Path>) -> Option<T> {
        self.text(relative)?.parse().ok()
    }

    /// The names in a directory, sorted; none when absent.
    pub(super) fn names(&self, relative: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(relative)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }
}
