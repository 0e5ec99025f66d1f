//! The machine's hardware as an agent sees it: the `inventory` of the inspection data and of
//! `GET /v1/nodes/{node}/inventory`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything an agent found out about a machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// Network interfaces; never empty in an accepted inspection.
    #[serde(default)]
    pub interfaces: Vec<NetworkInterface>,
    /// Processors.
    #[serde(default)]
    pub cpu: CpuInfo,
    /// Block devices that an image may be written to.
    #[serde(default)]
    pub disks: Vec<BlockDevice>,
    /// Memory.
    #[serde(default)]
    pub memory: MemoryInfo,
    /// The BMC's IPv4 address; `0.0.0.0` when the BMC has none, null when nobody could ask.
    #[serde(default)]
    pub bmc_address: Option<String>,
    /// The BMC's IPv6 address; `::/0` when the BMC has none, null when nobody could ask.
    #[serde(default)]
    pub bmc_v6address: Option<String>,
    /// The BMC's MAC address, when readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bmc_mac: Option<String>,
    /// What the firmware says of the machine.
    #[serde(default)]
    pub system_vendor: SystemVendor,
    /// How the machine booted.
    #[serde(default)]
    pub boot: BootInfo,
    /// The ramdisk's host name.
    #[serde(default)]
    pub hostname: Option<String>,
    /// What other agents add.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One network interface.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// Kernel name, such as `eth0`.
    #[serde(default)]
    pub name: String,
    /// MAC address, lower case with colons.
    pub mac_address: String,
    /// IPv4 address without prefix length.
    #[serde(default)]
    pub ipv4_address: Option<String>,
    /// IPv6 address without prefix length.
    #[serde(default)]
    pub ipv6_address: Option<String>,
    /// Whether the link is up.
    #[serde(default)]
    pub has_carrier: bool,
    /// LLDP TLVs heard, as pairs of type and hexadecimal text.
    #[serde(default)]
    pub lldp: Option<Vec<(u32, String)>>,
    /// PCI vendor, such as `0x8086`.
    #[serde(default)]
    pub vendor: Option<String>,
    /// PCI product, such as `0x1572`.
    #[serde(default)]
    pub product: Option<String>,
    /// DHCP client identifier of an InfiniBand interface.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The firmware's name of the interface.
    #[serde(default)]
    pub biosdevname: Option<String>,
    /// Link speed in Mbit/s.
    #[serde(default)]
    pub speed_mbps: Option<u32>,
    /// PCI address, such as `0000:00:03.0`.
    #[serde(default)]
    pub pci_address: Option<String>,
    /// Kernel driver.
    #[serde(default)]
    pub driver: Option<String>,
}

/// The processors, all of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CpuInfo {
    /// Model name.
    #[serde(default)]
    pub model_name: Option<String>,
    /// MHz, as text.
    #[serde(default)]
    pub frequency: Option<Value>,
    /// Logical processors.
    #[serde(default)]
    pub count: u32,
    /// `x86_64`, `aarch64`, …
    #[serde(default)]
    pub architecture: String,
    /// Feature flags.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Sockets.
    #[serde(default)]
    pub socket_count: Option<u32>,
}

/// One block device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockDevice {
    /// Device file, such as `/dev/sda`.
    pub name: String,
    /// Link below `/dev/disk/by-path`.
    #[serde(default)]
    pub by_path: Option<String>,
    /// Model.
    #[serde(default)]
    pub model: Option<String>,
    /// Bytes.
    #[serde(default)]
    pub size: u64,
    /// Whether the disk turns.
    #[serde(default)]
    pub rotational: bool,
    /// World wide name.
    #[serde(default)]
    pub wwn: Option<String>,
    /// Serial number.
    #[serde(default)]
    pub serial: Option<String>,
    /// Vendor.
    #[serde(default)]
    pub vendor: Option<String>,
    /// World wide name with the vendor's extension.
    #[serde(default)]
    pub wwn_with_extension: Option<String>,
    /// The vendor's extension alone.
    #[serde(default)]
    pub wwn_vendor_extension: Option<String>,
    /// SCSI host, channel, target and lun, such as `0:0:0:0`.
    #[serde(default)]
    pub hctl: Option<String>,
    /// Logical sector size in bytes.
    #[serde(default)]
    pub logical_sectors: Option<u32>,
    /// Physical sector size in bytes.
    #[serde(default)]
    pub physical_sectors: Option<u32>,
    /// Transport: `sata`, `nvme`, `virtio`, …
    #[serde(default)]
    pub tran: Option<String>,
}

/// Memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryInfo {
    /// Bytes the kernel sees.
    #[serde(default)]
    pub total: Option<u64>,
    /// MiB the firmware reports.
    #[serde(default)]
    pub physical_mb: Option<u64>,
}

/// What the firmware says of the machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SystemVendor {
    /// Product name.
    #[serde(default)]
    pub product_name: Option<String>,
    /// Serial number.
    #[serde(default)]
    pub serial_number: Option<String>,
    /// Manufacturer.
    #[serde(default)]
    pub manufacturer: Option<String>,
    /// Firmware.
    #[serde(default)]
    pub firmware: Option<FirmwareInfo>,
}

/// The machine's firmware.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FirmwareInfo {
    /// Vendor.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Version.
    #[serde(default)]
    pub version: Option<String>,
    /// Build date.
    #[serde(default)]
    pub build_date: Option<String>,
}

/// How the machine booted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BootInfo {
    /// `uefi` or `bios`.
    #[serde(default)]
    pub current_boot_mode: Option<String>,
    /// `BOOTIF`: a MAC address, perhaps with dashes and the hardware type in front.
    #[serde(default)]
    pub pxe_interface: Option<String>,
}
