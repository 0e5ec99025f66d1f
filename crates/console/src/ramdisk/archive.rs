//! The archive that the kernel unpacks: newc cpio (kernel `Documentation/driver-api/early-userspace/
//! buffer-format.rst`), compressed with zstd.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use cpio::newc::{self, Builder};

use super::RamdiskError;
use super::contents::{Contents, Entry};

/// Sizes of a finished archive in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) unpacked_bytes: u64,
    pub(super) compressed_bytes: u64,
}

const DIRECTORY: u32 = 0o040_755;
const LINK: u32 = 0o120_777;
const EXECUTABLE: u32 = 0o100_755;
const PLAIN: u32 = 0o100_644;

/// Writes `contents` to `path`. Owner, times and numbers are fixed, so equal contents give equal
/// bytes.
pub(super) fn write(contents: &Contents, path: &Path, level: i32) -> Result<Packed, RamdiskError> {
    let failed = || RamdiskError::write(path);
    let file = File::create(path).map_err(failed())?;
    let mut encoder = zstd::Encoder::new(file, level).map_err(failed())?;
    encoder.include_checksum(true).map_err(failed())?;
    let mut counter = Counter {
        inner: encoder,
        count: 0,
    };
    for ((name, entry), number) in contents.iter().zip(1_u32..) {
        let (mode, bytes): (u32, &[u8]) = match entry {
            Entry::Directory => (DIRECTORY, &[]),
            Entry::Link(target) => (LINK, target.as_bytes()),
            Entry::File {
                bytes,
                executable: true,
            } => (EXECUTABLE, bytes),
            Entry::File {
                bytes,
                executable: false,
            } => (PLAIN, bytes),
        };
        let length = u32::try_from(bytes.len())
            .map_err(|_| RamdiskError::TooLarge { path: name.clone() })?;
        let mut writer = Builder::new(name)
            .ino(number)
            .mode(mode)
            .write(counter, length);
        writer.write_all(bytes).map_err(failed())?;
        counter = writer.finish().map_err(failed())?;
    }
    let counter = newc::trailer(counter).map_err(failed())?;
    let unpacked_bytes = counter.count;
    let file = counter.inner.finish().map_err(failed())?;
    let compressed_bytes = file.metadata().map_err(failed())?.len();
    Ok(Packed {
        unpacked_bytes,
        compressed_bytes,
    })
}

/// Counts what passes through.
struct Counter<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Write for Counter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count = self.count.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_contents_give_the_same_bytes_and_unpack_again() {
        let file = |text: &str, executable| Entry::File {
            bytes: text.into(),
            executable,
        };
        let contents = Contents::from([
            ("bin".to_owned(), Entry::Directory),
            ("bin/sh".to_owned(), Entry::Link("busybox")),
            ("init".to_owned(), file("#!/bin/sh\n", true)),
        ]);
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("a"), directory.path().join("b"));
        let packed = write(&contents, &first, 3).unwrap();
        assert_eq!(write(&contents, &second, 3).unwrap(), packed);
        let bytes = std::fs::read(&first).unwrap();
        assert_eq!(bytes, std::fs::read(&second).unwrap());
        assert_eq!(packed.compressed_bytes, bytes.len() as u64);

        let unpacked = zstd::decode_all(bytes.as_slice()).unwrap();
        assert_eq!(unpacked.len() as u64, packed.unpacked_bytes);
        let mut rest = unpacked.as_slice();
        let mut names = Vec::new();
        loop {
            let reader = newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            names.push((reader.entry().name().to_owned(), reader.entry().mode()));
            rest = reader.finish().unwrap();
        }
        let expected = [("bin", DIRECTORY), ("bin/sh", LINK), ("init", EXECUTABLE)];
        assert_eq!(names, expected.map(|(name, mode)| (name.to_owned(), mode)));
    }
}
