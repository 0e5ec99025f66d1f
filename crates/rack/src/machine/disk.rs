//! The disk of a simulated machine: a sparse file, written no faster than the machine's disk is.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use cupola_agent::{Disk, FileDisk};

/// Makes the file of a disk, all zeros and taking no space; leaves one that is there.
pub(super) fn create(path: &Path, size: u64) -> io::Result<()> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    if file.metadata()?.len() != size {
        file.set_len(size)?;
    }
    Ok(())
}

/// A disk that takes data at a limited rate. Blocking, as every [`Disk`] is.
pub(super) struct PacedDisk {
    file: FileDisk,
    bytes_per_second: Option<u64>,
    busy_until: Instant,
}

impl PacedDisk {
    /// Opens the file; a rate of none is as fast as the file is.
    pub(super) fn open(path: &Path, mib_per_second: Option<u32>) -> io::Result<Self> {
        Ok(Self {
            file: FileDisk::open(path, 512)?,
            bytes_per_second: mib_per_second.map(|rate| u64::from(rate) << 20),
            busy_until: Instant::now(),
        })
    }

    /// Waits until the medium has taken what was written before.
    fn pace(&mut self, bytes: usize) {
        let Some(rate) = self.bytes_per_second.filter(|rate| *rate > 0) else {
            return;
        };
        let now = Instant::now();
        if let Some(left) = self.busy_until.checked_duration_since(now) {
            std::thread::sleep(left);
        }
        let nanos = (bytes as u128 * 1_000_000_000) / u128::from(rate);
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.busy_until = self.busy_until.max(now) + takes;
    }
}

impl Disk for PacedDisk {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn sector_size(&self) -> u32 {
        self.file.sector_size()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buffer)
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.pace(data.len());
        self.file.write_at(offset, data)
    }

    fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.file.zero(offset, length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}
