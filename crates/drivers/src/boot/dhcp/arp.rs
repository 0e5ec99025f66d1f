//! Asks a local network who has an address (ARP probe, RFC 5227 section 2.1.1).
//!
//! Frames are written and read whole on a packet socket, which needs `CAP_NET_RAW`. Only the
//! provisioning interface is asked; behind relays `icmp` asks instead.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use cupola_api::MacAddress;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, sendto};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::waiting::Waiting;

/// EtherType of ARP (RFC 826), as it is on the wire.
const ETHERTYPE: u16 = 0x0806;
/// Ethernet header and ARP packet of Ethernet and IPv4 addresses.
const FRAME: usize = 42;
/// Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// Asks on one interface.
#[derive(Debug)]
pub(crate) struct ArpProber {
    /// A packet socket; the type only lends it to the runtime.
    socket: UdpSocket,
    interface: LinkAddr,
    own: MacAddress,
    waiting: Waiting<Ipv4Addr, MacAddress>,
}

impl ArpProber {
    /// Opens the socket.
    ///
    /// # Errors
    /// There is no such Ethernet interface, or `CAP_NET_RAW` is missing.
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let link = getifaddrs()
            .map_err(io::Error::from)?
            .filter(|entry| entry.interface_name == interface)
            .find_map(|entry| entry.address?.as_link_addr().copied())
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let own = link
            .addr()
            .ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        let protocol = Protocol::from(i32::from(ETHERTYPE.to_be()));
        let socket = Socket::new(
            Domain::from(nix::libc::AF_PACKET),
            Type::RAW,
            Some(protocol),
        )?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
            interface: link,
            own: MacAddress::new(own),
            waiting: Waiting::default(),
        })
    }

    /// Who has the address; `None` where nobody says so in time.
    pub(crate) async fn holder(&self, address: Ipv4Addr) -> io::Result<Option<MacAddress>> {
        let answer = self.waiting.ask(address);
        let frame = probe(self.own, address);
        let descriptor = self.socket.as_raw_fd();
        sendto(descriptor, &frame, &self.interface, MsgFlags::empty())?;
        Ok(answer.receive().await)
    }

    /// Hears answers until told to stop.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut buffer = [0_u8; 256];
        loop {
            let ready = tokio::select! {
                () = stop.cancelled() => return,
                ready = self.socket.readable() => ready,
            };
            if ready.is_err() {
                return;
            }
            let received = self.socket.try_io(Interest::READABLE, || {
                let descriptor = self.socket.as_raw_fd();
                recvfrom::<LinkAddr>(descriptor, &mut buffer).map_err(io::Error::from)
            });
            let Ok((length, Some(from))) = received else {
                continue;
            };
            if from.ifindex() != self.interface.ifindex() {
                continue;
            }
            if let Some((address, mac)) = buffer.get(..length).and_then(sender)
                && mac != self.own
            {
                self.waiting.tell(address, mac);
            }
        }
    }
}

/// A broadcast probe. Its sender address is zero, so that nobody's cache takes it for ours.
fn probe(own: MacAddress, address: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(FRAME);
    frame.extend([0xff; 6]);
    frame.extend(own.octets());
    frame.extend(ETHERTYPE.to_be_bytes());
    frame.extend(ETHERNET_IPV4);
    frame.extend([0, 1]);
    frame.extend(own.octets());
    frame.extend([0; 4]);
    frame.extend([0; 6]);
    frame.extend(address.octets());
    frame
}

/// Who sent an ARP packet, and which address it says is its own: a request says it as well as a
/// reply (RFC 5227 section 2.1.1). `None` for what is no ARP packet, and for probes.
#[must_use]
pub fn sender(frame: &[u8]) -> Option<(Ipv4Addr, MacAddress)> {
    let packet = frame.get(12..)?.strip_prefix(&ETHERTYPE.to_be_bytes())?;
    let packet = packet.strip_prefix(&ETHERNET_IPV4)?;
    // Behind the operation.
    let mac = MacAddress::new(*packet.get(2..)?.first_chunk::<6>()?);
    let address = Ipv4Addr::from(*packet.get(8..)?.first_chunk::<4>()?);
    (!address.is_unspecified()).then_some((address, mac))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_probe_says_nothing_of_its_sender_and_a_reply_does() {
        let own = MacAddress::new([2, 0, 0, 0, 0, 1]);
        let address = Ipv4Addr::new(10, 0, 0, 9);
        let mut frame = probe(own, address);
        assert_eq!(frame.len(), FRAME);
        assert_eq!(sender(&frame), None);
        frame[21] = 2;
        frame[28..32].copy_from_slice(&address.octets());
        assert_eq!(sender(&frame), Some((address, own)));
        assert_eq!(sender(&frame[..31]), None);
    }

    proptest! {
        #[test]
        fn no_frame_panics(frame in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = sender(&frame);
        }
    }
}
