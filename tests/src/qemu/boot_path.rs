//! The ways in which a machine netboots: its firmware, who answers its DHCP, what loads the
//! ramdisk, and how the image is packed.

use std::fmt;

use anyhow::{Result, ensure};
use cupola_api::event::{BootService, Event, EventKind};
use cupola_rack::qemu::{CardRom, Firmware};

use super::image::ImageFormat;

/// Who answers DHCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dhcp {
    /// Our server, alone on the network.
    Server,
    /// A foreign server gives addresses, our proxyDHCP the boot file.
    Proxy,
    /// A foreign server gives both, configured by what `cupola boot dnsmasq-config` prints.
    Foreign,
}

impl fmt::Display for Dhcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Proxy => "proxy",
            Self::Foreign => "foreign",
        })
    }
}

/// What the firmware loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loader {
    /// iPXE.
    Ipxe,
    /// Debian's signed shim and GRUB.
    Grub,
}

/// One way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootPath {
    /// What starts the machine.
    pub firmware: Firmware,
    /// The ROM of its network card.
    pub card_rom: CardRom,
    /// What the firmware loads.
    pub loader: Loader,
    /// Who answers DHCP.
    pub dhcp: Dhcp,
    /// How the image is packed.
    pub image: ImageFormat,
}

impl BootPath {
    /// With the usual ROM and iPXE.
    #[must_use]
    pub const fn new(firmware: Firmware, dhcp: Dhcp, image: ImageFormat) -> Self {
        Self {
            firmware,
            card_rom: CardRom::Usual,
            loader: Loader::Ipxe,
            dhcp,
            image,
        }
    }

    /// The firmware and its loader, as a test's name has it.
    #[must_use]
    pub fn boot(&self) -> String {
        let firmware = match self.firmware {
            Firmware::Bios => "bios_pxe",
            Firmware::Uefi => "uefi_pxe",
            Firmware::UefiHttp => "uefi_http",
            Firmware::UefiSecure => "uefi_secure_pxe",
            Firmware::UefiHttpSecure => "uefi_secure_http",
        };
        let rom = match &self.card_rom {
            CardRom::Usual => "",
            CardRom::Ipxe => "_ipxe_rom",
            CardRom::File(_) => "_other_rom",
        };
        let loader = match self.loader {
            Loader::Ipxe => "",
            Loader::Grub => "_grub",
        };
        format!("{firmware}{rom}{loader}")
    }

    /// What this path needs and this host lacks.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        (self.dhcp != Dhcp::Server && !crate::skip::has_program("dnsmasq"))
            .then(|| "dnsmasq is missing (Debian package: dnsmasq-base)".to_owned())
    }

    /// Whether the timeline shows this path and no other: the loader came by the protocol of the
    /// firmware, and a card whose ROM is iPXE already got none. Where a foreign server gave it, the
    /// timeline begins with the script; `foreign`, what that server logged, has the loader.
    ///
    /// # Errors
    /// When it does not, with what it shows.
    pub fn check(&self, events: &[Event], foreign: &str) -> Result<()> {
        let contacts: Vec<(BootService, &str)> = events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::BootContact {
                    service, message, ..
                } => Some((*service, message.as_str())),
                _ => None,
            })
            .collect();
        let tftp = contacts
            .iter()
            .any(|(service, _)| *service == BootService::Tftp);
        let loader = contacts.iter().any(|(service, message)| {
            *service == BootService::Http && message.contains("/loaders/")
        });
        let has_ipxe = self.card_rom == CardRom::Ipxe || self.firmware == Firmware::Bios;
        let by_http = matches!(self.firmware, Firmware::UefiHttp | Firmware::UefiHttpSecure);
        if self.dhcp == Dhcp::Foreign {
            return Self::check_foreign(&contacts, foreign, (!has_ipxe).then_some(by_http));
        }
        let expected = match (has_ipxe, by_http) {
            (true, _) => !tftp && !loader,
            (false, true) => loader && !tftp,
            (false, false) => tftp,
        };
        ensure!(expected, "{self} went another way: {contacts:#?}");
        Ok(())
    }

    /// DHCP told us nothing, and dnsmasq named the loader, if any, by its name or by its URL.
    fn check_foreign(
        contacts: &[(BootService, &str)],
        foreign: &str,
        by_http: Option<bool>,
    ) -> Result<()> {
        let ours = contacts
            .iter()
            .find(|(service, _)| *service == BootService::Dhcp);
        ensure!(ours.is_none(), "our DHCP took part: {ours:?}");
        let named = |file: &str| {
            let boots = |line: &str| line.contains("boot") && line.trim_end().ends_with(file);
            foreign.lines().any(boots)
        };
        let loaders = ("snponly.efi", "/loaders/ipxe.efi");
        let expected = match by_http {
            None => !named(loaders.0) && !named(loaders.1),
            Some(true) => named(loaders.1) && !named(loaders.0),
            Some(false) => named(loaders.0) && !named(loaders.1),
        };
        ensure!(
            expected && named("/script.ipxe"),
            "dnsmasq led elsewhere:\n{foreign}"
        );
        Ok(())
    }

    /// The mode that the node's capabilities name.
    #[must_use]
    pub const fn boot_mode(&self) -> &'static str {
        if self.firmware.is_uefi() {
            "uefi"
        } else {
            "bios"
        }
    }
}

impl fmt::Display for BootPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.boot(), self.dhcp, self.image.name())
    }
}

/// {BIOS PXE, UEFI PXE, UEFI HTTP boot} × {our DHCP, proxyDHCP} × {raw, qcow2}.
#[must_use]
pub fn matrix() -> Vec<BootPath> {
    let mut paths = Vec::new();
    for firmware in [Firmware::Bios, Firmware::Uefi, Firmware::UefiHttp] {
        for dhcp in [Dhcp::Server, Dhcp::Proxy] {
            for image in [ImageFormat::Raw, ImageFormat::Qcow2] {
                paths.push(BootPath::new(firmware, dhcp, image));
            }
        }
    }
    paths
}

/// What every change is tested with: together with the two lives of `qemu_e2e` (our DHCP and qcow2,
/// by BIOS and by UEFI), each pair of values of [`matrix`] is there.
#[must_use]
pub fn fast_half() -> Vec<BootPath> {
    vec![
        BootPath::new(Firmware::Bios, Dhcp::Proxy, ImageFormat::Raw),
        BootPath::new(Firmware::Uefi, Dhcp::Proxy, ImageFormat::Raw),
        BootPath::new(Firmware::UefiHttp, Dhcp::Proxy, ImageFormat::Qcow2),
        BootPath::new(Firmware::UefiHttp, Dhcp::Server, ImageFormat::Raw),
    ]
}

/// Paths beside the matrix: iPXE on the card's own ROM for UEFI, shim and GRUB by PXE with and
/// without Secure Boot, and no DHCP of ours. GRUB by HTTP boot is not among them: Debian's GRUB 2.06
/// then asks for no configuration.
#[must_use]
pub fn beyond() -> Vec<BootPath> {
    let with = |firmware, dhcp| BootPath::new(firmware, dhcp, ImageFormat::Raw);
    let rom = BootPath {
        card_rom: CardRom::Ipxe,
        ..with(Firmware::Uefi, Dhcp::Server)
    };
    let mut paths = vec![rom];
    for firmware in [Firmware::Bios, Firmware::Uefi, Firmware::UefiHttp] {
        paths.push(with(firmware, Dhcp::Foreign));
    }
    for firmware in [Firmware::Uefi, Firmware::UefiSecure] {
        paths.push(BootPath {
            loader: Loader::Grub,
            ..with(firmware, Dhcp::Server)
        });
    }
    paths
}
