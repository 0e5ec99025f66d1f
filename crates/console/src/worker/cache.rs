//! The node list as it was when the console was left, kept on disk for each service, so that the next
//! start shows it at once. It holds what lists show of nodes, no secrets; the file is its owner's alone.
//!
//! The first line tells what the file is; then stand parts of the list, a line each, so that the
//! first screen need not wait for the whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use cupola_api::cupola::NodeSummary;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Files of another format are not read.
const FORMAT: u32 = 1;
/// The first part: more than fits any screen.
const FIRST: usize = 256;
/// Every other part.
const PART: usize = 20_000;
/// Of more nodes nothing is kept.
const MOST: usize = 200_000;
/// As many services are kept.
const SERVICES: usize = 8;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
    target: String,
    saved: Timestamp,
    total: usize,
}

/// The list of one service on disk.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    target: String,
}

/// A list that is being read.
pub(crate) struct Reading {
    lines: io::Lines<BufReader<File>>,
    /// When it was kept.
    pub(crate) saved: Timestamp,
}

impl Cache {
    /// The cache of this service in this directory.
    pub(crate) fn of(directory: &Path, target: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            target: target.to_owned(),
        }
    }

    fn file(&self) -> PathBuf {
        // The name must be fit for any file system, and tell nothing.
        let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, self.target.as_bytes());
        self.directory.join(format!("{}.list", name.simple()))
    }

    /// Begins to read, where there is something.
    pub(crate) fn read(&self) -> Option<Reading> {
        let mut lines = BufReader::with_capacity(1 << 16, File::open(self.file()).ok()?).lines();
        let head: Head = serde_json::from_str(&lines.next()?.ok()?).ok()?;
        let fits = head.format == FORMAT && head.target == self.target && head.total <= MOST;
        fits.then_some(Reading {
            lines,
            saved: head.saved,
        })
    }

    /// Keeps a list.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, nodes: &[&NodeSummary], now: Timestamp) -> io::Result<()> {
        if nodes.len() > MOST {
            return Ok(());
        }
        std::fs::create_dir_all(&self.directory)?;
        // A temporary file can be read by its owner alone, and stays so.
        let temporary = tempfile::NamedTempFile::new_in(&self.directory)?;
        let mut out = BufWriter::new(temporary);
        let head = Head {
            format: FORMAT,
            target: self.target.clone(),
            saved: now,
            total: nodes.len(),
        };
        serde_json::to_writer(&mut out, &head)?;
        let (first, rest) = nodes.split_at(nodes.len().min(FIRST));
        for part in [first].into_iter().chain(rest.chunks(PART)) {
            out.write_all(b"\n")?;
            serde_json::to_writer(&mut out, part)?;
        }
        out.write_all(b"\n")?;
        let temporary = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        temporary
            .persist(self.file())
            .map_err(|error| error.error)?;
        self.tidy()
    }

    /// Forgets the services that were not looked at for the longest time.
    fn tidy(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "list") {
                files.push((entry.metadata()?.modified()?, path));
            }
        }
        files.sort_unstable();
        let surplus = files.len().saturating_sub(SERVICES);
        for (_, path) in files.drain(..surplus) {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }
}

impl Iterator for Reading {
    type Item = Vec<NodeSummary>;

    /// The next part; a file that was cut short ends early.
    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?.ok()?;
        serde_json::from_str(&line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::nodes;

    #[test]
    fn what_was_kept_is_read_in_parts_by_its_service_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::of(directory.path(), "http://a:6385");
        assert!(cache.read().is_none());
        let all = nodes(1000);
        let refs: Vec<_> = all.iter().collect();
        cache.write(&refs, Timestamp::UNIX_EPOCH).expect("written");
        let reading = cache.read().expect("there");
        assert_eq!(reading.saved, Timestamp::UNIX_EPOCH);
        let parts: Vec<_> = reading.collect();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [256, 744]);
        assert_eq!(parts.concat(), all);
        assert!(
            Cache::of(directory.path(), "http://b:6385")
                .read()
                .is_none()
        );
    }

    #[test]
    fn a_few_services_are_kept_and_a_broken_file_is_no_list() {
        let directory = tempfile::tempdir().expect("a directory");
        for number in 0..SERVICES + 3 {
            let cache = Cache::of(directory.path(), &number.to_string());
            cache.write(&[], Timestamp::UNIX_EPOCH).expect("written");
        }
        let kept = std::fs::read_dir(directory.path()).expect("files").count();
        assert_eq!(kept, SERVICES);
        let cache = Cache::of(directory.path(), "x");
        std::fs::write(cache.file(), "{\"format\":1,\"tar").expect("written");
        assert!(cache.read().is_none());
    }
}
