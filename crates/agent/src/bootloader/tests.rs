//! Tests of the loader search, on file systems made by mkfs.vfat and mtools.

use super::*;
use crate::disk::FileDisk;
use crate::partition::PartitionType;
use proptest::prelude::*;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

fn run(program: &str, arguments: &[&str]) -> bool {
    match Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .status()
    {
        Ok(status) => {
            assert!(status.success(), "{program} {arguments:?}");
            true
        }
        Err(_) => {
            eprintln!("SKIPPED: {program} is not installed (packages dosfstools, mtools)");
            false
        }
    }
}

/// A FAT of some width with these files, their directories made before.
fn fat_with(path: &Path, width: &str, size: u64, files: &[&str]) -> bool {
    File::create(path).unwrap().set_len(size).unwrap();
    let image = path.to_str().unwrap();
    if !run("/usr/sbin/mkfs.vfat", &["-F", width, image]) {
        return false;
    }
    let mut made = std::collections::BTreeSet::new();
    for file in files {
        let parts: Vec<&str> = file.split('/').collect();
        for depth in 1..parts.len() {
            let directory = format!("::{}", parts[..depth].join("/"));
            if made.insert(directory.clone()) && !run("mmd", &["-i", image, &directory]) {
                return false;
            }
        }
        if !run("mcopy", &["-i", image, "/dev/null", &format!("::{file}")]) {
            return false;
        }
    }
    true
}

#[test]
fn the_best_loader_of_every_width_of_fat_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let all = [
        "EFI/BOOT/BOOTX64.EFI",
        "EFI/debian/grubx64.efi",
        "EFI/debian/shimx64.efi",
    ];
    for (width, size) in [("12", 2 << 20), ("16", 16 << 20), ("32", 64 << 20)] {
        for (files, want) in [
            (&all[..], Some("\\EFI\\debian\\shimx64.efi")),
            (&all[..2], Some("\\EFI\\debian\\grubx64.efi")),
            (&all[..1], Some("\\EFI\\BOOT\\BOOTX64.EFI")),
            (&["other/file.txt"][..], None),
        ] {
            let path = directory.path().join("esp");
            if !fat_with(&path, width, size, files) {
                return;
            }
            let mut disk = FileDisk::open(&path, 512).unwrap();
            let esp = Partition {
                number: 1,
                start: 0,
                length: size,
                label: None,
                is_efi_system: true,
                guid: None,
                kind: PartitionType::Mbr(0xef),
            };
            let found = find_loader(&mut disk, &esp).unwrap();
            assert_eq!(
                found.as_ref().map(|(path, _)| path.as_str()),
                want,
                "FAT{width} {files:?}"
            );
        }
    }
}

proptest! {
    /// A boot sector with any numbers leads nowhere or somewhere, but never to a panic.
    #[test]
    fn hostile_file_systems_do_not_panic(mut boot in proptest::collection::vec(any::<u8>(), 4096)) {
        boot[11..13].copy_from_slice(&512_u16.to_le_bytes());
        boot[13] = 1 << (boot[13] % 8);
        boot[510..512].copy_from_slice(&[0x55, 0xaa]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("esp");
        std::fs::write(&path, &boot).unwrap();
        let mut disk = FileDisk::open(&path, 512).unwrap();
        let esp = Partition {
            number: 1, start: 0, length: 4096, label: None, is_efi_system: true, guid: None,
            kind: PartitionType::Mbr(0xef),
        };
        let _ = find_loader(&mut disk, &esp);
    }
}
