//! One service per state directory: two of them would free each other's locks.

use std::fs::{File, OpenOptions};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::ServiceError;

/// Held as long as the service runs; the operating system lets go of it when the process ends.
pub(super) struct StateLock {
    _file: Flock<File>,
}

impl StateLock {
    /// Takes the directory, which has to exist.
    pub(super) fn take(directory: &Path) -> Result<Self, ServiceError> {
        let path = directory.join("lock");
        let io = |source| ServiceError::Io {
            what: format!("{} cannot be used", path.display()),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Self { _file: file }),
            Err((_, Errno::EWOULDBLOCK)) => Err(ServiceError::Running(directory.to_owned())),
            Err((_, errno)) => Err(io(errno.into())),
        }
    }
}
