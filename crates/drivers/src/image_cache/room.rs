//! Room in the cache: what is too old goes, and then what was not used for the longest time, but
//! nothing that is pinned, wanted or being downloaded.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{CacheLimits, Inner};

/// A file of the cache.
#[derive(Clone, Debug)]
struct Entry {
    path: PathBuf,
    size: u64,
    used: SystemTime,
    /// Whether it may go.
    is_free: bool,
}

/// Makes room for `needed` bytes under `key`, as far as that is possible; how much there is then.
pub(super) async fn make(inner: &Inner, key: &str, needed: u64) -> u64 {
    let mut kept: Vec<String> = inner.wanted.lock().keys().cloned().collect();
    kept.extend(inner.downloads.lock().keys().cloned());
    kept.push(key.to_owned());
    let (directory, limits, own) = (inner.files.clone(), inner.limits, key.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut entries = entries(&directory, &kept)?;
        // What was downloaded of the file itself is a part of what is needed.
        let own = format!("{own}.part");
        entries.retain(|entry| !entry.path.ends_with(&own));
        io::Result::Ok(clear(&entries, limits, needed, SystemTime::now()))
    })
    .await
    .map_err(io::Error::other)
    .and_then(|made| made)
    .unwrap_or_else(|error| {
        tracing::warn!(%error, "the image cache cannot be read");
        0
    })
}

fn entries(directory: &Path, kept: &[String]) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let key = name.strip_suffix(".part").unwrap_or(&name);
        entries.push(Entry {
            path: entry.path(),
            size: metadata.len(),
            used: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            is_free: metadata.nlink() == 1 && !kept.iter().any(|it| it == key),
        });
    }
    Ok(entries)
}

/// Removes files; how much room there is afterwards.
fn clear(entries: &[Entry], limits: CacheLimits, needed: u64, now: SystemTime) -> u64 {
    let mut used: u64 = entries.iter().map(|entry| entry.size).sum();
    let mut free: Vec<&Entry> = entries.iter().filter(|entry| entry.is_free).collect();
    free.sort_by_key(|entry| entry.used);
    for entry in free {
        let age = now.duration_since(entry.used).unwrap_or(Duration::ZERO);
        if age < limits.ttl && used.saturating_add(needed) <= limits.size {
            continue;
        }
        match std::fs::remove_file(&entry.path) {
            Ok(()) => used -= entry.size,
            Err(error) => {
                tracing::warn!(path = %entry.path.display(), %error, "cannot be removed");
            }
        }
    }
    limits.size.saturating_sub(used)
}
