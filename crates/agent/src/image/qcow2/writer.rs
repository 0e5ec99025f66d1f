//! The single pass over a qcow2 file: each byte that comes is given to the extents it belongs to.

use std::io;

use sha2::{Digest, Sha256};

use super::cluster::ClusterUnpacker;
use super::plan::{Extent, Plan};
use crate::disk::Disk;
use crate::image::raw::write_sparse;

/// How much of the file is looked at in one go.
const BLOCK: usize = 1024 * 1024;
/// Compressed clusters share sectors, so that several are open at a time; more than this is an attack.
const MAX_OPEN_BYTES: u64 = 8 * 1024 * 1024;

/// Writes a qcow2 file that comes in order to a disk.
pub(in crate::image) struct Qcow2Writer<D: Disk> {
    disk: D,
    plan: Plan,
    position: u64,
    block: Vec<u8>,
    open: Vec<Open>,
    open_bytes: u64,
    /// The digest of the table that the stream is in.
    table: Sha256,
    unpacker: ClusterUnpacker,
    written: u64,
}

/// An extent whose first byte has come, and its last has not.
struct Open {
    extent: Extent,
    /// What came of a compressed one.
    bytes: Vec<u8>,
}

fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

impl<D: Disk> Qcow2Writer<D> {
    /// Zeroes the holes and waits for the file.
    pub(in crate::image) fn new(mut disk: D, plan: Plan) -> io::Result<Self> {
        for (start, length) in plan.holes() {
            disk.zero(start, length)?;
        }
        Ok(Self {
            disk,
            unpacker: ClusterUnpacker::new(plan.compression, plan.cluster_size)?,
            table: Sha256::new(),
            plan,
            position: 0,
            block: Vec::with_capacity(BLOCK),
            open: Vec::new(),
            open_bytes: 0,
            written: 0,
        })
    }

    /// Bytes of the disk's contents written so far.
    pub(in crate::image) fn written(&self) -> u64 {
        self.written
    }

    /// Takes the next bytes of the file.
    pub(in crate::image) fn feed(&mut self, data: &[u8]) -> io::Result<()> {
        let mut rest = data;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            rest = later;
            if self.block.len() == BLOCK {
                self.take_block()?;
            }
        }
        Ok(())
    }

    /// The file is complete; how much was written in all is the result.
    pub(in crate::image) fn finish(mut self) -> io::Result<u64> {
        self.take_block()?;
        // The last compressed cluster may claim more sectors than the file has.
        for open in std::mem::take(&mut self.open) {
            if !open.extent.compressed {
                return Err(damaged("its qcow2 file ends within a cluster"));
            }
            self.write_compressed(open.extent, &open.bytes)?;
        }
        if self.plan.next_extent().is_some() {
            return Err(damaged("its qcow2 file ends before its last cluster"));
        }
        Ok(self.written)
    }

    fn take_block(&mut self) -> io::Result<()> {
        let block = std::mem::take(&mut self.block);
        let end = self.position + block.len() as u64;
        self.compare_tables(&block)?;
        while let Some(extent) = self.plan.next_extent() {
            if extent.host >= end {
                break;
            }
            self.plan.pop_extent();
            self.open_bytes += if extent.compressed { extent.length } else { 0 };
            if self.open_bytes > MAX_OPEN_BYTES {
                return Err(damaged("its qcow2 file is made to exhaust memory"));
            }
            self.open.push(Open {
                extent,
                bytes: Vec::new(),
            });
        }
        let mut still_open = Vec::new();
        for mut open in std::mem::take(&mut self.open) {
            let extent_end = open.extent.host.saturating_add(open.extent.length);
            let from = open.extent.host.max(self.position);
            let part = self.part(&block, from, extent_end.min(end));
            if open.extent.compressed {
                open.bytes.extend_from_slice(part);
                if extent_end <= end {
                    self.open_bytes -= open.extent.length;
                    self.write_compressed(open.extent, &open.bytes)?;
                }
            } else {
                let guest = open.extent.guest + (from - open.extent.host);
                write_sparse(&mut self.disk, guest, part)?;
                self.written += part.len() as u64;
            }
            if extent_end > end {
                still_open.push(open);
            }
        }
        self.open = still_open;
        self.position = end;
        self.block = block;
        self.block.clear();
        Ok(())
    }

    /// The bytes of the block between two places of the file.
    fn part<'b>(&self, block: &'b [u8], from: u64, to: u64) -> &'b [u8] {
        let index = |place: u64| usize::try_from(place.saturating_sub(self.position)).ok();
        index(from)
            .zip(index(to))
            .and_then(|(from, to)| block.get(from..to))
            .unwrap_or_default()
    }

    /// The tables were read before, on their own: a server that shows others now is refused.
    fn compare_tables(&mut self, block: &[u8]) -> io::Result<()> {
        let end = self.position + block.len() as u64;
        while let Some(table) = self.plan.tables.front() {
            if table.start >= end {
                break;
            }
            let table_end = table.start.saturating_add(table.length);
            let seen = self.part(block, table.start.max(self.position), table_end.min(end));
            self.table.update(seen);
            if table_end > end {
                break;
            }
            let digest: [u8; 32] = self.table.finalize_reset().into();
            if digest != table.digest {
                return Err(damaged("its qcow2 file changed while it was read"));
            }
            self.plan.tables.pop_front();
        }
        Ok(())
    }

    fn write_compressed(&mut self, extent: Extent, bytes: &[u8]) -> io::Result<()> {
        let cluster = self.unpacker.unpack(bytes).map_err(|error| {
            damaged(format!(
                "the compressed cluster at {} is damaged: {error}",
                extent.host
            ))
        })?;
        let length = (self.plan.virtual_size - extent.guest).min(cluster.len() as u64);
        let length = usize::try_from(length).unwrap_or(cluster.len());
        write_sparse(
            &mut self.disk,
            extent.guest,
            cluster.get(..length).unwrap_or_default(),
        )?;
        self.written += length as u64;
        Ok(())
    }
}
