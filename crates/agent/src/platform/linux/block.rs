//! Disks from `/sys/block`: size, model, serial number, world wide name, path.

mod by_path;
mod vpd;

use cupola_api::agent::BlockDevice;

use super::super::PlatformError;
use super::block_directory;
use super::sys::SysRoot;

/// Names of what is no disk to deploy on: optical, floppy, loop, RAM, device-mapper, software RAID.
const NO_DISKS: &[&str] = &[
    "sr", "fd", "loop", "ram", "zram", "dm-", "md", "nbd", "mtdblock",
];

/// The disks, sorted by name. Those without a medium (an empty card slot) have size 0 and are left out.
pub(super) fn devices(root: &SysRoot) -> Result<Vec<BlockDevice>, PlatformError> {
    let directory = root.path("sys/block");
    if !directory.is_dir() {
        return Err(PlatformError::Unsupported(format!(
            "{} is missing: mount sysfs in the ramdisk",
            directory.display()
        )));
    }
    Ok(root
        .names("sys/block")
        .into_iter()
        .filter(|name| !NO_DISKS.iter().any(|prefix| name.starts_with(prefix)))
        .filter_map(|name| device(root, &name))
        .collect())
}

/// The logical sector size of a device file, 512 unless the kernel says otherwise.
pub(super) fn sector_size(root: &SysRoot, device: &str) -> u32 {
    let name = device.rsplit('/').next().unwrap_or(device);
    root.number(block_directory(name).join("queue/logical_block_size"))
        .unwrap_or(512)
}

fn device(root: &SysRoot, name: &str) -> Option<BlockDevice> {
    let directory = block_directory(name);
    // In units of 512 bytes, whatever the sectors are.
    let size = root
        .number::<u64>(directory.join("size"))?
        .checked_mul(512)?;
    // NVMe's multipath devices are listed twice; the hidden ones cannot be opened.
    if size == 0 || root.text(directory.join("hidden")).as_deref() == Some("1") {
        return None;
    }
    let file = |name: &str| root.text(directory.join(name));
    let device = |name: &str| root.text(directory.join("device").join(name));
    let vpd = vpd::Identity::read(root, &directory.join("device"));
    let link = std::fs::canonicalize(root.path(&directory)).unwrap_or_default();
    let place = by_path::Place::of(&link);
    let wwn = vpd.wwn.or_else(|| {
        file("wwid")
            .or_else(|| device("wwid"))
            .and_then(wwid_as_wwn)
    });
    Some(BlockDevice {
        name: format!("/dev/{name}"),
        by_path: place
            .by_path
            .map(|path| format!("/dev/disk/by-path/{path}")),
        model: device("model"),
        size,
        rotational: file("queue/rotational").as_deref() == Some("1"),
        wwn: wwn.as_ref().map(|wwn| wwn.base.clone()),
        serial: file("serial").or_else(|| device("serial")).or(vpd.serial),
        vendor: device("vendor").filter(|vendor| !vendor.starts_with("0x")),
        wwn_with_extension: wwn.as_ref().map(vpd::Wwn::with_extension),
        wwn_vendor_extension: wwn.and_then(|wwn| wwn.extension),
        hctl: place.hctl,
        logical_sectors: root.number(directory.join("queue/logical_block_size")),
        physical_sectors: root.number(directory.join("queue/physical_block_size")),
        tran: place.transport.map(str::to_owned),
    })
}

/// `wwid` of SCSI and NVMe devices: `naa.…`, `eui.…`; other kinds are no world wide names.
fn wwid_as_wwn(wwid: String) -> Option<vpd::Wwn> {
    if let Some(hexadecimal) = wwid.strip_prefix("naa.") {
        return vpd::Wwn::from_hexadecimal(hexadecimal);
    }
    wwid.starts_with("eui.").then_some(vpd::Wwn {
        base: wwid,
        extension: None,
    })
}
