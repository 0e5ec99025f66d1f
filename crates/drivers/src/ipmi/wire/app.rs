//! Application commands (chapters 20 and 22): device id, channel capabilities and session control.

use serde::{Deserialize, Serialize};

use super::{
    DecodeError, PRESENT_CHANNEL, Reader,
    message::{Command, NetFn},
};

/// Get Device ID.
pub const GET_DEVICE_ID: u8 = 0x01;
/// Get Channel Authentication Capabilities.
pub const GET_CHANNEL_AUTHENTICATION_CAPABILITIES: u8 = 0x38;
/// Set Session Privilege Level.
pub const SET_SESSION_PRIVILEGE_LEVEL: u8 = 0x3B;
/// Close Session.
pub const CLOSE_SESSION: u8 = 0x3C;
/// Get Channel Info.
pub const GET_CHANNEL_INFO: u8 = 0x42;
/// Get Channel Cipher Suites.
pub const GET_CHANNEL_CIPHER_SUITES: u8 = 0x54;
/// Most record bytes in one response of Get Channel Cipher Suites.
pub const CIPHER_SUITE_CHUNK: usize = 16;

/// A session's privilege level (table 6-2); later ones may do more.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Privilege {
    /// Only what is needed to call back.
    Callback,
    /// Read status.
    User,
    /// Control power and boot, not the BMC's own configuration.
    Operator,
    /// Everything.
    #[default]
    Administrator,
}

impl Privilege {
    /// The level on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Callback => 1,
            Self::User => 2,
            Self::Operator => 3,
            Self::Administrator => 4,
        }
    }

    /// From the low nibble of a byte; OEM (5) counts as administrator, 0 is no level.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code & 0x0F {
            1 => Some(Self::Callback),
            2 => Some(Self::User),
            3 => Some(Self::Operator),
            4 | 5 => Some(Self::Administrator),
            _ => None,
        }
    }

    /// The name that Ironic and ipmitool use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Callback => "CALLBACK",
            Self::User => "USER",
            Self::Operator => "OPERATOR",
            Self::Administrator => "ADMINISTRATOR",
        }
    }
}

impl std::fmt::Display for Privilege {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Get Device ID (20.1).
#[derive(Debug, Clone, Copy)]
pub struct GetDeviceId;

/// What a BMC says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceId {
    /// Device id, the maker's own numbering.
    pub device: u8,
    /// Device revision, 0 to 15.
    pub revision: u8,
    /// Major firmware revision, 0 to 127.
    pub firmware_major: u8,
    /// Minor firmware revision in BCD.
    pub firmware_minor: u8,
    /// Whether a firmware update or self-initialisation is under way.
    pub updating: bool,
    /// IANA enterprise number of the maker.
    pub manufacturer: u32,
    /// Product id, the maker's own numbering.
    pub product: u16,
}

impl DeviceId {
    /// The maker's name, where the number is one of the common ones (IANA's registry).
    #[must_use]
    pub const fn manufacturer_name(&self) -> Option<&'static str> {
        Some(match self.manufacturer {
            2 | 20301 => "IBM",
            11 => "Hewlett-Packard",
            42 => "Sun Microsystems",
            343 => "Intel",
            674 => "Dell",
            2011 => "Huawei",
            2623 => "ASUS",
            5703 => "NVIDIA",
            5771 => "Cisco",
            7244 => "Quanta",
            10368 => "Fujitsu",
            10876 => "Supermicro",
            15370 => "Gigabyte",
            19046 => "Lenovo",
            20974 => "American Megatrends",
            33049 => "Mellanox",
            42817 => "OpenPOWER Foundation",
            47196 => "Hewlett Packard Enterprise",
            _ => return None,
        })
    }

    /// The firmware revision as people write it, such as "3.45".
    #[must_use]
    pub fn firmware(&self) -> String {
        format!("{}.{:02x}", self.firmware_major, self.firmware_minor)
    }

    /// The response's data.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let [m0, m1, m2, _] = self.manufacturer.to_le_bytes();
        let [p0, p1] = self.product.to_le_bytes();
        vec![
            self.device,
            self.revision & 0x0F,
            (self.firmware_major & 0x7F) | (u8::from(self.updating) << 7),
            self.firmware_minor,
            // IPMI version 2.0, BCD with the nibbles reversed.
            0x02,
            // Additional device support: chassis device.
            0x80,
            m0,
            m1,
            m2,
            p0,
            p1,
            0,
            0,
            0,
            0,
        ]
    }
}

impl Command for GetDeviceId {
    type Response = DeviceId;
    const NET_FN: NetFn = NetFn::App;
    const COMMAND: u8 = GET_DEVICE_ID;
    const NAME: &'static str = "Get Device ID";

    fn request(&self) -> Vec<u8> {
        Vec::new()
    }

    fn response(data: &[u8]) -> Result<DeviceId, DecodeError> {
        let mut reader = Reader::new(data);
        let [device, revision, major, minor, _ipmi, _support] = reader.array("device id")?;
        let [m0, m1, m2] = reader.array("manufacturer id")?;
        Ok(DeviceId {
            device,
            revision: revision & 0x0F,
            firmware_major: major & 0x7F,
            firmware_minor: minor,
            updating: major & 0x80 != 0,
            // The upper four of the twenty-four bits are reserved.
            manufacturer: u32::from_le_bytes([m0, m1, m2 & 0x0F, 0]),
            product: reader.u16("product id")?,
        })
    }
}

/// Get Channel Authentication Capabilities (22.13), for the channel of the request.
#[derive(Debug, Clone, Copy)]
pub struct GetChannelAuthenticationCapabilities {
    /// The level that the session will ask for.
    pub privilege: Privilege,
}

/// How sessions may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticationCapabilities {
    /// The channel that answered.
    pub channel: u8,
    /// Whether RMCP+ (IPMI v2.0) sessions are supported.
    pub ipmi_v2: bool,
    /// Whether a Kg other than zeros is set (two-key login).
    pub kg_required: bool,
    /// Whether any user has a name.
    pub named_users: bool,
    /// Whether the null user (no name) has a password.
    pub null_users: bool,
    /// Whether anyone may log in without name and password.
    pub anonymous: bool,
}

impl AuthenticationCapabilities {
    /// The response's data.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        vec![
            self.channel,
            // Bit 7: the extended data follows; no IPMI v1.5 authentication type is offered.
            0x80,
            (u8::from(self.kg_required) << 5)
                | (u8::from(self.named_users) << 2)
                | (u8::from(self.null_users) << 1)
                | u8::from(self.anonymous),
            u8::from(self.ipmi_v2) << 1,
            0,
            0,
            0,
            0,
        ]
    }
}

impl Command for GetChannelAuthenticationCapabilities {
    type Response = AuthenticationCapabilities;
    const NET_FN: NetFn = NetFn::App;
    const COMMAND: u8 = GET_CHANNEL_AUTHENTICATION_CAPABILITIES;
    const NAME: &'static str = "Get Channel Authentication Capabilities";

    fn request(&self) -> Vec<u8> {
        // Bit 7 asks for the v2.0 data.
        vec![0x80 | PRESENT_CHANNEL, self.privilege.code()]
    }

    fn response(data: &[u8]) -> Result<AuthenticationCapabilities, DecodeError> {
        let mut reader = Reader::new(data);
        let [channel, types, status] = reader.array("authentication capabilities")?;
        let extended = if types & 0x80 == 0 {
            0
        } else {
            reader.u8("extended capabilities")?
        };
        Ok(AuthenticationCapabilities {
            channel: channel & 0x0F,
            ipmi_v2: extended & 0x02 != 0,
            kg_required: status & 0x20 != 0,
            named_users: status & 0x04 != 0,
            null_users: status & 0x02 != 0,
            anonymous: status & 0x01 != 0,
        })
    }
}

/// Get Channel Cipher Suites (22.15): one chunk of the records of the IPMI payload's suites.
#[derive(Debug, Clone, Copy)]
pub struct GetChannelCipherSuites {
    /// Which chunk, from 0 to 63.
    pub index: u8,
}

impl Command for GetChannelCipherSuites {
    /// At most sixteen record bytes; fewer mean that this was the last chunk.
    type Response = Vec<u8>;
    const NET_FN: NetFn = NetFn::App;
    const COMMAND: u8 = GET_CHANNEL_CIPHER_SUITES;
    const NAME: &'static str = "Get Channel Cipher Suites";

    fn request(&self) -> Vec<u8> {
        // Channel, payload type IPMI, bit 7: list by cipher suite.
        vec![PRESENT_CHANNEL, 0x00, 0x80 | (self.index & 0x3F)]
    }

    fn response(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut reader = Reader::new(data);
        let _channel = reader.u8("channel")?;
        Ok(reader.rest().to_vec())
    }
}

/// Set Session Privilege Level (22.18).
#[derive(Debug, Clone, Copy)]
pub struct SetSessionPrivilegeLevel {
    /// The level that the session shall have.
    pub privilege: Privilege,
}

impl Command for SetSessionPrivilegeLevel {
    /// The level that the session has now, as the BMC reports it.
    type Response = Option<Privilege>;
    const NET_FN: NetFn = NetFn::App;
    const COMMAND: u8 = SET_SESSION_PRIVILEGE_LEVEL;
    const NAME: &'static str = "Set Session Privilege Level";

    fn request(&self) -> Vec<u8> {
        vec![self.privilege.code()]
    }

    fn response(data: &[u8]) -> Result<Option<Privilege>, DecodeError> {
        Reader::new(data)
            .u8("privilege level")
            .map(Privilege::from_code)
    }
}

/// Close Session (22.19).
#[derive(Debug, Clone, Copy)]
pub struct CloseSession {
    /// The session's number at the BMC.
    pub bmc_session: u32,
}

impl Command for CloseSession {
    type Response = ();
    const NET_FN: NetFn = NetFn::App;
    const COMMAND: u8 = CLOSE_SESSION;
    const NAME: &'static str = "Close Session";

    fn request(&self) -> Vec<u8> {
        self.bmc_session.to_le_bytes().to_vec()
    }

    fn response(_data: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..32)) {
            let _ = GetDeviceId::response(&bytes);
            let _ = GetChannelAuthenticationCapabilities::response(&bytes);
            let _ = GetChannelCipherSuites::response(&bytes);
            let _ = SetSessionPrivilegeLevel::response(&bytes);
        }

        #[test]
        fn device_ids_survive_the_wire(
            device: u8, revision in 0_u8..16, firmware_major in 0_u8..128, firmware_minor: u8,
            updating: bool, manufacturer in 0_u32..0x10_0000, product: u16,
        ) {
            let id = DeviceId {
                device, revision, firmware_major, firmware_minor, updating, manufacturer, product,
            };
            prop_assert_eq!(GetDeviceId::response(&id.encode()), Ok(id));
        }

        #[test]
        fn capabilities_survive_the_wire(
            channel in 0_u8..16, ipmi_v2: bool, kg_required: bool, named_users: bool,
            null_users: bool, anonymous: bool,
        ) {
            let capabilities = AuthenticationCapabilities {
                channel, ipmi_v2, kg_required, named_users, null_users, anonymous,
            };
            prop_assert_eq!(
                GetChannelAuthenticationCapabilities::response(&capabilities.encode()),
                Ok(capabilities)
            );
        }
    }
}
