//! System boot options (28.12, 28.13, table 28-14): parameter 3, which keeps the flags from
//! expiring, and parameter 5, the boot flags themselves.

use serde::{Deserialize, Serialize};

use super::{
    DecodeError, Reader,
    message::{Command, NetFn},
};

/// Set System Boot Options.
pub const SET_SYSTEM_BOOT_OPTIONS: u8 = 0x08;
/// Get System Boot Options.
pub const GET_SYSTEM_BOOT_OPTIONS: u8 = 0x09;
/// Parameter 3: when the BMC clears the boot flags by itself.
pub const VALID_BIT_CLEARING: u8 = 3;
/// Parameter 5: the boot flags.
pub const BOOT_FLAGS: u8 = 5;
/// Version of the parameters that a Get response reports.
pub const PARAMETER_VERSION: u8 = 0x01;

/// Boot device selector of the boot flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootDevice {
    /// No override: the firmware's own boot order.
    None,
    /// Network.
    Pxe,
    /// Default hard disk.
    Disk,
    /// Default hard disk, safe mode.
    Safe,
    /// Diagnostic partition.
    Diagnostic,
    /// CD or DVD.
    Cdrom,
    /// Firmware setup.
    Bios,
    /// Remotely connected floppy.
    RemoteFloppy,
    /// Remotely connected CD or DVD.
    RemoteCdrom,
    /// Primary remote media.
    RemoteMedia,
    /// Remotely connected hard disk.
    RemoteDisk,
    /// Floppy or primary removable media.
    Floppy,
    /// Reserved selector.
    Other(u8),
}

impl BootDevice {
    const fn code(self) -> u8 {
        match self {
            Self::None => 0x0,
            Self::Pxe => 0x1,
            Self::Disk => 0x2,
            Self::Safe => 0x3,
            Self::Diagnostic => 0x4,
            Self::Cdrom => 0x5,
            Self::Bios => 0x6,
            Self::RemoteFloppy => 0x7,
            Self::RemoteCdrom => 0x8,
            Self::RemoteMedia => 0x9,
            Self::RemoteDisk => 0xB,
            Self::Floppy => 0xF,
            Self::Other(code) => code & 0x0F,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code & 0x0F {
            0x0 => Self::None,
            0x1 => Self::Pxe,
            0x2 => Self::Disk,
            0x3 => Self::Safe,
            0x4 => Self::Diagnostic,
            0x5 => Self::Cdrom,
            0x6 => Self::Bios,
            0x7 => Self::RemoteFloppy,
            0x8 => Self::RemoteCdrom,
            0x9 => Self::RemoteMedia,
            0xB => Self::RemoteDisk,
            0xF => Self::Floppy,
            other => Self::Other(other),
        }
    }
}

/// The boot flags (parameter 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootFlags {
    /// Whether the flags hold at all; a BMC clears it when they were used or expired.
    pub valid: bool,
    /// For every boot from now on, not only the next.
    pub persistent: bool,
    /// Boot by UEFI, not by legacy BIOS.
    pub efi: bool,
    /// What to boot from.
    pub device: BootDevice,
}

impl BootFlags {
    /// Flags of a BMC that overrides nothing.
    pub const NONE: Self = Self {
        valid: false,
        persistent: false,
        efi: false,
        device: BootDevice::None,
    };

    /// The parameter's five bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; 5] {
        let head = (u8::from(self.valid) << 7)
            | (u8::from(self.persistent) << 6)
            | (u8::from(self.efi) << 5);
        [head, self.device.code() << 2, 0, 0, 0]
    }

    /// From the parameter's bytes; what follows the second may be missing.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let [head, device] = Reader::new(data).array("boot flags")?;
        Ok(Self {
            valid: head & 0x80 != 0,
            persistent: head & 0x40 != 0,
            efi: head & 0x20 != 0,
            device: BootDevice::from_code(device >> 2),
        })
    }
}

/// Set System Boot Options with the boot flags.
#[derive(Debug, Clone, Copy)]
pub struct SetBootFlags(pub BootFlags);

impl Command for SetBootFlags {
    type Response = ();
    const NET_FN: NetFn = NetFn::Chassis;
    const COMMAND: u8 = SET_SYSTEM_BOOT_OPTIONS;
    const NAME: &'static str = "Set System Boot Options (boot flags)";

    fn request(&self) -> Vec<u8> {
        let mut data = vec![BOOT_FLAGS];
        data.extend(self.0.encode());
        data
    }

    fn response(_data: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Set System Boot Options with parameter 3: keep the flags past the 60-second timeout. Without it
/// a BMC forgets the boot device of a machine that is switched on a minute later.
#[derive(Debug, Clone, Copy)]
pub struct DisableBootFlagTimeout;

impl Command for DisableBootFlagTimeout {
    type Response = ();
    const NET_FN: NetFn = NetFn::Chassis;
    const COMMAND: u8 = SET_SYSTEM_BOOT_OPTIONS;
    const NAME: &'static str = "Set System Boot Options (valid bit clearing)";

    fn request(&self) -> Vec<u8> {
        // Bit 3: do not clear the valid bit when no chassis control follows within 60 seconds.
        vec![VALID_BIT_CLEARING, 0x08]
    }

    fn response(_data: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Get System Boot Options for the boot flags.
#[derive(Debug, Clone, Copy)]
pub struct GetBootFlags;

impl Command for GetBootFlags {
    type Response = BootFlags;
    const NET_FN: NetFn = NetFn::Chassis;
    const COMMAND: u8 = GET_SYSTEM_BOOT_OPTIONS;
    const NAME: &'static str = "Get System Boot Options";

    fn request(&self) -> Vec<u8> {
        // Parameter, set selector, block selector.
        vec![BOOT_FLAGS, 0x00, 0x00]
    }

    fn response(data: &[u8]) -> Result<BootFlags, DecodeError> {
        let mut reader = Reader::new(data);
        let [_version, parameter] = reader.array("boot option parameter")?;
        if parameter & 0x7F != BOOT_FLAGS {
            return Err(DecodeError::Invalid {
                field: "boot option parameter",
                value: parameter.into(),
            });
        }
        let flags = BootFlags::decode(reader.rest())?;
        // Bit 7 of the parameter: marked invalid or locked.
        Ok(BootFlags {
            valid: flags.valid && parameter & 0x80 == 0,
            ..flags
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_flags_are_the_bytes_that_other_tools_send() {
        let persistent_efi_pxe = BootFlags {
            valid: true,
            persistent: true,
            efi: true,
            device: BootDevice::Pxe,
        };
        assert_eq!(
            SetBootFlags(persistent_efi_pxe).request(),
            [0x05, 0xE0, 0x04, 0x00, 0x00, 0x00]
        );
        let once_disk = BootFlags {
            valid: true,
            persistent: false,
            efi: false,
            device: BootDevice::Disk,
        };
        assert_eq!(once_disk.encode(), [0x80, 0x08, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = BootFlags::decode(&bytes);
            let _ = GetBootFlags::response(&bytes);
        }

        #[test]
        fn flags_survive_the_wire(valid: bool, persistent: bool, efi: bool, code in 0_u8..16) {
            let flags = BootFlags { valid, persistent, efi, device: BootDevice::from_code(code) };
            prop_assert_eq!(BootFlags::decode(&flags.encode()), Ok(flags));
        }
    }
}
