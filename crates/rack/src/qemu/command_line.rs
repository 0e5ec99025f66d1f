//! The QEMU command line of a machine: a pure function of its configuration and boot order.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cupola_api::MacAddress;
use uuid::Uuid;

use super::BootDevice;

/// OVMF's code, from Debian's `ovmf` package.
pub(super) const OVMF_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";

/// The template of OVMF's variables; each machine has its own copy.
pub(super) const OVMF_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// OVMF's code for Secure Boot, which needs system management mode to keep its variables.
pub(super) const OVMF_SECURE_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";

/// Variables with Microsoft's keys enrolled and Secure Boot on, as a server is delivered.
pub(super) const OVMF_SECURE_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";

/// What starts the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS, which netboots by the ROM of its network card.
    Bios,
    /// OVMF, which netboots by its own PXE client.
    Uefi,
    /// OVMF with its PXE client switched off: it netboots by HTTP boot.
    UefiHttp,
    /// OVMF with Secure Boot on, netbooting by its PXE client.
    UefiSecure,
    /// OVMF with Secure Boot on, netbooting by HTTP boot.
    UefiHttpSecure,
}

impl Firmware {
    /// Whether this is UEFI firmware.
    #[must_use]
    pub const fn is_uefi(self) -> bool {
        !matches!(self, Self::Bios)
    }

    /// Whether it starts only what a key of its owner has signed.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::UefiSecure | Self::UefiHttpSecure)
    }

    const fn boots_by_http(self) -> bool {
        matches!(self, Self::UefiHttp | Self::UefiHttpSecure)
    }

    const fn code(self) -> &'static str {
        if self.is_secure() {
            OVMF_SECURE_CODE
        } else {
            OVMF_CODE
        }
    }

    /// The template of its variables; none where it keeps none.
    pub(super) const fn variables(self) -> Option<&'static str> {
        match self {
            Self::Bios => None,
            Self::Uefi | Self::UefiHttp => Some(OVMF_VARIABLES),
            Self::UefiSecure | Self::UefiHttpSecure => Some(OVMF_SECURE_VARIABLES),
        }
    }
}

/// The boot ROM on the network card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CardRom {
    /// iPXE for a BIOS, which has nothing else to netboot with, and none for UEFI, which has.
    #[default]
    Usual,
    /// iPXE, for UEFI too, where it stands before the firmware's own clients.
    Ipxe,
    /// This file.
    File(PathBuf),
}

/// What the network card is plugged into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkAttachment {
    /// A tap device of the namespace that QEMU runs in.
    Tap(String),
    /// QEMU's own user-mode network with a DHCP server: a machine outside any rack.
    User,
}

/// How the machine names itself in its SMBIOS tables (DMTF DSP0134).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmbiosIdentity {
    /// System UUID.
    pub uuid: Uuid,
    /// System serial number.
    pub serial: String,
}

/// The machine's disk: a sparse raw file behind a virtio SCSI controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskConfig {
    /// The file; made when it is missing.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Serial number, up to 36 characters.
    pub serial: String,
    /// World Wide Name (NAA 5).
    pub wwn: u64,
}

/// One machine.
#[derive(Debug, Clone)]
pub struct MachineConfig {
    /// Its name in messages and in QEMU's process list.
    pub name: String,
    /// A directory of its own for sockets, the serial log and UEFI variables.
    pub directory: PathBuf,
    /// What starts it.
    pub firmware: Firmware,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Number of processors.
    pub processors: u8,
    /// Its identity.
    pub identity: SmbiosIdentity,
    /// Address of its network card.
    pub mac: MacAddress,
    /// Model of its network card, such as `virtio-net-pci` or `e1000e`.
    pub network_card: String,
    /// The boot ROM on it.
    pub card_rom: CardRom,
    /// What the card is plugged into.
    pub network: NetworkAttachment,
    /// Its disk.
    pub disk: DiskConfig,
    /// More arguments for QEMU, such as `-kernel`.
    pub arguments: Vec<OsString>,
}

impl MachineConfig {
    pub(super) fn qmp_socket(&self) -> PathBuf {
        self.directory.join("qmp.sock")
    }

    pub(super) fn serial_socket(&self) -> PathBuf {
        self.directory.join("serial.sock")
    }

    pub(super) fn uefi_variables(&self) -> PathBuf {
        self.directory.join("uefi-variables.fd")
    }
}

/// The arguments after `qemu-system-x86_64` for a start from `boot`.
///
/// QEMU ends when the guest resets (`-action reboot=shutdown`), so that the supervisor works out
/// the boot order anew at every start, as firmware does.
pub(super) fn arguments(config: &MachineConfig, boot: BootDevice) -> Vec<OsString> {
    let mut line = CommandLine::default();
    line.flag("-nodefaults");
    line.option("-name", &config.name);
    line.option("-display", "none");
    if config.firmware.is_secure() {
        line.option("-machine", "q35,graphics=off,smm=on");
        line.option("-global", "driver=cfi.pflash01,property=secure,value=on");
        line.option("-global", "ICH9-LPC.disable_s3=1");
    } else {
        line.option("-machine", "q35,graphics=off");
    }
    line.option("-accel", "tcg,thread=multi,tb-size=256");
    line.option("-cpu", "max");
    line.option("-smp", config.processors.to_string());
    line.option("-m", config.memory_mib.to_string());
    line.option("-action", "reboot=shutdown");
    let SmbiosIdentity { uuid, serial } = &config.identity;
    line.option("-uuid", uuid.to_string());
    line.option(
        "-smbios",
        format!("type=1,manufacturer=Cupola,product=Virtual rack,serial={serial},uuid={uuid}"),
    );
    line.option(
        "-smbios",
        format!("type=2,manufacturer=Cupola,serial=B{serial}"),
    );
    line.option(
        "-smbios",
        format!("type=3,manufacturer=Cupola,serial=C{serial}"),
    );
    line.option("-device", "virtio-rng-pci");
    line.socket(
        "-chardev",
        "socket,id=serial0,path=",
        &config.serial_socket(),
    );
    line.option("-serial", "chardev:serial0");
    line.socket("-chardev", "socket,id=qmp0,path=", &config.qmp_socket());
    line.option("-mon", "chardev=qmp0,mode=control");
    network(&mut line, config, boot);
    disk(&mut line, config, boot);
    if config.firmware.is_uefi() {
        uefi(&mut line, config);
    }
    line.0.extend(config.arguments.iter().cloned());
    line.0
}

/// OVMF's flash; where it shall boot by HTTP, its other network clients are switched off.
fn uefi(line: &mut CommandLine, config: &MachineConfig) {
    line.option(
        "-drive",
        format!(
            "if=pflash,format=raw,unit=0,readonly=on,file={}",
            config.firmware.code()
        ),
    );
    line.socket(
        "-drive",
        "if=pflash,format=raw,unit=1,file=",
        &config.uefi_variables(),
    );
    if config.firmware.boots_by_http() {
        for client in ["IPv4PXESupport", "IPv6PXESupport", "IPv6Support"] {
            line.option(
                "-fw_cfg",
                format!("name=opt/org.tianocore/{client},string=no"),
            );
        }
    }
}

/// Position in the boot order of (network, disk); 1 is first, none is "do not boot from it".
fn order(boot: BootDevice) -> (Option<u8>, Option<u8>) {
    match boot {
        BootDevice::Pxe => (Some(1), Some(2)),
        BootDevice::None => (Some(2), Some(1)),
        BootDevice::Disk | BootDevice::Cdrom | BootDevice::Bios => (None, Some(1)),
    }
}

fn boot_index(position: Option<u8>) -> String {
    position
        .map(|position| format!(",bootindex={position}"))
        .unwrap_or_default()
}

fn network(line: &mut CommandLine, config: &MachineConfig, boot: BootDevice) {
    let backend = match &config.network {
        NetworkAttachment::Tap(name) => {
            format!("tap,id=net0,ifname={name},script=no,downscript=no")
        }
        NetworkAttachment::User => "user,id=net0".to_owned(),
    };
    line.option("-netdev", backend);
    let index = boot_index(order(boot).0);
    let card = format!(
        "{},netdev=net0,mac={}{index}",
        config.network_card, config.mac
    );
    match &config.card_rom {
        // QEMU's own choice is iPXE, for BIOS and for UEFI in one file.
        CardRom::Ipxe => line.option("-device", card),
        CardRom::Usual if config.firmware.is_uefi() => {
            line.option("-device", format!("{card},romfile="));
        }
        CardRom::Usual => line.option("-device", card),
        CardRom::File(file) => line.socket("-device", &format!("{card},romfile="), file),
    }
}

fn disk(line: &mut CommandLine, config: &MachineConfig, boot: BootDevice) {
    let DiskConfig {
        path,
        bytes: _,
        serial,
        wwn,
    } = &config.disk;
    line.option("-device", "virtio-scsi-pci,id=scsi0");
    // The disk is the test's own: what a power cut of the host would lose does not matter.
    line.socket(
        "-drive",
        "if=none,id=disk0,format=raw,cache=unsafe,discard=unmap,detect-zeroes=unmap,file=",
        path,
    );
    let index = boot_index(order(boot).1);
    line.option(
        "-device",
        format!(
            "scsi-hd,bus=scsi0.0,drive=disk0,serial={serial},wwn={wwn:#018x},vendor=CUPOLA,\
             product=DISK{index}"
        ),
    );
}

#[derive(Debug, Default)]
struct CommandLine(Vec<OsString>);

impl CommandLine {
    fn flag(&mut self, name: &str) {
        self.0.push(name.into());
    }

    fn option(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(name.into());
        self.0.push(value.into());
    }

    /// An option whose last key is a path; QEMU wants a comma in a path doubled.
    fn socket(&mut self, name: &str, prefix: &str, path: &Path) {
        let path = path.to_string_lossy().replace(',', ",,");
        self.option(name, format!("{prefix}{path}"));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::qemu) fn config(directory: &Path, firmware: Firmware) -> MachineConfig {
        MachineConfig {
            name: "node".to_owned(),
            directory: directory.to_path_buf(),
            firmware,
            memory_mib: 256,
            processors: 1,
            identity: SmbiosIdentity {
                uuid: Uuid::nil(),
                serial: "S1".to_owned(),
            },
            mac: MacAddress::new([0x52, 0x54, 0, 0, 0, 1]),
            network_card: "virtio-net-pci".to_owned(),
            card_rom: CardRom::Usual,
            network: NetworkAttachment::User,
            disk: DiskConfig {
                path: directory.join("disk.raw"),
                bytes: 1 << 30,
                serial: "D1".to_owned(),
                wwn: 0x5000_c500_0000_0001,
            },
            arguments: Vec::new(),
        }
    }

    fn joined(firmware: Firmware, boot: BootDevice) -> String {
        let line = arguments(&config(Path::new("/run/a,b"), firmware), boot);
        line.iter()
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_boot_device_decides_the_order() {
        let pxe = joined(Firmware::Bios, BootDevice::Pxe);
        assert!(pxe.contains("mac=52:54:00:00:00:01,bootindex=1"), "{pxe}");
        assert!(pxe.contains("product=DISK,bootindex=2"), "{pxe}");
        let disk = joined(Firmware::Bios, BootDevice::Disk);
        assert!(disk.contains("mac=52:54:00:00:00:01 "), "{disk}");
        assert!(disk.contains("wwn=0x5000c50000000001"), "{disk}");
    }

    #[test]
    fn uefi_takes_ovmf_and_no_card_rom_and_commas_in_paths_are_doubled() {
        let uefi = joined(Firmware::Uefi, BootDevice::None);
        assert!(
            uefi.contains(OVMF_CODE) && uefi.contains("romfile="),
            "{uefi}"
        );
        assert!(uefi.contains("file=/run/a,,b/uefi-variables.fd"), "{uefi}");
        assert!(!joined(Firmware::Bios, BootDevice::None).contains("pflash"));
    }

    #[test]
    fn http_boot_has_no_pxe_client_and_secure_boot_has_system_management_mode() {
        let http = joined(Firmware::UefiHttp, BootDevice::Pxe);
        assert!(
            http.contains("name=opt/org.tianocore/IPv4PXESupport,string=no"),
            "{http}"
        );
        let secure = joined(Firmware::UefiSecure, BootDevice::Pxe);
        assert!(
            secure.contains(OVMF_SECURE_CODE) && secure.contains("smm=on"),
            "{secure}"
        );
        assert!(!secure.contains("IPv4PXESupport"), "{secure}");
    }

    #[test]
    fn the_card_has_the_rom_it_was_given() {
        let mut config = config(Path::new("/run"), Firmware::Bios);
        config.card_rom = CardRom::File("/roms/pxe.rom".into());
        let line = arguments(&config, BootDevice::Pxe);
        assert!(
            line.iter()
                .any(|word| word.to_string_lossy().ends_with(",romfile=/roms/pxe.rom"))
        );
    }
}
