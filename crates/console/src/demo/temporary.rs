//! The demo's directory, which goes with it; and those of demos that were killed, which did not.
//!
//! A demo holds a lock in its directory as long as it lives, however it ends: a directory whose lock
//! can be had belongs to no process any more. Process ids would not tell, they are used again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::O_NOFOLLOW;
use tempfile::TempDir;

const PREFIX: &str = "cupola-demo-";
/// Empty until its owner holds the lock, so that a directory that is just being made is left alone.
const LOCK_FILE: &str = "demo.lock";

/// A directory that is removed when this goes.
#[derive(Debug)]
pub(super) struct Temporary {
    // Removed first, and unlocked after that.
    directory: TempDir,
    _lock: File,
}

impl Temporary {
    /// Makes one in this directory.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let mut lock = File::create_new(directory.path().join(LOCK_FILE))?;
        lock.lock()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self {
            directory,
            _lock: lock,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes the directories of demos that are gone. What cannot be removed stays: the next demo does
/// not depend on it.
pub(super) fn remove_left_over(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours && is_left_over(&entry.path()) {
            let path = entry.path();
            match fs::remove_dir_all(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "removed a demo that was killed"),
                Err(error) => tracing::warn!(path = %path.display(), %error, "not removed"),
            }
        }
    }
}

/// Whether it is a directory of this user with the lock of a demo that nobody holds. Links are not
/// followed: others may write beside it.
fn is_left_over(path: &Path) -> bool {
    let mine = |data: &fs::Metadata| data.uid() == nix::unistd::geteuid().as_raw();
    let directory = fs::symlink_metadata(path);
    if !directory.is_ok_and(|data| data.is_dir() && mine(&data)) {
        return false;
    }
    let lock = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW)
        .open(path.join(LOCK_FILE));
    let Ok(lock) = lock else {
        return false;
    };
    let written = |data: fs::Metadata| data.is_file() && mine(&data) && data.len() > 0;
    lock.try_lock().is_ok() && lock.metadata().is_ok_and(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_killed_demo_left_is_removed() {
        let parent = tempfile::tempdir().expect("a directory");
        let at = |name: &str| parent.path().join(name);
        let alive = Temporary::new(parent.path()).expect("a demo's directory");
        // As after a kill: the directory is there, and nobody holds its lock.
        let make = |name: &str, lock: Option<&str>| {
            fs::create_dir(at(name)).expect("a directory");
            fs::write(at(name).join("disk"), "data").expect("a file");
            if let Some(text) = lock {
                fs::write(at(name).join(LOCK_FILE), text).expect("a lock file");
            }
        };
        make("cupola-demo-killed", Some("1\n"));
        make("cupola-demo-being-made", Some(""));
        make("cupola-demo-of-somebody", None);
        make("another", Some("1\n"));
        std::os::unix::fs::symlink(at("another"), at("cupola-demo-link")).expect("a link");
        remove_left_over(parent.path());
        assert!(!at("cupola-demo-killed").exists());
        for stays in ["being-made", "of-somebody", "link"] {
            assert!(at(&format!("cupola-demo-{stays}")).exists(), "{stays}");
        }
        assert!(at("another").exists() && alive.path().exists());
        let path = alive.path().to_owned();
        drop(alive);
        assert!(!path.exists());
    }
}
