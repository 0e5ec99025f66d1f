//! The master boot record: four primary entries at byte 446 of the first sector.

use std::io;

use crate::disk::Disk;

use super::bytes::{put, u16_at, u32_at};
use super::{Partition, PartitionError, PartitionType};

const TABLE: usize = 446;
const ENTRY: usize = 16;
const ENTRIES: usize = 4;
const BOOT_SIGNATURE: u16 = 0xaa55;
const SIGNATURE: usize = 440;
const TYPE_LINUX: u8 = 0x83;
const TYPE_EFI_SYSTEM: u8 = 0xef;
const TYPE_PROTECTIVE: u8 = 0xee;

/// The first sector's 512 bytes.
#[derive(Debug)]
pub(super) struct Mbr {
    sector: [u8; 512],
}

/// The first byte that a 32-bit sector number does not reach, or the end of the disk.
pub(super) fn usable_end(disk_size: u64, sector_size: u32) -> u64 {
    disk_size.min(u64::from(u32::MAX) * u64::from(sector_size))
}

impl Mbr {
    /// None when the sector has no boot signature, or no entry with a place on the disk: a lone
    /// boot sector (of a file system, say) is no partition table.
    pub(super) fn read<D: Disk + ?Sized>(disk: &mut D) -> io::Result<Option<Self>> {
        let mut sector = [0; 512];
        disk.read_at(0, &mut sector)?;
        let mbr = Self { sector };
        let valid = u16_at(&sector, 510) == BOOT_SIGNATURE
            && (0..ENTRIES).all(|index| matches!(mbr.byte(index, 0), 0x00 | 0x80))
            && (0..ENTRIES).any(|index| mbr.is_used(index));
        Ok(valid.then_some(mbr))
    }

    pub(super) fn signature(&self) -> u32 {
        u32_at(&self.sector, SIGNATURE)
    }

    fn byte(&self, index: usize, at: usize) -> u8 {
        self.sector
            .get(TABLE + index * ENTRY + at)
            .copied()
            .unwrap_or(0)
    }

    fn start(&self, index: usize) -> u32 {
        u32_at(&self.sector, TABLE + index * ENTRY + 8)
    }

    fn sectors(&self, index: usize) -> u32 {
        u32_at(&self.sector, TABLE + index * ENTRY + 12)
    }

    fn is_used(&self, index: usize) -> bool {
        let kind = self.byte(index, 4);
        kind != 0 && kind != TYPE_PROTECTIVE && self.sectors(index) != 0
    }

    pub(super) fn partitions(&self, sector_size: u32) -> Vec<Partition> {
        let sector_size = u64::from(sector_size);
        (0..ENTRIES)
            .filter(|index| self.is_used(*index))
            .map(|index| Partition {
                number: index as u32 + 1,
                start: u64::from(self.start(index)) * sector_size,
                length: u64::from(self.sectors(index)) * sector_size,
                label: None,
                is_efi_system: self.byte(index, 4) == TYPE_EFI_SYSTEM,
                guid: None,
                kind: PartitionType::Mbr(self.byte(index, 4)),
            })
            .collect()
    }

    /// Uses the first free entry; none when there is none or the numbers do not fit.
    pub(super) fn add(&mut self, start: u64, sectors: u64) -> Option<u32> {
        let index = (0..ENTRIES).find(|i| self.byte(*i, 4) == 0 && self.sectors(*i) == 0)?;
        let start = u32::try_from(start).ok()?;
        let sectors = u32::try_from(sectors).ok()?;
        let mut entry = [0; ENTRY];
        // Cylinder, head and sector numbers of what lies beyond their reach.
        put(&mut entry, 1, &[0xfe, 0xff, 0xff]);
        put(&mut entry, 4, &[TYPE_LINUX]);
        put(&mut entry, 5, &[0xfe, 0xff, 0xff]);
        put(&mut entry, 8, &start.to_le_bytes());
        put(&mut entry, 12, &sectors.to_le_bytes());
        put(&mut self.sector, TABLE + index * ENTRY, &entry);
        Some(index as u32 + 1)
    }

    pub(super) fn write<D: Disk + ?Sized>(&self, disk: &mut D) -> Result<(), PartitionError> {
        disk.write_at(0, &self.sector)?;
        Ok(disk.sync()?)
    }
}

/// Makes the protective entry of a GPT disk as long as the disk; leaves a hybrid MBR alone.
pub(super) fn stretch_protective<D: Disk + ?Sized>(disk: &mut D, sectors: u64) -> io::Result<()> {
    let mut sector = [0; 512];
    disk.read_at(0, &mut sector)?;
    let mbr = Mbr { sector };
    let only_protective =
        mbr.byte(0, 4) == TYPE_PROTECTIVE && (1..ENTRIES).all(|index| mbr.byte(index, 4) == 0);
    if u16_at(&sector, 510) != BOOT_SIGNATURE || !only_protective {
        return Ok(());
    }
    let length = u32::try_from(sectors.saturating_sub(1)).unwrap_or(u32::MAX);
    put(&mut sector, TABLE + 12, &length.to_le_bytes());
    disk.write_at(0, &sector)
}
