//! The firmware's DHCP client: DISCOVER, OFFER, REQUEST, ACK, asking again as ROMs do.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use dhcproto::v4::{
    Architecture, DhcpOption, Flags, HType, Message, MessageType, OptionCode, UnknownOption,
};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::{FirmwareConfig, FirmwareFault, RomError};

/// Which program asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// The PXE ROM.
    Rom,
    /// iPXE.
    Ipxe,
    /// The kernel of a ramdisk.
    Kernel,
}

/// What the server granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) address: Ipv4Addr,
    pub(super) server: Ipv4Addr,
    pub(super) next_server: Ipv4Addr,
    pub(super) boot_file: Option<String>,
}

/// Gets an address and the boot file that goes with it.
pub(super) async fn acquire(config: &FirmwareConfig, program: Program) -> Result<Lease, RomError> {
    let socket = open(config.dhcp_server)
        .await
        .map_err(|source| RomError::Io { code: 1, source })?;
    if program == Program::Ipxe && config.fault == Some(FirmwareFault::LoaderBlocked) {
        return Err(no_answer(program));
    }
    let client = Client {
        config,
        program,
        socket,
        xid: random(),
    };
    for wait in &config.timing.dhcp_waits {
        let deadline = Instant::now() + *wait;
        client.send(MessageType::Discover, None).await;
        let offer = client.receive(deadline, &[MessageType::Offer]).await;
        if config.fault == Some(FirmwareFault::NoLease) {
            tokio::time::sleep_until(deadline).await;
            continue;
        }
        let Some(offer) = offer else {
            continue;
        };
        // An offer is good for the rest of this attempt; the request is repeated within it.
        let lease = client.request(&offer, *wait).await;
        if let Some(lease) = lease {
            return Ok(lease);
        }
    }
    Err(no_answer(program))
}

fn no_answer(program: Program) -> RomError {
    match program {
        Program::Rom => RomError::NoOffer,
        Program::Ipxe => RomError::Loader("iPXE: No configuration methods succeeded".to_owned()),
        Program::Kernel => RomError::Loader("udhcpc: no lease, failing".to_owned()),
    }
}

async fn open(server: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = (Ipv4Addr::UNSPECIFIED, 0).into();
    let socket = UdpSocket::bind(any).await?;
    // Connected, so that only the server's packets come in.
    socket.connect(server).await?;
    Ok(socket)
}

struct Client<'a> {
    config: &'a FirmwareConfig,
    program: Program,
    socket: UdpSocket,
    xid: u32,
}

impl Client<'_> {
    async fn request(&self, offer: &Message, wait: Duration) -> Option<Lease> {
        let server = server_identifier(offer)?;
        self.send(MessageType::Request, Some((offer.yiaddr(), server)))
            .await;
        let wanted = [MessageType::Ack, MessageType::Nak];
        let answer = self.receive(Instant::now() + wait, &wanted).await?;
        if answer.opts().has_msg_type(MessageType::Nak) {
            return None;
        }
        Some(Lease {
            address: answer.yiaddr(),
            server,
            next_server: answer.siaddr(),
            boot_file: boot_file(&answer),
        })
    }

    /// A packet that cannot be sent is a lost packet: the next attempt comes.
    async fn send(&self, kind: MessageType, selected: Option<(Ipv4Addr, Ipv4Addr)>) {
        let mut datagram = Vec::with_capacity(548);
        let message = self.message(kind, selected);
        if message.encode(&mut Encoder::new(&mut datagram)).is_ok() {
            let _ = self.socket.send(&datagram).await;
        }
    }

    fn message(&self, kind: MessageType, selected: Option<(Ipv4Addr, Ipv4Addr)>) -> Message {
        let architecture = self.config.architecture.code();
        let mut message = Message::default();
        message
            .set_htype(HType::Eth)
            .set_xid(self.xid)
            .set_flags(Flags::default().set_broadcast())
            .set_chaddr(&self.config.mac.octets());
        let mut identifier = vec![0];
        identifier.extend_from_slice(self.config.uuid.as_bytes());
        let class = format!("PXEClient:Arch:{architecture:05}:UNDI:003016");
        let options = message.opts_mut();
        options.insert(DhcpOption::MessageType(kind));
        options.insert(DhcpOption::MaxMessageSize(1464));
        if self.program == Program::Kernel {
            options.insert(DhcpOption::ClassIdentifier(b"udhcp 1.36.1".to_vec()));
        } else {
            options.insert(DhcpOption::ClassIdentifier(class.into_bytes()));
            options.insert(DhcpOption::ClientSystemArchitecture(Architecture::from(
                architecture,
            )));
            options.insert(DhcpOption::ClientNetworkInterface(1, 3, 16));
            options.insert(DhcpOption::ClientMachineIdentifier(identifier));
        }
        let wanted = [1, 3, 6, 12, 15, 43, 54, 60, 66, 67, 128, 150].map(OptionCode::from);
        options.insert(DhcpOption::ParameterRequestList(wanted.to_vec()));
        if self.program == Program::Ipxe {
            options.insert(DhcpOption::UserClass(b"iPXE".to_vec()));
            // Feature list: version 1.0.0, HTTP, EFI or PXE; a server looks only for its presence.
            let features = vec![0xeb, 3, 1, 0, 0, 0x13, 1, 1];
            let code = OptionCode::from(175);
            options.insert(DhcpOption::Unknown(UnknownOption::new(code, features)));
        }
        if let Some((address, server)) = selected {
            options.insert(DhcpOption::RequestedIpAddress(address));
            options.insert(DhcpOption::ServerIdentifier(server));
        }
        message
    }

    async fn receive(&self, deadline: Instant, wanted: &[MessageType]) -> Option<Message> {
        let mut buffer = [0_u8; 1500];
        loop {
            let received = timeout_at(deadline, self.socket.recv(&mut buffer))
                .await
                .ok()?;
            let Ok(length) = received else {
                // A refused port: the server is not there (yet). The attempt is over, but its time
                // is not: ROMs wait for an answer that may come.
                tokio::time::sleep_until(deadline).await;
                return None;
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            let Ok(message) = Message::decode(&mut Decoder::new(datagram)) else {
                continue;
            };
            let kind = message.opts().msg_type();
            if message.xid() == self.xid && kind.is_some_and(|kind| wanted.contains(&kind)) {
                return Some(message);
            }
        }
    }
}

fn server_identifier(message: &Message) -> Option<Ipv4Addr> {
    match message.opts().get(OptionCode::ServerIdentifier) {
        Some(DhcpOption::ServerIdentifier(server)) => Some(*server),
        _ => None,
    }
}

fn boot_file(message: &Message) -> Option<String> {
    let raw = match message.opts().get(OptionCode::BootfileName) {
        Some(DhcpOption::BootfileName(name)) => name.as_slice(),
        _ => message.fname()?,
    };
    let name = std::str::from_utf8(raw).ok()?.trim_end_matches('\0');
    (!name.is_empty()).then(|| name.to_owned())
}

/// A transaction identifier; where the system has no randomness, one that is good enough to tell
/// two machines' packets apart is not needed, because each has its own connected socket.
fn random() -> u32 {
    getrandom::u32().unwrap_or(0x6375_706f)
}
