//! A small whole-disk image for the virtual rack: a GPT, an EFI system partition with a loader at
//! the fallback path, and a root partition with content that does not compress away.
//!
//! It is a real disk image in every respect that a deploy looks at; only, no processor could run
//! what is in it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use gpt::partition_types;
use sha2::{Digest, Sha256};

const MIB: u64 = 1 << 20;
const SECTOR: u64 = 512;
/// The EFI system partition.
const ESP: u64 = 8 * MIB;

/// The image that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoImage {
    /// Size of the file in bytes.
    pub size: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// Writes an image of `mib` MiB (at least 16) at `path`. Blocking.
///
/// The same size gives the same content, but for the identifiers of disk and partitions.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, mib: u64) -> io::Result<DemoImage> {
    let size = mib.max(16) * MIB;
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(path)?;
    file.set_len(size)?;
    let (esp, root) = partition(&mut file, size)?;
    format_esp(&mut file, esp)?;
    fill(&mut file, root)?;
    file.sync_all()?;
    let sha256 = digest(&mut file)?;
    Ok(DemoImage { size, sha256 })
}

/// As [`write`], but keeps an image of that size that is there already. Blocking.
///
/// # Errors
/// When the file can be neither read nor written.
pub fn write_once(path: &Path, mib: u64) -> io::Result<DemoImage> {
    match File::open(path) {
        Ok(mut file) if file.metadata()?.len() == mib.max(16) * MIB => Ok(DemoImage {
            size: mib.max(16) * MIB,
            sha256: digest(&mut file)?,
        }),
        Ok(_) | Err(_) => write(path, mib),
    }
}

/// First byte and length of a partition.
#[derive(Clone, Copy)]
struct Extent {
    start: u64,
    length: u64,
}

fn partition(file: &mut File, size: u64) -> io::Result<(Extent, Extent)> {
    let sectors = u32::try_from(size / SECTOR - 1).unwrap_or(u32::MAX);
    let mut boot_sector = ProtectiveMBR::with_lb_size(sectors).to_bytes();
    // A BIOS starts what is here; ours says so to whoever looks, and stops.
    let message = b"\xfa\xf4Cupola demo image";
    for (to, from) in boot_sector.iter_mut().zip(message) {
        *to = *from;
    }
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&boot_sector)?;
    let mut table = gpt::GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(&mut *file, None)
        .map_err(io::Error::other)?;
    let root_length = size - ESP - 4 * MIB;
    let align = Some(MIB / SECTOR);
    table
        .add_partition("ESP", ESP, partition_types::EFI, 0, align)
        .and_then(|_| table.add_partition("root", root_length, partition_types::LINUX_FS, 0, align))
        .map_err(io::Error::other)?;
    let extents: Vec<Extent> = table
        .partitions()
        .values()
        .filter(|p| p.is_used())
        .map(|p| Extent {
            start: p.first_lba * SECTOR,
            length: (p.last_lba - p.first_lba + 1) * SECTOR,
        })
        .collect();
    table.write().map_err(io::Error::other)?;
    match extents.as_slice() {
        [esp, root] => Ok((*esp, *root)),
        _ => Err(io::Error::other(
            "the partition table does not hold what was put into it",
        )),
    }
}

fn format_esp(file: &mut File, esp: Extent) -> io::Result<()> {
    // fatfs formats a whole stream; a buffer of the partition's size is the simplest one.
    let mut volume = io::Cursor::new(vec![0_u8; usize::try_from(esp.length).unwrap_or(0)]);
    let label = *b"ESP        ";
    fatfs::format_volume(
        &mut volume,
        fatfs::FormatVolumeOptions::new().volume_label(label),
    )?;
    {
        let fs = fatfs::FileSystem::new(&mut volume, fatfs::FsOptions::new())?;
        let root = fs.root_dir();
        let boot = root.create_dir("EFI")?.create_dir("BOOT")?;
        boot.create_file("BOOTX64.EFI")?
            .write_all(b"MZ Cupola demo image: not a program\n")?;
    }
    file.seek(SeekFrom::Start(esp.start))?;
    file.write_all(volume.get_ref())
}

/// Fills a partition three quarters full; the rest stays a hole, as in images of real systems.
fn fill(file: &mut File, root: Extent) -> io::Result<()> {
    let mut block = vec![0_u8; usize::try_from(MIB).unwrap_or(0)];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for index in 0..root.length / MIB {
        if index % 4 == 3 {
            continue;
        }
        // xorshift64*: cheap, and the same in every run.
        for word in block.chunks_exact_mut(8) {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            word.copy_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
        }
        file.seek(SeekFrom::Start(root.start + index * MIB))?;
        file.write_all(&block)?;
    }
    Ok(())
}

fn digest(file: &mut File) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let mut block = vec![0_u8; 1 << 20];
    loop {
        let read = file.read(&mut block)?;
        match block.get(..read) {
            Some([]) | None => break,
            Some(bytes) => hash.update(bytes),
        }
    }
    Ok(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_a_disk_that_firmware_would_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo.raw");
        let image = write(&path, 24).unwrap();
        assert_eq!(image.size, 24 * MIB);
        assert_eq!(write_once(&path, 24).unwrap(), image);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(hex::encode(Sha256::digest(&bytes)), image.sha256);
        assert_eq!(bytes[510..512], [0x55, 0xaa]);
        let table = gpt::GptConfig::new().open(&path).unwrap();
        let names: Vec<_> = table
            .partitions()
            .values()
            .map(|p| p.name.clone())
            .collect();
        assert_eq!(names, ["ESP", "root"]);
        let esp = &table.partitions()[&1];
        let start = usize::try_from(esp.first_lba * SECTOR).unwrap();
        let end = usize::try_from((esp.last_lba + 1) * SECTOR).unwrap();
        let volume = io::Cursor::new(bytes[start..end].to_vec());
        let fs = fatfs::FileSystem::new(volume, fatfs::FsOptions::new()).unwrap();
        assert!(fs.root_dir().open_file("EFI/BOOT/BOOTX64.EFI").is_ok());
    }
}
