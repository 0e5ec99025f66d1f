//! Who writes to a disk: each opening of it that writes counts from its first write until it is
//! closed, so that a test can see that a disk never had two writers at once.

use std::io;
use std::sync::Arc;

use cupola_agent::Disk;
use parking_lot::Mutex;

/// The writers of one disk.
#[derive(Debug, Default)]
pub(super) struct Writers(Mutex<Count>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    now: u32,
    most: u32,
}

impl Writers {
    /// How many wrote at once at the most.
    pub(super) fn most(&self) -> u32 {
        self.0.lock().most
    }
}

/// One who writes.
struct Writer(Arc<Writers>);

impl Writer {
    fn begin(writers: &Arc<Writers>) -> Self {
        let mut count = writers.0.lock();
        count.now += 1;
        count.most = count.most.max(count.now);
        Self(Arc::clone(writers))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.0.lock().now -= 1;
    }
}

/// A disk whose writers are counted.
pub(super) struct CountedDisk<D> {
    disk: D,
    writers: Arc<Writers>,
    writer: Option<Writer>,
}

impl<D> CountedDisk<D> {
    pub(super) const fn new(disk: D, writers: Arc<Writers>) -> Self {
        Self {
            disk,
            writers,
            writer: None,
        }
    }

    fn count(&mut self) {
        self.writer
            .get_or_insert_with(|| Writer::begin(&self.writers));
    }
}

impl<D: Disk> Disk for CountedDisk<D> {
    fn size(&self) -> u64 {
        self.disk.size()
    }

    fn sector_size(&self) -> u32 {
        self.disk.sector_size()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.read_at(offset, buffer)
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.count();
        self.disk.write_at(offset, data)
    }

    fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.count();
        self.disk.zero(offset, length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync()
    }
}
