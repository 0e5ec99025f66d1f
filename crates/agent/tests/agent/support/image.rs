//! Whole-disk images made with sgdisk, mkfs.vfat, mtools and qemu-img.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

pub(crate) const SIZE: u64 = 40 << 20;
const ESP_AT: u64 = 1 << 20;

/// Runs a program; false, with a word why, where it is not installed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> bool {
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
            eprintln!(
                "SKIPPED: {program} is not installed (packages gdisk, dosfstools, mtools, qemu-utils)"
            );
            false
        }
    }
}

/// A raw image: GPT, an EFI system partition with a GRUB, and a root of data with holes in it.
pub(crate) fn raw(directory: &Path) -> Option<PathBuf> {
    let path = directory.join("image.raw");
    let image = path.to_str().unwrap();
    let esp = directory.join("esp");
    let esp_text = esp.to_str().unwrap();
    File::create(&path).unwrap().set_len(SIZE).unwrap();
    File::create(&esp).unwrap().set_len(8 << 20).unwrap();
    let layout = ["-n1:2048:+8M", "-t1:ef00", "-n2:0:0", "-c2:root", image];
    let made = run("sgdisk", &layout)
        && run("/usr/sbin/mkfs.vfat", &[esp_text])
        && run("mmd", &["-i", esp_text, "::EFI", "::EFI/debian"])
        && run(
            "mcopy",
            &["-i", esp_text, "/dev/null", "::EFI/debian/grubx64.efi"],
        );
    if !made {
        return None;
    }
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&fs::read(&esp).unwrap(), ESP_AT).unwrap();
    let mut state = 1_u64;
    for block in (10..38).filter(|block| block % 3 != 0) {
        let noise: Vec<u8> = (0..1 << 20)
            .map(|index| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(index);
                // Half noise, half repetition: it compresses, but not to nothing.
                if index & 0x1000 == 0 {
                    (state >> 56) as u8
                } else {
                    block as u8
                }
            })
            .collect();
        file.write_all_at(&noise, block << 20).unwrap();
    }
    Some(path)
}

/// The raw image as qcow2; further arguments as `qemu-img convert` takes them.
pub(crate) fn qcow2(raw: &Path, name: &str, arguments: &[&str]) -> Option<PathBuf> {
    let path = raw.with_file_name(name);
    let mut all = vec!["convert", "-f", "raw", "-O", "qcow2"];
    all.extend(arguments);
    all.extend([raw.to_str().unwrap(), path.to_str().unwrap()]);
    run("qemu-img", &all).then_some(path)
}

pub(crate) fn sha256(path: &Path) -> String {
    hex::encode(Sha256::digest(fs::read(path).unwrap()))
}

/// What cloud-init would take for an ISO 9660 file system, gzipped, in base64.
pub(crate) fn config_drive() -> (Vec<u8>, String) {
    use base64::Engine;
    use std::io::Write;
    let mut iso = vec![0x11; 100_000];
    iso[0x8001..0x8006].copy_from_slice(b"CD001");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&iso).unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(gzip.finish().unwrap());
    (iso, text)
}
