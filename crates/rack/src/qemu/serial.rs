//! A machine's serial port: a log file, and a memory of its end that tests can wait on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::QemuError;

/// How much of the output is kept in memory, in bytes. The log file has all of it.
const KEPT: usize = 1 << 20;

/// What a machine wrote to its serial port, over all its starts.
#[derive(Debug, Clone)]
pub struct SerialConsole {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log: PathBuf,
    kept: Mutex<Kept>,
    written: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Position of the first byte of `bytes` in the whole output.
    start: u64,
    bytes: Vec<u8>,
}

impl SerialConsole {
    pub(super) fn new(log: PathBuf) -> Self {
        let shared = Shared {
            log,
            kept: Mutex::default(),
            written: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The file with the whole output.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.shared.log
    }

    /// The position after the last byte so far: pass it to [`Self::wait_for`] to look only at what
    /// comes later.
    #[must_use]
    pub fn position(&self) -> u64 {
        *self.shared.written.borrow()
    }

    /// Waits until `text` stands in the output after position `from`, and returns the position
    /// behind it.
    ///
    /// # Errors
    ///
    /// [`QemuError::Deadline`] with the text that did not come and the last line that did.
    pub async fn wait_for(
        &self,
        from: u64,
        text: &str,
        deadline: Duration,
    ) -> Result<u64, QemuError> {
        let mut changes = self.shared.written.subscribe();
        let found = tokio::time::timeout(deadline, async {
            loop {
                if let Some(position) = self.find(from, text.as_bytes()) {
                    return Some(position);
                }
                changes.changed().await.ok()?;
            }
        })
        .await;
        match found {
            Ok(Some(position)) => Ok(position),
            Ok(None) | Err(_) => Err(QemuError::Deadline {
                what: format!(
                    "{text:?} on the serial console (last line: {:?})",
                    self.last_line()
                ),
                after: deadline,
            }),
        }
    }

    /// The last line that is not empty.
    #[must_use]
    pub fn last_line(&self) -> String {
        let kept = self.shared.kept.lock();
        let end = kept
            .bytes
            .get(kept.bytes.len().saturating_sub(4096)..)
            .unwrap_or_default();
        let text = String::from_utf8_lossy(end).into_owned();
        text.lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or("")
            .to_owned()
    }

    fn find(&self, from: u64, text: &[u8]) -> Option<u64> {
        let kept = self.shared.kept.lock();
        let skip = usize::try_from(from.saturating_sub(kept.start)).ok()?;
        let bytes = kept.bytes.get(skip..)?;
        let at = bytes
            .windows(text.len())
            .position(|window| window == text)?;
        Some(kept.start + (skip + at + text.len()) as u64)
    }

    fn append(&self, bytes: &[u8]) {
        let end = {
            let mut kept = self.shared.kept.lock();
            kept.bytes.extend_from_slice(bytes);
            if kept.bytes.len() > 2 * KEPT {
                let surplus = kept.bytes.len() - KEPT;
                kept.bytes.drain(..surplus);
                kept.start += surplus as u64;
            }
            kept.start + kept.bytes.len() as u64
        };
        self.shared.written.send_replace(end);
    }

    /// Copies one run's output until QEMU closes the port.
    pub(super) async fn record(self, mut port: UnixStream) -> Result<(), QemuError> {
        let log = self.shared.log.clone();
        let mut file = tokio::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .await
            .map_err(QemuError::file(&log))?;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = port
                .read(&mut buffer)
                .await
                .map_err(QemuError::file(&log))?;
            let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            self.append(bytes);
            file.write_all(bytes).await.map_err(QemuError::file(&log))?;
            file.flush().await.map_err(QemuError::file(&log))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn text_is_found_across_two_writes_and_only_after_the_position() {
        let directory = tempfile::tempdir().unwrap();
        let console = SerialConsole::new(directory.path().join("serial.log"));
        console.append(b"debian lo");
        console.append(b"gin: ");
        let short = Duration::from_millis(10);
        let behind = console.wait_for(0, "login:", short).await.unwrap();
        assert_eq!(behind, 13);
        let error = console.wait_for(behind, "login:", short).await.unwrap_err();
        assert!(error.to_string().contains("debian login:"), "{error}");
    }

    #[test]
    fn memory_is_bounded() {
        let console = SerialConsole::new(PathBuf::from("/nowhere"));
        for _ in 0..300 {
            console.append(&[b'x'; 10_000]);
        }
        assert_eq!(console.position(), 3_000_000);
        assert!(console.shared.kept.lock().bytes.len() <= 2 * KEPT);
    }
}
