//! Partition tables on a whole disk: reading them, moving GPT's backup to the disk's real end, and
//! adding the partition for the config drive.
//!
//! Only what a deployment needs: no resizing, no deleting. The kernel is not told: the agent reads and
//! writes by offset, and the machine restarts from its disk afterwards.

pub(crate) mod bytes;
mod gpt;
mod mbr;

use std::io;

use crate::disk::Disk;

use gpt::Gpt;
pub use gpt::Guid;
use mbr::Mbr;

const MIB: u64 = 1024 * 1024;

/// Why a partition table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// The disk failed.
    #[error("reading or writing the partition table: {0}")]
    Io(#[from] io::Error),
    /// There is none.
    #[error(
        "the disk has no partition table after the image was written: the image is no whole-disk \
         image (or not of the declared disk_format)"
    )]
    Missing,
    /// The table was made for other sectors.
    #[error(
        "the image has a partition table for {image}-byte sectors, but the disk has {disk}-byte \
         sectors: use an image made for them"
    )]
    SectorSize {
        /// What the image was made for.
        image: u32,
        /// What the disk has.
        disk: u32,
    },
    /// The table is damaged.
    #[error("the partition table is damaged: {0}")]
    Damaged(String),
    /// There is no room for another partition.
    #[error("no room for a partition of {wanted} bytes: {reason}")]
    NoRoom {
        /// How much was wanted.
        wanted: u64,
        /// What is in the way.
        reason: String,
    },
}

/// One partition, in bytes from the start of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Number, from 1.
    pub number: u32,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// Label; MBR has none.
    pub label: Option<String>,
    /// Whether it is an EFI system partition.
    pub is_efi_system: bool,
    /// Its own GUID; MBR has none.
    pub guid: Option<Guid>,
    /// What its table says that it is for.
    pub kind: PartitionType,
}

/// What a partition is for, in the words of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionType {
    /// A partition type GUID.
    Gpt(Guid),
    /// A type of an MBR entry.
    Mbr(u8),
}

/// A partition table.
#[derive(Debug)]
pub struct PartitionTable {
    kind: Kind,
    sector_size: u32,
}

#[derive(Debug)]
enum Kind {
    Gpt(Gpt),
    Mbr(Box<Mbr>),
}

impl PartitionTable {
    /// Reads the table of a disk.
    ///
    /// # Errors
    /// None there, damaged, or made for other sectors.
    pub fn read<D: Disk + ?Sized>(disk: &mut D) -> Result<Self, PartitionError> {
        let sector_size = disk.sector_size().max(512);
        let kind = match Gpt::read(disk, sector_size)? {
            Some(gpt) => Kind::Gpt(gpt),
            None => {
                for other in [512, 4096] {
                    if other != sector_size && gpt::has_signature(disk, other)? {
                        return Err(PartitionError::SectorSize {
                            image: other,
                            disk: sector_size,
                        });
                    }
                }
                Kind::Mbr(Box::new(Mbr::read(disk)?.ok_or(PartitionError::Missing)?))
            }
        };
        Ok(Self { kind, sector_size })
    }

    /// Whether it is a GUID partition table.
    pub fn is_gpt(&self) -> bool {
        matches!(self.kind, Kind::Gpt(_))
    }

    /// The MBR's disk signature; none for GPT.
    pub fn mbr_signature(&self) -> Option<u32> {
        match &self.kind {
            Kind::Gpt(_) => None,
            Kind::Mbr(mbr) => Some(mbr.signature()),
        }
    }

    /// What names the disk: GPT's GUID, or the MBR's signature as eight hexadecimal digits.
    pub fn disk_identifier(&self) -> String {
        match &self.kind {
            Kind::Gpt(gpt) => gpt.disk_guid().to_string(),
            Kind::Mbr(mbr) => format!("{:08x}", mbr.signature()),
        }
    }

    /// The partitions in the order of the table.
    pub fn partitions(&self) -> Vec<Partition> {
        match &self.kind {
            Kind::Gpt(gpt) => gpt.partitions(self.sector_size),
            Kind::Mbr(mbr) => mbr.partitions(self.sector_size),
        }
    }

    /// Moves GPT's backup to the end of this disk, which is larger than the one that the image was
    /// made for. Does nothing for MBR.
    ///
    /// # Errors
    /// The disk failed, or is smaller than the table says.
    pub fn fit_to_disk<D: Disk + ?Sized>(&mut self, disk: &mut D) -> Result<(), PartitionError> {
        match &mut self.kind {
            Kind::Gpt(gpt) => {
                gpt.fit(disk.size() / u64::from(self.sector_size), self.sector_size)?;
                gpt.write(disk, self.sector_size)
            }
            Kind::Mbr(_) => Ok(()),
        }
    }

    /// Adds a partition at the end of the disk, aligned to 1 MiB, and writes the table.
    ///
    /// # Errors
    /// No room, no free entry, or the disk failed. The table on the disk is as before then.
    pub fn add_at_end<D: Disk + ?Sized>(
        &mut self,
        disk: &mut D,
        length: u64,
        label: &str,
    ) -> Result<Partition, PartitionError> {
        let sector = u64::from(self.sector_size);
        let wanted = length.next_multiple_of(MIB);
        let usable_end = match &self.kind {
            Kind::Gpt(gpt) => gpt.usable_end(self.sector_size),
            Kind::Mbr(_) => mbr::usable_end(disk.size(), self.sector_size),
        };
        let no_room = |reason: &str| PartitionError::NoRoom {
            wanted,
            reason: reason.to_owned(),
        };
        let start = (usable_end / MIB * MIB)
            .checked_sub(wanted)
            .filter(|start| *start >= MIB)
            .ok_or_else(|| no_room("the disk is too small"))?;
        let in_the_way = self
            .partitions()
            .into_iter()
            .find(|partition| partition.start.saturating_add(partition.length) > start);
        if let Some(partition) = in_the_way {
            return Err(no_room(&format!(
                "partition {} of the image reaches to the end of the disk",
                partition.number
            )));
        }
        let number = match &mut self.kind {
            Kind::Gpt(gpt) => {
                let number = gpt.add(start / sector, wanted / sector, label);
                let number = number.ok_or_else(|| no_room("the GPT has no free entry"))?;
                gpt.write(disk, self.sector_size)?;
                number
            }
            Kind::Mbr(mbr) => {
                let number = mbr.add(start / sector, wanted / sector);
                let number =
                    number.ok_or_else(|| no_room("the MBR has four primary partitions"))?;
                mbr.write(disk)?;
                number
            }
        };
        self.partitions()
            .into_iter()
            .find(|partition| partition.number == number)
            .ok_or_else(|| no_room("the new entry is not readable"))
    }
}

#[cfg(test)]
mod tests;
