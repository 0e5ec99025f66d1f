//! DHCP with packets made by `dhcproto`, over loopback sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use cupola_api::MacAddress;
use cupola_drivers::boot::ContactKind;
use cupola_drivers::boot::contact::IgnoreReason;
use dhcproto::v4::{
    Architecture, DhcpOption, Message, MessageType, OptionCode, UnknownOption, relay,
};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};
use tokio::net::UdpSocket;

use super::lab::{LOCAL, Lab, NETBOOTS, NeverAnswers, STRANGER, lab, lab_of, loopback};

const US: Ipv4Addr = Ipv4Addr::LOCALHOST;

pub(crate) fn message(mac: MacAddress, kind: MessageType, options: Vec<DhcpOption>) -> Message {
    let mut message = Message::default();
    message.set_chaddr(&mac.octets());
    message.opts_mut().insert(DhcpOption::MessageType(kind));
    for option in options {
        message.opts_mut().insert(option);
    }
    message
}

/// Sends one packet; the answer, or `None` if none comes for a while.
async fn ask(lab: &Lab, message: &Message) -> Option<Message> {
    ask_at(lab.services.dhcp_address().unwrap(), message).await
}

pub(crate) async fn ask_at(server: SocketAddr, message: &Message) -> Option<Message> {
    let socket = UdpSocket::bind((US, 0)).await.unwrap();
    let mut datagram = Vec::new();
    message.encode(&mut Encoder::new(&mut datagram)).unwrap();
    socket.send_to(&datagram, server).await.unwrap();
    let mut buffer = [0; 1500];
    let received = tokio::time::timeout(Duration::from_millis(500), socket.recv(&mut buffer)).await;
    let length = received.ok()?.unwrap();
    assert!(length >= 300, "shorter than BOOTP allows: {length}");
    let answer = Message::decode(&mut Decoder::new(&buffer[..length])).unwrap();
    assert_eq!(answer.xid(), message.xid());
    Some(answer)
}

pub(crate) fn pxe(architecture: u16) -> Vec<DhcpOption> {
    vec![
        DhcpOption::ClassIdentifier(b"PXEClient:Arch:00000:UNDI:002001".to_vec()),
        DhcpOption::ClientSystemArchitecture(Architecture::from(architecture)),
    ]
}

pub(crate) fn boot_file(message: &Message) -> Option<String> {
    match message.opts().get(OptionCode::BootfileName) {
        Some(DhcpOption::BootfileName(name)) => Some(String::from_utf8(name.clone()).unwrap()),
        _ => None,
    }
}

async fn offered(lab: &Lab, mac: MacAddress, options: Vec<DhcpOption>) -> Message {
    ask(lab, &message(mac, MessageType::Discover, options))
        .await
        .unwrap()
}

#[tokio::test]
async fn each_kind_of_client_gets_its_own_boot_file() {
    let lab = lab().await;
    let base = lab.services.http_url().as_str();
    let script = format!("{base}boot/02-00-00-00-00-01/script.ipxe");
    for (architecture, file) in [
        (0, Some("undionly.kpxe")),
        (7, Some("snponly.efi")),
        (9, Some("snponly.efi")),
        (11, None),
    ] {
        let offer = offered(&lab, NETBOOTS, pxe(architecture)).await;
        assert_eq!(boot_file(&offer).as_deref(), file, "{architecture}");
        let header = offer
            .fname_str()
            .map(|name| name.unwrap().trim_end_matches('\0'));
        assert_eq!(header, file);
    }
    let mut ipxe = pxe(0);
    ipxe.push(DhcpOption::UserClass(b"iPXE".to_vec()));
    let offer = offered(&lab, NETBOOTS, ipxe.clone()).await;
    assert_eq!(boot_file(&offer), Some(script));
    let encapsulated = UnknownOption::new(OptionCode::from(175), vec![0xb0, 1, 1]);
    assert_eq!(
        offer.opts().get(OptionCode::from(175)),
        Some(&DhcpOption::Unknown(encapsulated))
    );
    let http = vec![
        DhcpOption::ClassIdentifier(b"HTTPClient:Arch:00016:UNDI:003001".to_vec()),
        DhcpOption::ClientSystemArchitecture(Architecture::from(16)),
    ];
    let offer = offered(&lab, NETBOOTS, http).await;
    assert_eq!(boot_file(&offer), Some(format!("{base}loaders/ipxe.efi")));
    assert_eq!(
        offer.opts().get(OptionCode::ClassIdentifier),
        Some(&DhcpOption::ClassIdentifier(b"HTTPClient".to_vec()))
    );
    assert_eq!(boot_file(&offered(&lab, NETBOOTS, Vec::new()).await), None);
    assert_eq!(boot_file(&offered(&lab, LOCAL, pxe(0)).await), None);
    let uefi = boot_file(&offered(&lab, LOCAL, pxe(7)).await);
    assert_eq!(uefi.as_deref(), Some("snponly.efi"));
    let script = boot_file(&offered(&lab, LOCAL, ipxe).await).unwrap();
    assert!(script.ends_with("script.ipxe"), "{script}");
}

#[tokio::test]
async fn an_address_is_offered_granted_kept_and_refused() {
    let lab = lab().await;
    let offer = offered(&lab, NETBOOTS, pxe(0)).await;
    let address = offer.yiaddr();
    assert!((10..=20).contains(&address.octets()[3]), "{address}");
    assert_eq!(offer.siaddr(), US);
    for (code, want) in [
        (
            OptionCode::SubnetMask,
            DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)),
        ),
        (
            OptionCode::Router,
            DhcpOption::Router(vec![Ipv4Addr::new(127, 9, 0, 1)]),
        ),
        (
            OptionCode::ServerIdentifier,
            DhcpOption::ServerIdentifier(US),
        ),
        (
            OptionCode::AddressLeaseTime,
            DhcpOption::AddressLeaseTime(3600),
        ),
        (
            OptionCode::TFTPServerName,
            DhcpOption::TFTPServerName(b"127.0.0.1".to_vec()),
        ),
        (
            OptionCode::TFTPServerAddress,
            DhcpOption::TFTPServerAddress(US),
        ),
    ] {
        assert_eq!(offer.opts().get(code), Some(&want));
    }
    let request = |options| message(NETBOOTS, MessageType::Request, options);
    let wanted = DhcpOption::RequestedIpAddress(address);
    let selecting = vec![wanted.clone(), DhcpOption::ServerIdentifier(US)];
    let ack = ask(&lab, &request(selecting)).await.unwrap();
    assert!(ack.opts().has_msg_type(MessageType::Ack));
    let mut renewing = request(Vec::new());
    renewing.set_ciaddr(address);
    let ack = ask(&lab, &renewing).await.unwrap();
    assert!(ack.opts().has_msg_type(MessageType::Ack));
    // After a move from elsewhere: an address that is not on this network.
    let foreign = DhcpOption::RequestedIpAddress(Ipv4Addr::new(192, 0, 2, 7));
    let nak = ask(&lab, &request(vec![foreign])).await.unwrap();
    assert!(nak.opts().has_msg_type(MessageType::Nak));
    assert_eq!(nak.yiaddr(), Ipv4Addr::UNSPECIFIED);
    // Another server's offer was taken: nothing to say, but something to tell.
    let other = Ipv4Addr::new(192, 0, 2, 1);
    let elsewhere = vec![wanted, DhcpOption::ServerIdentifier(other)];
    assert_eq!(ask(&lab, &request(elsewhere)).await, None);
    assert_eq!(
        lab.contacts.kinds().last(),
        Some(&ContactKind::DhcpOtherServer {
            server: other,
            holder: None,
        })
    );
}

#[tokio::test]
async fn strangers_and_unknown_networks_get_no_answer() {
    let lab = lab().await;
    assert_eq!(
        ask(&lab, &message(STRANGER, MessageType::Discover, pxe(0))).await,
        None
    );
    let relay = Ipv4Addr::new(192, 0, 2, 1);
    let mut relayed = message(NETBOOTS, MessageType::Discover, pxe(0));
    relayed.set_giaddr(relay);
    assert_eq!(ask(&lab, &relayed).await, None);
    let ignored: Vec<_> = lab
        .contacts
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            ContactKind::DhcpIgnored { reason } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(
        ignored,
        [
            IgnoreReason::UnknownMac,
            IgnoreReason::UnknownNetwork { relay }
        ]
    );
}

#[tokio::test]
async fn a_relays_information_comes_back_as_it_was() {
    let lab = lab().await;
    let mut information = relay::RelayAgentInformation::default();
    information.insert(relay::RelayInfo::AgentCircuitId(b"rack 3 port 7".to_vec()));
    let option = DhcpOption::RelayAgentInformation(information);
    let mut relayed = message(NETBOOTS, MessageType::Discover, vec![option.clone()]);
    relayed.set_giaddr(Ipv4Addr::new(127, 9, 0, 1));
    let offer = ask(&lab, &relayed).await.unwrap();
    assert_eq!(offer.giaddr(), Ipv4Addr::new(127, 9, 0, 1));
    assert_eq!(
        offer.opts().get(OptionCode::RelayAgentInformation),
        Some(&option)
    );
}

/// A directory that hangs costs the packets that find no room, and nothing else.
#[tokio::test]
async fn a_stuck_directory_does_not_stop_the_server() {
    let mut config = loopback();
    config.max_exchanges = 3;
    let lab = lab_of(config, NeverAnswers).await;
    let discover = message(NETBOOTS, MessageType::Discover, pxe(0));
    let packets = (0..10).map(|_| ask(&lab, &discover));
    let answers = futures_util::future::join_all(packets).await;
    assert!(answers.iter().all(Option::is_none));
    assert_eq!(lab.services.dropped(), 7);
    let late = async {
        while lab.contacts.kinds().len() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), late)
        .await
        .unwrap();
    let reason = IgnoreReason::DirectoryTooSlow;
    let kind = ContactKind::DhcpIgnored { reason };
    assert_eq!(lab.contacts.kinds(), [kind.clone(), kind.clone(), kind]);
}
