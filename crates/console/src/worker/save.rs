//! Texts for files that a person names, and for the one that holds what was copied last.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::event::Answer;

/// Writes a text to a new file; the answer is its path. A file that is there already is left as it is.
pub(crate) async fn new_file(file: String, text: String) -> Answer<String> {
    let written = tokio::task::spawn_blocking(move || write_new(&file, &text)).await;
    written.unwrap_or_else(|error| Err(error.to_string()))
}

fn write_new(file: &str, text: &str) -> Answer<String> {
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let written = opened.and_then(|mut out| {
        out.write_all(text.as_bytes())?;
        out.sync_all()
    });
    match written {
        Ok(()) => Ok(std::fs::canonicalize(file)
            .map_or_else(|_| file.to_owned(), |path| path.display().to_string())),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(format!("{file} is there already: give another name"))
        }
        Err(error) => Err(format!("{file} cannot be written: {error}")),
    }
}

/// Where what was copied last is kept: terminals that take no copy have it there.
pub(crate) fn copied_file(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("cupola/copied.txt"))
}

/// Writes what was copied, for this user's eyes alone.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn copied(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_left_as_it_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("run.csv").display().to_string();
        assert!(write_new(&file, "first").is_ok());
        assert!(write_new(&file, "second").is_err_and(|e| e.contains("already")));
        assert_eq!(
            std::fs::read_to_string(&file).expect("it is there"),
            "first"
        );
    }
}
