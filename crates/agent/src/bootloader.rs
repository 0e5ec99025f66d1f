//! `image.install_bootloader`: making the firmware start what the image brought. On BIOS there is
//! nothing to do for a whole-disk image; on UEFI the loader on its EFI system partition becomes the
//! first boot entry.

use cupola_api::agent::{BlockDevice, BootMode, BootloaderParams};

use crate::disk::Disk;
use crate::error::StepError;
use crate::fat::{Entry, Fat};
use crate::load_option::{BootEntry, PartitionSignature};
use crate::partition::{Partition, PartitionTable};
use crate::platform::Platform;

/// The loaders, best first: a shim starts what stands beside it, and passes secure boot.
#[cfg(target_arch = "aarch64")]
const LOADERS: &[&str] = &["shimaa64.efi", "grubaa64.efi", "systemd-bootaa64.efi"];
#[cfg(not(target_arch = "aarch64"))]
const LOADERS: &[&str] = &["shimx64.efi", "grubx64.efi", "systemd-bootx64.efi"];
#[cfg(target_arch = "aarch64")]
const FALLBACK: &str = "bootaa64.efi";
#[cfg(not(target_arch = "aarch64"))]
const FALLBACK: &str = "bootx64.efi";

/// Does the command for the disk an image was written to; says what it did.
///
/// # Errors
/// UEFI without an EFI system partition or a loader on it, a partition image, or firmware that does
/// not take the entry.
pub(crate) async fn install(
    platform: &dyn Platform,
    device: &BlockDevice,
    params: &BootloaderParams,
) -> Result<String, StepError> {
    match params
        .target_boot_mode
        .unwrap_or_else(|| platform.boot_mode())
    {
        BootMode::Bios => {
            return Ok("BIOS boots a whole-disk image as it is; nothing to install".to_owned());
        }
        BootMode::Uefi => {}
    }
    let disk = platform.open_disk(&device.name).await?;
    let name = device.name.clone();
    let entry = tokio::task::spawn_blocking(move || find_boot_entry(disk, &name))
        .await
        .map_err(|error| StepError::Internal(error.to_string()))??;
    platform.set_boot_entry(&entry).await?;
    Ok(format!(
        "boot entry {} starts {} from {}",
        entry.description, entry.path, entry.device
    ))
}

fn find_boot_entry(mut disk: Box<dyn Disk>, device: &str) -> Result<BootEntry, StepError> {
    let table = PartitionTable::read(&mut disk)?;
    let esp = table
        .partitions()
        .into_iter()
        .find(|partition| partition.is_efi_system);
    let esp = esp.ok_or_else(|| {
        StepError::Bootloader(format!(
            "{device} has no EFI system partition: the image does not boot in UEFI mode; deploy it \
             with boot mode bios or use a UEFI image"
        ))
    })?;
    let loader = find_loader(&mut disk, &esp).map_err(|source| StepError::Disk {
        device: device.to_owned(),
        source,
    })?;
    let (path, description) = loader.ok_or_else(|| {
        StepError::Bootloader(format!(
            "the EFI system partition {} of {device} has no boot loader (looked for {}, {FALLBACK})",
            esp.number,
            LOADERS.join(", ")
        ))
    })?;
    let signature = match (esp.guid, table.mbr_signature()) {
        (Some(guid), _) => PartitionSignature::Guid(guid),
        (None, signature) => PartitionSignature::Mbr(signature.unwrap_or(0)),
    };
    let sector = u64::from(disk.sector_size().max(512));
    Ok(BootEntry {
        description,
        device: device.to_owned(),
        partition_number: esp.number,
        start_sector: esp.start / sector,
        sectors: esp.length / sector,
        signature,
        path,
    })
}

/// Path and name of the best loader below `\EFI`.
fn find_loader(disk: &mut dyn Disk, esp: &Partition) -> std::io::Result<Option<(String, String)>> {
    let Some(mut fat) = Fat::open(disk, esp.start)? else {
        return Ok(None);
    };
    let Some(efi) = directory(&fat.root()?, "efi") else {
        return Ok(None);
    };
    let vendors = fat.list(&efi)?;
    let mut candidates: Vec<(usize, String, String)> = Vec::new();
    for vendor in vendors
        .iter()
        .filter(|entry| entry.is_directory && !entry.name.starts_with('.'))
    {
        for file in fat.list(vendor)?.iter().filter(|entry| !entry.is_directory) {
            let lower = file.name.to_lowercase();
            // \EFI\BOOT holds copies for removable media: only when no vendor brought a loader.
            let rank = if vendor.name.eq_ignore_ascii_case("boot") {
                (lower == FALLBACK).then_some(LOADERS.len())
            } else {
                LOADERS.iter().position(|loader| *loader == lower)
            };
            if let Some(rank) = rank {
                let path = format!("\\{}\\{}\\{}", efi.name, vendor.name, file.name);
                let name = if rank == LOADERS.len() {
                    "Operating system"
                } else {
                    vendor.name.as_str()
                };
                candidates.push((rank, path, name.to_owned()));
            }
        }
    }
    Ok(candidates
        .into_iter()
        .min()
        .map(|(_, path, name)| (path, name)))
}

fn directory(entries: &[Entry], name: &str) -> Option<Entry> {
    entries
        .iter()
        .find(|entry| entry.is_directory && entry.name.eq_ignore_ascii_case(name))
        .cloned()
}

#[cfg(test)]
mod tests;
