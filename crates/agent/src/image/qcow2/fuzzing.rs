//! What a fuzzer drives: a whole qcow2 file from hostile bytes through header, plan and writer to a
//! disk in memory. Not part of the agent.

#![allow(unreachable_pub, reason = "public to the fuzz targets only")]

use std::collections::VecDeque;
use std::io;

use super::header::Header;
use super::plan::{Builder, OFFSET_MASK, Plan, entries, l2_tables};
use super::writer::Qcow2Writer;
use crate::disk::{Disk, check_range};

/// Larger virtual disks only cost time.
const MOST: u64 = 16 * 1024 * 1024;

/// A disk that remembers which of its bytes were written.
#[derive(Default)]
struct Remembering {
    size: u64,
    /// Written ranges, as they came.
    written: Vec<(u64, u64)>,
}

impl Disk for &mut Remembering {
    fn size(&self) -> u64 {
        self.size
    }
    fn sector_size(&self) -> u32 {
        512
    }
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        buffer.fill(0);
        check_range(self.size, offset, buffer.len() as u64)
    }
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        check_range(self.size, offset, data.len() as u64)?;
        self.written.push((offset, data.len() as u64));
        Ok(())
    }
    fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        check_range(self.size, offset, length)?;
        self.written.push((offset, length));
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Remembering {
    /// Whether no byte was left as it was before.
    fn covers_itself(mut self) -> bool {
        self.written.sort_unstable();
        let end = self.written.iter().try_fold(0, |end, (start, length)| {
            (*start <= end).then(|| end.max(start + length))
        });
        end.is_some_and(|end| end >= self.size)
    }
}

/// A part of the file, as a server gives it: short where the file ends.
fn part(file: &[u8], offset: u64, length: u64) -> Vec<u8> {
    let start = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(file.len());
    let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    file.get(start..end.min(file.len()))
        .unwrap_or_default()
        .to_vec()
}

fn plan(file: &[u8]) -> Option<Plan> {
    let header = Header::parse(&part(file, 0, 512)).ok()?;
    if header.virtual_size > MOST {
        return None;
    }
    let mut builder = Builder::new(&header).ok()?;
    if header.l1_entries > 0 {
        let l1 = part(file, header.l1_offset, header.l1_entries as u64 * 8);
        l2_tables(&header, &l1).ok()?;
        builder.add_table(header.l1_offset, &l1);
        for (index, entry) in entries(&l1, header.l1_entries).ok()?.enumerate() {
            let offset = entry & OFFSET_MASK;
            let table = (offset != 0).then(|| part(file, offset, header.cluster_size()));
            builder.add_l1_entry(index, offset, table.as_deref()).ok()?;
        }
    }
    builder.finish().ok()
}

/// Takes a file apart and writes it, in pieces of changing length. Nothing leaves the disk, and
/// where the writer is content no byte of the disk is left unwritten: what the last tenant had
/// there must not come back.
///
/// Whether the file was written to its end is the result.
pub fn qcow2(file: &[u8]) -> bool {
    let Some(plan) = plan(file) else {
        return false;
    };
    let mut disk = Remembering {
        size: plan.virtual_size,
        written: Vec::new(),
    };
    let done = write(file, plan, &mut disk).is_ok();
    assert!(
        !done || disk.covers_itself(),
        "the writer left a part of the disk as it was"
    );
    done
}

fn write(file: &[u8], plan: Plan, disk: &mut Remembering) -> io::Result<u64> {
    let mut writer = Qcow2Writer::new(disk, plan)?;
    let mut lengths: VecDeque<usize> = VecDeque::from([1, 511, 4096, 70_000, 1_100_000]);
    let mut rest = file;
    while !rest.is_empty() {
        lengths.rotate_left(1);
        let step = lengths.front().copied().unwrap_or(1).min(rest.len());
        let (now, later) = rest.split_at(step);
        writer.feed(now)?;
        rest = later;
    }
    writer.finish()
}

#[cfg(test)]
#[path = "../../../../../fuzz/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    const CLUSTER: usize = 512;

    /// A file of the smallest clusters: header, L1, one L2 and some data.
    fn file(entries: &[u64], clusters: usize) -> Vec<u8> {
        let mut file = super::super::header::tests::header((entries.len() * CLUSTER) as u64, 1);
        file.resize(CLUSTER, 0);
        file[20..24].copy_from_slice(&9_u32.to_be_bytes());
        file[40..48].copy_from_slice(&(CLUSTER as u64).to_be_bytes());
        let mut l1 = ((2 * CLUSTER) as u64 | 1 << 63).to_be_bytes().to_vec();
        l1.resize(CLUSTER, 0);
        let mut l2: Vec<u8> = entries
            .iter()
            .flat_map(|entry| entry.to_be_bytes())
            .collect();
        l2.resize(CLUSTER, 0);
        file.extend(l1);
        file.extend(l2);
        file.extend(std::iter::repeat_n(0x5A, clusters * CLUSTER));
        file
    }

    fn at(cluster: usize) -> u64 {
        (cluster * CLUSTER) as u64 | 1 << 63
    }

    /// A file whose first and third cluster are compressed, and share a sector.
    fn compressed(kind: u8) -> Vec<u8> {
        let plain: Vec<u8> = (0..CLUSTER).map(|number| (number >> 5) as u8).collect();
        let packed = if kind == 1 {
            zstd::stream::encode_all(&plain[..], 3).unwrap()
        } else {
            let fast = flate2::Compression::fast();
            let mut packed = Vec::new();
            let mut encoder = flate2::read::DeflateEncoder::new(&plain[..], fast);
            encoder.read_to_end(&mut packed).unwrap();
            packed
        };
        let first = (3 * CLUSTER) as u64;
        let second = first + packed.len() as u64;
        assert!(second + packed.len() as u64 <= first + CLUSTER as u64);
        let mut file = file(&[1 << 62 | first, at(4), 1 << 62 | second, 1], 2);
        // Incompatible feature 3: the kind of compression is told.
        file[79] = 8;
        file[104] = kind;
        for start in [first, second] {
            let start = usize::try_from(start).unwrap();
            file[start..start + packed.len()].copy_from_slice(&packed);
        }
        file
    }

    #[test]
    fn the_seeds_are_written_whole() {
        let mut older = file(&[at(3), 0, at(4)], 2);
        older[7] = 2;
        let seeds = [
            ("small", file(&[at(3), 0, at(5), at(4)], 3)),
            ("holes", file(&[0, 0, 1, at(3), 0], 1)),
            ("neighbours", file(&[at(3), at(4), at(5), at(3)], 3)),
            ("version-2", older),
            ("deflate", compressed(0)),
            ("zstd", compressed(1)),
        ];
        seeds::check("qcow2", &seeds);
        for (name, seed) in seeds {
            assert!(qcow2(&seed) || name == "neighbours", "{name}");
        }
    }

    #[test]
    fn a_sound_file_is_written_whole() {
        assert!(qcow2(&file(&[at(3), 0, at(5), at(4)], 3)));
        assert!(!qcow2(&file(&[at(3), 0, at(5), at(4)], 2)), "cut off");
    }

    proptest! {
        #[test]
        fn hostile_files_leave_no_byte_of_the_disk_as_it_was(
            entries in proptest::collection::vec(
                prop_oneof![any::<u64>(), (0_usize..9).prop_map(at)], 0..60),
            clusters in 0_usize..8,
            damage in proptest::collection::vec((0_usize..2048, any::<u8>()), 0..3),
        ) {
            let mut file = file(&entries, clusters);
            for (place, byte) in damage {
                if let Some(there) = file.get_mut(place) {
                    *there = byte;
                }
            }
            qcow2(&file);
        }
    }
}
