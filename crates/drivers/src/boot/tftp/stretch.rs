//! Stretches of content as DATA packets, one after the other in memory as they go on the wire.
//!
//! Packets of one length that lie next to each other can be handed to the kernel in one call, which
//! cuts them apart (UDP segmentation offload). A file is read straight into their places. The
//! machines of a rack load one ramdisk at about the same pace, so the stretches that were read last
//! are shared by all transfers ([`Recent`]).

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::sync::Arc;

use super::transfer::wire_number;
use crate::boot::content::{Content, OpenFile};

/// Octets before the data: opcode and block number.
const HEADER: usize = 4;

/// Opcode of DATA (RFC 1350 section 5).
const DATA: [u8; 2] = [0, 3];

/// About how much is read at once, so that most blocks cost no read of their own. A thousand
/// transfers that have nothing in common hold this much each.
const STRETCH: usize = 16 << 10;

/// The most blocks in one stretch, where the window is not larger.
const MOST_BLOCKS: u64 = 256;

/// Stretches kept for transfers that are a little behind.
const KEPT: usize = 64;

/// How a content lies in blocks, and its blocks in stretches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    block_size: usize,
    /// Octets of the whole content.
    size: u64,
    /// Blocks in each stretch but the last: whole windows.
    capacity: u64,
}

impl Layout {
    pub(super) fn new(block_size: usize, window: u64, size: u64) -> Self {
        let usual = ((STRETCH / (block_size + HEADER)) as u64).min(MOST_BLOCKS);
        let window = window.max(1);
        Self {
            block_size,
            size,
            capacity: (usual / window).max(1) * window,
        }
    }

    /// Octets from one packet to the next.
    const fn stride(&self) -> usize {
        self.block_size + HEADER
    }

    /// The first blocks of the stretches that these blocks lie in.
    pub(super) fn stretches(&self, blocks: &Range<u64>) -> impl Iterator<Item = u64> + use<> {
        let capacity = self.capacity;
        let number = move |block: u64| block.saturating_sub(1) / capacity;
        (number(blocks.start)..=number(blocks.end.saturating_sub(1)))
            .map(move |number| number * capacity + 1)
    }

    /// Where in the content a block begins.
    fn offset(&self, block: u64) -> u64 {
        (block.saturating_sub(1))
            .saturating_mul(self.block_size as u64)
            .min(self.size)
    }
}

/// Packets ready to be sent.
#[derive(Debug)]
pub(super) struct Stretch {
    packets: Vec<u8>,
    stride: usize,
    blocks: Range<u64>,
}

impl Stretch {
    /// Makes the stretch that begins with this block from what is in memory; `None` where the disk
    /// has to be waited for, by [`Stretch::read`].
    ///
    /// # Errors
    /// The file cannot be read, or is shorter than it was.
    pub(super) fn from_memory(
        layout: Layout,
        first: u64,
        content: &Content,
    ) -> io::Result<Option<Self>> {
        let mut stretch = Self::lay_out(layout, first);
        let (start, wanted) = (layout.offset(first), stretch.data_length());
        match content {
            Content::Memory(bytes) => {
                let rest = usize::try_from(start).ok().and_then(|n| bytes.get(n..));
                stretch.copy(rest.unwrap_or_default());
            }
            Content::File(file) if wanted > 0 => {
                match file.read_cached(&mut stretch.places(), start)? {
                    Some(read) if read == wanted => {}
                    Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Some(_) | None => return Ok(None),
                }
            }
            Content::File(_) => {}
        }
        Ok(Some(stretch))
    }

    /// Makes the stretch that begins with this block, waiting for the disk.
    ///
    /// # Errors
    /// As [`Stretch::from_memory`].
    pub(super) fn read(layout: Layout, first: u64, file: &OpenFile) -> io::Result<Self> {
        let mut stretch = Self::lay_out(layout, first);
        let mut data = vec![0; stretch.data_length()];
        file.read_exact(&mut data, layout.offset(first))?;
        stretch.copy(&data);
        Ok(stretch)
    }

    /// Octets from one packet to the next.
    pub(super) const fn stride(&self) -> usize {
        self.stride
    }

    /// The packets of those blocks that lie in this stretch, one after the other.
    pub(super) fn packets(&self, blocks: &Range<u64>) -> &[u8] {
        let place = |block: u64| {
            let blocks = usize::try_from(block.saturating_sub(self.blocks.start));
            blocks.unwrap_or(usize::MAX).saturating_mul(self.stride)
        };
        let end = place(blocks.end).min(self.packets.len());
        self.packets
            .get(place(blocks.start)..end)
            .unwrap_or_default()
    }

    /// Makes room for the packets and writes their headers.
    fn lay_out(layout: Layout, first: u64) -> Self {
        let last = layout.size / layout.block_size as u64 + 1;
        let blocks = first..(first + layout.capacity).min(last + 1);
        let data = layout.offset(blocks.end) - layout.offset(first);
        let headers = blocks.end.saturating_sub(first) * HEADER as u64;
        let mut stretch = Self {
            packets: vec![0; usize::try_from(data + headers).unwrap_or(0)],
            stride: layout.stride(),
            blocks,
        };
        for (packet, block) in stretch.packets.chunks_mut(stretch.stride).zip(first..) {
            if let Some((header, _)) = packet.split_first_chunk_mut::<HEADER>() {
                let [high, low] = wire_number(block).to_be_bytes();
                let [opcode_high, opcode_low] = DATA;
                *header = [opcode_high, opcode_low, high, low];
            }
        }
        stretch
    }

    /// Octets of content in it.
    fn data_length(&self) -> usize {
        let packets = usize::try_from(self.blocks.end.saturating_sub(self.blocks.start));
        self.packets
            .len()
            .saturating_sub(packets.unwrap_or(0) * HEADER)
    }

    /// The places of the data.
    fn places(&mut self) -> Vec<IoSliceMut<'_>> {
        self.packets
            .chunks_mut(self.stride)
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
}

/// The stretches that one transfer sends from.
#[derive(Debug, Default)]
pub(super) struct Held {
    stretches: Vec<Arc<Stretch>>,
}

impl Held {
    /// The stretch that begins with this block.
    pub(super) fn get(&self, first: u64) -> Option<&Arc<Stretch>> {
        self.stretches
            .iter()
            .find(|stretch| stretch.blocks.start == first)
    }

    /// One more; those before it go with [`Held::keep`].
    pub(super) fn add(&mut self, stretch: Arc<Stretch>) {
        self.stretches.push(stretch);
    }

    /// Lets go of all stretches but those of these blocks.
    pub(super) fn keep(&mut self, blocks: &Range<u64>) {
        self.stretches
            .retain(|it| it.blocks.start < blocks.end && blocks.start < it.blocks.end);
    }
}

/// The stretches that were made last, of all transfers.
#[derive(Debug, Default)]
pub(super) struct Recent {
    kept: VecDeque<(Layout, Content, Arc<Stretch>)>,
}

impl Recent {
    /// The stretch that begins with this block, if a transfer of the same content in the same
    /// layout had it lately.
    pub(super) fn get(
        &self,
        layout: Layout,
        first: u64,
        content: &Content,
    ) -> Option<Arc<Stretch>> {
        self.kept
            .iter()
            .rev()
            .find(|(of, from, stretch)| {
                stretch.blocks.start == first && *of == layout && from.is_same(content)
            })
            .map(|(.., stretch)| Arc::clone(stretch))
    }

    /// Keeps one for the others.
    pub(super) fn add(&mut self, layout: Layout, content: Content, stretch: Arc<Stretch>) {
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((layout, content, stretch));
    }

    /// Lets go of all of them: nobody is sent anything.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::tftp::packet::Packet;
    use proptest::prelude::*;

    /// The packets of a range of blocks, from the stretches that `make` makes, are these parts of
    /// the content.
    fn check(layout: Layout, blocks: &Range<u64>, content: &[u8], make: impl Fn(u64) -> Stretch) {
        let mut seen = blocks.clone();
        for first in layout.stretches(blocks) {
            let stretch = make(first);
            for packet in stretch.packets(blocks).chunks(stretch.stride()) {
                let block = seen.next().unwrap();
                let Ok(Packet::Data {
                    block: number,
                    data,
                }) = Packet::decode(packet)
                else {
                    panic!("{packet:?}")
                };
                assert_eq!(number, wire_number(block));
                let start = (block as usize - 1) * layout.block_size;
                let want = &content[start..content.len().min(start + layout.block_size)];
                assert_eq!(data, want);
            }
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
            let layout = Layout::new(block_size, window, size as u64);
            prop_assert!(layout.stretches(&blocks).count() <= 2);

            let memory = Content::Memory(content.clone().into());
            check(layout, &blocks, &content, |first| {
                Stretch::from_memory(layout, first, &memory).unwrap().unwrap()
            });
            let cached = Content::File(Arc::clone(&file));
            check(layout, &blocks, &content, |first| {
                match Stretch::from_memory(layout, first, &cached).unwrap() {
                    Some(stretch) => stretch,
                    None => Stretch::read(layout, first, &file).unwrap(),
                }
            });
            check(layout, &blocks, &content, |first| Stretch::read(layout, first, &file).unwrap());
        }
    }

    #[test]
    fn a_file_that_became_shorter_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, [0; 50_000]).unwrap();
        let file = Arc::new(OpenFile::open(&path).unwrap());
        std::fs::write(&path, [0; 10]).unwrap();
        let layout = Layout::new(512, 1, 50_000);
        let first = layout.stretches(&(60..61)).next().unwrap();
        assert!(Stretch::read(layout, first, &file).is_err());
        assert!(Stretch::from_memory(layout, first, &Content::File(file)).is_err());
    }

    #[test]
    fn the_last_stretches_are_shared_by_transfers_of_the_same_content() {
        let content = Content::Memory(vec![7; 200_000].into());
        let other = Content::Memory(vec![7; 200_000].into());
        let layout = Layout::new(512, 1, 200_000);
        let mut recent = Recent::default();
        let add = |recent: &mut Recent, first| {
            let stretch = Stretch::from_memory(layout, first, &content).unwrap();
            recent.add(layout, content.clone(), Arc::new(stretch.unwrap()));
        };
        add(&mut recent, 1);
        assert!(recent.get(layout, 1, &content.clone()).is_some());
        assert!(recent.get(layout, 1, &other).is_none());
        assert!(
            recent
                .get(Layout::new(1024, 1, 200_000), 1, &content)
                .is_none()
        );
        for _ in 0..KEPT {
            add(&mut recent, 32);
        }
        assert!(recent.get(layout, 1, &content).is_none());
    }
}
