//! The GUID partition table (UEFI specification 2.10, section 5.3): primary and backup.

use std::fmt;
use std::io;

use crate::disk::Disk;

use super::bytes::{array_at, put, u32_at, u64_at};
use super::{Partition, PartitionError, PartitionType, mbr};

const SIGNATURE: &[u8; 8] = b"EFI PART";
const MIN_HEADER: usize = 92;
const MIN_ENTRY: u32 = 128;
/// More entries than this no tool makes; it bounds what a hostile image makes us read (512 KiB).
const MAX_ENTRIES: u32 = 1024;
const MAX_ENTRY: u32 = 512;
const EFI_SYSTEM: Guid = Guid([
    0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
]);
const LINUX_DATA: Guid = Guid([
    0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4,
]);

/// A GUID as it lies on the disk: the first three groups little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    const ZERO: Self = Self([0; 16]);

    fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_bytes_le())
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&uuid::Uuid::from_bytes_le(self.0), formatter)
    }
}

/// The table in memory.
#[derive(Debug)]
pub(super) struct Gpt {
    /// The primary header's sector, kept for what it holds beyond the known fields.
    header: Vec<u8>,
    entries: Vec<u8>,
    entry_size: usize,
}

/// Whether a GPT header lies where sectors of that size would put it.
pub(super) fn has_signature<D: Disk + ?Sized>(disk: &mut D, sector_size: u32) -> io::Result<bool> {
    let mut signature = [0; 8];
    if disk.size() < u64::from(sector_size) * 2 {
        return Ok(false);
    }
    disk.read_at(u64::from(sector_size), &mut signature)?;
    Ok(&signature == SIGNATURE)
}

fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = flate2::Crc::new();
    for part in parts {
        crc.update(part);
    }
    crc.sum()
}

fn damaged(reason: impl Into<String>) -> PartitionError {
    PartitionError::Damaged(reason.into())
}

impl Gpt {
    /// None when there is no GPT.
    pub(super) fn read<D: Disk + ?Sized>(
        disk: &mut D,
        sector_size: u32,
    ) -> Result<Option<Self>, PartitionError> {
        if !has_signature(disk, sector_size)? {
            return Ok(None);
        }
        let mut header = vec![0; sector_size as usize];
        disk.read_at(u64::from(sector_size), &mut header)?;
        let header_size = u32_at(&header, 12) as usize;
        if header_size < MIN_HEADER || header_size > header.len() {
            return Err(damaged(format!("its header claims {header_size} bytes")));
        }
        if header_crc(&header, header_size) != u32_at(&header, 16) {
            return Err(damaged("the checksum of its header does not match"));
        }
        let (count, entry_size) = (u32_at(&header, 80), u32_at(&header, 84));
        if !(1..=MAX_ENTRIES).contains(&count)
            || !(MIN_ENTRY..=MAX_ENTRY).contains(&entry_size)
            || !entry_size.is_multiple_of(MIN_ENTRY)
        {
            return Err(damaged(format!(
                "it claims {count} entries of {entry_size} bytes"
            )));
        }
        let entries_at = u64_at(&header, 72)
            .checked_mul(u64::from(sector_size))
            .ok_or_else(|| damaged("its entries are beyond any disk"))?;
        let mut entries = vec![0; count as usize * entry_size as usize];
        disk.read_at(entries_at, &mut entries)
            .map_err(|error| damaged(format!("its entries cannot be read: {error}")))?;
        if crc32(&[&entries]) != u32_at(&header, 88) {
            return Err(damaged("the checksum of its entries does not match"));
        }
        Ok(Some(Self {
            header,
            entries,
            entry_size: entry_size as usize,
        }))
    }

    pub(super) fn disk_guid(&self) -> Guid {
        array_at(&self.header, 56).map_or(Guid::ZERO, Guid)
    }

    /// The byte after the last usable sector.
    pub(super) fn usable_end(&self, sector_size: u32) -> u64 {
        u64_at(&self.header, 48)
            .saturating_add(1)
            .saturating_mul(u64::from(sector_size))
    }

    pub(super) fn partitions(&self, sector_size: u32) -> Vec<Partition> {
        let sector_size = u64::from(sector_size);
        self.entries
            .chunks_exact(self.entry_size)
            .enumerate()
            .filter_map(|(index, entry)| {
                let kind = Guid(array_at(entry, 0)?);
                let (first, last) = (u64_at(entry, 32), u64_at(entry, 40));
                if kind == Guid::ZERO || last < first {
                    return None;
                }
                Some(Partition {
                    number: index as u32 + 1,
                    start: first.checked_mul(sector_size)?,
                    length: (last - first).checked_add(1)?.checked_mul(sector_size)?,
                    label: Some(label_of(entry)),
                    is_efi_system: kind == EFI_SYSTEM,
                    guid: array_at(entry, 16).map(Guid),
                    kind: PartitionType::Gpt(kind),
                })
            })
            .collect()
    }

    fn entries_sectors(&self, sector_size: u32) -> u64 {
        (self.entries.len() as u64).div_ceil(u64::from(sector_size))
    }

    /// Puts the backup to the end of a disk of that many sectors.
    pub(super) fn fit(&mut self, sectors: u64, sector_size: u32) -> Result<(), PartitionError> {
        let tail = self.entries_sectors(sector_size) + 1;
        let usable_end = sectors
            .checked_sub(tail)
            .filter(|end| *end > tail)
            .ok_or_else(|| damaged("the disk is too small for its backup"))?;
        let used_end = self
            .partitions(1)
            .iter()
            .map(|partition| partition.start.saturating_add(partition.length))
            .max()
            .unwrap_or(0);
        if used_end > usable_end {
            return Err(damaged(format!(
                "its partitions reach to sector {used_end}, but the disk has {sectors} sectors"
            )));
        }
        put(&mut self.header, 32, &(sectors - 1).to_le_bytes());
        put(&mut self.header, 48, &(usable_end - 1).to_le_bytes());
        Ok(())
    }

    /// Uses the first free entry; none when there is none.
    pub(super) fn add(&mut self, start: u64, sectors: u64, label: &str) -> Option<u32> {
        let last = start.checked_add(sectors)?.checked_sub(1)?;
        let (index, entry) = self
            .entries
            .chunks_exact_mut(self.entry_size)
            .enumerate()
            .find(|(_, entry)| array_at(entry, 0) == Some(Guid::ZERO.0))?;
        entry.fill(0);
        put(entry, 0, &LINUX_DATA.0);
        put(entry, 16, &Guid::random().0);
        put(entry, 32, &start.to_le_bytes());
        put(entry, 40, &last.to_le_bytes());
        for (place, unit) in label.encode_utf16().take(35).enumerate() {
            put(entry, 56 + place * 2, &unit.to_le_bytes());
        }
        Some(index as u32 + 1)
    }

    /// Writes backup and primary, in that order: one of them is whole at any moment.
    pub(super) fn write<D: Disk + ?Sized>(
        &mut self,
        disk: &mut D,
        sector_size: u32,
    ) -> Result<(), PartitionError> {
        let sector = u64::from(sector_size);
        let last = u64_at(&self.header, 32);
        let no_place = || damaged("its backup or its entries have no place on the disk");
        let backup_entries = last
            .checked_sub(self.entries_sectors(sector_size))
            .ok_or_else(no_place)?;
        let primary_entries = u64_at(&self.header, 72);
        let bytes = |place: u64| place.checked_mul(sector).ok_or_else(no_place);

        let backup = self.header_for(last, 1, backup_entries);
        disk.write_at(bytes(backup_entries)?, &self.entries)?;
        disk.write_at(bytes(last)?, &backup)?;
        disk.sync()?;

        let primary = self.header_for(1, last, primary_entries);
        disk.write_at(bytes(primary_entries)?, &self.entries)?;
        disk.write_at(sector, &primary)?;
        mbr::stretch_protective(disk, last + 1)?;
        disk.sync()?;
        self.header = primary;
        Ok(())
    }

    fn header_for(&self, own: u64, other: u64, entries: u64) -> Vec<u8> {
        let mut header = self.header.clone();
        put(&mut header, 24, &own.to_le_bytes());
        put(&mut header, 32, &other.to_le_bytes());
        put(&mut header, 72, &entries.to_le_bytes());
        put(&mut header, 88, &crc32(&[&self.entries]).to_le_bytes());
        let size = u32_at(&header, 12) as usize;
        let crc = header_crc(&header, size);
        put(&mut header, 16, &crc.to_le_bytes());
        header
    }
}

/// The header's checksum is taken with its own field as zeros.
fn header_crc(header: &[u8], size: usize) -> u32 {
    let before = header.get(..16).unwrap_or_default();
    let after = header.get(20..size).unwrap_or_default();
    crc32(&[before, &[0; 4], after])
}

fn label_of(entry: &[u8]) -> String {
    let units = entry.get(56..128).unwrap_or_default();
    let units: Vec<u16> = units
        .chunks_exact(2)
        .map(|pair| super::bytes::u16_at(pair, 0))
        .take_while(|unit| *unit != 0)
        .collect();
    String::from_utf16_lossy(&units)
}
