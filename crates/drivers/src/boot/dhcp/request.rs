//! Reading what a client sends: the fields and options of a DHCP request that we act on.
//!
//! `dhcproto`'s owned decoder refuses a whole packet for one odd option and trusts the header's
//! length fields, so its borrowed form is read here, which takes options as plain octets.

use std::net::Ipv4Addr;

use cupola_api::MacAddress;
use dhcproto::v4::{MessageType, borrowed};

use crate::boot::client::ClientSystem;

/// Ethernet, in the header's `htype`.
const ETHERNET: u8 = 1;
/// BOOTREQUEST, in the header's `op`.
const BOOT_REQUEST: u8 = 1;
/// Octets of the header and the magic cookie (RFC 2131 section 2, RFC 2132 section 2).
const HEADER: usize = 240;
const MAGIC: [u8; 4] = [99, 130, 83, 99];
/// Octets of an IP packet's and a UDP datagram's headers (RFC 791, RFC 768).
const IP_AND_UDP: usize = 28;
/// The longest message that every client takes, with those headers (RFC 2131 section 2).
const EVERY_CLIENT: u16 = 576;
/// What an Ethernet frame carries.
const FRAME: u16 = 1500;

/// A client's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhcpRequest {
    pub(crate) message: MessageType,
    pub(crate) mac: MacAddress,
    pub(crate) xid: u32,
    pub(crate) flags: u16,
    pub(crate) ciaddr: Ipv4Addr,
    pub(crate) giaddr: Ipv4Addr,
    /// Option 50.
    pub(crate) requested: Option<Ipv4Addr>,
    /// Option 57: the longest message that the client takes, with its IP and UDP headers.
    pub(crate) max_size: Option<u16>,
    /// Option 54.
    pub(crate) server: Option<Ipv4Addr>,
    /// Option 61, echoed (RFC 6842).
    pub(crate) client_identifier: Option<Vec<u8>>,
    /// Option 82, echoed (RFC 3046).
    pub(crate) relay_information: Option<Vec<u8>>,
    /// Option 97, echoed (RFC 4578 section 2.3).
    pub(crate) machine_identifier: Option<Vec<u8>>,
    /// Option 118 (RFC 3011): the network that the client wants an address of.
    pub(crate) subnet_selection: Option<Ipv4Addr>,
    /// Link selection of option 82 (RFC 3527): the network that the client is on, where the
    /// relay's own address is not of it.
    pub(crate) link_selection: Option<Ipv4Addr>,
    pub(crate) client: ClientSystem,
}

impl DhcpRequest {
    /// How long an answer may be, octets. The relay takes its own option out again (RFC 3046
    /// section 2.1), which therefore counts for the network between us and it alone.
    pub(crate) fn longest_answer(&self) -> usize {
        let relay = self.relay_information.as_ref().map_or(0, |it| it.len() + 2);
        let client = self.max_size.unwrap_or(0).clamp(EVERY_CLIENT, FRAME);
        let network = usize::from(FRAME).saturating_sub(relay);
        usize::from(client).min(network).saturating_sub(IP_AND_UDP)
    }

    /// Reads a datagram; `None` for what is no DHCP message of an Ethernet client, or was cut off.
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let header = datagram.first_chunk::<HEADER>()?;
        let [BOOT_REQUEST, ETHERNET, 6, ..] = *header else {
            return None;
        };
        if !header.ends_with(&MAGIC) {
            return None;
        }
        if !is_whole(datagram.get(HEADER..)?) {
            return None;
        }
        let message = borrowed::Message::new(datagram).ok()?;
        let mac = MacAddress::new(*message.chaddr().first_chunk::<6>()?);
        // A group address is nobody's.
        if mac.octets().first().is_some_and(|octet| octet & 1 == 1) {
            return None;
        }
        let options = Options::read(&message);
        Some(Self {
            message: MessageType::from(options.message?),
            mac,
            xid: message.xid(),
            flags: message.flags().into(),
            ciaddr: message.ciaddr(),
            giaddr: message.giaddr(),
            requested: options.requested,
            max_size: options.max_size,
            server: options.server,
            client: ClientSystem::from_options(
                options.architecture,
                options.vendor_class.as_deref(),
                options.user_class.as_deref(),
                options.ipxe,
            ),
            client_identifier: options.client_identifier,
            subnet_selection: options.subnet_selection,
            link_selection: options
                .relay_information
                .as_deref()
                .and_then(link_selection),
            relay_information: options.relay_information,
            machine_identifier: options.machine_identifier,
        })
    }
}

/// Whether no option reaches beyond the datagram. Some clients leave the end option out.
fn is_whole(mut options: &[u8]) -> bool {
    const PAD: u8 = 0;
    const END: u8 = 255;
    loop {
        options = match options {
            [] | [END, ..] => return true,
            [PAD, rest @ ..] => rest,
            [_, length, rest @ ..] => match rest.get(usize::from(*length)..) {
                Some(rest) => rest,
                None => return false,
            },
            [_] => return false,
        };
    }
}

#[derive(Default)]
struct Options {
    message: Option<u8>,
    requested: Option<Ipv4Addr>,
    max_size: Option<u16>,
    server: Option<Ipv4Addr>,
    architecture: Option<u16>,
    vendor_class: Option<Vec<u8>>,
    user_class: Option<Vec<u8>>,
    client_identifier: Option<Vec<u8>>,
    relay_information: Option<Vec<u8>>,
    machine_identifier: Option<Vec<u8>>,
    subnet_selection: Option<Ipv4Addr>,
    ipxe: bool,
}

impl Options {
    fn read(message: &borrowed::Message<'_>) -> Self {
        let mut options = Self::default();
        for option in message.opts() {
            let data = option.data();
            let number = || data.first_chunk::<2>().copied().map(u16::from_be_bytes);
            let address = || data.first_chunk::<4>().copied().map(Ipv4Addr::from);
            match u8::from(option.code()) {
                50 => options.requested = address(),
                53 => options.message = data.first().copied(),
                54 => options.server = address(),
                57 => options.max_size = number(),
                60 => options.vendor_class = Some(data.to_vec()),
                61 => options.client_identifier = Some(data.to_vec()),
                77 => options.user_class = Some(data.to_vec()),
                82 => options.relay_information = Some(data.to_vec()),
                // A list where the machine can boot in several ways; the first is the one it is in.
                93 => options.architecture = number(),
                97 => options.machine_identifier = Some(data.to_vec()),
                118 => options.subnet_selection = address(),
                175 => options.ipxe = true,
                _ => {}
            }
        }
        options
    }
}

/// Suboption 5 of the relay's information.
fn link_selection(mut information: &[u8]) -> Option<Ipv4Addr> {
    while let [code, length, rest @ ..] = information {
        let data = rest.get(..usize::from(*length))?;
        if *code == 5 {
            return data.first_chunk::<4>().copied().map(Ipv4Addr::from);
        }
        information = rest.get(usize::from(*length)..)?;
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::boot::client::{BootStage, ClientArchitecture};
    use dhcproto::v4::{Architecture, DhcpOption, Message};
    use dhcproto::{Encodable, Encoder};
    use proptest::prelude::*;

    fn discover(hlen: Option<u8>) -> Vec<u8> {
        let mut message = Message::default();
        message.set_chaddr(&[0x52, 0x54, 0, 1, 2, 3]);
        let options = message.opts_mut();
        options.insert(DhcpOption::MessageType(MessageType::Discover));
        options.insert(DhcpOption::ClassIdentifier(
            b"PXEClient:Arch:00007".to_vec(),
        ));
        options.insert(DhcpOption::ClientSystemArchitecture(Architecture::from(7)));
        let mut buffer = Vec::new();
        message.encode(&mut Encoder::new(&mut buffer)).unwrap();
        if let Some(hlen) = hlen {
            buffer[2] = hlen;
        }
        buffer
    }

    /// A discover that came through a relay, or from a client that has an address.
    pub(in crate::boot::dhcp) fn request(giaddr: Ipv4Addr, ciaddr: Ipv4Addr) -> DhcpRequest {
        let request = DhcpRequest::decode(&discover(None)).unwrap();
        DhcpRequest {
            giaddr,
            ciaddr,
            ..request
        }
    }

    #[test]
    fn a_roms_discover_is_understood() {
        let request = DhcpRequest::decode(&discover(None)).unwrap();
        assert_eq!(request.message, MessageType::Discover);
        assert_eq!(request.mac.to_string(), "52:54:00:01:02:03");
        assert_eq!(request.client.stage, BootStage::PxeRom);
        assert_eq!(
            request.client.architecture,
            Some(ClientArchitecture::UefiX64)
        );
    }

    #[test]
    fn a_lying_address_length_is_refused() {
        for hlen in [0, 5, 16, 17, 255] {
            assert_eq!(DhcpRequest::decode(&discover(Some(hlen))), None, "{hlen}");
        }
    }

    #[test]
    fn odd_options_do_not_lose_the_packet() {
        let mut packet = discover(None);
        assert_eq!(packet.pop(), Some(255));
        // Option 94 one octet too short, and no end.
        packet.extend([94, 2, 1, 2, 50, 4, 10, 0, 0, 9]);
        let request = DhcpRequest::decode(&packet).unwrap();
        assert_eq!(request.requested, Some(Ipv4Addr::new(10, 0, 0, 9)));
    }

    #[test]
    fn a_truncated_packet_is_refused() {
        let whole = discover(None);
        let class = 240 + 3;
        assert_eq!(whole[class], 60, "the class comes after the message's type");
        for length in (0..=240).chain(class + 1..class + 22) {
            assert_eq!(DhcpRequest::decode(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn the_relays_link_selection_is_found() {
        let link = Some(Ipv4Addr::new(10, 2, 0, 0));
        assert_eq!(link_selection(&[1, 2, 9, 9, 5, 4, 10, 2, 0, 0]), link);
        for other in [&[1, 2, 9, 9][..], &[5, 3, 10, 2, 0], &[5, 4, 10], &[5], &[]] {
            assert_eq!(link_selection(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn no_datagram_panics(
            mut datagram in proptest::collection::vec(any::<u8>(), 0..600), fix: bool
        ) {
            if fix && datagram.len() > HEADER {
                datagram[..3].copy_from_slice(&[1, 1, 6]);
                datagram[236..240].copy_from_slice(&MAGIC);
            }
            let _ = DhcpRequest::decode(&datagram);
        }
    }
}
