//! A disk over a file: a block device of the machine, or a sparse file that stands for one.
//!
//! Block devices are written with direct I/O, several writes at once (`write_behind.rs`), so that progress is what the medium took and the page
//! cache of a small ramdisk does not fill up. Zeroing goes through `fallocate(2)`, which for block
//! devices means WRITE ZEROES or UNMAP, and for files a hole: no ioctl is needed.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{FallocateFlags, fallocate};

use super::aligned::ALIGNMENT;
use super::write_behind::WriteBehind;
use super::{Disk, check_range, write_zeros};

/// A block device or a sparse file.
pub struct FileDisk {
    file: File,
    direct: Direct,
    size: u64,
    sector_size: u32,
    zeroing: Zeroing,
    syncs: bool,
}

/// The way around the page cache.
enum Direct {
    No,
    /// Nothing was written yet.
    Idle(File),
    Behind(WriteBehind),
}

/// The best way to zero that the device has not refused yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zeroing {
    PunchHole,
    ZeroRange,
    Write,
}

impl FileDisk {
    /// Opens a device or a file; its size is what it is now.
    ///
    /// # Errors
    /// What opening or asking for the size says.
    pub fn open(path: &Path, sector_size: u32) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let is_block_device = file.metadata()?.file_type().is_block_device();
        let size = file.seek(SeekFrom::End(0))?;
        // Direct I/O is an optimisation: some devices and all RAM file systems refuse it.
        let direct = OpenOptions::new()
            .write(true)
            .custom_flags(nix::libc::O_DIRECT)
            .open(path)
            .ok()
            .filter(|_| is_block_device)
            .map_or(Direct::No, Direct::Idle);
        Ok(Self {
            file,
            direct,
            size,
            sector_size,
            zeroing: Zeroing::PunchHole,
            syncs: true,
        })
    }

    /// Leaves it to the host when the data reaches its medium: for a simulated machine, which does not
    /// outlive its host, and of which many write at the same time.
    #[must_use]
    pub fn without_sync(mut self) -> Self {
        self.syncs = false;
        self
    }

    /// Begins to write as much as can go around the page cache; how much that is.
    fn write_direct(&mut self, offset: u64, data: &[u8]) -> io::Result<usize> {
        if !offset.is_multiple_of(ALIGNMENT as u64) {
            return Ok(0);
        }
        let whole = data.len() / ALIGNMENT * ALIGNMENT;
        if whole == 0 {
            return Ok(0);
        }
        if let Direct::Idle(_) = self.direct
            && let Direct::Idle(file) = std::mem::replace(&mut self.direct, Direct::No)
        {
            self.direct = Direct::Behind(WriteBehind::start(file)?);
        }
        match &mut self.direct {
            Direct::Behind(behind) => {
                behind.write(offset, data.get(..whole).unwrap_or_default())?;
                Ok(whole)
            }
            Direct::No | Direct::Idle(_) => Ok(0),
        }
    }

    /// Waits for what is under way within a range.
    fn wait_for(&mut self, offset: u64, length: u64) -> io::Result<()> {
        match &mut self.direct {
            Direct::Behind(behind) => behind.wait_for(offset, length),
            Direct::No | Direct::Idle(_) => Ok(()),
        }
    }

    /// Waits for everything that is under way.
    fn drain(&mut self) -> io::Result<()> {
        match &mut self.direct {
            Direct::Behind(behind) => behind.drain(),
            Direct::No | Direct::Idle(_) => Ok(()),
        }
    }

    fn fallocate_zero(&self, mode: FallocateFlags, offset: u64, length: u64) -> io::Result<()> {
        let position = |value: u64| i64::try_from(value).map_err(io::Error::other);
        fallocate(&self.file, mode, position(offset)?, position(length)?).map_err(io::Error::from)
    }
}

impl Disk for FileDisk {
    fn size(&self) -> u64 {
        self.size
    }

    fn sector_size(&self) -> u32 {
        self.sector_size
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        check_range(self.size, offset, buffer.len() as u64)?;
        self.drain()?;
        self.file.read_exact_at(buffer, offset)
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        check_range(self.size, offset, data.len() as u64)?;
        let direct = self.write_direct(offset, data)?;
        let rest = data.get(direct..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        // The page cache works in pages: their neighbours must have arrived.
        self.drain()?;
        self.file.write_all_at(rest, offset + direct as u64)
    }

    fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        check_range(self.size, offset, length)?;
        if length == 0 {
            return Ok(());
        }
        self.wait_for(offset, length)?;
        // Zeroing works on whole sectors only; the ragged ends are written.
        let sector = u64::from(self.sector_size.max(512));
        let start = offset.next_multiple_of(sector);
        let end = (offset + length) / sector * sector;
        if start >= end {
            return write_zeros(self, offset, length);
        }
        write_zeros(self, offset, start - offset)?;
        write_zeros(self, end, offset + length - end)?;
        let keep = FallocateFlags::FALLOC_FL_KEEP_SIZE;
        loop {
            let result = match self.zeroing {
                Zeroing::PunchHole => {
                    let mode = FallocateFlags::FALLOC_FL_PUNCH_HOLE | keep;
                    self.fallocate_zero(mode, start, end - start)
                }
                Zeroing::ZeroRange => {
                    let mode = FallocateFlags::FALLOC_FL_ZERO_RANGE | keep;
                    self.fallocate_zero(mode, start, end - start)
                }
                Zeroing::Write => return write_zeros(self, start, end - start),
            };
            match result {
                Ok(()) => return Ok(()),
                Err(_) if self.zeroing == Zeroing::PunchHole => self.zeroing = Zeroing::ZeroRange,
                Err(_) => self.zeroing = Zeroing::Write,
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.drain()?;
        if self.syncs {
            self.file.sync_all()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn zeroing_makes_holes_and_keeps_the_neighbours() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        File::create(&path).unwrap().set_len(4 << 20).unwrap();
        let mut disk = FileDisk::open(&path, 512).unwrap();
        disk.write_at(0, &vec![0xaa; 4 << 20]).unwrap();
        disk.zero(100, (3 << 20) - 100).unwrap();
        let mut read = vec![0; 4 << 20];
        disk.read_at(0, &mut read).unwrap();
        assert!(read[..100].iter().all(|byte| *byte == 0xaa));
        assert!(read[100..3 << 20].iter().all(|byte| *byte == 0));
        assert!(read[3 << 20..].iter().all(|byte| *byte == 0xaa));
        assert!(std::fs::metadata(&path).unwrap().blocks() * 512 < 3 << 20);
    }

    #[test]
    fn nothing_grows_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        File::create(&path).unwrap().set_len(1000).unwrap();
        let mut disk = FileDisk::open(&path, 512).unwrap();
        assert!(disk.write_at(999, &[1, 2]).is_err());
        assert!(disk.zero(0, 1001).is_err());
        assert!(disk.write_at(u64::MAX, &[1, 2]).is_err());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1000);
    }

    /// A loop device, taken down when dropped.
    struct Loop(String);

    impl Loop {
        fn over(path: &Path) -> Option<Self> {
            let output = std::process::Command::new("losetup")
                .args(["--find", "--show"])
                .arg(path)
                .output();
            match output {
                Ok(output) if output.status.success() => Some(Self(
                    String::from_utf8_lossy(&output.stdout).trim().to_owned(),
                )),
                Ok(_) | Err(_) => {
                    eprintln!("SKIPPED: no loop device can be had here (losetup as root)");
                    None
                }
            }
        }
    }

    impl Drop for Loop {
        fn drop(&mut self) {
            let _ = std::process::Command::new("losetup")
                .args(["-d", &self.0])
                .status();
        }
    }

    #[test]
    fn a_block_device_takes_direct_and_ragged_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        File::create(&path).unwrap().set_len(16 << 20).unwrap();
        let Some(device) = Loop::over(&path) else {
            return;
        };
        let mut disk = FileDisk::open(Path::new(&device.0), 512).unwrap();
        assert_eq!(disk.size(), 16 << 20);
        let mut want = vec![0; 16 << 20];
        let data: Vec<u8> = (0..3_000_000_u32)
            .map(|number| (number % 251) as u8)
            .collect();
        for offset in [0, 4096, 5 << 20, (9 << 20) + 512, (13 << 20) + 7] {
            disk.write_at(offset as u64, &data[..data.len() - offset % 512])
                .unwrap();
            want[offset..offset + data.len() - offset % 512]
                .copy_from_slice(&data[..data.len() - offset % 512]);
        }
        disk.zero(1 << 20, 1 << 20).unwrap();
        want[1 << 20..2 << 20].fill(0);
        disk.sync().unwrap();
        let mut read = vec![0; 16 << 20];
        disk.read_at(0, &mut read).unwrap();
        assert!(read == want);
        assert!(std::fs::read(&path).unwrap() == want);
    }
}
