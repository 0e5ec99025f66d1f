//! From the tables of a qcow2 file to a list of what lies where: extents in the order of the file,
//! and the holes of the disk.

use std::collections::{BTreeMap, VecDeque};

use super::super::ImageError;
use super::super::source::Source;
use super::Qcow2Error;
use super::header::{Compression, Header};

/// Tables of more than this belong to no image anybody deploys; it bounds our memory.
const MAX_TABLE_BYTES: u64 = 128 * 1024 * 1024;
const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;
const COMPRESSED: u64 = 1 << 62;
const COPIED: u64 = 1 << 63;
const ZERO: u64 = 1;

/// Everything the stream needs to be unfolded.
#[derive(Debug)]
pub(in crate::image) struct Plan {
    pub(super) virtual_size: u64,
    pub(super) cluster_size: usize,
    pub(super) compression: Compression,
    /// In the order of the file.
    pub(super) extents: VecDeque<Extent>,
    /// Parts of the disk that read as zeros: start and length.
    pub(super) holes: Vec<(u64, u64)>,
    /// The tables as they were read, in the order of the file: the stream has to show the same.
    pub(super) tables: VecDeque<(u64, Vec<u8>)>,
}

/// A part of the file that belongs to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// First byte in the file.
    pub(super) host: u64,
    /// Bytes in the file.
    pub(super) length: u64,
    /// First byte on the disk.
    pub(super) guest: u64,
    /// Whether it is one compressed cluster.
    pub(super) compressed: bool,
}

/// Fetches the tables and makes the plan.
pub(in crate::image) async fn plan(
    source: &Source,
    header: &Header,
    id: &str,
) -> Result<Plan, ImageError> {
    let invalid = |error: Qcow2Error| ImageError::Invalid {
        id: id.to_owned(),
        reason: error.to_string(),
    };
    let mut tables = BTreeMap::new();
    if header.l1_entries > 0 {
        let l1 = source
            .parts(&[(header.l1_offset, header.l1_entries * 8)])
            .await?;
        let l1 = l1.into_iter().next().unwrap_or_default();
        let wanted = l2_tables(header, &l1).map_err(invalid)?;
        let cluster = usize::try_from(header.cluster_size()).unwrap_or(usize::MAX);
        let parts: Vec<(u64, usize)> = wanted.iter().map(|offset| (*offset, cluster)).collect();
        let l2 = source.parts(&parts).await?;
        tables.extend(wanted.into_iter().zip(l2));
        tables.insert(header.l1_offset, l1);
    }
    Plan::new(header, tables).map_err(invalid)
}

/// Where the L2 tables are, in the order of the file, each once.
fn l2_tables(header: &Header, l1: &[u8]) -> Result<Vec<u64>, Qcow2Error> {
    let mut offsets: Vec<u64> = Vec::new();
    for entry in entries(l1, header.l1_entries)? {
        let offset = entry & OFFSET_MASK;
        if offset == 0 {
            continue;
        }
        if !offset.is_multiple_of(header.cluster_size()) || offset == header.l1_offset {
            return Err(Qcow2Error::Damaged(
                "an L2 table is not where one can be".to_owned(),
            ));
        }
        offsets.push(offset);
    }
    offsets.sort_unstable();
    offsets.dedup();
    if offsets.len() as u64 * header.cluster_size() > MAX_TABLE_BYTES {
        return Err(Qcow2Error::Unsupported("has too many tables".to_owned()));
    }
    Ok(offsets)
}

fn entries(table: &[u8], count: usize) -> Result<impl Iterator<Item = u64>, Qcow2Error> {
    if table.len() < count * 8 {
        return Err(Qcow2Error::Damaged(
            "a table is cut off at the end of the file".to_owned(),
        ));
    }
    Ok(table
        .chunks_exact(8)
        .take(count)
        .map(|entry| entry.try_into().map_or(0, u64::from_be_bytes)))
}

impl Plan {
    /// Reads the tables, given by their place in the file.
    pub(super) fn new(header: &Header, tables: BTreeMap<u64, Vec<u8>>) -> Result<Self, Qcow2Error> {
        let mut plan = Self {
            virtual_size: header.virtual_size,
            cluster_size: usize::try_from(header.cluster_size()).unwrap_or(usize::MAX),
            compression: header.compression,
            extents: VecDeque::new(),
            holes: Vec::new(),
            tables: VecDeque::new(),
        };
        let mut extents = Vec::new();
        if header.l1_entries > 0 {
            let l1 = tables
                .get(&header.l1_offset)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let per_l1 = header.cluster_size() * header.l2_entries();
            for (index, entry) in entries(l1, header.l1_entries)?.enumerate() {
                let guest = index as u64 * per_l1;
                match entry & OFFSET_MASK {
                    0 => plan.add_hole(guest, per_l1),
                    offset => {
                        let l2 = tables.get(&offset).map(Vec::as_slice).unwrap_or_default();
                        plan.read_l2(header, l2, guest, &mut extents)?;
                    }
                }
            }
        }
        extents.sort_unstable_by_key(|extent: &Extent| (extent.host, extent.guest));
        plan.extents = extents.into();
        plan.tables = tables.into_iter().collect();
        let overlap =
            plan.tables.iter().zip(plan.tables.iter().skip(1)).any(
                |((start, table), (next, _))| start.saturating_add(table.len() as u64) > *next,
            );
        if overlap {
            return Err(Qcow2Error::Damaged(
                "its tables lie on top of each other".to_owned(),
            ));
        }
        Ok(plan)
    }

    fn read_l2(
        &mut self,
        header: &Header,
        table: &[u8],
        guest_start: u64,
        extents: &mut Vec<Extent>,
    ) -> Result<(), Qcow2Error> {
        let count = usize::try_from(header.l2_entries()).unwrap_or(usize::MAX);
        for (index, entry) in entries(table, count)?.enumerate() {
            let guest = guest_start + index as u64 * header.cluster_size();
            if guest >= self.virtual_size {
                break;
            }
            if entry & COMPRESSED != 0 {
                extents.push(compressed_extent(header, entry, guest));
                continue;
            }
            let offset = entry & OFFSET_MASK;
            let is_zero = header.version >= 3 && entry & ZERO != 0;
            if entry & !(OFFSET_MASK | COPIED | ZERO) != 0 {
                return Err(Qcow2Error::Damaged(format!("a table entry {entry:#x}")));
            }
            if offset == 0 || is_zero {
                self.add_hole(guest, header.cluster_size());
                continue;
            }
            if !offset.is_multiple_of(header.cluster_size()) {
                return Err(Qcow2Error::Damaged(
                    "a cluster is not where one can be".to_owned(),
                ));
            }
            let length = header.cluster_size().min(self.virtual_size - guest);
            match extents.last_mut() {
                Some(last)
                    if !last.compressed
                        && last.guest + last.length == guest
                        && last.host + last.length == offset =>
                {
                    last.length += length;
                }
                Some(_) | None => {
                    extents.push(Extent {
                        host: offset,
                        length,
                        guest,
                        compressed: false,
                    });
                }
            }
        }
        Ok(())
    }

    fn add_hole(&mut self, start: u64, length: u64) {
        if start >= self.virtual_size {
            return;
        }
        let length = length.min(self.virtual_size - start);
        match self.holes.last_mut() {
            Some((last, so_far)) if *last + *so_far == start => *so_far += length,
            Some(_) | None => self.holes.push((start, length)),
        }
    }
}

/// A compressed cluster's place: a byte offset, and how many further sectors of 512 bytes it touches.
fn compressed_extent(header: &Header, entry: u64, guest: u64) -> Extent {
    let offset_bits = 62 - (header.cluster_bits - 8);
    let host = entry & ((1 << offset_bits) - 1);
    let sectors = (entry & (COMPRESSED - 1)) >> offset_bits;
    let length = (sectors + 1) * 512 - (host & 511);
    Extent {
        host,
        length,
        guest,
        compressed: true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::header::tests::header;
    use super::*;
    use proptest::prelude::*;

    const CLUSTER: u64 = 65536;

    fn plan_of(virtual_size: u64, l2: &[u64]) -> Result<Plan, Qcow2Error> {
        let header = Header::parse(&header(virtual_size, 1)).unwrap();
        let mut table = vec![0; CLUSTER as usize];
        for (slot, entry) in table.chunks_exact_mut(8).zip(l2) {
            slot.copy_from_slice(&entry.to_be_bytes());
        }
        let l1 = (0x40000 | COPIED).to_be_bytes().to_vec();
        Plan::new(&header, BTreeMap::from([(0x30000, l1), (0x40000, table)]))
    }

    #[test]
    fn neighbours_are_joined_and_the_end_is_cut() {
        let entries = [
            0x50000 | COPIED,
            0x60000 | COPIED,
            0,
            ZERO,
            0x90000 | COPIED,
            0x80000 | COPIED,
        ];
        let plan = plan_of(5 * CLUSTER + 100, &entries).unwrap();
        let extents: Vec<_> = plan
            .extents
            .iter()
            .map(|it| (it.host, it.length, it.guest))
            .collect();
        assert_eq!(
            extents,
            [
                (0x50000, 2 * CLUSTER, 0),
                (0x80000, 100, 5 * CLUSTER),
                (0x90000, CLUSTER, 4 * CLUSTER)
            ]
        );
        assert_eq!(plan.holes, [(2 * CLUSTER, 2 * CLUSTER)]);
    }

    proptest! {
        /// Whatever the tables say, extents and holes cover the disk once, or the file is refused.
        #[test]
        fn hostile_tables_cover_the_disk_or_are_refused(
            clusters in 1_u64..40,
            cut in 0_u64..CLUSTER,
            entries in proptest::collection::vec(
                prop_oneof![any::<u64>(), (0_u64..1 << 20).prop_map(|n| (n << 16) | COPIED)], 0..40),
        ) {
            let size = clusters * CLUSTER - cut;
            if let Ok(plan) = plan_of(size, &entries) {
                let mut parts: Vec<(u64, u64)> = plan.holes.clone();
                parts.extend(plan.extents.iter().map(|extent| {
                    let length = if extent.compressed {
                        CLUSTER.min(size - extent.guest)
                    } else {
                        extent.length
                    };
                    (extent.guest, length)
                }));
                parts.sort_unstable();
                let mut end = 0;
                for (start, length) in parts {
                    prop_assert_eq!(start, end);
                    end = start + length;
                }
                prop_assert_eq!(end, size);
            }
        }
    }
}
