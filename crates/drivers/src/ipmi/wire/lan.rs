//! LAN configuration (23.2, table 23-4): the parameters that say where a BMC is on the network.

use std::net::Ipv4Addr;

use cupola_api::MacAddress;

use super::{
    DecodeError, PRESENT_CHANNEL, Reader,
    message::{Command, NetFn},
};

/// Get LAN Configuration Parameters.
pub const GET_LAN_CONFIGURATION_PARAMETERS: u8 = 0x02;
/// Parameter 3: IP address.
pub const IP_ADDRESS: u8 = 3;
/// Parameter 5: MAC address.
pub const MAC_ADDRESS: u8 = 5;
/// Parameter revision that a response reports.
pub const PARAMETER_REVISION: u8 = 0x11;

fn parameter<const N: usize>(data: &[u8], field: &'static str) -> Result<[u8; N], DecodeError> {
    let mut reader = Reader::new(data);
    let _revision = reader.u8("parameter revision")?;
    reader.array(field)
}

/// Reads the BMC's MAC address.
#[derive(Debug, Clone, Copy)]
pub struct GetMacAddress;

impl Command for GetMacAddress {
    type Response = MacAddress;
    const NET_FN: NetFn = NetFn::Transport;
    const COMMAND: u8 = GET_LAN_CONFIGURATION_PARAMETERS;
    const NAME: &'static str = "Get LAN Configuration Parameters (MAC address)";

    fn request(&self) -> Vec<u8> {
        vec![PRESENT_CHANNEL, MAC_ADDRESS, 0, 0]
    }

    fn response(data: &[u8]) -> Result<MacAddress, DecodeError> {
        parameter(data, "MAC address").map(MacAddress::new)
    }
}

/// Reads the BMC's IPv4 address.
#[derive(Debug, Clone, Copy)]
pub struct GetIpAddress;

impl Command for GetIpAddress {
    type Response = Ipv4Addr;
    const NET_FN: NetFn = NetFn::Transport;
    const COMMAND: u8 = GET_LAN_CONFIGURATION_PARAMETERS;
    const NAME: &'static str = "Get LAN Configuration Parameters (IP address)";

    fn request(&self) -> Vec<u8> {
        vec![PRESENT_CHANNEL, IP_ADDRESS, 0, 0]
    }

    fn response(data: &[u8]) -> Result<Ipv4Addr, DecodeError> {
        parameter::<4>(data, "IP address").map(Ipv4Addr::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_mac_is_read_after_the_revision() {
        let mac = GetMacAddress::response(&[0x11, 0x52, 0x54, 0, 0x78, 0, 1]).unwrap();
        assert_eq!(mac.to_string(), "52:54:00:78:00:01");
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = GetMacAddress::response(&bytes);
            let _ = GetIpAddress::response(&bytes);
        }
    }
}
