//! Which DHCP servers answer on a network: asked once, as a client, by somebody who checks a host.
//! Not part of the service.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, borrowed};
use dhcproto::{Encodable, Encoder};
use nix::ifaddrs::getifaddrs;
use socket2::{Domain, Protocol, Socket, Type};

use super::{CLIENT_PORT, SERVER_PORT};

/// How long answers are waited for: dnsmasq pings an address for three seconds before it offers it.
const PATIENCE: Duration = Duration::from_secs(4);

/// The servers that offer an address on the interface, without taking it. Blocks for four seconds.
/// A Cupola that runs here does not answer, since no port has the interface's MAC address.
///
/// # Errors
/// There is no such interface, or port 68 cannot be had there.
pub fn servers_on(interface: &str) -> io::Result<BTreeSet<Ipv4Addr>> {
    let mac = getifaddrs()
        .map_err(io::Error::from)?
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| entry.address?.as_link_addr()?.addr())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_broadcast(true)?;
    // A DHCP client of the host may have the port.
    socket.set_reuse_address(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    let any: SocketAddr = (Ipv4Addr::UNSPECIFIED, CLIENT_PORT).into();
    socket.bind(&any.into())?;
    let socket = UdpSocket::from(socket);
    let (xid, question) = discover(mac)?;
    socket.send_to(&question, (Ipv4Addr::BROADCAST, SERVER_PORT))?;
    let deadline = Instant::now() + PATIENCE;
    let (mut servers, mut buffer) = (BTreeSet::new(), [0_u8; 2048]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(servers);
        }
        socket.set_read_timeout(Some(left))?;
        if let Ok(length) = socket.recv(&mut buffer) {
            servers.extend(buffer.get(..length).and_then(|packet| offerer(packet, xid)));
        }
    }
}

/// A DISCOVER of an operating system, and its transaction.
fn discover(mac: [u8; 6]) -> io::Result<(u32, Vec<u8>)> {
    let mut message = Message::default();
    message
        .set_chaddr(&mac)
        .set_flags(Flags::default().set_broadcast());
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(MessageType::Discover));
    let mut datagram = Vec::new();
    let encoded = message.encode(&mut Encoder::new(&mut datagram));
    encoded.map_err(|error| io::Error::other(error.to_string()))?;
    Ok((message.xid(), datagram))
}

/// Who sent this offer (option 54); `None` for what is no offer of that transaction.
fn offerer(datagram: &[u8], xid: u32) -> Option<Ipv4Addr> {
    let message = borrowed::Message::new(datagram).ok()?;
    if message.xid() != xid {
        return None;
    }
    let (mut kind, mut server) = (None, None);
    for option in message.opts() {
        match u8::from(option.code()) {
            53 => kind = option.data().first().copied(),
            54 => server = option.data().first_chunk::<4>().copied(),
            _ => {}
        }
    }
    (MessageType::from(kind?) == MessageType::Offer).then_some(server?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_offers_of_the_own_transaction_count() {
        let (xid, question) = discover([2, 0, 0, 0, 0, 1]).unwrap();
        assert_eq!(offerer(&question, xid), None);
        let server = Ipv4Addr::new(10, 0, 0, 1);
        let mut offer = Message::default();
        offer.set_xid(xid);
        let options = offer.opts_mut();
        options.insert(DhcpOption::MessageType(MessageType::Offer));
        options.insert(DhcpOption::ServerIdentifier(server));
        let mut datagram = Vec::new();
        offer.encode(&mut Encoder::new(&mut datagram)).unwrap();
        assert_eq!(offerer(&datagram, xid), Some(server));
        assert_eq!(offerer(&datagram, xid.wrapping_add(1)), None);
    }

    proptest! {
        #[test]
        fn no_datagram_panics(datagram in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = offerer(&datagram, 0);
        }
    }
}
