//! What a simulated machine is made of: the hardware that its firmware and its agent will find.

use cupola_api::MacAddress;
use cupola_api::agent::{
    BlockDevice, BootInfo, BootMode, CpuInfo, FirmwareInfo, Inventory, MemoryInfo,
    NetworkInterface, SystemVendor,
};
use serde_json::Map;

const MIB: u64 = 1 << 20;

/// The disk of a simulated machine: a sparse file of this size.
#[derive(Clone, Debug)]
pub struct DiskSpec {
    /// Size in bytes.
    pub size: u64,
    /// Fastest rate at which it takes data, in MiB/s; none for as fast as the file takes it.
    pub write_mib_per_second: Option<u32>,
}

/// A simulated machine's hardware.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    /// What is printed on its front.
    pub name: String,
    /// Serial number of the chassis; its disk's serial number and WWN derive from it.
    pub serial: String,
    /// Its network interfaces; the first is cabled to the provisioning network.
    pub macs: Vec<MacAddress>,
    /// BIOS or UEFI.
    pub boot_mode: BootMode,
    /// Logical processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Its one disk.
    pub disk: DiskSpec,
}

impl MachineSpec {
    /// The machine at position `index` of a demo rack: two models, alternating boot modes.
    #[must_use]
    pub fn demo(index: u32) -> Self {
        let [_, b, c, d] = index.to_be_bytes();
        let mac = |nic: u8| MacAddress::new([0x52, 0x54, nic, b, c, d]);
        let big = index % 4 == 3;
        Self {
            name: format!("r{:02}u{:02}", index / 20 + 1, index % 20 + 1),
            serial: format!("CPL{:06}", 100_000 + index),
            macs: vec![mac(0), mac(1)],
            boot_mode: if index.is_multiple_of(2) {
                BootMode::Uefi
            } else {
                BootMode::Bios
            },
            cpus: if big { 64 } else { 16 },
            memory_mib: if big { 262_144 } else { 65_536 },
            disk: DiskSpec {
                size: 20 << 30,
                write_mib_per_second: None,
            },
        }
    }

    /// What an agent that runs on the machine reports.
    #[must_use]
    pub fn inventory(&self, bmc_address: Option<String>) -> Inventory {
        let interfaces = self
            .macs
            .iter()
            .enumerate()
            .map(|(i, mac)| NetworkInterface {
                name: format!("eth{i}"),
                mac_address: mac.to_string(),
                has_carrier: i == 0,
                ..NetworkInterface::default()
            });
        Inventory {
            interfaces: interfaces.collect(),
            cpu: CpuInfo {
                model_name: Some("Cupola Simulated Processor".to_owned()),
                count: self.cpus,
                architecture: "x86_64".to_owned(),
                ..CpuInfo::default()
            },
            disks: vec![self.block_device()],
            memory: MemoryInfo {
                total: Some(self.memory_mib * MIB),
                physical_mb: Some(self.memory_mib),
            },
            bmc_address,
            system_vendor: SystemVendor {
                product_name: Some("Virtual Rack Machine".to_owned()),
                serial_number: Some(self.serial.clone()),
                manufacturer: Some("Cupola".to_owned()),
                firmware: Some(FirmwareInfo {
                    vendor: Some("Cupola".to_owned()),
                    version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                    ..FirmwareInfo::default()
                }),
            },
            boot: BootInfo {
                current_boot_mode: Some(
                    match self.boot_mode {
                        BootMode::Bios => "bios",
                        BootMode::Uefi => "uefi",
                    }
                    .to_owned(),
                ),
                pxe_interface: self.macs.first().map(MacAddress::to_string),
            },
            hostname: Some(self.name.clone()),
            extra: Map::new(),
            ..Inventory::default()
        }
    }

    /// The machine's disk as an agent sees it.
    #[must_use]
    pub fn block_device(&self) -> BlockDevice {
        BlockDevice {
            name: "/dev/sda".to_owned(),
            model: Some("SIMDISK".to_owned()),
            vendor: Some("CUPOLA".to_owned()),
            size: self.disk.size,
            serial: Some(format!("{}-D0", self.serial)),
            wwn: Some(format!(
                "0x5000{:0>12}",
                hex::encode(self.serial.as_bytes()).get(..12).unwrap_or("0")
            )),
            hctl: Some("0:0:0:0".to_owned()),
            logical_sectors: Some(512),
            physical_sectors: Some(4096),
            ..BlockDevice::default()
        }
    }
}
