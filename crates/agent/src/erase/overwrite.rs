//! Overwriting a disk, in part or whole. Blocking; it looks at the cancellation between strides.

use std::fmt;
use std::io;

use tokio_util::sync::CancellationToken;

use crate::disk::{Disk, wipe_ends};
use crate::partition::PartitionTable;

/// How much is zeroed between looks at the cancellation.
const STRIDE: u64 = 256 * 1024 * 1024;
/// How much random data is written at once.
const RANDOM: usize = 1024 * 1024;
/// How much of each former partition is wiped: superblocks of file systems, LVM and RAID lie there.
const PARTITION_SPAN: u64 = 1024 * 1024;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overwrite {
    /// Both ends of the disk and of its partitions.
    Metadata,
    /// All of it.
    Everything {
        /// Passes of random data.
        random_passes: u64,
        /// Whether a pass of zeros comes last.
        zeros: bool,
    },
}

impl fmt::Display for Overwrite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metadata => formatter.write_str("metadata only"),
            Self::Everything {
                random_passes,
                zeros,
            } => {
                write!(formatter, "everything: {random_passes} times random data")?;
                formatter.write_str(if *zeros { ", then zeros" } else { "" })
            }
        }
    }
}

impl Overwrite {
    /// Does it.
    ///
    /// # Errors
    /// What the disk says; [`io::ErrorKind::Interrupted`] when cancelled.
    pub(super) fn run(self, disk: &mut dyn Disk, cancel: &CancellationToken) -> io::Result<()> {
        match self {
            Self::Metadata => metadata(disk),
            Self::Everything {
                random_passes,
                zeros,
            } => {
                // Partitions and ends first: a machine that loses power half-way does not boot what
                // is left.
                metadata(disk)?;
                for _ in 0..random_passes {
                    random(disk, cancel)?;
                }
                if zeros {
                    zero(disk, cancel)?;
                }
                disk.sync()
            }
        }
    }
}

fn metadata(disk: &mut dyn Disk) -> io::Result<()> {
    let size = disk.size();
    // A table that cannot be read has no partitions to wipe: the ends are wiped anyway.
    let partitions = PartitionTable::read(disk).map(|table| table.partitions());
    for partition in partitions.unwrap_or_default() {
        let start = partition.start.min(size);
        let end = start.saturating_add(partition.length).min(size);
        let span = PARTITION_SPAN.min(end - start);
        disk.zero(start, span)?;
        disk.zero(end - span, span)?;
    }
    wipe_ends(disk)
}

fn random(disk: &mut dyn Disk, cancel: &CancellationToken) -> io::Result<()> {
    let size = disk.size();
    let mut buffer = vec![0; RANDOM];
    let mut done = 0;
    while done < size {
        check(cancel)?;
        getrandom::fill(&mut buffer).map_err(io::Error::other)?;
        let step = (size - done).min(RANDOM as u64);
        let part = usize::try_from(step)
            .ok()
            .and_then(|step| buffer.get(..step));
        disk.write_at(done, part.unwrap_or(&buffer))?;
        done += step;
    }
    disk.sync()
}

fn zero(disk: &mut dyn Disk, cancel: &CancellationToken) -> io::Result<()> {
    let size = disk.size();
    let mut done = 0;
    while done < size {
        check(cancel)?;
        let step = STRIDE.min(size - done);
        disk.zero(done, step)?;
        done += step;
    }
    Ok(())
}

fn check(cancel: &CancellationToken) -> io::Result<()> {
    if cancel.is_cancelled() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::FileDisk;
    use std::fs::{self, File};

    #[test]
    fn every_pass_reaches_all_of_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        File::create(&path)
            .unwrap()
            .set_len((3 << 20) + 512)
            .unwrap();
        let mut disk = FileDisk::open(&path, 512).unwrap();
        let cancel = CancellationToken::new();
        let mut run = |random_passes, zeros| {
            let overwrite = Overwrite::Everything {
                random_passes,
                zeros,
            };
            overwrite.run(&mut disk, &cancel).unwrap();
            fs::read(&path).unwrap()
        };
        let noise = run(1, false);
        assert!(
            noise
                .chunks(512)
                .all(|sector| sector.iter().any(|byte| *byte != 0))
        );
        assert!(run(1, true).iter().all(|byte| *byte == 0));
        cancel.cancel();
        let overwrite = Overwrite::Everything {
            random_passes: 1,
            zeros: true,
        };
        let stopped = overwrite.run(&mut disk, &cancel).unwrap_err();
        assert_eq!(stopped.kind(), io::ErrorKind::Interrupted);
    }
}
