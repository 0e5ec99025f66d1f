//! Writing the bytes of a disk in order, zeros as zeros: what the disk can zero by itself is not
//! sent to it.

use std::io::{self, Write};

use super::format::foreign;
use crate::disk::Disk;

/// How much is written at once.
const BLOCK: usize = 1024 * 1024;
/// What is worth to be zeroed instead of written.
const GRAIN: usize = 64 * 1024;
static ZEROS: [u8; GRAIN] = [0; GRAIN];

/// Gathers bytes into large aligned writes.
pub(super) struct RawWriter<D: Disk> {
    disk: D,
    offset: u64,
    block: Vec<u8>,
    refuses_foreign: bool,
}

impl<D: Disk> RawWriter<D> {
    pub(super) fn new(disk: D) -> Self {
        Self {
            disk,
            offset: 0,
            block: Vec::with_capacity(BLOCK),
            refuses_foreign: false,
        }
    }

    /// As [`RawWriter::new`], but what begins as no disk does is damage: for bytes that nobody could
    /// look at before.
    pub(super) fn refusing_foreign(disk: D) -> Self {
        Self {
            refuses_foreign: true,
            ..Self::new(disk)
        }
    }

    /// Bytes given to the disk so far.
    pub(super) fn written(&self) -> u64 {
        self.offset
    }

    /// Writes what is left; how much was written in all is the result.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.write_block()?;
        Ok(self.offset)
    }

    fn write_block(&mut self) -> io::Result<()> {
        if self.offset + self.block.len() as u64 > self.disk.size() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.offset == 0
            && self.refuses_foreign
            && let Some(name) = foreign(&self.block)
        {
            let reason = format!("what is packed in it is {name}, not a raw disk");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        write_sparse(&mut self.disk, self.offset, &self.block)?;
        self.offset += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

impl<D: Disk> Write for RawWriter<D> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let room = BLOCK - self.block.len();
        let taken = data.len().min(room);
        self.block
            .extend_from_slice(data.get(..taken).unwrap_or_default());
        if self.block.len() == BLOCK {
            self.write_block()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes data, with runs of zeros zeroed.
pub(super) fn write_sparse<D: Disk + ?Sized>(
    disk: &mut D,
    offset: u64,
    data: &[u8],
) -> io::Result<()> {
    let is_zero = |grain: &[u8]| ZEROS.get(..grain.len()).is_some_and(|zeros| grain == zeros);
    let mut rest = data;
    let mut offset = offset;
    while !rest.is_empty() {
        let zero = rest.chunks(GRAIN).next().is_some_and(is_zero);
        let run: usize = rest
            .chunks(GRAIN)
            .take_while(|grain| is_zero(grain) == zero)
            .map(<[u8]>::len)
            .sum();
        let (now, later) = rest.split_at(run);
        if zero {
            disk.zero(offset, run as u64)?;
        } else {
            disk.write_at(offset, now)?;
        }
        offset += run as u64;
        rest = later;
    }
    Ok(())
}
