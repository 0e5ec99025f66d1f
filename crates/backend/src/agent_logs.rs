//! Logs that agents have sent: kept as the archives they are, in one directory with a quota, named
//! as Ironic names them. When they are asked for is the conductor's; how an archive is read as
//! lines is in [`text`]. Recorded serial consoles lie among them ([`recording`]).

mod recording;
mod text;

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cupola_api::cupola::{AgentLog, LogPage};
use cupola_api::id::NodeId;
use cupola_api::serial::RECORDING;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

pub use recording::Recording;

/// The largest archive that is kept, in bytes.
pub const LARGEST: usize = 32 << 20;

/// The end of the name of an archive.
const SUFFIX: &str = ".tar.gz";
/// How a time is written in a name.
const TIME: &str = "%Y-%m-%d-%H-%M-%S";

/// Why a log cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no log of that name.
    #[error("Agent log {name} of node {node} could not be found.")]
    NotFound {
        /// The node.
        node: NodeId,
        /// The name that was asked for.
        name: String,
    },
    /// The archive is larger than [`LARGEST`].
    #[error("the archive has {size} bytes, and {LARGEST} are the most that is kept")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The directory or a file in it cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// What a log is about: the parts of its name.
#[derive(Clone, Copy, Debug)]
pub struct LogAbout<'a> {
    /// The node whose ramdisk it is of.
    pub node: NodeId,
    /// Its instance.
    pub instance: Option<Uuid>,
    /// What was done, such as `deploy`: letters only.
    pub label: &'a str,
}

/// The directory of the logs. Its methods block: for short, on local files.
#[derive(Clone, Debug)]
pub struct AgentLogs {
    directory: PathBuf,
    quota: u64,
}

impl AgentLogs {
    /// Logs in this directory, which is made when the first one comes; they take at most `quota`
    /// bytes.
    #[must_use]
    pub const fn new(directory: PathBuf, quota: u64) -> Self {
        Self { directory, quota }
    }

    /// Keeps an archive and deletes the oldest ones beyond the quota; the name that it was given.
    ///
    /// # Errors
    /// [`LogError::TooLarge`], [`LogError::Io`].
    pub fn keep(
        &self,
        about: LogAbout<'_>,
        at: Timestamp,
        archive: &[u8],
    ) -> Result<String, LogError> {
        if archive.len() > LARGEST {
            return Err(LogError::TooLarge {
                size: archive.len(),
            });
        }
        self.make_directory()?;
        let name = name_of(about, at, SUFFIX);
        let path = self.directory.join(&name);
        // Written under another name first: a process that dies half-way leaves no broken archive.
        let partial = self.directory.join(format!(".{name}.partial"));
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)
            .and_then(|mut file| file.write_all(archive))
            .and_then(|()| fs::rename(&partial, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&partial);
            return Err(failed(&path, error));
        }
        self.prune(&name);
        Ok(name)
    }

    /// Begins to record a serial console; the last `most` bytes of it are kept.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn record(
        &self,
        about: LogAbout<'_>,
        at: Timestamp,
        most: usize,
    ) -> Result<Recording, LogError> {
        self.make_directory()?;
        let name = name_of(about, at, RECORDING);
        self.prune(&name);
        Ok(Recording::new(self.directory.join(&name), name, most))
    }

    fn make_directory(&self) -> Result<(), LogError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|error| failed(&self.directory, error))
    }

    /// The logs of a node, the newest first; none when the directory cannot be read.
    #[must_use]
    pub fn of_node(&self, node: NodeId) -> Vec<AgentLog> {
        let prefix = format!("{node}_");
        let mut logs: Vec<AgentLog> = self
            .entries()
            .into_iter()
            .filter_map(|(name, size)| {
                let at = time_of(&name)?;
                name.starts_with(&prefix).then_some(AgentLog {
                    label: label_of(&name).to_owned(),
                    collected_at: at,
                    size,
                    name,
                })
            })
            .collect();
        logs.sort_by(|a, b| (b.collected_at, &b.name).cmp(&(a.collected_at, &a.name)));
        logs
    }

    /// The lines of a log from number `from` (counted from 0) on, at most `count`.
    ///
    /// # Errors
    /// [`LogError::NotFound`], [`LogError::Io`]. What cannot be read of the archive is a line.
    pub fn lines(
        &self,
        node: NodeId,
        name: &str,
        from: u64,
        count: usize,
    ) -> Result<LogPage, LogError> {
        let file = self.open(node, name)?;
        Ok(if name.ends_with(RECORDING) {
            text::plain(file, from, count)
        } else {
            text::page(file, from, count)
        })
    }

    /// At most `count` bytes of the archive from `offset` on; none at its end.
    ///
    /// # Errors
    /// [`LogError::NotFound`], [`LogError::Io`].
    pub fn bytes(
        &self,
        node: NodeId,
        name: &str,
        offset: u64,
        count: usize,
    ) -> Result<Vec<u8>, LogError> {
        let mut file = self.open(node, name)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.take(count as u64).read_to_end(&mut bytes))
            .map_err(|source| LogError::Io {
                path: self.directory.join(name),
                source,
            })?;
        Ok(bytes)
    }

    fn open(&self, node: NodeId, name: &str) -> Result<fs::File, LogError> {
        let missing = || LogError::NotFound {
            node,
            name: name.to_owned(),
        };
        // The name comes from outside: it names a log of this node, never a path.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let of_node = name.starts_with(&format!("{node}_")) && time_of(name).is_some();
        if !of_node || !name.bytes().all(is_plain) {
            return Err(missing());
        }
        let path = self.directory.join(name);
        fs::File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => missing(),
            _ => LogError::Io { path, source },
        })
    }

    fn entries(&self) -> Vec<(String, u64)> {
        let Ok(directory) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        directory
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let size = entry.metadata().ok()?.len();
                time_of(&name)?;
                Some((name, size))
            })
            .collect()
    }

    /// Deletes the oldest logs until the rest fits; never the one that has just come.
    fn prune(&self, newest: &str) {
        let mut entries = self.entries();
        entries.sort_by_key(|(name, _)| time_of(name));
        let mut taken: u64 = entries.iter().map(|(_, size)| size).sum();
        for (name, size) in entries {
            if taken <= self.quota {
                return;
            }
            if name == newest {
                continue;
            }
            match fs::remove_file(self.directory.join(&name)) {
                Ok(()) => taken -= size,
                Err(error) => tracing::warn!(%error, name, "old agent log could not be deleted"),
            }
        }
    }
}

fn failed(path: &Path, source: io::Error) -> LogError {
    LogError::Io {
        path: path.to_owned(),
        source,
    }
}

fn name_of(about: LogAbout<'_>, at: Timestamp, suffix: &str) -> String {
    let instance = about
        .instance
        .map_or_else(String::new, |id| format!("_{id}"));
    let time = at.strftime(TIME);
    format!("{}{instance}_{}_{time}{suffix}", about.node, about.label)
}

/// The time in a name; `None` when it is not the name of a log.
fn time_of(name: &str) -> Option<Timestamp> {
    let (rest, time) = name
        .strip_suffix(SUFFIX)
        .or_else(|| name.strip_suffix(RECORDING))?
        .rsplit_once('_')?;
    rest.get(..36)?.parse::<Uuid>().ok()?;
    let time = jiff::civil::DateTime::strptime(TIME, time).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn label_of(name: &str) -> &str {
    let mut parts = name.rsplit('_');
    parts.nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn about(node: NodeId, label: &str) -> LogAbout<'_> {
        LogAbout {
            node,
            instance: None,
            label,
        }
    }

    #[test]
    fn the_newest_comes_first_and_other_nodes_are_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let logs = AgentLogs::new(directory.path().join("logs"), 1000);
        let (one, other) = (NodeId::random(), NodeId::random());
        logs.keep(about(one, "clean"), at("2026-11-22T10:00:00Z"), b"a")
            .unwrap();
        let deploy = LogAbout {
            instance: Some(Uuid::new_v4()),
            ..about(one, "deploy")
        };
        logs.keep(deploy, at("2026-11-22T11:00:00Z"), b"bb")
            .unwrap();
        logs.keep(about(other, "deploy"), at("2026-11-22T12:00:00Z"), b"c")
            .unwrap();
        let found = logs.of_node(one);
        let labels: Vec<&str> = found.iter().map(|log| log.label.as_str()).collect();
        assert_eq!(labels, ["deploy", "clean"]);
        assert_eq!(found[0].size, 2);
        assert_eq!(logs.bytes(one, &found[0].name, 1, 10).unwrap(), b"b");
        // Another node's log is not to be had through this one.
        let foreign = logs.of_node(other)[0].name.clone();
        assert!(logs.bytes(one, &foreign, 0, 1).is_err());
    }

    #[test]
    fn the_oldest_go_when_the_quota_is_full() {
        let directory = tempfile::tempdir().unwrap();
        let logs = AgentLogs::new(directory.path().to_owned(), 250);
        let node = NodeId::random();
        for hour in 10..15 {
            let time = at(&format!("2026-11-22T{hour}:00:00Z"));
            logs.keep(about(node, "deploy"), time, &[0; 100]).unwrap();
        }
        let left: Vec<String> = logs
            .of_node(node)
            .iter()
            .map(|log| log.collected_at.to_string())
            .collect();
        assert_eq!(left, ["2026-11-22T14:00:00Z", "2026-11-22T13:00:00Z"]);
    }

    #[test]
    fn a_name_is_no_path() {
        let directory = tempfile::tempdir().unwrap();
        let logs = AgentLogs::new(directory.path().join("logs"), 250);
        let node = NodeId::random();
        fs::write(directory.path().join("secret"), "x").unwrap();
        for name in [
            "../secret".to_owned(),
            format!("{node}_/../../secret_2026-11-22-10-00-00.tar.gz"),
            String::new(),
        ] {
            let read = logs.bytes(node, &name, 0, 10);
            assert!(matches!(read, Err(LogError::NotFound { .. })), "{name}");
        }
    }
}
