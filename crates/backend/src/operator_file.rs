//! Files that an operator writes and that are read again while the service runs: users, policy,
//! certificate and key. Only regular ones, of a bounded length, off the runtime, and with a deadline: a
//! pipe or a file system that hangs holds up nobody. What they say is their readers'.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How long a look at a file may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest file that is read, in bytes: more than anybody writes, less than would hurt.
const LONGEST: u64 = 8 << 20;

/// The byte order mark that some editors put before UTF-8 (RFC 3629, section 6).
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Tells a file apart from a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: (u64, u64),
    length: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// The same of what is known of the file, such as who may read it.
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Without a byte order mark.
    pub(crate) bytes: Vec<u8>,
    pub(crate) stamp: Stamp,
    mode: u32,
}

impl Contents {
    /// The same as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub(crate) fn into_text(self) -> io::Result<String> {
        String::from_utf8(self.bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..valid).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            io::Error::other(format!("line {line} is not UTF-8; save it as UTF-8"))
        })
    }

    /// What is wrong with who may read or write this file.
    pub(crate) fn exposure(&self, path: &Path, audience: Audience) -> Option<Exposure> {
        let bad = match audience {
            Audience::Secret => 0o006,
            Audience::Public => 0o002,
        };
        let may = match self.mode & bad {
            0 => return None,
            0o004 => "read",
            0o002 => "write",
            _ => "read and write",
        };
        let path = path.display();
        Some(Exposure {
            what: format!("everybody on this host may {may} {path}"),
            remedy: match audience {
                Audience::Secret => format!(
                    "`chmod 640 {path}`, and `chgrp` it to the group that the service runs as"
                ),
                Audience::Public => format!("`chmod o-w {path}`"),
            },
        })
    }
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The service and its operators.
    Secret,
    /// Everybody.
    Public,
}

/// What is wrong with the permissions of a file, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exposure {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl std::fmt::Display for Exposure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}; {}", self.what, self.remedy)
    }
}

/// Tells the file apart from a later one. Blocks.
///
/// # Errors
/// What the system says.
pub(crate) fn stamp(path: &Path) -> io::Result<Stamp> {
    std::fs::metadata(path).map(|metadata| Stamp::of(&metadata))
}

/// Reads a regular file. Blocks, as long as its file system does.
///
/// # Errors
/// What the system says, or that it is no file that is read here.
pub(crate) fn read(path: &Path) -> io::Result<Contents> {
    let mut file = open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    file.by_ref().take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        let what = format!("it is longer than {} MiB", LONGEST >> 20);
        return Err(io::Error::other(what));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(io::Error::other("it is UTF-16; save it as UTF-8"));
    }
    Ok(Contents {
        bytes: without_mark(bytes),
        stamp: Stamp::of(&metadata),
        mode: metadata.mode(),
    })
}

/// The bytes without the mark that they may begin with.
fn without_mark(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    bytes
}

/// Opens a regular file for reading. Does not wait for who writes into a pipe.
///
/// # Errors
/// What the system says, or that it is something else.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let regular = |metadata: &Metadata| match kind(metadata.file_type()) {
        None => Ok(()),
        Some(kind) => Err(io::Error::other(format!(
            "it is {kind}, and only a regular file is read here"
        ))),
    };
    regular(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(nix::libc::O_NONBLOCK);
    let file = options.open(path)?;
    // It may be another one by now.
    regular(&file.metadata()?)?;
    Ok(file)
}

/// What it is where it is no regular file.
fn kind(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

/// Looks at files of one kind, one look at a time: what hangs takes one thread and no more. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub(crate) struct Looker {
    turns: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Looker {
    fn default() -> Self {
        Self::new(PATIENCE)
    }
}

impl Looker {
    fn new(patience: Duration) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(1)),
            patience,
        }
    }

    /// Does this, off the runtime; `None` where another look has not ended yet. It goes on when
    /// nobody waits for it any more.
    ///
    /// # Errors
    /// It takes too long, or there is no thread for it.
    pub(crate) async fn try_look<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> Option<io::Result<T>> {
        let turn = Arc::clone(&self.turns).try_acquire_owned().ok()?;
        Some(self.in_time(turn, look).await)
    }

    /// The same, after another look has ended.
    ///
    /// # Errors
    /// As above.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(self.patience, turn).await {
            Ok(Ok(turn)) => self.in_time(turn, look).await,
            Ok(Err(_)) | Err(_) => Err(late(self.patience)),
        }
    }

    async fn in_time<T: Send + 'static>(
        &self,
        turn: OwnedSemaphorePermit,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (done, looked) = oneshot::channel();
        // Not one of the runtime's threads, for all of which it waits when it ends.
        thread(move || {
            let seen = look();
            drop(turn);
            let _ = done.send(seen);
        })?;
        match tokio::time::timeout(self.patience, looked).await {
            Ok(Ok(seen)) => Ok(seen),
            Ok(Err(_)) => Err(io::Error::other("the look at it ended in a defect")),
            Err(_) => Err(late(self.patience)),
        }
    }
}

/// Does this with the same deadline, for who may block.
///
/// # Errors
/// It takes too long, or there is no thread for it.
pub(crate) fn wait<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, looked) = mpsc::sync_channel(1);
    thread(move || {
        let _ = done.send(look());
    })?;
    looked.recv_timeout(PATIENCE).map_err(|_| late(PATIENCE))
}

fn thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = std::thread::Builder::new().name("files".to_owned());
    builder.spawn(work).map(drop)
}

fn late(after: Duration) -> io::Error {
    let what = format!(
        "nothing came within {} seconds; look whether its file system answers",
        after.as_secs()
    );
    io::Error::new(io::ErrorKind::TimedOut, what)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A named pipe that nobody writes into.
    pub(crate) fn pipe(path: &Path) {
        let _ = std::fs::remove_file(path);
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }

    #[test]
    fn only_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        pipe(&path);
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("a named pipe"), "{error}");
        let error = read(directory.path()).unwrap_err().to_string();
        assert!(error.contains("a directory"), "{error}");
        let error = read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(error.contains("a device"), "{error}");
    }

    #[test]
    fn marks_of_editors_are_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let text = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read(&path).and_then(Contents::into_text)
        };
        assert_eq!(text(b"\xef\xbb\xbfme:x").unwrap(), "me:x");
        assert_eq!(text(b"").unwrap(), "");
        let error = text(b"\xff\xfem\0e\0").unwrap_err().to_string();
        assert!(error.contains("UTF-16"), "{error}");
        let error = text(b"me\n\xe9").unwrap_err().to_string();
        assert!(error.contains("line 2 is not UTF-8"), "{error}");
    }

    #[test]
    fn a_file_without_end_is_not_read() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(LONGEST + 1).unwrap();
        use std::os::fd::AsRawFd as _;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let error = read(Path::new(&path)).unwrap_err().to_string();
        assert!(error.contains("longer than"), "{error}");
    }

    #[tokio::test]
    async fn what_hangs_takes_one_thread() {
        let looker = Looker::new(Duration::from_millis(20));
        let (go, wait) = mpsc::channel::<()>();
        let hangs = looker.try_look(move || wait.recv().is_ok()).await;
        let error = hangs.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(looker.try_look(|| ()).await.is_none());
        assert!(looker.look(|| ()).await.is_err());
        go.send(()).unwrap();
        let _again = Arc::clone(&looker.turns).acquire_owned().await.unwrap();
    }
}
