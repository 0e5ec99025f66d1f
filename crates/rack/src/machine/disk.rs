//! The disk of a simulated machine: a sparse file, written no faster than the machine's disk is, and
//! not at all when it is broken.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cupola_agent::{Disk, FileDisk};
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::fault::RamdiskFault;

/// What is written before a fault that needs writing shows: it strikes in the middle.
const STRIKES_AFTER: u64 = 1 << 20;
/// How often a slow disk looks whether its machine is still on.
const LOOK: Duration = Duration::from_millis(20);

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
    machine: Arc<Inner>,
    /// The end of the life that it was opened in.
    cancel: CancellationToken,
    busy_until: Instant,
    written: u64,
}

impl PacedDisk {
    /// Opens the machine's disk.
    pub(super) fn open(machine: Arc<Inner>, cancel: CancellationToken) -> io::Result<Self> {
        Ok(Self {
            file: FileDisk::open(&machine.disk, 512)?,
            machine,
            cancel,
            busy_until: Instant::now(),
            written: 0,
        })
    }

    /// Bytes per second; none for as fast as the file is.
    fn rate(&self) -> Option<u64> {
        match self.machine.faults.of_ramdisk() {
            Some(RamdiskFault::WritesSlowly { kib_per_second }) => {
                Some(u64::from(kib_per_second) << 10)
            }
            _ => {
                let usual = self.machine.spec.disk.write_mib_per_second;
                usual.map(|rate| u64::from(rate) << 20)
            }
        }
    }

    /// Waits until the medium has taken what was written before.
    fn pace(&mut self, bytes: usize) -> io::Result<()> {
        let lost = || io::Error::from(io::ErrorKind::BrokenPipe);
        while self.rate() == Some(0) || Instant::now() < self.busy_until {
            if self.cancel.is_cancelled() {
                return Err(lost());
            }
            let left = self.busy_until.saturating_duration_since(Instant::now());
            std::thread::sleep(left.clamp(Duration::from_millis(1), LOOK));
        }
        if let Some(rate) = self.rate() {
            let nanos = (bytes as u128 * 1_000_000_000) / u128::from(rate.max(1));
            let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            self.busy_until = self.busy_until.max(Instant::now()) + takes;
        }
        Ok(())
    }

    /// Plays what is planned for somebody who writes.
    fn wear(&mut self, bytes: usize) -> io::Result<()> {
        self.written += bytes as u64;
        if self.written <= STRIKES_AFTER {
            return Ok(());
        }
        match self.machine.faults.of_ramdisk() {
            Some(RamdiskFault::DiskFails) => Err(nix::errno::Errno::EIO.into()),
            Some(RamdiskFault::AgentCrashes | RamdiskFault::Reboots) => {
                self.machine.faults.strike();
                Ok(())
            }
            Some(
                RamdiskFault::HeartbeatsLost
                | RamdiskFault::WritesSlowly { .. }
                | RamdiskFault::DamagesDownloads,
            )
            | None => Ok(()),
        }
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
        self.wear(data.len())?;
        self.pace(data.len())?;
        self.file.write_at(offset, data)
    }

    fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.file.zero(offset, length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}
