//! Tests of partition tables; GPTs are made and judged by `sgdisk` where the machine has it.

use super::*;
use crate::disk::FileDisk;
use proptest::prelude::*;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

fn disk_file(directory: &Path, size: u64) -> PathBuf {
    let path = directory.join("disk");
    File::create(&path).unwrap().set_len(size).unwrap();
    path
}

/// Runs `sgdisk`; none, with a word why, where there is none.
fn sgdisk(path: &Path, arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new("sgdisk").args(arguments).arg(path).output() else {
        eprintln!("SKIPPED: sgdisk is not installed (package gdisk)");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    Some(text)
}

const THREE: &[&str] = &[
    "-n1:0:+1M",
    "-t1:ef02",
    "-n2:0:+8M",
    "-t2:ef00",
    "-n3:0:+16M",
    "-c3:root",
];

#[test]
fn a_gpt_grows_with_its_disk_and_takes_another_partition() {
    let directory = tempfile::tempdir().unwrap();
    let path = disk_file(directory.path(), 32 * MIB);
    if sgdisk(&path, THREE).is_none() {
        return;
    }
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(256 * MIB)
        .unwrap();

    let mut disk = FileDisk::open(&path, 512).unwrap();
    let mut table = PartitionTable::read(&mut disk).unwrap();
    assert!(table.is_gpt());
    table.fit_to_disk(&mut disk).unwrap();
    let added = table.add_at_end(&mut disk, 64 * MIB, "config-2").unwrap();
    assert_eq!(
        (added.number, added.length, added.start % MIB),
        (4, 64 * MIB, 0)
    );
    drop(disk);

    let verdict = sgdisk(&path, &["-v"]).unwrap();
    assert!(verdict.contains("No problems found"), "{verdict}");
    let listing = sgdisk(&path, &["-p"]).unwrap();
    assert!(listing.contains("config-2"), "{listing}");

    let mut disk = FileDisk::open(&path, 512).unwrap();
    let partitions = PartitionTable::read(&mut disk).unwrap().partitions();
    assert_eq!(partitions.len(), 4);
    assert!(partitions[1].is_efi_system);
    assert_eq!(partitions[3], added);
}

/// An MBR with an EFI system partition and a Linux one.
fn write_mbr(path: &Path) {
    let mut sector = [0; 512];
    bytes::put(&mut sector, 440, &0x1234_abcd_u32.to_le_bytes());
    for (index, kind, start, length) in [(0, 0xef_u8, 2048_u32, 16384_u32), (1, 0x83, 18432, 32768)]
    {
        let entry = 446 + index * 16;
        bytes::put(&mut sector, entry + 4, &[kind]);
        bytes::put(&mut sector, entry + 8, &start.to_le_bytes());
        bytes::put(&mut sector, entry + 12, &length.to_le_bytes());
    }
    bytes::put(&mut sector, 510, &[0x55, 0xaa]);
    FileDisk::open(path, 512)
        .unwrap()
        .write_at(0, &sector)
        .unwrap();
}

#[test]
fn an_mbr_takes_another_partition_until_it_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let path = disk_file(directory.path(), 512 * MIB);
    write_mbr(&path);
    let mut disk = FileDisk::open(&path, 512).unwrap();
    let mut table = PartitionTable::read(&mut disk).unwrap();
    assert_eq!(table.mbr_signature(), Some(0x1234_abcd));
    assert_eq!(table.disk_identifier(), "1234abcd");
    assert!(table.partitions()[0].is_efi_system);
    table.fit_to_disk(&mut disk).unwrap();
    let third = table.add_at_end(&mut disk, 64 * MIB, "config-2").unwrap();
    assert_eq!((third.number, third.start + third.length), (3, 512 * MIB));
    let error = table.add_at_end(&mut disk, MIB, "again").unwrap_err();
    assert!(matches!(error, PartitionError::NoRoom { .. }), "{error}");
    let read = PartitionTable::read(&mut disk).unwrap().partitions();
    assert_eq!(read[2], third);
}

#[test]
fn a_partition_at_the_end_leaves_no_room() {
    let directory = tempfile::tempdir().unwrap();
    let path = disk_file(directory.path(), 64 * MIB);
    if sgdisk(&path, &["-n1:0:0"]).is_none() {
        return;
    }
    let mut disk = FileDisk::open(&path, 512).unwrap();
    let before = fs::read(&path).unwrap();
    let mut table = PartitionTable::read(&mut disk).unwrap();
    let error = table
        .add_at_end(&mut disk, 8 * MIB, "config-2")
        .unwrap_err();
    assert!(error.to_string().contains("partition 1"), "{error}");
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn no_table_and_a_table_for_other_sectors_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = disk_file(directory.path(), 64 * MIB);
    let mut disk = FileDisk::open(&path, 512).unwrap();
    assert!(matches!(
        PartitionTable::read(&mut disk),
        Err(PartitionError::Missing)
    ));
    drop(disk);
    if sgdisk(&path, THREE).is_none() {
        return;
    }
    let mut disk = FileDisk::open(&path, 4096).unwrap();
    assert!(matches!(
        PartitionTable::read(&mut disk),
        Err(PartitionError::SectorSize {
            image: 512,
            disk: 4096
        })
    ));
}

/// A disk in memory, for hostile contents.
struct MemoryDisk(Vec<u8>);

impl Disk for MemoryDisk {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }
    fn sector_size(&self) -> u32 {
        512
    }
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        crate::disk::check_range(self.size(), offset, buffer.len() as u64)?;
        let offset = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.0[offset..offset + buffer.len()]);
        Ok(())
    }
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        crate::disk::check_range(self.size(), offset, data.len() as u64)?;
        let offset = usize::try_from(offset).unwrap();
        self.0[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Any header with right checksums, and any boot sector, is read, refused or extended.
    #[test]
    fn hostile_tables_do_not_panic(
        mut head in proptest::collection::vec(any::<u8>(), 34 * 512),
        gpt: bool,
        count in 0_u32..200,
        small_numbers: bool,
    ) {
        head[510..512].copy_from_slice(&[0x55, 0xaa]);
        for index in 0..4 { head[446 + index * 16] = 0; }
        if gpt {
            head[512..520].copy_from_slice(b"EFI PART");
            head[524..528].copy_from_slice(&92_u32.to_le_bytes());
            head[512 + 72..512 + 80].copy_from_slice(&2_u64.to_le_bytes());
            head[512 + 80..512 + 84].copy_from_slice(&count.to_le_bytes());
            head[512 + 84..512 + 88].copy_from_slice(&128_u32.to_le_bytes());
            if small_numbers {
                head[512 + 48..512 + 56].copy_from_slice(&8000_u64.to_le_bytes());
            }
            let end = 1024 + (count as usize * 128).min(32 * 512);
            let mut crc = flate2::Crc::new();
            crc.update(&head[1024..end]);
            head[512 + 88..512 + 92].copy_from_slice(&crc.sum().to_le_bytes());
            head[512 + 16..512 + 20].fill(0);
            let mut crc = flate2::Crc::new();
            crc.update(&head[512..512 + 92]);
            head[512 + 16..512 + 20].copy_from_slice(&crc.sum().to_le_bytes());
        }
        head.resize(8 << 20, 0);
        let mut disk = MemoryDisk(head);
        if let Ok(mut table) = PartitionTable::read(&mut disk) {
            let _ = table.partitions();
            let _ = table.fit_to_disk(&mut disk);
            let _ = table.add_at_end(&mut disk, 1 << 20, "config-2");
        }
    }
}
