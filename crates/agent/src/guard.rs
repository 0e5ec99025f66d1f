//! Which disks a command may touch: none that the node leaves alone (`skip_block_devices`), and none
//! with a file system that other machines share, unless somebody says so. Wiping a shared disk destroys
//! the data of machines that have nothing to do with this one.

use cupola_api::agent::{BlockDevice, RootDeviceHints};
use serde_json::{Map, Value};

use crate::disk::Disk;
use crate::error::StepError;
use crate::partition::{PartitionTable, PartitionType};
use crate::platform::{Platform, PlatformError};

/// What turns the guard off for one node, in `driver_info` or `driver_internal_info`.
const OVERRIDE: &str = "wipe_special_filesystems";

/// Signatures of file systems that several machines use at once: offset in the volume, bytes, name.
const SIGNATURES: &[(u64, &[u8], &str)] = &[
    (1024 * 1024, &[0x0d, 0xd0, 0x01, 0xc0], "VMFS"),
    (2 * 1024 * 1024, &[0x5e, 0xf1, 0xab, 0x2f], "VMFS"),
    (64 * 1024, &[0x01, 0x16, 0x19, 0x70], "GFS2"),
    (1024, b"OCFSV2", "OCFS2"),
    (2 * 1024, b"OCFSV2", "OCFS2"),
    (4 * 1024, b"OCFSV2", "OCFS2"),
    (8 * 1024, b"OCFSV2", "OCFS2"),
];
/// Types of GPT partitions, as on the disk: the first three groups little-endian.
const GUIDS: &[([u8; 16], &str)] = &[
    (
        [
            0x90, 0xfc, 0xaf, 0x37, 0x7d, 0xef, 0x96, 0x4e, 0x91, 0xc3, 0x2d, 0x7a, 0xe0, 0x55,
            0xb1, 0x74,
        ],
        "GPFS",
    ),
    (
        [
            0x2a, 0xe0, 0x31, 0xaa, 0x0f, 0x40, 0xdb, 0x11, 0x95, 0x90, 0x00, 0x0c, 0x29, 0x11,
            0xd1, 0xb8,
        ],
        "VMFS",
    ),
];
/// Type of a VMFS partition in an MBR.
const MBR_VMFS: u8 = 0xfb;

/// The disks of the machine without those that the node leaves alone.
///
/// # Errors
/// The list cannot be read, or `skip_block_devices` is not understood: then nothing may be touched.
pub(crate) async fn usable_disks(
    platform: &dyn Platform,
    node: &Map<String, Value>,
) -> Result<Vec<BlockDevice>, StepError> {
    let listed = node
        .get("properties")
        .and_then(|properties| properties.get("skip_block_devices"));
    let skipped = RootDeviceHints::skip_list(listed)?;
    let (left_alone, usable): (Vec<_>, Vec<_>) = platform
        .block_devices()
        .await?
        .into_iter()
        .partition(|disk| skipped.iter().any(|hints| hints.matches(disk)));
    for disk in left_alone {
        platform.report(&format!(
            "leaving {} alone: it is among skip_block_devices",
            disk.name
        ));
    }
    Ok(usable)
}

/// Refuses a disk with a shared file system, unless the agent's or the node's configuration allows it.
///
/// # Errors
/// [`StepError::ProtectedDevice`], or the disk cannot be read.
pub(crate) async fn check(
    platform: &dyn Platform,
    node: &Map<String, Value>,
    is_on: bool,
    device: &BlockDevice,
) -> Result<(), StepError> {
    if !is_on || is_overridden(node) {
        return Ok(());
    }
    let mut disk = platform.open_disk(&device.name).await?;
    let found = tokio::task::spawn_blocking(move || shared_file_system(&mut *disk))
        .await
        .map_err(|error| StepError::Internal(error.to_string()))?
        .map_err(|source| PlatformError::io(format!("reading {}", device.name), source))?;
    match found {
        None => Ok(()),
        Some(what) => Err(StepError::ProtectedDevice {
            device: device.name.clone(),
            what,
        }),
    }
}

fn is_overridden(node: &Map<String, Value>) -> bool {
    ["driver_info", "driver_internal_info"]
        .into_iter()
        .filter_map(|key| node.get(key)?.get(OVERRIDE))
        .any(|value| match value {
            Value::Bool(yes) => *yes,
            Value::String(text) => {
                matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes")
            }
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
        })
}

fn shared_file_system(disk: &mut dyn Disk) -> std::io::Result<Option<&'static str>> {
    let mut volumes = vec![(0, disk.size())];
    // A disk without a table may be one volume.
    if let Ok(table) = PartitionTable::read(disk) {
        for partition in table.partitions() {
            match partition.kind {
                PartitionType::Mbr(MBR_VMFS) => return Ok(Some("VMFS")),
                PartitionType::Gpt(guid) => {
                    if let Some((_, name)) = GUIDS.iter().find(|(known, _)| *known == guid.0) {
                        return Ok(Some(name));
                    }
                }
                PartitionType::Mbr(_) => {}
            }
            volumes.push((partition.start, partition.length));
        }
    }
    let size = disk.size();
    for (start, length) in volumes {
        for (offset, signature, name) in SIGNATURES {
            let end = offset + signature.len() as u64;
            let is_inside = start.checked_add(end).is_some_and(|end| end <= size);
            if end > length || !is_inside {
                continue;
            }
            let mut found = vec![0; signature.len()];
            disk.read_at(start + offset, &mut found)?;
            if found == *signature {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::FileDisk;
    use serde_json::json;
    use std::fs::File;

    #[test]
    fn every_signature_is_found_on_a_disk_without_a_table() {
        let directory = tempfile::tempdir().unwrap();
        for (offset, signature, name) in SIGNATURES {
            let path = directory.path().join(format!("{name}{offset}"));
            File::create(&path).unwrap().set_len(4 << 20).unwrap();
            let mut disk = FileDisk::open(&path, 512).unwrap();
            assert_eq!(shared_file_system(&mut disk).unwrap(), None);
            disk.write_at(*offset, signature).unwrap();
            assert_eq!(shared_file_system(&mut disk).unwrap(), Some(*name));
        }
    }

    #[test]
    fn partitions_are_looked_at_and_so_are_their_types() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        File::create(&path).unwrap().set_len(64 << 20).unwrap();
        let text = path.to_str().unwrap();
        let gpfs = "-t1:37AFFC90-EF7D-4E96-91C3-2D7AE055B174";
        for (arguments, want) in [
            (&["-n1:2048:+8M", text][..], None),
            (&["-o", "-n1:2048:+8M", gpfs, text], Some("GPFS")),
        ] {
            let done = std::process::Command::new("sgdisk")
                .args(arguments)
                .output();
            if done.is_err() {
                eprintln!("SKIPPED: sgdisk is not installed (package gdisk)");
                return;
            }
            let mut disk = FileDisk::open(&path, 512).unwrap();
            assert_eq!(shared_file_system(&mut disk).unwrap(), want);
        }
        let plain = ["-o", "-n1:2048:+8M", text];
        std::process::Command::new("sgdisk")
            .args(plain)
            .output()
            .unwrap();
        let mut disk = FileDisk::open(&path, 512).unwrap();
        disk.write_at((1 << 20) + (64 << 10), &[0x01, 0x16, 0x19, 0x70])
            .unwrap();
        assert_eq!(shared_file_system(&mut disk).unwrap(), Some("GFS2"));
    }

    #[test]
    fn only_a_clear_yes_overrides() {
        for (value, want) in [
            (json!(true), true),
            (json!("True"), true),
            (json!(false), false),
            (json!(1), false),
            (json!(null), false),
        ] {
            let node = json!({"driver_info": {OVERRIDE: value}});
            assert_eq!(is_overridden(node.as_object().unwrap()), want, "{value}");
        }
    }
}
