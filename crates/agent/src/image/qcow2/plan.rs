//! From the tables of a qcow2 file to a list of what lies where: extents in the order of the file,
//! and the holes of the disk. Both are packed, and of the tables only digests are kept: an image of
//! some TiB has to fit into the memory of a small agent.

use std::collections::{BTreeMap, VecDeque};

use sha2::{Digest, Sha256};

use super::super::ImageError;
use super::super::source::Source;
use super::Qcow2Error;
use super::header::{Compression, Header};

/// What lists of extents and holes may take, in bytes: enough for 90 GiB of single clusters, and for
/// any size in larger or neighbouring ones.
const MAX_PLAN_BYTES: usize = 24 * 1024 * 1024;
/// Tables that come all at once, from a server without ranges, may take this much.
const MAX_TABLE_BYTES: u64 = 16 * 1024 * 1024;
/// More tables than this belong to no image anybody deploys.
const MAX_TABLES: usize = 128 * 1024;
pub(super) const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;
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
    extents: VecDeque<PackedExtent>,
    /// Parts of the disk that read as zeros: first cluster, and how many.
    holes: Vec<(u32, u32)>,
    /// The tables as they were read, in the order of the file: the stream has to show the same.
    pub(super) tables: VecDeque<Table>,
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

/// An extent in 16 bytes. Fields are in the order that sorts it as the file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PackedExtent {
    /// Offsets have 56 bits; a compressed one is marked in the lowest bit.
    host: u64,
    /// In clusters.
    guest: u32,
    /// Clusters, or bytes of a compressed one.
    length: u32,
}

/// What is known of a table of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) digest: [u8; 32],
}

impl Table {
    fn of(start: u64, bytes: &[u8]) -> Self {
        Self {
            start,
            length: bytes.len() as u64,
            digest: Sha256::digest(bytes).into(),
        }
    }
}

fn damaged(reason: &str) -> Qcow2Error {
    Qcow2Error::Damaged(reason.to_owned())
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
    let mut builder = Builder::new(header).map_err(invalid)?;
    if header.l1_entries == 0 {
        return builder.finish().map_err(invalid);
    }
    let l1 = source
        .parts(&[(header.l1_offset, header.l1_entries * 8)])
        .await?;
    let l1 = l1.into_iter().next().unwrap_or_default();
    let wanted = l2_tables(header, &l1).map_err(invalid)?;
    let cluster = usize::try_from(header.cluster_size()).unwrap_or(usize::MAX);
    builder.add_table(header.l1_offset, &l1);
    // Without ranges each fetch reads the file from its start: then all of them come in one pass.
    let mut all = BTreeMap::new();
    if !source.has_ranges() {
        if wanted.len() as u64 * header.cluster_size() > MAX_TABLE_BYTES {
            return Err(invalid(Qcow2Error::Unsupported(
                "has so many tables that its server has to offer ranges; use another server, or \
                 convert it with qemu-img convert -O qcow2 -o cluster_size=2M"
                    .to_owned(),
            )));
        }
        let parts: Vec<(u64, usize)> = wanted.iter().map(|offset| (*offset, cluster)).collect();
        all.extend(wanted.into_iter().zip(source.parts(&parts).await?));
    }
    for (index, entry) in entries(&l1, header.l1_entries)
        .map_err(invalid)?
        .enumerate()
    {
        let offset = entry & OFFSET_MASK;
        let fetched = match all.get(&offset) {
            Some(_) => None,
            None if offset == 0 => None,
            None => source.parts(&[(offset, cluster)]).await?.into_iter().next(),
        };
        let table = fetched.as_deref().or(all.get(&offset).map(Vec::as_slice));
        builder
            .add_l1_entry(index, offset, table)
            .map_err(invalid)?;
    }
    builder.finish().map_err(invalid)
}

/// Where the L2 tables are, in the order of the file, each once.
pub(super) fn l2_tables(header: &Header, l1: &[u8]) -> Result<Vec<u64>, Qcow2Error> {
    let mut offsets: Vec<u64> = Vec::new();
    for entry in entries(l1, header.l1_entries)? {
        let offset = entry & OFFSET_MASK;
        if offset == 0 {
            continue;
        }
        if !offset.is_multiple_of(header.cluster_size()) || offset == header.l1_offset {
            return Err(damaged("an L2 table is not where one can be"));
        }
        offsets.push(offset);
    }
    offsets.sort_unstable();
    offsets.dedup();
    if offsets.len() > MAX_TABLES {
        return Err(Qcow2Error::Unsupported("has too many tables".to_owned()));
    }
    Ok(offsets)
}

pub(super) fn entries(table: &[u8], count: usize) -> Result<impl Iterator<Item = u64>, Qcow2Error> {
    if table.len() < count * 8 {
        return Err(damaged("a table is cut off at the end of the file"));
    }
    Ok(table
        .chunks_exact(8)
        .take(count)
        .map(|entry| entry.try_into().map_or(0, u64::from_be_bytes)))
}

impl Plan {
    /// The extent that comes next in the file.
    pub(super) fn next_extent(&self) -> Option<Extent> {
        self.extents.front().map(|packed| self.unpack(*packed))
    }

    /// Done with the next extent.
    pub(super) fn pop_extent(&mut self) {
        self.extents.pop_front();
    }

    /// Parts of the disk that read as zeros: start and length in bytes.
    pub(super) fn holes(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.holes
            .iter()
            .map(|(first, count)| self.span(*first, *count))
    }

    fn span(&self, first: u32, count: u32) -> (u64, u64) {
        let cluster = self.cluster_size as u64;
        let start = u64::from(first) * cluster;
        let length = (u64::from(count) * cluster).min(self.virtual_size.saturating_sub(start));
        (start, length)
    }

    fn unpack(&self, packed: PackedExtent) -> Extent {
        let compressed = packed.host & 1 != 0;
        if compressed {
            return Extent {
                host: packed.host >> 1,
                length: u64::from(packed.length),
                guest: self.span(packed.guest, 1).0,
                compressed,
            };
        }
        let (guest, length) = self.span(packed.guest, packed.length);
        Extent {
            host: packed.host >> 1,
            length,
            guest,
            compressed,
        }
    }
}

/// A plan in the making; L1 entries come in the order of the disk.
pub(super) struct Builder<'h> {
    header: &'h Header,
    /// Clusters of the disk, the last one perhaps in part.
    clusters: u32,
    extents: Vec<PackedExtent>,
    holes: Vec<(u32, u32)>,
    tables: BTreeMap<u64, Table>,
}

impl<'h> Builder<'h> {
    pub(super) fn new(header: &'h Header) -> Result<Self, Qcow2Error> {
        let clusters = header.virtual_size.div_ceil(header.cluster_size());
        let clusters = u32::try_from(clusters)
            .map_err(|_| Qcow2Error::Unsupported("claims a disk that is too large".to_owned()))?;
        Ok(Self {
            header,
            clusters,
            extents: Vec::new(),
            holes: Vec::new(),
            tables: BTreeMap::new(),
        })
    }

    pub(super) fn add_table(&mut self, offset: u64, bytes: &[u8]) {
        self.tables.insert(offset, Table::of(offset, bytes));
    }

    /// Adds what an entry of the L1 table stands for; a table that is missing was cut off.
    pub(super) fn add_l1_entry(
        &mut self,
        index: usize,
        offset: u64,
        table: Option<&[u8]>,
    ) -> Result<(), Qcow2Error> {
        let per_table = self.header.l2_entries();
        let first = index as u64 * per_table;
        let Ok(first) = u32::try_from(first) else {
            return Ok(());
        };
        if offset == 0 {
            self.add_hole(first, u32::try_from(per_table).unwrap_or(u32::MAX));
            return Ok(());
        }
        let table = table.unwrap_or_default();
        if let Some(known) = self.tables.get(&offset)
            && *known != Table::of(offset, table)
        {
            return Err(damaged("it changed while it was read"));
        }
        self.add_table(offset, table);
        self.read_l2(table, first)?;
        let used = self.extents.len() * size_of::<PackedExtent>()
            + self.holes.len() * size_of::<(u32, u32)>();
        if used > MAX_PLAN_BYTES {
            return Err(Qcow2Error::Unsupported(
                "has more clusters than the agent can keep in memory; convert it with qemu-img \
                 convert -O qcow2 -o cluster_size=2M"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    fn read_l2(&mut self, table: &[u8], first: u32) -> Result<(), Qcow2Error> {
        let header = self.header;
        let count = usize::try_from(header.l2_entries()).unwrap_or(usize::MAX);
        for (guest, entry) in (first..self.clusters).zip(entries(table, count)?) {
            if entry & COMPRESSED != 0 {
                self.extents.push(compressed_extent(header, entry, guest));
                continue;
            }
            let offset = entry & OFFSET_MASK;
            let is_zero = header.version >= 3 && entry & ZERO != 0;
            if entry & !(OFFSET_MASK | COPIED | ZERO) != 0 {
                return Err(damaged(&format!("a table entry {entry:#x}")));
            }
            if offset == 0 || is_zero {
                self.add_hole(guest, 1);
                continue;
            }
            if !offset.is_multiple_of(header.cluster_size()) {
                return Err(damaged("a cluster is not where one can be"));
            }
            match self.extents.last_mut() {
                Some(last)
                    if last.host & 1 == 0
                        && last.guest.checked_add(last.length) == Some(guest)
                        && (last.host >> 1) + u64::from(last.length) * header.cluster_size()
                            == offset =>
                {
                    last.length += 1;
                }
                Some(_) | None => self.extents.push(PackedExtent {
                    host: offset << 1,
                    guest,
                    length: 1,
                }),
            }
        }
        Ok(())
    }

    fn add_hole(&mut self, first: u32, count: u32) {
        let count = count.min(self.clusters.saturating_sub(first));
        if count == 0 {
            return;
        }
        match self.holes.last_mut() {
            Some((last, so_far)) if last.checked_add(*so_far) == Some(first) => *so_far += count,
            Some(_) | None => self.holes.push((first, count)),
        }
    }

    pub(super) fn finish(mut self) -> Result<Plan, Qcow2Error> {
        let overlap = self
            .tables
            .values()
            .zip(self.tables.values().skip(1))
            .any(|(table, next)| table.start.saturating_add(table.length) > next.start);
        if overlap {
            return Err(damaged("its tables lie on top of each other"));
        }
        self.extents.sort_unstable();
        Ok(Plan {
            virtual_size: self.header.virtual_size,
            cluster_size: usize::try_from(self.header.cluster_size()).unwrap_or(usize::MAX),
            compression: self.header.compression,
            extents: self.extents.into(),
            holes: self.holes,
            tables: self.tables.into_values().collect(),
        })
    }
}

/// A compressed cluster's place: a byte offset, and how many further sectors of 512 bytes it touches.
fn compressed_extent(header: &Header, entry: u64, guest: u32) -> PackedExtent {
    let offset_bits = 62 - (header.cluster_bits - 8);
    let host = entry & ((1 << offset_bits) - 1);
    let sectors = (entry & (COMPRESSED - 1)) >> offset_bits;
    let length = (sectors + 1) * 512 - (host & 511);
    PackedExtent {
        // At most 61 bits: there is room for the mark.
        host: (host << 1) | 1,
        guest,
        // At most two clusters of 2 MiB.
        length: u32::try_from(length).unwrap_or(u32::MAX),
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
        let mut builder = Builder::new(&header)?;
        builder.add_table(0x30000, &(0x40000 | COPIED).to_be_bytes());
        builder.add_l1_entry(0, 0x40000, Some(&table))?;
        builder.finish()
    }

    fn extents_of(plan: &Plan) -> impl Iterator<Item = Extent> + '_ {
        plan.extents.iter().map(|packed| plan.unpack(*packed))
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
        let extents: Vec<_> = extents_of(&plan)
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
        let holes: Vec<_> = plan.holes().collect();
        assert_eq!(holes, [(2 * CLUSTER, 2 * CLUSTER)]);
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
                let mut parts: Vec<(u64, u64)> = plan.holes().collect();
                parts.extend(extents_of(&plan).map(|extent| {
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
