//! What every answer must be, whoever asked. Reads datagrams by itself: not with our decoder.

use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode, OptionCode, borrowed};
use dhcproto::{Decodable, Decoder};

use super::{HEADER, OURS, ROUTER, subnets};
use crate::boot::client::BootStage;
use crate::boot::dhcp::request::DhcpRequest;
use crate::boot::files::LoaderNames;
use crate::boot::fuzzing::{ENROLLED, host, mac, reserved as reserved_for};

/// Octets of an IP packet's and a UDP datagram's headers, which count for the sizes of RFC 2131.
const IP_AND_UDP: usize = 28;
/// What every client takes (RFC 2131 section 2).
const EVERY_CLIENT: usize = 576;
/// What an Ethernet frame carries.
const ETHERNET: usize = 1500;

/// Whether no option reaches beyond the datagram's end.
pub(super) fn is_whole(datagram: &[u8]) -> bool {
    let mut at = HEADER;
    if datagram.len() < HEADER {
        return false;
    }
    while let Some(code) = datagram.get(at) {
        match code {
            255 => return true,
            0 => at += 1,
            _ => match datagram.get(at + 1) {
                Some(length) => at += 2 + usize::from(*length),
                None => return false,
            },
        }
    }
    at == datagram.len()
}

/// The type of a message.
pub(super) fn kind(message: &Message) -> Option<MessageType> {
    message.opts().msg_type()
}

/// What the address service says.
pub(super) fn server(request: &DhcpRequest, datagram: &[u8]) -> Message {
    let message = any(request, datagram);
    let address = message.yiaddr();
    match (request.message, kind(&message)) {
        (MessageType::Discover, Some(MessageType::Offer)) => may_have(request, &message),
        (MessageType::Request, Some(MessageType::Ack)) => {
            may_have(request, &message);
            assert_eq!(address, request.requested.unwrap_or(request.ciaddr));
        }
        (MessageType::Request, Some(MessageType::Nak))
        | (MessageType::Inform, Some(MessageType::Ack)) => {
            assert!(
                address.is_unspecified(),
                "{address} in an answer without one"
            );
        }
        (asked, said) => assert_eq!(Some(asked), said, "this is no answer to that"),
    }
    if request.message == MessageType::Request {
        let theirs = request.server.filter(|server| *server != OURS);
        assert_eq!(theirs, None, "another server's client is answered");
    }
    message
}

/// What proxyDHCP says: never an address, and nothing to an operating system.
pub(super) fn proxy(request: &DhcpRequest, datagram: &[u8]) {
    let message = any(request, datagram);
    assert!(
        message.yiaddr().is_unspecified(),
        "proxyDHCP gives an address"
    );
    assert_ne!(request.client.stage, BootStage::System);
    assert!(message.opts().contains(OptionCode::ClassIdentifier));
    assert!(!message.opts().contains(OptionCode::AddressLeaseTime));
    let expected = match request.message {
        MessageType::Discover => MessageType::Offer,
        _ => MessageType::Ack,
    };
    assert_eq!(kind(&message), Some(expected));
}

/// What all answers have in common.
fn any(request: &DhcpRequest, datagram: &[u8]) -> Message {
    let found = host(&request.mac);
    assert!(
        found.is_some(),
        "a machine is answered that is not enrolled"
    );
    let netboots = found.is_some_and(|host| host.pxe_enabled);
    assert!(datagram.len() >= 300 && datagram.len() + IP_AND_UDP <= ETHERNET);
    assert!(is_whole(datagram), "the answer is cut off: {datagram:?}");
    let message = Message::decode(&mut Decoder::new(datagram));
    assert!(message.is_ok(), "{message:?}");
    let message = message.unwrap_or_default();
    assert_eq!(message.opcode(), Opcode::BootReply);
    assert_eq!(message.xid(), request.xid);
    assert_eq!(message.chaddr(), request.mac.octets());
    assert_eq!(message.giaddr(), request.giaddr);
    let ours = DhcpOption::ServerIdentifier(OURS);
    assert_eq!(
        message.opts().get(OptionCode::ServerIdentifier),
        Some(&ours)
    );
    let relay = relayed(request, datagram);
    let most = request.max_size.map_or(0, usize::from).max(EVERY_CLIENT);
    assert!(
        datagram.len() - relay + IP_AND_UDP <= most,
        "{} octets for a client that takes {most}",
        datagram.len() - relay + IP_AND_UDP
    );
    if let Some(DhcpOption::BootfileName(file)) = message.opts().get(OptionCode::BootfileName) {
        let file = String::from_utf8_lossy(file).into_owned();
        let names = LoaderNames::default();
        assert!(netboots, "{file} for a machine that may not netboot");
        assert!(
            names.all().contains(&file.as_str())
                || file == names.shim_x64
                || file.starts_with("http://10.0.0.13:8088/"),
            "{file} is no file of ours"
        );
    }
    message
}

/// The relay's option goes back as it came; how many octets it takes, which are not the client's.
fn relayed(request: &DhcpRequest, datagram: &[u8]) -> usize {
    let answer = borrowed::Message::new(datagram);
    let found = answer.ok().and_then(|message| {
        let relay = |option: &borrowed::DhcpOption<'_>| u8::from(option.code()) == 82;
        message.opts().find(relay)
    });
    let wanted = request.relay_information.as_deref();
    let wanted = wanted.filter(|information| information.len() <= 255);
    assert_eq!(found.as_ref().map(borrowed::DhcpOption::data), wanted);
    wanted.map_or(0, |information| information.len() + 2)
}

/// The address is one of the network's pool, or reserved for this machine there, and nobody's who
/// is always there; mask and router are that network's.
fn may_have(request: &DhcpRequest, message: &Message) {
    let address = message.yiaddr();
    assert!(
        ![OURS, ROUTER].contains(&address),
        "{address} is ours or a router's"
    );
    let subnets = subnets();
    let found = subnets
        .iter()
        .find(|it| it.subnet.network.contains(&address));
    let reserved = host(&request.mac).and_then(|host| host.address);
    let others = (1..=ENROLLED).filter(|number| mac(*number) != request.mac);
    assert!(
        !others.filter_map(reserved_for).any(|it| it == address),
        "{address} is reserved for another machine"
    );
    let may = found.is_some_and(|it| match reserved {
        Some(reserved) => reserved == address,
        None => (it.subnet.first..=it.subnet.last).contains(&address),
    });
    assert!(may, "{address} is not for {}", request.mac);
    let Some(subnet) = found.map(|it| &it.subnet) else {
        return;
    };
    let relay = [
        request.link_selection,
        request.subnet_selection,
        Some(request.giaddr),
    ];
    let network = relay
        .into_iter()
        .flatten()
        .find(|it| *it != Ipv4Addr::UNSPECIFIED);
    if let Some(network) = network {
        assert!(
            subnet.network.contains(&network),
            "{address} behind {network}"
        );
    }
    let router = subnet.router.map(|router| DhcpOption::Router(vec![router]));
    let mask = DhcpOption::SubnetMask(subnet.network.netmask());
    assert_eq!(message.opts().get(OptionCode::Router), router.as_ref());
    assert_eq!(message.opts().get(OptionCode::SubnetMask), Some(&mask));
}
