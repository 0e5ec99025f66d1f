//! What TFTP and HTTP send: a text or loader in memory, or an open file.
//!
//! A file is never held in memory: the kernel's page cache is shared by all transfers of it. What
//! is in that cache is read without waiting; what is not is read where waiting hurts nobody.
//! Which name leads to which content is decided elsewhere ([`files`](super::files),
//! [`node_files`](super::node_files)).

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags};

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A text made for the request, or a loader.
    Memory(Bytes),
    /// A file of this host.
    File(Arc<OpenFile>),
}

impl Content {
    /// Octets.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(file) => file.len,
        }
    }

    /// Whether it is the very same text or open file, not only an equal one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory(one), Self::Memory(other)) => {
                one.as_ptr() == other.as_ptr() && one.len() == other.len()
            }
            (Self::File(one), Self::File(other)) => Arc::ptr_eq(one, other),
            (Self::Memory(_), Self::File(_)) | (Self::File(_), Self::Memory(_)) => false,
        }
    }
}

/// An open file. Replacing the file at its path does not touch who reads this one.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    len: u64,
    modified: Option<SystemTime>,
    device: u64,
    inode: u64,
}

impl OpenFile {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::of(File::open(path)?)
    }

    /// Takes an open file that is a regular one.
    pub(crate) fn of(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "it is no regular file",
            ));
        }
        Ok(Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            device: metadata.dev(),
            inode: metadata.ino(),
            file,
        })
    }

    /// Whether this is what lies at the path that the metadata was read from.
    pub(crate) fn is_current(&self, metadata: &std::fs::Metadata) -> bool {
        metadata.dev() == self.device
            && metadata.ino() == self.inode
            && metadata.len() == self.len
            && metadata.modified().ok() == self.modified
    }

    /// Whether no directory has it any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|metadata| metadata.nlink() == 0)
    }

    /// Octets when it was opened.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// When it was changed last.
    pub(crate) const fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Which file it is, for an entity tag.
    pub(crate) const fn inode(&self) -> u64 {
        self.inode
    }

    /// Reads what is in the page cache; `None` where the disk would have to be waited for.
    pub(crate) fn read_cached(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> io::Result<Option<usize>> {
        match rustix::io::preadv2(&self.file, buffers, offset, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(Some(read)),
            Err(Errno::AGAIN) => Ok(None),
            // A file system that cannot tell keeps its files in memory, or says so by being slow.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Fills the buffer, waiting for the disk.
    ///
    /// # Errors
    /// The file cannot be read, or has become shorter.
    pub(crate) fn read_exact(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_no_content() {
        let directory = tempfile::tempdir().unwrap();
        assert!(OpenFile::open(directory.path()).is_err());
    }

    #[test]
    fn what_was_just_written_is_in_the_cache_or_said_not_to_be() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        let file = OpenFile::open(&path).unwrap();
        let mut buffer = [0; 4];
        let read = file
            .read_cached(&mut [IoSliceMut::new(&mut buffer)], 3)
            .unwrap();
        assert!(read.is_none_or(|n| n == 4 && &buffer == b"3456"));
        file.read_exact(&mut buffer, 6).unwrap();
        assert_eq!(&buffer, b"6789");
        assert!(file.read_exact(&mut buffer, 7).is_err());
    }

    #[test]
    fn a_replaced_file_is_not_current() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, b"one").unwrap();
        let file = OpenFile::open(&path).unwrap();
        assert!(file.is_current(&std::fs::metadata(&path).unwrap()));
        let other = directory.path().join("other");
        std::fs::write(&other, b"two").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(!file.is_current(&std::fs::metadata(&path).unwrap()));
    }
}
