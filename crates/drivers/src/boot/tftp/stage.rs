//! A stretch of a file as DATA packets, one after the other in memory as they go on the wire.
//!
//! Packets of one length that lie next to each other can be handed to the kernel in one call, which
//! cuts them apart (UDP segmentation offload). A file is read straight into their places.

use std::io::{self, IoSliceMut};
use std::ops::Range;

use super::transfer::wire_number;
use crate::boot::content::{Content, OpenFile};

/// Octets before the data: opcode and block number.
const HEADER: usize = 4;

/// Opcode of DATA (RFC 1350 section 5).
const DATA: [u8; 2] = [0, 3];

/// About how much is read at once, so that most blocks cost no read of their own. A thousand
/// transfers hold this much each.
const STRETCH: usize = 16 << 10;

/// The most blocks in one stretch.
const MOST_BLOCKS: u64 = 256;

/// Packets ready to be sent.
#[derive(Debug)]
pub(super) struct Stage {
    buffer: Vec<u8>,
    block_size: usize,
    /// Octets of the whole content.
    size: u64,
    /// The blocks that are in the buffer.
    blocks: Range<u64>,
    /// How many blocks fit.
    capacity: u64,
}

/// Whether the packets are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    Ready,
    /// The disk has to be waited for; see [`Stage::fill_waiting`].
    NotCached,
}

impl Stage {
    /// An empty one, large enough for a window.
    pub(super) fn new(block_size: usize, window: u64, size: u64) -> Self {
        let usual = (STRETCH / (block_size + HEADER)) as u64;
        Self {
            buffer: Vec::new(),
            block_size,
            size,
            blocks: 1..1,
            capacity: usual.min(MOST_BLOCKS).max(window).max(1),
        }
    }

    /// Octets from one packet to the next.
    pub(super) const fn stride(&self) -> usize {
        self.block_size + HEADER
    }

    /// These packets, one after the other; `None` where they are not there yet.
    pub(super) fn packets(&self, blocks: &Range<u64>) -> Option<&[u8]> {
        if !self.holds(blocks) {
            return None;
        }
        let start = self.place(blocks.start)?;
        let end = self.place(blocks.end)?.min(self.buffer.len());
        self.buffer.get(start..end)
    }

    /// Makes these packets from what is in memory.
    ///
    /// # Errors
    /// The file cannot be read, or is shorter than it was.
    pub(super) fn fill(&mut self, content: &Content, blocks: &Range<u64>) -> io::Result<Filled> {
        if self.holds(blocks) {
            return Ok(Filled::Ready);
        }
        self.lay_out(blocks.start);
        let start = self.offset(self.blocks.start);
        match content {
            Content::Memory(bytes) => {
                let rest = usize::try_from(start).ok().and_then(|n| bytes.get(n..));
                self.copy(rest.unwrap_or_default());
            }
            Content::File(file) => {
                let wanted = self.data_length();
                let read = match wanted {
                    0 => Some(0),
                    _ => file.read_cached(&mut self.places(), start)?,
                };
                match read {
                    Some(read) if read == wanted => {}
                    Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Some(read) => self.keep_whole(read),
                    None => self.blocks.end = self.blocks.start,
                }
            }
        }
        Ok(if self.holds(blocks) {
            Filled::Ready
        } else {
            Filled::NotCached
        })
    }

    /// Makes the packets from this block on, waiting for the disk.
    ///
    /// # Errors
    /// As [`Stage::fill`].
    pub(super) fn fill_waiting(&mut self, file: &OpenFile, first: u64) -> io::Result<()> {
        self.lay_out(first);
        let mut data = vec![0; self.data_length()];
        let read = file.read_exact(&mut data, self.offset(first));
        if read.is_err() {
            self.blocks.end = self.blocks.start;
        }
        read?;
        self.copy(&data);
        Ok(())
    }

    const fn holds(&self, blocks: &Range<u64>) -> bool {
        self.blocks.start <= blocks.start && blocks.end <= self.blocks.end
    }

    fn place(&self, block: u64) -> Option<usize> {
        let blocks = usize::try_from(block.checked_sub(self.blocks.start)?).ok()?;
        blocks.checked_mul(self.stride())
    }

    /// Where in the content a block begins.
    const fn offset(&self, block: u64) -> u64 {
        (block - 1) * self.block_size as u64
    }

    /// Makes room for as many packets as fit, from this one on, and writes their headers.
    fn lay_out(&mut self, first: u64) {
        let last = self.size / self.block_size as u64 + 1;
        let end = (first + self.capacity).min(last + 1);
        self.blocks = first..end;
        let data = self.size.min(self.offset(end)) - self.size.min(self.offset(first));
        let headers = (end - first) * HEADER as u64;
        self.buffer
            .resize(usize::try_from(data + headers).unwrap_or(0), 0);
        let stride = self.stride();
        for (packet, block) in self.buffer.chunks_mut(stride).zip(first..end) {
            if let Some((header, _)) = packet.split_first_chunk_mut::<HEADER>() {
                let [high, low] = wire_number(block).to_be_bytes();
                let [opcode_high, opcode_low] = DATA;
                *header = [opcode_high, opcode_low, high, low];
            }
        }
    }

    /// Octets of file in the buffer.
    fn data_length(&self) -> usize {
        let packets = usize::try_from(self.blocks.end - self.blocks.start).unwrap_or(0);
        self.buffer.len().saturating_sub(packets * HEADER)
    }

    /// The places of the data.
    fn places(&mut self) -> Vec<IoSliceMut<'_>> {
        let stride = self.stride();
        self.buffer
            .chunks_mut(stride)
            .filter_map(|packet| packet.get_mut(HEADER..))
            .filter(|data| !data.is_empty())
            .map(IoSliceMut::new)
            .collect()
    }

    fn copy(&mut self, mut data: &[u8]) {
        for place in &mut self.places() {
            let (now, rest) = data.split_at(place.len().min(data.len()));
            if let Some(place) = place.get_mut(..now.len()) {
                place.copy_from_slice(now);
            }
            data = rest;
        }
    }

    /// Keeps the blocks that were read whole.
    fn keep_whole(&mut self, read: usize) {
        let whole = (read / self.block_size) as u64;
        self.blocks.end = self.blocks.end.min(self.blocks.start + whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::tftp::packet::Packet;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn check(stage: &Stage, blocks: Range<u64>, content: &[u8]) {
        let packets = stage.packets(&blocks).unwrap();
        let mut seen = blocks.clone();
        for packet in packets.chunks(stage.stride()) {
            let block = seen.next().unwrap();
            let Ok(Packet::Data {
                block: number,
                data,
            }) = Packet::decode(packet)
            else {
                panic!("{packet:?}")
            };
            assert_eq!(number, wire_number(block));
            let start = (block as usize - 1) * stage.block_size;
            let want = &content[start..content.len().min(start + stage.block_size)];
            assert_eq!(data, want);
        }
        assert_eq!(seen.next(), None);
    }

    proptest! {
        #[test]
        fn packets_are_the_file(
            size in 0_usize..40_000, block_size in 8_usize..2000, window in 1_u64..33, at in 0.0..1.0
        ) {
            let content: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            std::fs::write(&path, &content).unwrap();
            let file = Arc::new(OpenFile::open(&path).unwrap());
            let last = (size / block_size) as u64 + 1;
            let first = 1 + ((last - 1) as f64 * at) as u64;
            let blocks = first..(first + window).min(last + 1);

            let mut stage = Stage::new(block_size, window, size as u64);
            prop_assert!(stage.packets(&blocks).is_none());
            let memory = Content::Memory(content.clone().into());
            prop_assert_eq!(stage.fill(&memory, &blocks).unwrap(), Filled::Ready);
            check(&stage, blocks.clone(), &content);

            let mut stage = Stage::new(block_size, window, size as u64);
            if stage.fill(&Content::File(Arc::clone(&file)), &blocks).unwrap() == Filled::NotCached {
                stage.fill_waiting(&file, blocks.start).unwrap();
            }
            check(&stage, blocks.clone(), &content);
            let mut stage = Stage::new(block_size, window, size as u64);
            stage.fill_waiting(&file, blocks.start).unwrap();
            check(&stage, blocks, &content);
        }
    }

    #[test]
    fn a_file_that_became_shorter_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, [0; 5000]).unwrap();
        let file = Arc::new(OpenFile::open(&path).unwrap());
        std::fs::write(&path, [0; 10]).unwrap();
        let mut stage = Stage::new(512, 1, 5000);
        assert!(stage.fill_waiting(&file, 5).is_err());
        assert_eq!(stage.packets(&(5..6)), None);
    }
}
