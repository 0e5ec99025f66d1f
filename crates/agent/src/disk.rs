//! Disks: the blocking trait the image writer works on, the implementation over a file or block
//! device, and the wrapper that keeps a disk unbootable until its image is proven.
//!
//! No partitions here: see `partition.rs`.

mod aligned;
mod file_disk;
mod held_back;
mod write_behind;

use std::io;

pub use file_disk::FileDisk;
pub(crate) use held_back::HeldBack;

/// How much at each end of a disk can hold what firmware or a kernel would recognise.
pub(crate) const METADATA_SPAN: u64 = 1024 * 1024;

/// A disk, or a file that stands for one. Blocking: use on a blocking thread only.
pub trait Disk: Send {
    /// Size in bytes.
    fn size(&self) -> u64;

    /// Logical sector size in bytes: 512 or 4096.
    fn sector_size(&self) -> u32;

    /// Fills the buffer from that offset.
    ///
    /// # Errors
    /// Beyond the end, or what the device says.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes the whole buffer at that offset. Never grows the disk.
    ///
    /// # Errors
    /// Beyond the end, or what the device says.
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()>;

    /// Makes a range read as zeros, without writing them where the device can do so by itself.
    ///
    /// # Errors
    /// Beyond the end, or what the device says.
    fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        write_zeros(self, offset, length)
    }

    /// Waits until everything is on the medium.
    ///
    /// # Errors
    /// What the device says; data may be lost then.
    fn sync(&mut self) -> io::Result<()>;
}

impl<D: Disk + ?Sized> Disk for Box<D> {
    fn size(&self) -> u64 {
        (**self).size()
    }
    fn sector_size(&self) -> u32 {
        (**self).sector_size()
    }
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buffer)
    }
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        (**self).write_at(offset, data)
    }
    fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        (**self).zero(offset, length)
    }
    fn sync(&mut self) -> io::Result<()> {
        (**self).sync()
    }
}

/// Writes zeros the plain way.
pub(crate) fn write_zeros<D: Disk + ?Sized>(
    disk: &mut D,
    offset: u64,
    length: u64,
) -> io::Result<()> {
    static ZEROS: [u8; 1024 * 1024] = [0; 1024 * 1024];
    let mut done = 0;
    while done < length {
        let step = (length - done).min(ZEROS.len() as u64);
        let zeros = usize::try_from(step)
            .ok()
            .and_then(|step| ZEROS.get(..step));
        disk.write_at(offset + done, zeros.unwrap_or(&ZEROS))?;
        done += step;
    }
    Ok(())
}

/// Wipes both ends of a disk: partition tables, boot sectors, and the superblocks of RAID and LVM.
pub(crate) fn wipe_ends<D: Disk + ?Sized>(disk: &mut D) -> io::Result<()> {
    let size = disk.size();
    let span = METADATA_SPAN.min(size);
    // Written, not unmapped: a device may answer an unmapped range with anything it likes.
    write_zeros(disk, 0, span)?;
    write_zeros(disk, size - span, span)?;
    disk.sync()
}

/// Refuses a range that leaves the disk.
pub(crate) fn check_range(size: u64, offset: u64, length: u64) -> io::Result<()> {
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{length} bytes at {offset} leave the disk of {size} bytes"),
        )),
    }
}
