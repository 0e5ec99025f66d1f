//! Who has an SQLite database open: one process that keeps its nodes in memory, or any number that
//! do not. The lock is the kernel's, so a process that was killed leaves none behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::error::{StateError, StoreError};

/// A held lock; dropping it gives it back.
#[derive(Debug)]
pub(super) struct DatabaseLock {
    _file: File,
}

impl DatabaseLock {
    /// Takes the lock of this database. Blocks for files, not for other processes.
    pub(super) fn take(database: &Path, exclusive: bool) -> Result<Self, StoreError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let io = |source| {
            StoreError::Key(StateError::Io {
                path: path.clone(),
                source,
            })
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        let taken = if exclusive {
            file.try_lock()
        } else {
            file.try_lock_shared()
        };
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let refusal = StateError::InUse {
                    path: database.to_owned(),
                    holder: holder.trim().to_owned(),
                };
                return Err(refusal.into());
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        if exclusive {
            file.set_len(0).map_err(io)?;
            file.rewind().map_err(io)?;
            writeln!(file, "{}", std::process::id()).map_err(io)?;
        }
        Ok(Self { _file: file })
    }
}
