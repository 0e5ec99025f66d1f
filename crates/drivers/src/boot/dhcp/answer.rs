//! Writing what a client gets: address, network, and the boot file for what it is.
//!
//! Pure: builds a datagram from a request, a subnet and a decision.

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode, OptionCode, UnknownOption};
use dhcproto::{Encodable, Encoder};
use url::Url;

use super::request::DhcpRequest;
use crate::boot::client::{BootStage, ClientArchitecture, ClientSystem};
use crate::boot::directory::{BootDecision, BootHost};
use crate::boot::files::{Loader, LoaderNames};
use crate::boot::leases::Subnet;
use crate::boot::script;

/// iPXE's encapsulated option 176 (`no-pxedhcp`) = 1: it need not wait three seconds for ProxyDHCP
/// offers, because there are none.
const IPXE_NO_PROXY_DHCP: [u8; 3] = [0xb0, 0x01, 0x01];

/// PXE options (option 43): `PXE_DISCOVERY_CONTROL` with bit 3 set, "load the boot file that is
/// named here, and neither look for boot servers nor show a menu" (PXE specification 2.1, table
/// 2-1), and the end.
const PXE_USE_BOOT_FILE: [u8; 4] = [6, 1, 8, 255];

/// The smallest BOOTP message; some relays and ROMs drop a shorter one (RFC 1542 section 2.1).
const MINIMUM: usize = 300;

/// What an answer goes without, the first of them first, where it would be longer than its client
/// takes: the server's address is in the header too, and a client whose identifiers fill a message
/// is no firmware.
const SPARE: [OptionCode; 5] = [
    OptionCode::TFTPServerAddress,
    OptionCode::TFTPServerName,
    OptionCode::BroadcastAddr,
    OptionCode::ClientMachineIdentifier,
    OptionCode::ClientIdentifier,
];

/// Octets of the header's `file` field, its final zero not counted.
const FILE_FIELD: usize = 127;

/// Where things are, as machines see it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    /// Our address: server identifier and TFTP server.
    pub(crate) address: Ipv4Addr,
    /// Base URL of the HTTP boot server, with a trailing slash.
    pub(crate) http: Url,
    pub(crate) loaders: LoaderNames,
}

/// The boot file for this client; `None` lets its firmware go on to the next boot device.
pub(crate) fn boot_file(
    endpoints: &Endpoints,
    host: &BootHost,
    client: &ClientSystem,
    decision: &BootDecision,
) -> Option<String> {
    if !host.pxe_enabled {
        return None;
    }
    let loaders = &endpoints.loaders;
    match client.stage {
        BootStage::System => None,
        // iPXE gets its script in either case, so that the machine's own screen says what it does.
        BootStage::Ipxe => Some(format!(
            "{}{}",
            endpoints.http,
            script::boot_path(host, "script.ipxe")
        )),
        BootStage::PxeRom => match client.architecture? {
            // A BIOS ROM gives up at once when it gets no boot file: the fastest way to the disk.
            ClientArchitecture::BiosX86 => match decision {
                BootDecision::Local => None,
                BootDecision::Ramdisk(_) | BootDecision::Iso(_) => Some(loaders.bios.clone()),
            },
            // UEFI asks for a minute when it gets none, over IPv4 and then over IPv6, so it gets
            // the loader, whose script sends it on.
            ClientArchitecture::UefiX64 => Some(match host.loader {
                Loader::Ipxe => loaders.uefi_x64.clone(),
                Loader::Grub => loaders.shim_x64.clone(),
            }),
            ClientArchitecture::UefiX86
            | ClientArchitecture::UefiArm64
            | ClientArchitecture::UefiHttpX86
            | ClientArchitecture::UefiHttpX64
            | ClientArchitecture::UefiHttpArm64
            | ClientArchitecture::Other(_) => None,
        },
        BootStage::HttpRom => match client.architecture? {
            ClientArchitecture::UefiHttpX64 | ClientArchitecture::UefiX64 => {
                let loader = match host.loader {
                    Loader::Ipxe => &loaders.uefi_http_x64,
                    Loader::Grub => &loaders.shim_x64,
                };
                Some(format!("{}loaders/{loader}", endpoints.http))
            }
            ClientArchitecture::BiosX86
            | ClientArchitecture::UefiX86
            | ClientArchitecture::UefiArm64
            | ClientArchitecture::UefiHttpX86
            | ClientArchitecture::UefiHttpArm64
            | ClientArchitecture::Other(_) => None,
        },
    }
}

/// An OFFER or ACK; the address is unspecified in the answer to an INFORM, which has one already.
pub(crate) struct Grant<'a> {
    pub(crate) message: MessageType,
    pub(crate) address: Ipv4Addr,
    pub(crate) subnet: &'a Subnet,
    pub(crate) lease_time: Duration,
    pub(crate) boot_file: Option<&'a str>,
}

/// Builds an OFFER or ACK.
pub(crate) fn grant(endpoints: &Endpoints, request: &DhcpRequest, grant: &Grant<'_>) -> Vec<u8> {
    let mut message = reply(endpoints, request, grant.message);
    message.set_yiaddr(grant.address).set_ciaddr(request.ciaddr);
    let options = message.opts_mut();
    options.insert(DhcpOption::SubnetMask(grant.subnet.network.netmask()));
    options.insert(DhcpOption::BroadcastAddr(grant.subnet.network.broadcast()));
    if let Some(router) = grant.subnet.router {
        options.insert(DhcpOption::Router(vec![router]));
    }
    if !grant.subnet.dns.is_empty() {
        options.insert(DhcpOption::DomainNameServer(grant.subnet.dns.clone()));
    }
    if !grant.address.is_unspecified() {
        let seconds = u32::try_from(grant.lease_time.as_secs()).unwrap_or(u32::MAX);
        options.insert(DhcpOption::AddressLeaseTime(seconds));
    }
    match request.client.stage {
        BootStage::Ipxe => {
            let data = IPXE_NO_PROXY_DHCP.to_vec();
            options.insert(DhcpOption::Unknown(UnknownOption::new(
                OptionCode::from(175),
                data,
            )));
        }
        // A UEFI HTTP client takes only offers that name its class.
        BootStage::HttpRom => {
            options.insert(DhcpOption::ClassIdentifier(b"HTTPClient".to_vec()));
        }
        BootStage::PxeRom | BootStage::System => {}
    }
    if let Some(file) = grant.boot_file {
        boot_options(endpoints, &mut message, file);
    }
    encode(message, request)
}

/// Builds proxyDHCP's OFFER or ACK: what to boot and no address. Without a boot file it carries no
/// PXE options either, and the client asks the boot server at `siaddr`.
pub(crate) fn proxy(
    endpoints: &Endpoints,
    request: &DhcpRequest,
    kind: MessageType,
    boot_file: Option<&str>,
) -> Vec<u8> {
    let mut message = reply(endpoints, request, kind);
    message
        .set_ciaddr(request.ciaddr)
        .set_siaddr(endpoints.address);
    let is_http = request.client.stage == BootStage::HttpRom;
    let class: &[u8] = if is_http { b"HTTPClient" } else { b"PXEClient" };
    let options = message.opts_mut();
    options.insert(DhcpOption::ClassIdentifier(class.to_vec()));
    if let Some(file) = boot_file {
        if !is_http {
            let data = PXE_USE_BOOT_FILE.to_vec();
            options.insert(DhcpOption::VendorExtensions(data));
        }
        boot_options(endpoints, &mut message, file);
    }
    encode(message, request)
}

/// Builds a NAK.
pub(crate) fn refuse(endpoints: &Endpoints, request: &DhcpRequest, why: &str) -> Vec<u8> {
    let mut message = reply(endpoints, request, MessageType::Nak);
    // RFC 2131 section 4.3.2: a client behind a relay has no address yet that would be reachable.
    if !request.giaddr.is_unspecified() {
        message.set_flags(Flags::default().set_broadcast());
    }
    message
        .opts_mut()
        .insert(DhcpOption::Message(why.to_owned()));
    encode(message, request)
}

/// ROMs read the boot file from the header or from option 67, and the server from the header, from
/// option 66 or from option 150; each of them finds it.
fn boot_options(endpoints: &Endpoints, message: &mut Message, file: &str) {
    let server = endpoints.address.to_string();
    message.set_siaddr(endpoints.address);
    message.set_sname_str(&server);
    if file.len() <= FILE_FIELD {
        message.set_fname_str(file);
    }
    let options = message.opts_mut();
    options.insert(DhcpOption::TFTPServerName(server.into_bytes()));
    options.insert(DhcpOption::BootfileName(file.as_bytes().to_vec()));
    options.insert(DhcpOption::TFTPServerAddress(endpoints.address));
}

fn reply(endpoints: &Endpoints, request: &DhcpRequest, kind: MessageType) -> Message {
    let mut message = Message::default();
    message
        .set_opcode(Opcode::BootReply)
        .set_xid(request.xid)
        .set_flags(Flags::from(request.flags))
        .set_giaddr(request.giaddr)
        .set_chaddr(&request.mac.octets());
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    options.insert(DhcpOption::ServerIdentifier(endpoints.address));
    if let Some(identifier) = &request.client_identifier {
        options.insert(DhcpOption::ClientIdentifier(identifier.clone()));
    }
    if let Some(identifier) = &request.machine_identifier {
        options.insert(DhcpOption::ClientMachineIdentifier(identifier.clone()));
    }
    message
}

fn encode(mut message: Message, request: &DhcpRequest) -> Vec<u8> {
    const END: u8 = 255;
    let longest = request.longest_answer();
    let mut datagram = written(&message);
    for spare in SPARE {
        if datagram.len() <= longest {
            break;
        }
        if message.opts_mut().remove(spare).is_some() {
            datagram = written(&message);
        }
    }
    // RFC 3046 section 2.2: the relay's option goes back as it came, after all others.
    if let Some(relay) = &request.relay_information
        && let Ok(length) = u8::try_from(relay.len())
    {
        if datagram.last() == Some(&END) {
            datagram.pop();
        }
        datagram.extend([82, length]);
        datagram.extend_from_slice(relay);
        datagram.push(END);
    }
    if datagram.len() < MINIMUM {
        datagram.resize(MINIMUM, 0);
    }
    datagram
}

fn written(message: &Message) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(576);
    if let Err(error) = message.encode(&mut Encoder::new(&mut datagram)) {
        tracing::error!(%error, "DHCP answer cannot be written");
        return Vec::new();
    }
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::dhcp::request::tests::request;
    use dhcproto::{Decodable, Decoder};
    use proptest::prelude::*;

    fn endpoints() -> Endpoints {
        Endpoints {
            address: Ipv4Addr::new(10, 0, 0, 1),
            http: Url::parse("http://10.0.0.1:8088/").unwrap(),
            loaders: LoaderNames::default(),
        }
    }

    #[test]
    fn an_answer_is_as_long_as_its_client_takes() {
        let none = Ipv4Addr::UNSPECIFIED;
        for identifier in [16, 200, 255, 600] {
            for (max_size, longest) in [
                (None, 576),
                (Some(0), 576),
                (Some(1000), 1000),
                (Some(9000), 1500),
            ] {
                for relay in [0, 12, 255] {
                    let request = DhcpRequest {
                        max_size,
                        client_identifier: Some(vec![1; identifier]),
                        machine_identifier: Some(vec![2; identifier]),
                        relay_information: Some(vec![3; relay]),
                        ..request(none, none)
                    };
                    let kind = MessageType::Ack;
                    let datagram = proxy(&endpoints(), &request, kind, Some("loader"));
                    let length = datagram.len() + 28;
                    assert!(
                        length <= 1500 && length - relay - 2 <= longest,
                        "{length} octets"
                    );
                    let message = Message::decode(&mut Decoder::new(&datagram)).unwrap();
                    let has = |code| message.opts().contains(code);
                    assert!(has(OptionCode::BootfileName));
                    if identifier == 16 {
                        assert!(has(OptionCode::ClientIdentifier));
                        assert!(has(OptionCode::TFTPServerAddress));
                    }
                }
            }
        }
    }

    proptest! {
        /// Whatever a client or relay put into the options that go back, the answer is one.
        #[test]
        fn every_answer_can_be_read(
            identifier in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
            relay in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
            file in proptest::option::of("[!-~]{0,300}"),
        ) {
            let none = Ipv4Addr::UNSPECIFIED;
            let request = DhcpRequest {
                client_identifier: identifier.clone(),
                machine_identifier: identifier,
                relay_information: relay,
                ..request(none, none)
            };
            let subnet = Subnet {
                network: "10.0.0.0/24".parse().unwrap(),
                first: Ipv4Addr::new(10, 0, 0, 10),
                last: Ipv4Addr::new(10, 0, 0, 20),
                router: None,
                dns: Vec::new(),
            };
            let address = subnet.first;
            let grant = Grant {
                message: MessageType::Offer,
                address,
                subnet: &subnet,
                lease_time: Duration::from_secs(60),
                boot_file: file.as_deref(),
            };
            let datagram = super::grant(&endpoints(), &request, &grant);
            prop_assert!(datagram.len() >= MINIMUM);
            let message = Message::decode(&mut Decoder::new(&datagram)).unwrap();
            prop_assert_eq!(message.yiaddr(), address);
            prop_assert_eq!(message.xid(), request.xid);
            prop_assert!(message.opts().has_msg_type(MessageType::Offer));
            if let Some(file) = file.filter(|file| !file.is_empty()) {
                let want = DhcpOption::BootfileName(file.into_bytes());
                prop_assert_eq!(message.opts().get(OptionCode::BootfileName), Some(&want));
            }
        }
    }
}
