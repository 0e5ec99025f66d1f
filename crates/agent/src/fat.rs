//! A reader of FAT12, FAT16 and FAT32 directories (Microsoft FAT specification 1.03), just enough to see
//! which boot loaders lie on an EFI system partition. It reads no file and writes nothing.
//!
//! The partition comes out of an image somebody else made: nothing in it is believed.

use std::io;

use crate::disk::Disk;
use crate::partition::bytes::{u16_at, u32_at};

const ENTRY: usize = 32;
const DIRECTORY: u8 = 0x10;
const VOLUME: u8 = 0x08;
const LONG_NAME: u8 = 0x0f;
/// More than any boot loader needs; it bounds what a hostile image makes us read.
const MAX_DIRECTORY: usize = 1024 * 1024;

/// A FAT file system within a disk.
pub(crate) struct Fat<'d, D: Disk + ?Sized> {
    disk: &'d mut D,
    start: u64,
    cluster_size: u64,
    fat_at: u64,
    root_at: u64,
    root_length: u64,
    data_at: u64,
    clusters: u64,
    width: Width,
    root_cluster: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    Fat12,
    Fat16,
    Fat32,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_directory: bool,
    cluster: u32,
}

impl<'d, D: Disk + ?Sized> Fat<'d, D> {
    /// Reads the boot sector at a place of the disk; none when there is no FAT.
    pub(crate) fn open(disk: &'d mut D, start: u64) -> io::Result<Option<Self>> {
        let mut boot = [0; 512];
        disk.read_at(start, &mut boot)?;
        let sector = u64::from(u16_at(&boot, 11));
        let per_cluster = boot.get(13).copied().map_or(0, u64::from);
        let reserved = u64::from(u16_at(&boot, 14));
        let fats = boot.get(16).copied().map_or(0, u64::from);
        let root_entries = u64::from(u16_at(&boot, 17));
        let either = |short: u16, long: u32| {
            if short == 0 {
                u64::from(long)
            } else {
                short.into()
            }
        };
        let total = either(u16_at(&boot, 19), u32_at(&boot, 32));
        let fat_sectors = either(u16_at(&boot, 22), u32_at(&boot, 36));
        let plausible = matches!(sector, 512 | 1024 | 2048 | 4096)
            && per_cluster.is_power_of_two()
            && per_cluster != 0
            && reserved != 0
            && fats != 0
            && fat_sectors != 0
            && u16_at(&boot, 510) == 0xaa55;
        if !plausible {
            return Ok(None);
        }
        let root_sectors = (root_entries * ENTRY as u64).div_ceil(sector);
        let meta = reserved + fats * fat_sectors + root_sectors;
        let clusters = total.saturating_sub(meta) / per_cluster;
        let width = match clusters {
            0..4085 => Width::Fat12,
            4085..65525 => Width::Fat16,
            _ => Width::Fat32,
        };
        Ok(Some(Self {
            disk,
            start,
            cluster_size: per_cluster * sector,
            fat_at: reserved * sector,
            root_at: (reserved + fats * fat_sectors) * sector,
            root_length: root_sectors * sector,
            data_at: meta * sector,
            clusters,
            width,
            root_cluster: u32_at(&boot, 44),
        }))
    }

    /// The root directory.
    pub(crate) fn root(&mut self) -> io::Result<Vec<Entry>> {
        if self.width == Width::Fat32 {
            return self.chain(self.root_cluster).map(|bytes| entries(&bytes));
        }
        let length = usize::try_from(self.root_length).unwrap_or(MAX_DIRECTORY);
        let mut bytes = vec![0; length.min(MAX_DIRECTORY)];
        self.disk
            .read_at(self.start.saturating_add(self.root_at), &mut bytes)?;
        Ok(entries(&bytes))
    }

    /// What is in a directory.
    pub(crate) fn list(&mut self, directory: &Entry) -> io::Result<Vec<Entry>> {
        self.chain(directory.cluster).map(|bytes| entries(&bytes))
    }

    /// The contents of a cluster chain, up to a limit: a loop in the table ends there too.
    fn chain(&mut self, first: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut cluster = first;
        while (2..self.clusters + 2).contains(&u64::from(cluster)) && bytes.len() < MAX_DIRECTORY {
            let at = self.data_at + (u64::from(cluster) - 2) * self.cluster_size;
            let from = bytes.len();
            bytes.resize(from + usize::try_from(self.cluster_size).unwrap_or(0), 0);
            let target = bytes.get_mut(from..).unwrap_or_default();
            self.disk.read_at(self.start.saturating_add(at), target)?;
            cluster = self.next(cluster)?;
        }
        Ok(bytes)
    }

    fn next(&mut self, cluster: u32) -> io::Result<u32> {
        let cluster = u64::from(cluster);
        let at = self.start.saturating_add(self.fat_at);
        let mut bytes = [0; 4];
        Ok(match self.width {
            Width::Fat12 => {
                self.disk
                    .read_at(at + cluster + cluster / 2, &mut bytes[..2])?;
                let pair = u16_at(&bytes, 0);
                u32::from(if cluster.is_multiple_of(2) {
                    pair & 0xfff
                } else {
                    pair >> 4
                })
            }
            Width::Fat16 => {
                self.disk.read_at(at + cluster * 2, &mut bytes[..2])?;
                u32::from(u16_at(&bytes, 0))
            }
            Width::Fat32 => {
                self.disk.read_at(at + cluster * 4, &mut bytes)?;
                u32_at(&bytes, 0) & 0x0fff_ffff
            }
        })
    }
}

fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut long: Vec<u16> = Vec::new();
    for entry in bytes.chunks_exact(ENTRY) {
        let attributes = entry.get(11).copied().unwrap_or(0);
        match entry.first().copied().unwrap_or(0) {
            0 => break,
            0xe5 => long.clear(),
            _ if attributes == LONG_NAME => {
                // Long names come in pieces of 13 units, the last piece first.
                let mut piece = long_piece(entry);
                piece.append(&mut long);
                long = piece;
            }
            _ if attributes & VOLUME != 0 => long.clear(),
            _ => {
                let name = if long.is_empty() {
                    short_name(entry)
                } else {
                    String::from_utf16_lossy(&std::mem::take(&mut long))
                };
                found.push(Entry {
                    name,
                    is_directory: attributes & DIRECTORY != 0,
                    cluster: u32::from(u16_at(entry, 20)) << 16 | u32::from(u16_at(entry, 26)),
                });
            }
        }
        // A name has at most 20 pieces; more is somebody playing.
        long.truncate(20 * 13);
    }
    found
}

fn long_piece(entry: &[u8]) -> Vec<u16> {
    [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]
        .into_iter()
        .map(|at| u16_at(entry, at))
        .take_while(|unit| *unit != 0 && *unit != 0xffff)
        .collect()
}

/// Names of 8 and 3 characters; two bits tell that a half was given in lower case.
fn short_name(entry: &[u8]) -> String {
    let case = entry.get(12).copied().unwrap_or(0);
    let part = |range: std::ops::Range<usize>, lower: bool| {
        let text: String = entry
            .get(range)
            .unwrap_or_default()
            .iter()
            .map(|byte| char::from(*byte))
            .collect();
        let text = text.trim_end().to_owned();
        if lower { text.to_lowercase() } else { text }
    };
    let (stem, extension) = (part(0..8, case & 0x08 != 0), part(8..11, case & 0x10 != 0));
    if extension.is_empty() {
        stem
    } else {
        format!("{stem}.{extension}")
    }
}
