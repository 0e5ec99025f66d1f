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
    let limits = inner.limits;
    let clear = move |entries: &[Entry]| clear(entries, limits, needed, SystemTime::now());
    among_others(inner, key, clear).await
}

/// Has files go until `needed` bytes of the disk are free that were not, as far as that is possible;
/// how many are.
pub(super) async fn free(inner: &Inner, key: &str, needed: u64) -> u64 {
    let free = move |entries: &[Entry]| {
        let mut freed = 0;
        for entry in by_age(entries) {
            if freed >= needed {
                break;
            }
            if remove(entry) {
                freed += entry.size;
            }
        }
        freed
    };
    among_others(inner, key, free).await
}

/// Does this with all files but what was downloaded of `key`, which is a part of what is needed.
async fn among_others(
    inner: &Inner,
    key: &str,
    act: impl FnOnce(&[Entry]) -> u64 + Send + 'static,
) -> u64 {
    let mut kept: Vec<String> = inner.wanted.lock().keys().cloned().collect();
    kept.extend(inner.downloads.lock().keys().cloned());
    kept.push(key.to_owned());
    let (directory, own) = (inner.files.clone(), format!("{key}.part"));
    let served = inner.served.clone();
    tokio::task::spawn_blocking(move || {
        let mut entries = entries(&directory, &kept)?;
        entries.retain(|entry| !entry.path.ends_with(&own));
        let done = act(&entries);
        served.close_removed();
        io::Result::Ok(done)
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

/// Those that may go, what was not used for the longest time first.
fn by_age(entries: &[Entry]) -> Vec<&Entry> {
    let mut free: Vec<&Entry> = entries.iter().filter(|entry| entry.is_free).collect();
    free.sort_by_key(|entry| entry.used);
    free
}

fn remove(entry: &Entry) -> bool {
    let removed = std::fs::remove_file(&entry.path);
    if let Err(error) = &removed {
        tracing::warn!(path = %entry.path.display(), %error, "cannot be removed");
    }
    removed.is_ok()
}

/// Removes files; how much room there is afterwards.
fn clear(entries: &[Entry], limits: CacheLimits, needed: u64, now: SystemTime) -> u64 {
    let mut used: u64 = entries.iter().map(|entry| entry.size).sum();
    for entry in by_age(entries) {
        let age = now.duration_since(entry.used).unwrap_or(Duration::ZERO);
        if age < limits.ttl && used.saturating_add(needed) <= limits.size {
            continue;
        }
        if remove(entry) {
            used -= entry.size;
        }
    }
    limits.size.saturating_sub(used)
}
