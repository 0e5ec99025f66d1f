//! What a booting machine says of itself in DHCP: its architecture (option 93), whether it is a
//! ROM, iPXE or an operating system (options 60, 77 and 175). Pure; reads no packets.

use std::fmt;

/// Client system architecture, DHCP option 93 (RFC 4578 section 2.1, IANA "Processor Architecture
/// Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientArchitecture {
    /// 0: x86 BIOS.
    BiosX86,
    /// 6: 32-bit x86 UEFI.
    UefiX86,
    /// 7 and 9: x86-64 UEFI. RFC 4578 calls 7 "EFI BC" and 9 "EFI x86-64"; firmware sends either.
    UefiX64,
    /// 11: 64-bit ARM UEFI.
    UefiArm64,
    /// 15: 32-bit x86 UEFI, booting over HTTP.
    UefiHttpX86,
    /// 16: x86-64 UEFI, booting over HTTP.
    UefiHttpX64,
    /// 19: 64-bit ARM UEFI, booting over HTTP.
    UefiHttpArm64,
    /// Anything else, by its number.
    Other(u16),
}

impl ClientArchitecture {
    /// The number in option 93; 7 for x86-64 UEFI.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::BiosX86 => 0,
            Self::UefiX86 => 6,
            Self::UefiX64 => 7,
            Self::UefiArm64 => 11,
            Self::UefiHttpX86 => 15,
            Self::UefiHttpX64 => 16,
            Self::UefiHttpArm64 => 19,
            Self::Other(code) => code,
        }
    }

    /// Whether the firmware is UEFI; `None` where the number is not one we know.
    #[must_use]
    pub const fn is_uefi(self) -> Option<bool> {
        match self {
            Self::BiosX86 => Some(false),
            Self::UefiX86
            | Self::UefiX64
            | Self::UefiArm64
            | Self::UefiHttpX86
            | Self::UefiHttpX64
            | Self::UefiHttpArm64 => Some(true),
            Self::Other(_) => None,
        }
    }
}

impl From<u16> for ClientArchitecture {
    fn from(code: u16) -> Self {
        match code {
            0 => Self::BiosX86,
            6 => Self::UefiX86,
            7 | 9 => Self::UefiX64,
            11 => Self::UefiArm64,
            15 => Self::UefiHttpX86,
            16 => Self::UefiHttpX64,
            19 => Self::UefiHttpArm64,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for ClientArchitecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BiosX86 => f.write_str("BIOS"),
            Self::UefiX86 => f.write_str("UEFI x86 (32-bit)"),
            Self::UefiX64 => f.write_str("UEFI x86-64"),
            Self::UefiArm64 => f.write_str("UEFI arm64"),
            Self::UefiHttpX86 => f.write_str("UEFI HTTP x86 (32-bit)"),
            Self::UefiHttpX64 => f.write_str("UEFI HTTP x86-64"),
            Self::UefiHttpArm64 => f.write_str("UEFI HTTP arm64"),
            Self::Other(code) => write!(f, "architecture {code}"),
        }
    }
}

/// Which program of the machine is asking: the rungs of a netboot, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BootStage {
    /// The firmware's PXE ROM: wants a loader over TFTP.
    PxeRom,
    /// The firmware's HTTP boot client: wants a loader's URL.
    HttpRom,
    /// iPXE: wants its node's script.
    Ipxe,
    /// A ramdisk or an operating system: wants an address.
    System,
}

impl fmt::Display for BootStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PxeRom => "PXE ROM",
            Self::HttpRom => "HTTP boot ROM",
            Self::Ipxe => "iPXE",
            Self::System => "operating system",
        })
    }
}

/// What a machine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSystem {
    /// Option 93; `None` where the client sent none, as operating systems do.
    pub architecture: Option<ClientArchitecture>,
    /// Which program is asking.
    pub stage: BootStage,
    /// Option 77 as text, for people.
    pub user_class: Option<String>,
    /// Option 60 as text, for people.
    pub vendor_class: Option<String>,
}

impl ClientSystem {
    /// Works out who is asking from the raw options.
    ///
    /// `ipxe_options` says whether option 175 (iPXE's encapsulated options) was there: iPXE sends
    /// it always, its user class can be switched off at build time.
    #[must_use]
    pub fn from_options(
        architecture: Option<u16>,
        vendor_class: Option<&[u8]>,
        user_class: Option<&[u8]>,
        ipxe_options: bool,
    ) -> Self {
        let text = |raw: &[u8]| {
            String::from_utf8_lossy(raw)
                .chars()
                .filter(|c| !c.is_control())
                .take(64)
                .collect()
        };
        let starts = |prefix: &str| vendor_class.is_some_and(|v| v.starts_with(prefix.as_bytes()));
        let ipxe = ipxe_options || user_class.is_some_and(is_ipxe);
        let stage = if ipxe {
            BootStage::Ipxe
        } else if starts("HTTPClient") {
            BootStage::HttpRom
        } else if starts("PXEClient") {
            BootStage::PxeRom
        } else {
            BootStage::System
        };
        Self {
            architecture: architecture.map(ClientArchitecture::from),
            stage,
            user_class: user_class.map(text),
            vendor_class: vendor_class.map(text),
        }
    }
}

impl fmt::Display for ClientSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.architecture {
            Some(architecture) => write!(f, "{} on {architecture}", self.stage),
            None => fmt::Display::fmt(&self.stage, f),
        }
    }
}

/// iPXE sends the four bare octets; RFC 3004 wants each class behind a length octet. Both count.
fn is_ipxe(user_class: &[u8]) -> bool {
    user_class == b"iPXE" || user_class.strip_prefix(&[4]) == Some(b"iPXE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_follows_vendor_and_user_class() {
        let stage = |vendor: Option<&str>, user: Option<&[u8]>, ipxe| {
            ClientSystem::from_options(Some(0), vendor.map(str::as_bytes), user, ipxe).stage
        };
        let pxe = Some("PXEClient:Arch:00000:UNDI:002001");
        assert_eq!(stage(pxe, None, false), BootStage::PxeRom);
        assert_eq!(stage(pxe, Some(b"iPXE"), false), BootStage::Ipxe);
        assert_eq!(stage(pxe, Some(b"\x04iPXE"), false), BootStage::Ipxe);
        assert_eq!(stage(pxe, None, true), BootStage::Ipxe);
        assert_eq!(
            stage(Some("HTTPClient:Arch:00016"), None, false),
            BootStage::HttpRom
        );
        assert_eq!(stage(Some("udhcp 1.35.0"), None, false), BootStage::System);
        assert_eq!(stage(None, Some(b"other"), false), BootStage::System);
    }

    #[test]
    fn architectures_keep_their_numbers() {
        for code in [0, 6, 7, 11, 15, 16, 19, 33] {
            assert_eq!(ClientArchitecture::from(code).code(), code);
        }
        assert_eq!(ClientArchitecture::from(9), ClientArchitecture::UefiX64);
    }
}
