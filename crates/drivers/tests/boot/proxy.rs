//! ProxyDHCP with packets made by `dhcproto`, over loopback sockets. Beside a real server it is in
//! `namespace`.

use std::net::Ipv4Addr;

use cupola_drivers::boot::ContactKind;
use cupola_drivers::boot::contact::IgnoreReason;
use dhcproto::v4::{Architecture, DhcpOption, Message, MessageType, OptionCode};

use super::dhcp::{ask_at, boot_file, message, pxe};
use super::lab::{ANY, LOCAL, Lab, NETBOOTS, STRANGER, client, lab_with, proxy};

const US: Ipv4Addr = Ipv4Addr::LOCALHOST;
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

async fn lab() -> Lab {
    lab_with(proxy(), ANY, US).await
}

async fn on_dhcp(lab: &Lab, message: &Message) -> Option<Message> {
    ask_at(lab.services.dhcp_address().unwrap(), message).await
}

async fn on_boot_server(lab: &Lab, message: &Message) -> Option<Message> {
    ask_at(lab.services.boot_server_address().unwrap(), message).await
}

fn discover(options: Vec<DhcpOption>) -> Message {
    message(NETBOOTS, MessageType::Discover, options)
}

fn vendor_class(message: &Message) -> String {
    match message.opts().get(OptionCode::ClassIdentifier) {
        Some(DhcpOption::ClassIdentifier(class)) => String::from_utf8(class.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn pxe_options(message: &Message) -> Option<Vec<u8>> {
    match message.opts().get(OptionCode::VendorExtensions) {
        Some(DhcpOption::VendorExtensions(data)) => Some(data.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn firmware_gets_an_offer_without_an_address() {
    let lab = lab().await;
    let base = lab.services.http_url().as_str();
    let identifier = DhcpOption::ClientMachineIdentifier(vec![0; 17]);
    let mut bios = pxe(0);
    bios.push(identifier.clone());
    let mut ipxe = pxe(0);
    ipxe.push(DhcpOption::UserClass(b"iPXE".to_vec()));
    let http = vec![
        DhcpOption::ClassIdentifier(b"HTTPClient:Arch:00016:UNDI:003001".to_vec()),
        DhcpOption::ClientSystemArchitecture(Architecture::from(16)),
    ];
    let script = format!("{base}boot/02-00-00-00-00-01/script.ipxe");
    let use_it = Some(vec![6, 1, 8, 255]);
    for (options, class, file, pxe) in [
        (bios, "PXEClient", "undionly.kpxe".to_owned(), &use_it),
        (ipxe, "PXEClient", script, &use_it),
        (http, "HTTPClient", format!("{base}loaders/ipxe.efi"), &None),
    ] {
        let offer = on_dhcp(&lab, &discover(options)).await.unwrap();
        assert!(offer.opts().has_msg_type(MessageType::Offer));
        assert_eq!(
            (offer.yiaddr(), offer.siaddr()),
            (Ipv4Addr::UNSPECIFIED, US)
        );
        assert_eq!(vendor_class(&offer), class);
        assert_eq!(boot_file(&offer), Some(file));
        assert_eq!(&pxe_options(&offer), pxe);
        // What belongs to an address is the other server's to say.
        for code in [
            OptionCode::SubnetMask,
            OptionCode::Router,
            OptionCode::AddressLeaseTime,
        ] {
            assert_eq!(offer.opts().get(code), None);
        }
        if let Some(echoed) = offer.opts().get(OptionCode::ClientMachineIdentifier) {
            assert_eq!(echoed, &identifier);
        }
    }
}

#[tokio::test]
async fn uefi_asks_the_boot_server_for_its_file() {
    let lab = lab().await;
    let offer = on_dhcp(&lab, &discover(pxe(7))).await.unwrap();
    assert_eq!((boot_file(&offer), pxe_options(&offer)), (None, None));
    assert_eq!(offer.siaddr(), US);
    for kind in [MessageType::Request, MessageType::Inform] {
        let mut asks = message(NETBOOTS, kind, pxe(7));
        asks.set_ciaddr(Ipv4Addr::new(127, 9, 0, 77));
        let ack = on_boot_server(&lab, &asks).await.unwrap();
        assert!(ack.opts().has_msg_type(MessageType::Ack));
        assert_eq!(boot_file(&ack).as_deref(), Some("snponly.efi"));
        assert_eq!(ack.yiaddr(), Ipv4Addr::UNSPECIFIED);
        assert_eq!(vendor_class(&ack), "PXEClient");
    }
    let bootfile = "snponly.efi".to_owned();
    let acked = ContactKind::ProxyDhcpAck { bootfile };
    assert!(lab.contacts.kinds().contains(&acked));
}

#[tokio::test]
async fn what_the_other_server_does_is_left_alone_and_told() {
    let lab = lab().await;
    // An operating system wants an address only; a machine that boots from its disk, nothing.
    assert_eq!(on_dhcp(&lab, &discover(Vec::new())).await, None);
    let stays = message(LOCAL, MessageType::Discover, pxe(0));
    assert_eq!(on_dhcp(&lab, &stays).await, None);
    let system = message(STRANGER, MessageType::Discover, Vec::new());
    assert_eq!(on_dhcp(&lab, &system).await, None);
    let stranger = message(STRANGER, MessageType::Discover, pxe(0));
    assert_eq!(on_dhcp(&lab, &stranger).await, None);
    let address = Ipv4Addr::new(127, 9, 0, 55);
    let mut options = pxe(0);
    options.push(DhcpOption::RequestedIpAddress(address));
    options.push(DhcpOption::ServerIdentifier(OTHER));
    let takes = message(NETBOOTS, MessageType::Request, options);
    assert_eq!(on_dhcp(&lab, &takes).await, None);
    let (reason, server) = (IgnoreReason::UnknownMac, Some(OTHER));
    assert_eq!(
        lab.contacts.kinds(),
        [
            ContactKind::DhcpDiscover,
            ContactKind::DhcpDiscover,
            ContactKind::DhcpIgnored { reason },
            ContactKind::DhcpTaken { address, server },
        ]
    );
    // From then on the machine is known by that address.
    let url = format!(
        "tftp://{}/undionly.kpxe",
        lab.services.tftp_address().unwrap()
    );
    let from = address.to_string();
    let arguments = [
        "-sS",
        "--max-time",
        "20",
        "--interface",
        &from,
        "-o",
        "/dev/null",
        &url,
    ];
    let Some(output) = client("curl", &arguments).await else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    lab.services.stop().await;
    let contacts = lab.contacts.0.lock();
    let done = contacts
        .iter()
        .find(|contact| matches!(contact.kind, ContactKind::TftpDone { .. }));
    assert_eq!(done.unwrap().mac, Some(NETBOOTS));
}
