//! What the firmware says and keeps: DMI identity, installed memory (SMBIOS 3.7, section 7.18), and the
//! boot entries of UEFI through efivarfs.

use std::fs;
use std::io;
use std::path::PathBuf;

use cupola_api::agent::{FirmwareInfo, SystemVendor};

use super::super::PlatformError;
use super::sys::SysRoot;
use crate::load_option::BootEntry;
use crate::partition::bytes::{u16_at, u32_at};

const MEMORY_DEVICE: u8 = 17;
const END_OF_TABLE: u8 = 127;
/// The vendor GUID of the firmware's own variables (`EFI_GLOBAL_VARIABLE`).
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const EFIVARS: &str = "sys/firmware/efi/efivars";
/// Non-volatile, readable before and after the operating system starts.
const ATTRIBUTES: u32 = 7;

/// What the firmware says of the machine.
pub(super) fn system_vendor(root: &SysRoot) -> SystemVendor {
    let dmi = |name: &str| root.text(format!("sys/class/dmi/id/{name}"));
    SystemVendor {
        product_name: dmi("product_name"),
        serial_number: dmi("product_serial"),
        manufacturer: dmi("sys_vendor"),
        firmware: Some(FirmwareInfo {
            vendor: dmi("bios_vendor"),
            version: dmi("bios_version"),
            build_date: dmi("bios_date"),
        }),
    }
}

/// MiB of all memory devices.
pub(super) fn installed_memory(root: &SysRoot) -> Option<u64> {
    let table = fs::read(root.path("sys/firmware/dmi/tables/DMI")).ok()?;
    let total = memory_in(&table);
    (total > 0).then_some(total)
}

fn memory_in(table: &[u8]) -> u64 {
    let mut rest = table;
    let mut total: u64 = 0;
    while let [kind, length, ..] = rest {
        let length = usize::from(*length);
        if *kind == END_OF_TABLE || length < 4 {
            break;
        }
        let structure = rest.get(..length).unwrap_or_default();
        if *kind == MEMORY_DEVICE {
            total = total.saturating_add(memory_device(structure));
        }
        // The strings of a structure end with two zero bytes.
        let strings = rest.get(length..).unwrap_or_default();
        let Some(end) = strings.windows(2).position(|pair| pair == [0, 0]) else {
            break;
        };
        rest = strings.get(end + 2..).unwrap_or_default();
    }
    total
}

/// MiB of one memory device.
fn memory_device(structure: &[u8]) -> u64 {
    match u16_at(structure, 12) {
        0 | 0xffff => 0,
        0x7fff => u64::from(u32_at(structure, 28) & 0x7fff_ffff),
        size if size & 0x8000 != 0 => u64::from(size & 0x7fff) / 1024,
        size => u64::from(size),
    }
}

/// Makes an entry the first in the boot order. An entry with the same contents is used again;
/// nothing is deleted.
pub(super) fn set_boot_entry(root: &SysRoot, entry: &BootEntry) -> Result<(), PlatformError> {
    let directory = root.path(EFIVARS);
    if !directory.is_dir() || root.names(EFIVARS).is_empty() {
        mount_efivarfs(root)?;
    }
    let option = entry.to_load_option();
    let existing = boot_entries(root);
    let same = existing
        .iter()
        .find(|(_, contents)| *contents == option)
        .map(|(number, _)| *number);
    let number = match same {
        Some(number) => number,
        None => {
            let free = (0..=u16::MAX).find(|it| existing.iter().all(|(used, _)| used != it));
            let free = free.ok_or_else(|| {
                PlatformError::Unsupported("the firmware has no free boot entry".to_owned())
            })?;
            write_variable(root, &format!("Boot{free:04X}"), &option)?;
            free
        }
    };
    let order = read_variable(root, "BootOrder").unwrap_or_default();
    let mut new: Vec<u8> = number.to_le_bytes().to_vec();
    for other in order
        .chunks_exact(2)
        .filter(|pair| u16_at(pair, 0) != number)
    {
        new.extend_from_slice(other);
    }
    if new != order {
        write_variable(root, "BootOrder", &new)?;
    }
    Ok(())
}

fn mount_efivarfs(root: &SysRoot) -> Result<(), PlatformError> {
    let directory = root.path(EFIVARS);
    let flags = nix::mount::MsFlags::MS_NOSUID;
    nix::mount::mount(
        Some("efivarfs"),
        &directory,
        Some("efivarfs"),
        flags,
        None::<&str>,
    )
    .map_err(|error| {
        let what = format!(
            "mounting efivarfs on {} (does the ramdisk have its module, and did it boot in UEFI \
                 mode?)",
            directory.display()
        );
        PlatformError::io(what, error.into())
    })
}

fn variable(root: &SysRoot, name: &str) -> PathBuf {
    root.path(EFIVARS).join(format!("{name}-{GLOBAL}"))
}

fn boot_entries(root: &SysRoot) -> Vec<(u16, Vec<u8>)> {
    root.names(EFIVARS)
        .iter()
        .filter_map(|file| {
            let digits = file
                .strip_prefix("Boot")?
                .strip_suffix(&format!("-{GLOBAL}"))?;
            let number = u16::from_str_radix(digits, 16)
                .ok()
                .filter(|_| digits.len() == 4)?;
            Some((number, read_variable(root, &format!("Boot{digits}"))?))
        })
        .collect()
}

/// A variable's contents, without the attributes in front.
fn read_variable(root: &SysRoot, name: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(variable(root, name)).ok()?;
    bytes.get(4..).map(<[u8]>::to_vec)
}

/// Attributes and contents have to come in one write.
fn write_variable(root: &SysRoot, name: &str, contents: &[u8]) -> Result<(), PlatformError> {
    let path = variable(root, name);
    let mut bytes = ATTRIBUTES.to_le_bytes().to_vec();
    bytes.extend_from_slice(contents);
    let write = || -> io::Result<()> {
        let mut file = fs::File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        io::Write::write_all(&mut file, &bytes)
    };
    write().map_err(|error| PlatformError::io(format!("writing the firmware's {name}"), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_devices_of_all_size_encodings_are_added() {
        let device = |size: u16, extended: u32| {
            let mut bytes = vec![0; 34];
            bytes[0] = MEMORY_DEVICE;
            bytes[1] = 34;
            bytes[12..14].copy_from_slice(&size.to_le_bytes());
            bytes[28..32].copy_from_slice(&extended.to_le_bytes());
            bytes.extend(b"DIMM 0\0\0");
            bytes
        };
        let table = [
            device(1024, 0),
            device(0, 0),
            device(0x7fff, 65536),
            device(0x8000 | 2048, 0),
        ];
        assert_eq!(memory_in(&table.concat()), 1024 + 65536 + 2);
    }

    proptest! {
        #[test]
        fn hostile_tables_do_not_panic(table in proptest::collection::vec(any::<u8>(), 0..200)) {
            memory_in(&table);
        }
    }
}
