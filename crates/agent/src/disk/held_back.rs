//! A disk whose first MiB is held in memory until it is released: whatever goes wrong before,
//! a power cut included, leaves no boot sector and no partition table behind.

use std::io;

use super::{Disk, METADATA_SPAN, check_range, wipe_ends};

/// The wrapper. Dropping it without [`HeldBack::release`] loses the first MiB, as intended.
pub(crate) struct HeldBack<D: Disk> {
    disk: D,
    head: Vec<u8>,
}

impl<D: Disk> HeldBack<D> {
    /// Wipes both ends of the disk and starts holding back.
    pub(crate) fn new(mut disk: D) -> io::Result<Self> {
        wipe_ends(&mut disk)?;
        let span = METADATA_SPAN.min(disk.size());
        let head = vec![0; usize::try_from(span).map_err(io::Error::other)?];
        Ok(Self { disk, head })
    }

    /// Flushes the rest, then writes what was held back.
    pub(crate) fn release(mut self) -> io::Result<D> {
        self.disk.sync()?;
        self.disk.write_at(0, &self.head)?;
        self.disk.sync()?;
        Ok(self.disk)
    }

    /// Makes sure that nothing on the disk looks bootable.
    pub(crate) fn abandon(mut self) -> io::Result<()> {
        wipe_ends(&mut self.disk)
    }

    /// How much of a range lies in the part held back.
    fn split(&self, offset: u64, length: usize) -> usize {
        let head = self.head.len() as u64;
        let inside = head.saturating_sub(offset).min(length as u64);
        usize::try_from(inside).unwrap_or(length)
    }

    fn head_slice(&mut self, offset: u64, length: usize) -> &mut [u8] {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(length);
        self.head.get_mut(start..end).unwrap_or_default()
    }
}

impl<D: Disk> Disk for HeldBack<D> {
    fn size(&self) -> u64 {
        self.disk.size()
    }

    fn sector_size(&self) -> u32 {
        self.disk.sector_size()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        check_range(self.size(), offset, buffer.len() as u64)?;
        let (front, back) = buffer.split_at_mut(self.split(offset, buffer.len()));
        if !front.is_empty() {
            front.copy_from_slice(self.head_slice(offset, front.len()));
        }
        if back.is_empty() {
            return Ok(());
        }
        self.disk.read_at(offset + front.len() as u64, back)
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        check_range(self.size(), offset, data.len() as u64)?;
        let (front, back) = data.split_at(self.split(offset, data.len()));
        if !front.is_empty() {
            self.head_slice(offset, front.len()).copy_from_slice(front);
        }
        if back.is_empty() {
            return Ok(());
        }
        self.disk.write_at(offset + front.len() as u64, back)
    }

    fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        check_range(self.size(), offset, length)?;
        let inside = self.split(offset, usize::try_from(length).unwrap_or(usize::MAX));
        if inside > 0 {
            self.head_slice(offset, inside).fill(0);
        }
        let rest = length - inside as u64;
        if rest == 0 {
            return Ok(());
        }
        self.disk.zero(offset + inside as u64, rest)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::FileDisk;
    use std::fs::{self, File};

    #[test]
    fn the_head_reaches_the_disk_only_on_release() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        File::create(&path).unwrap().set_len(8 << 20).unwrap();
        let mut disk = FileDisk::open(&path, 512).unwrap();
        disk.write_at(0, &[0x55; 4096]).unwrap();

        let mut held = HeldBack::new(disk).unwrap();
        let data: Vec<u8> = (0..3_u32 << 20).map(|n| (n % 251) as u8).collect();
        held.write_at(0, &data).unwrap();
        let on_disk = fs::read(&path).unwrap();
        assert!(on_disk[..1 << 20].iter().all(|byte| *byte == 0));
        assert_eq!(on_disk[1 << 20..3 << 20], data[1 << 20..]);
        let mut read = vec![0; data.len()];
        held.read_at(0, &mut read).unwrap();
        assert!(read == data);

        held.release().unwrap();
        assert!(fs::read(&path).unwrap()[..3 << 20] == data[..]);
    }
}
