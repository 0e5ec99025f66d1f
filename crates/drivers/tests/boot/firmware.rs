//! A PXE or HTTP boot client made of `dhcproto` packets, on an interface of a host: what firmware
//! does in DHCP, seen from the wire.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use cupola_api::MacAddress;
use dhcproto::v4::{Architecture, DhcpOption, Flags, Message, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::network::Host;

/// What the client says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Bios,
    Uefi,
    UefiHttp,
    Ipxe,
}

pub(crate) struct Firmware {
    socket: UdpSocket,
    mac: MacAddress,
}

impl Firmware {
    /// On the host's `eth0`, which needs no address.
    pub(crate) fn on(host: &Host, mac: MacAddress) -> Self {
        let socket = host.make(|| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
            socket.set_broadcast(true).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.bind_device(Some(b"eth0")).unwrap();
            let any: SocketAddr = (Ipv4Addr::UNSPECIFIED, 68).into();
            socket.bind(&any.into()).unwrap();
            socket
        });
        let socket = UdpSocket::from_std(socket.into()).unwrap();
        Self { socket, mac }
    }

    pub(crate) fn message(
        &self,
        program: Program,
        kind: MessageType,
        more: Vec<DhcpOption>,
    ) -> Message {
        let (class, architecture) = match program {
            Program::Bios | Program::Ipxe => ("PXEClient", 0),
            Program::Uefi => ("PXEClient", 7),
            Program::UefiHttp => ("HTTPClient", 16),
        };
        let class = format!("{class}:Arch:{architecture:05}:UNDI:003016");
        let mut message = Message::default();
        message
            .set_chaddr(&self.mac.octets())
            .set_flags(Flags::default().set_broadcast());
        let options = message.opts_mut();
        options.insert(DhcpOption::MessageType(kind));
        options.insert(DhcpOption::ClassIdentifier(class.into_bytes()));
        let architecture = Architecture::from(architecture);
        options.insert(DhcpOption::ClientSystemArchitecture(architecture));
        let wanted = [1, 3, 6, 43, 54, 60, 66, 67, 175].map(OptionCode::from);
        options.insert(DhcpOption::ParameterRequestList(wanted.to_vec()));
        if program == Program::Ipxe {
            options.insert(DhcpOption::UserClass(b"iPXE".to_vec()));
        }
        for option in more {
            options.insert(option);
        }
        message
    }

    pub(crate) async fn send(&self, message: &Message, to: SocketAddr) {
        let mut datagram = Vec::new();
        message.encode(&mut Encoder::new(&mut datagram)).unwrap();
        self.socket.send_to(&datagram, to).await.unwrap();
    }

    pub(crate) async fn broadcast(&self, message: &Message) {
        self.send(message, (Ipv4Addr::BROADCAST, 67).into()).await;
    }

    /// The answers to a message, until there are as many as that, or for eight seconds: dnsmasq pings an
    /// address for three before it offers it.
    pub(crate) async fn answers(&self, message: &Message, count: usize) -> Vec<Message> {
        let deadline = Instant::now() + Duration::from_secs(8);
        let (mut answers, mut buffer) = (Vec::new(), [0; 1500]);
        while answers.len() < count
            && let Ok(received) = timeout_at(deadline, self.socket.recv(&mut buffer)).await
        {
            let datagram = &buffer[..received.unwrap()];
            let answer = Message::decode(&mut Decoder::new(datagram)).unwrap();
            if answer.xid() == message.xid() {
                answers.push(answer);
            }
        }
        answers
    }

    /// Takes the offer; the server's acknowledgement.
    pub(crate) async fn take(&self, program: Program, offer: &Message) -> Message {
        let Some(DhcpOption::ServerIdentifier(server)) =
            offer.opts().get(OptionCode::ServerIdentifier)
        else {
            panic!("{offer:?}")
        };
        let more = vec![
            DhcpOption::RequestedIpAddress(offer.yiaddr()),
            DhcpOption::ServerIdentifier(*server),
        ];
        let request = self.message(program, MessageType::Request, more);
        self.broadcast(&request).await;
        let mut acks = self.answers(&request, 1).await;
        let ack = acks.pop().unwrap();
        assert!(ack.opts().has_msg_type(MessageType::Ack), "{ack:?}");
        ack
    }
}

/// The boot file, from option 67 or the header.
pub(crate) fn boot_file(message: &Message) -> Option<String> {
    let raw = match message.opts().get(OptionCode::BootfileName) {
        Some(DhcpOption::BootfileName(name)) => name.as_slice(),
        _ => message.fname()?,
    };
    let name = std::str::from_utf8(raw).unwrap().trim_end_matches('\0');
    (!name.is_empty()).then(|| name.to_owned())
}
