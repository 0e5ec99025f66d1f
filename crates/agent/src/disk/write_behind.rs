//! Direct writes that are under way while the next one is filled: a disk is fastest with several at
//! once. What overlaps waits, so that whoever writes sees the order it wrote in; a failure is told by
//! the next call, or by [`WriteBehind::drain`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::aligned::AlignedBuffer;

/// Writes under way at once. Each has a buffer of [`BUFFER`] bytes.
const DEPTH: usize = 4;
/// How much is written at once.
const BUFFER: usize = 1024 * 1024;

/// A write, and after it its buffer.
struct Block {
    buffer: AlignedBuffer,
    offset: u64,
    length: usize,
}

/// Writes to one file, opened for direct I/O. Dropping it lets what is under way end.
pub(super) struct WriteBehind {
    to_do: Sender<Block>,
    done: Receiver<(Block, io::Result<()>)>,
    free: Vec<AlignedBuffer>,
    under_way: Vec<(u64, u64)>,
    failure: Option<io::Error>,
}

impl WriteBehind {
    /// Starts the threads that write.
    ///
    /// # Errors
    /// There can be no thread.
    pub(super) fn start(file: File) -> io::Result<Self> {
        let file = Arc::new(file);
        let (to_do, queue) = channel::<Block>();
        let queue = Arc::new(Mutex::new(queue));
        let (report, done) = channel();
        for _ in 0..DEPTH {
            let (file, queue, report) = (Arc::clone(&file), Arc::clone(&queue), report.clone());
            thread::Builder::new()
                .name("disk".to_owned())
                .spawn(move || work(&file, &queue, &report))?;
        }
        Ok(Self {
            to_do,
            done,
            free: (0..DEPTH).map(|_| AlignedBuffer::new(BUFFER)).collect(),
            under_way: Vec::with_capacity(DEPTH),
            failure: None,
        })
    }

    /// Begins to write; offset and length are aligned. The data is copied.
    ///
    /// # Errors
    /// A former write failed.
    pub(super) fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut offset = offset;
        for chunk in data.chunks(BUFFER) {
            self.wait_for(offset, chunk.len() as u64)?;
            let mut buffer = loop {
                match self.free.pop() {
                    Some(buffer) => break buffer,
                    None => self.wait_for_one()?,
                }
            };
            buffer.fill(chunk);
            let block = Block {
                buffer,
                offset,
                length: chunk.len(),
            };
            self.under_way.push((offset, chunk.len() as u64));
            self.to_do.send(block).map_err(|_| ended())?;
            offset += chunk.len() as u64;
        }
        Ok(())
    }

    /// Waits until nothing that overlaps this range is under way.
    ///
    /// # Errors
    /// A former write failed.
    pub(super) fn wait_for(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let end = offset.saturating_add(length);
        while self
            .under_way
            .iter()
            .any(|(start, length)| *start < end && offset < start + length)
        {
            self.wait_for_one()?;
        }
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    /// A former write failed.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        self.wait_for(0, u64::MAX)
    }

    fn wait_for_one(&mut self) -> io::Result<()> {
        let (block, outcome) = self.done.recv().map_err(|_| ended())?;
        self.under_way.retain(|(offset, _)| *offset != block.offset);
        self.free.push(block.buffer);
        if let Err(error) = outcome {
            self.failure.get_or_insert(error);
        }
        Ok(())
    }
}

fn ended() -> io::Error {
    io::Error::other("the threads that write to the disk have ended")
}

fn work(file: &File, queue: &Mutex<Receiver<Block>>, report: &Sender<(Block, io::Result<()>)>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(block) = next else { return };
        let outcome = file.write_all_at(block.buffer.filled(block.length), block.offset);
        if report.send((block, outcome)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Whatever overlaps, the file has what was written last.
        #[test]
        fn the_last_write_wins(writes in proptest::collection::vec((0_u64..48, 1_usize..40), 1..40)) {
            let path = tempfile::NamedTempFile::new().unwrap();
            let file = File::options().write(true).open(path.path()).unwrap();
            let mut behind = WriteBehind::start(file).unwrap();
            let mut want = vec![0; 96 << 16];
            for (number, (block, length)) in writes.iter().enumerate() {
                let data = vec![number as u8 + 1; length << 16];
                behind.write(block << 16, &data).unwrap();
                let start = (*block as usize) << 16;
                want[start..start + data.len()].copy_from_slice(&data);
            }
            behind.drain().unwrap();
            let got = std::fs::read(path.path()).unwrap();
            prop_assert!(want.starts_with(&got));
            prop_assert!(want[got.len()..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_failed_write_is_told_once() {
        let read_only = File::open("/dev/null").unwrap();
        let mut behind = WriteBehind::start(read_only).unwrap();
        behind.write(0, &[1; 4096]).unwrap();
        assert!(behind.drain().is_err());
        behind.drain().unwrap();
    }
}
