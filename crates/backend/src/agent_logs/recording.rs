//! A serial console as it is being recorded: a file that grows, and of which only the last part is
//! kept. It can be read while it grows, and what was written survives the process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{LogError, failed};

/// A recording that goes on. Its methods block: for short, on a local file.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    name: String,
    most: usize,
}

impl Recording {
    pub(super) const fn new(path: PathBuf, name: String, most: usize) -> Self {
        Self { path, name, most }
    }

    /// The name of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds what came. The file is cut when it has twice its size, so that this costs little.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn append(&mut self, characters: &[u8]) -> Result<(), LogError> {
        let written = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
            .and_then(|mut file| {
                file.write_all(characters)?;
                file.metadata()
            });
        let size = written.map_err(|error| failed(&self.path, error))?.len();
        let room = self.most.saturating_mul(2) as u64;
        if size > room { self.cut() } else { Ok(()) }
    }

    /// Keeps the last part alone.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn finish(&self) -> Result<(), LogError> {
        self.cut()
    }

    fn cut(&self) -> Result<(), LogError> {
        let partial = self.path.with_extension("partial");
        let cut = cut(&self.path, &partial, self.most);
        cut.map_err(|error| {
            let _ = fs::remove_file(&partial);
            failed(&self.path, error)
        })
    }
}

fn cut(path: &Path, partial: &Path, most: usize) -> io::Result<()> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let most = most as u64;
    if size <= most {
        return Ok(());
    }
    file.seek(SeekFrom::Start(size - most))?;
    let mut kept = Vec::new();
    file.take(most).read_to_end(&mut kept)?;
    // From the beginning of a line on, where there is one.
    let line = kept.iter().position(|byte| *byte == b'\n');
    let begin = line.map_or(0, |at| at + 1);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(partial)?
        .write_all(kept.get(begin..).unwrap_or_default())?;
    fs::rename(partial, path)
}

#[cfg(test)]
mod tests {
    use super::super::{AgentLogs, LogAbout};
    use cupola_api::id::NodeId;

    #[test]
    fn the_last_part_is_kept_from_the_beginning_of_a_line_on() {
        let directory = tempfile::tempdir().unwrap();
        let logs = AgentLogs::new(directory.path().join("logs"), 1 << 20);
        let node = NodeId::random();
        let about = LogAbout {
            node,
            instance: None,
            label: "deploy",
        };
        let at = "2026-11-23T17:00:00Z".parse().unwrap();
        let mut recording = logs.record(about, at, 100).unwrap();
        for number in 0..60 {
            let line = format!("line \x1b[1m{number}\r\n");
            recording.append(line.as_bytes()).unwrap();
            let log = logs.of_node(node).remove(0);
            assert!(log.is_recording() && log.label == "deploy", "{log:?}");
            assert!(log.size <= 200, "{}", log.size);
        }
        recording.finish().unwrap();
        let name = recording.name();
        let kept = logs.bytes(node, name, 0, 1000).unwrap();
        assert!(kept.len() <= 100, "{}", kept.len());
        assert!(kept.starts_with(b"line \x1b[1m5"), "{kept:?}");
        assert!(kept.ends_with(b"59\r\n"));
        // As lines nothing of it reaches a terminal but text.
        let page = logs.lines(node, name, 0, 100).unwrap();
        assert_eq!(page.lines.last().unwrap(), "line \u{fffd}[1m59");
        assert!(page.end);
    }
}
