//! The files that were served last, kept open: two hundred machines that load the same ramdisk
//! open it once.
//!
//! A file is looked at again for each request, so one that was replaced is served anew.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::content::OpenFile;

/// Files kept open. A service has a few kernels, ramdisks and images at a time.
const CAPACITY: usize = 64;

/// The open files.
#[derive(Clone, Debug, Default)]
pub struct OpenFiles {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<PathBuf, Entry>,
    /// Counts uses, to find the file that was used least lately.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    file: Arc<OpenFile>,
    used: u64,
}

impl OpenFiles {
    /// The file at this path.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is no regular file.
    pub(crate) async fn open(&self, path: &Path) -> io::Result<Arc<OpenFile>> {
        let (files, path) = (self.clone(), path.to_owned());
        tokio::task::spawn_blocking(move || files.open_now(path))
            .await
            .map_err(io::Error::other)?
    }

    /// Closes those that were removed from their directories: until then they keep their room on the
    /// disk. Who reads one goes on.
    pub fn close_removed(&self) {
        let mut kept = self.kept.lock();
        kept.files.retain(|_, entry| !entry.file.is_removed());
    }

    fn open_now(&self, path: PathBuf) -> io::Result<Arc<OpenFile>> {
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.kept.lock().files.remove(&path);
                return Err(error);
            }
        };
        if let Some(file) = self.kept.lock().get(&path)
            && file.is_current(&metadata)
        {
            return Ok(file);
        }
        let file = Arc::new(OpenFile::open(&path)?);
        self.kept.lock().insert(path, Arc::clone(&file));
        Ok(file)
    }
}

impl Kept {
    fn get(&mut self, path: &Path) -> Option<Arc<OpenFile>> {
        self.clock += 1;
        let entry = self.files.get_mut(path)?;
        entry.used = self.clock;
        Some(Arc::clone(&entry.file))
    }

    fn insert(&mut self, path: PathBuf, file: Arc<OpenFile>) {
        if self.files.len() >= CAPACITY && !self.files.contains_key(&path) {
            let oldest = self.files.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(path, _)| path.clone()) {
                self.files.remove(&oldest);
            }
        }
        self.clock += 1;
        let used = self.clock;
        self.files.insert(path, Entry { file, used });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_opened_once_and_again_when_it_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ramdisk");
        std::fs::write(&path, b"old").unwrap();
        let files = OpenFiles::default();
        let first = files.open(&path).await.unwrap();
        assert!(Arc::ptr_eq(&first, &files.open(&path).await.unwrap()));
        std::fs::write(directory.path().join("new"), b"longer").unwrap();
        std::fs::rename(directory.path().join("new"), &path).unwrap();
        assert_eq!(files.open(&path).await.unwrap().len(), 6);
        std::fs::remove_file(&path).unwrap();
        assert!(files.open(&path).await.is_err());
        assert_eq!(first.len(), 3);
    }

    #[tokio::test]
    async fn removed_files_are_closed_and_others_stay_open() {
        let directory = tempfile::tempdir().unwrap();
        let [removed, stays] = ["removed", "stays"].map(|name| directory.path().join(name));
        let files = OpenFiles::default();
        for path in [&removed, &stays] {
            std::fs::write(path, b"x").unwrap();
            files.open(path).await.unwrap();
        }
        std::fs::remove_file(&removed).unwrap();
        files.close_removed();
        let kept = files.kept.lock();
        assert!(!kept.files.contains_key(&removed) && kept.files.contains_key(&stays));
    }

    #[tokio::test]
    async fn no_more_are_kept_open_than_there_is_room_for() {
        let directory = tempfile::tempdir().unwrap();
        let files = OpenFiles::default();
        for number in 0..CAPACITY + 5 {
            let path = directory.path().join(number.to_string());
            std::fs::write(&path, b"x").unwrap();
            files.open(&path).await.unwrap();
        }
        let kept = files.kept.lock();
        assert_eq!(kept.files.len(), CAPACITY);
        assert!(!kept.files.contains_key(&directory.path().join("0")));
    }
}
