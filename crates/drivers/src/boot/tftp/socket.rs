//! The sockets of TFTP: many packets a call, and the address that a request was sent to.
//!
//! A machine that asked one of our addresses drops an answer that comes from another, so a request
//! is read with the address it came to, and answered from there.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, recvmsg,
    sendmmsg, sendmsg, setsockopt, sockopt,
};

use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use socket2::SockRef;

/// Datagrams received or sent with one call.
pub(super) const BATCH: usize = 64;

/// Longest datagram that is read: acknowledgements have four octets, errors some words.
const LONGEST: usize = 256;

/// Room for what arrives while the worker is busy: two acknowledgements for each of a thousand
/// transfers.
const RECEIVE_BUFFER: usize = 2 << 20;

/// The most packets that the kernel cuts one send into.
const MOST_SEGMENTS: usize = 64;

/// How long a full send queue is waited for.
const ROOM_DEADLINE_MILLISECONDS: u8 = 50;

/// The most octets of one send.
const MOST_OCTETS: usize = 65_000;

/// A request, and the address it was sent to.
pub(super) struct Received {
    pub(super) length: usize,
    pub(super) peer: SocketAddrV4,
    pub(super) to: Ipv4Addr,
}

/// Asks the kernel for the address that each request came to.
pub(super) fn want_destination(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?)
}

/// Reads one request; `WouldBlock` where there is none.
pub(super) fn receive_request(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = nix::cmsg_space!(in_pktinfo);
    let mut buffers = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message =
        recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut buffers, Some(&mut control), flags)?;
    let peer = message.address.ok_or(Errno::EPROTO)?;
    let mut to = Ipv4Addr::UNSPECIFIED;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::Ipv4PacketInfo(info) = control {
            // The local address, also where the packet itself was broadcast.
            to = Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr));
        }
    }
    Ok(Received {
        length: message.bytes,
        peer: SocketAddrV4::new(peer.ip(), peer.port()),
        to,
    })
}

/// Answers a request from the address it was sent to.
pub(super) fn send_from(
    socket: &impl AsRawFd,
    from: Ipv4Addr,
    peer: SocketAddrV4,
    packet: &[u8],
) -> io::Result<()> {
    let info = in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: in_addr {
            s_addr: u32::from(from).to_be(),
        },
        ipi_addr: in_addr { s_addr: 0 },
    };
    let control = [ControlMessage::Ipv4PacketInfo(&info)];
    let peer = SockaddrIn::from(peer);
    let packet = [IoSlice::new(packet)];
    let flags = MsgFlags::MSG_DONTWAIT;
    sendmsg(socket.as_raw_fd(), &packet, &control, flags, Some(&peer))?;
    Ok(())
}

/// The socket of many transfers: packets of all their clients come in on it.
pub(super) struct TransferSocket {
    socket: UdpSocket,
    address: Ipv4Addr,
    received: MultiHeaders<SockaddrIn>,
    sent: MultiHeaders<SockaddrIn>,
    buffers: Vec<[u8; LONGEST]>,
    lengths: Vec<(SocketAddrV4, usize)>,
    /// Whether the kernel cuts one send into packets here; not every network card's driver does.
    segments: bool,
    /// Whether packets must arrive in one piece.
    whole: bool,
}

/// Packets for one client, all of one length but for the last.
pub(super) struct Train<'a> {
    pub(super) peer: SocketAddrV4,
    pub(super) packets: &'a [u8],
    /// Octets from one packet to the next.
    pub(super) stride: usize,
}

impl Train<'_> {
    const fn is_single(&self) -> bool {
        self.packets.len() <= self.stride
    }
}

impl TransferSocket {
    /// Opens one at this address, on a port that the kernel gives.
    pub(super) fn open(address: Ipv4Addr) -> io::Result<Self> {
        let socket = UdpSocket::bind((address, 0))?;
        socket.set_nonblocking(true)?;
        // What the kernel grants is enough: a lost acknowledgement costs a retransmission.
        let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        // A packet that cannot be cut on its way needs no identification (RFC 6864), which the
        // kernel otherwise picks for each. See `allow_fragments` for where blocks are larger than
        // the network's packets.
        let _ = set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DO);
        Ok(Self {
            socket,
            address,
            received: MultiHeaders::preallocate(BATCH, None),
            sent: MultiHeaders::preallocate(BATCH, None),
            buffers: vec![[0; LONGEST]; BATCH],
            lengths: Vec::with_capacity(BATCH),
            segments: true,
            whole: true,
        })
    }

    /// The address that answers leave from.
    pub(super) const fn address(&self) -> Ipv4Addr {
        self.address
    }

    pub(super) const fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Hands over what has arrived; returns how many packets that were.
    pub(super) fn receive(&mut self, mut hear: impl FnMut(SocketAddrV4, &[u8])) -> usize {
        self.lengths.clear();
        let mut places: Vec<[IoSliceMut<'_>; 1]> = self
            .buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        let descriptor = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        match recvmmsg(descriptor, &mut self.received, &mut places, flags, None) {
            Ok(messages) => self.lengths.extend(messages.map(|message| {
                let peer = message
                    .address
                    .map_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), |peer| {
                        SocketAddrV4::new(peer.ip(), peer.port())
                    });
                (peer, message.bytes)
            })),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // An ICMP error that an earlier packet came back with; the socket is fine.
            Err(error) => tracing::debug!(%error, "TFTP receive"),
        }
        for ((peer, length), buffer) in self.lengths.iter().zip(&self.buffers) {
            hear(*peer, buffer.get(..*length).unwrap_or_default());
        }
        self.lengths.len()
    }

    /// Sends all of them. What the kernel has no room for even after a wait counts as lost on the
    /// way: it is sent again when its acknowledgement does not come.
    pub(super) fn send(&mut self, trains: &[Train<'_>]) {
        let mut single = Vec::with_capacity(trains.len().min(BATCH));
        for train in trains {
            if train.is_single() {
                single.push((train.peer, train.packets));
            } else {
                self.send_train(train);
            }
        }
        self.send_each(&single);
    }

    fn send_train(&mut self, train: &Train<'_>) {
        let most = (MOST_OCTETS / train.stride).clamp(1, MOST_SEGMENTS);
        for part in train.packets.chunks(most * train.stride) {
            if self.segments && self.send_segments(train, part) {
                continue;
            }
            let packets: Vec<_> = part
                .chunks(train.stride)
                .map(|packet| (train.peer, packet))
                .collect();
            self.send_each(&packets);
        }
    }

    /// One call for all the packets; `false` where the kernel cannot cut them here.
    fn send_segments(&mut self, train: &Train<'_>, packets: &[u8]) -> bool {
        let Ok(stride) = u16::try_from(train.stride) else {
            return false;
        };
        let control = [ControlMessage::UdpGsoSegments(&stride)];
        let peer = SockaddrIn::from(train.peer);
        let data = [IoSlice::new(packets)];
        let flags = MsgFlags::MSG_DONTWAIT;
        for attempt in 0..2 {
            match sendmsg(self.socket.as_raw_fd(), &data, &control, flags, Some(&peer)) {
                Ok(_) => return true,
                Err(Errno::EAGAIN | Errno::ENOBUFS) if attempt == 0 => self.wait_for_room(),
                // Larger than the route's packets: fragments cannot be cut there. It holds for
                // this client only.
                Err(Errno::EINVAL | Errno::EMSGSIZE) => return false,
                Err(Errno::EOPNOTSUPP | Errno::EIO | Errno::ENOPROTOOPT) => {
                    self.segments = false;
                    return false;
                }
                Err(error) => {
                    tracing::debug!(%error, peer = %train.peer, "TFTP send");
                    return true;
                }
            }
        }
        true
    }

    fn send_each(&mut self, packets: &[(SocketAddrV4, &[u8])]) {
        if let [(peer, packet)] = packets {
            return self.send_one(*peer, packet);
        }
        let mut rest = packets;
        let mut waited = false;
        while !rest.is_empty() {
            let batch = rest.get(..BATCH).unwrap_or(rest);
            let data: Vec<[IoSlice<'_>; 1]> = batch
                .iter()
                .map(|(_, packet)| [IoSlice::new(packet)])
                .collect();
            let peers: Vec<Option<SockaddrIn>> = batch
                .iter()
                .map(|(peer, _)| Some(SockaddrIn::from(*peer)))
                .collect();
            let descriptor = self.socket.as_raw_fd();
            let flags = MsgFlags::MSG_DONTWAIT;
            let sent = sendmmsg(descriptor, &mut self.sent, &data, &peers, [], flags);
            let done = match sent.map(Iterator::count) {
                Ok(count) => count,
                Err(Errno::EAGAIN | Errno::ENOBUFS) if !waited => {
                    waited = true;
                    self.wait_for_room();
                    0
                }
                Err(Errno::EINTR) => 0,
                Err(Errno::EMSGSIZE) if self.allow_fragments() => 0,
                // About the first packet of the batch: its client cannot be reached.
                Err(error) => {
                    tracing::debug!(%error, "TFTP send");
                    1
                }
            };
            rest = rest.get(done..).unwrap_or_default();
        }
    }

    /// The usual case of a single client costs a plain call.
    fn send_one(&mut self, peer: SocketAddrV4, packet: &[u8]) {
        for attempt in 0..2 {
            match self.socket.send_to(packet, peer) {
                Ok(_) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && attempt == 0 => {
                    self.wait_for_room();
                }
                Err(error)
                    if error.raw_os_error() == Some(Errno::EMSGSIZE as i32)
                        && self.allow_fragments() => {}
                Err(error) => tracing::debug!(%error, %peer, "TFTP send"),
            }
        }
    }

    /// A block does not fit a packet of its network: from now on the kernel may cut packets up.
    /// Whether that is new.
    fn allow_fragments(&mut self) -> bool {
        if !self.whole {
            return false;
        }
        self.whole = false;
        set_ip_mtu_discover(&self.socket, Ipv4PathMtuDiscovery::WANT).is_ok()
    }

    /// The network is slower than the disk: all transfers of this socket wait for it.
    fn wait_for_room(&self) {
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)];
        let _ = poll(&mut fds, ROOM_DEADLINE_MILLISECONDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sched::{CloneFlags, unshare};
    use std::process::Command;
    use std::time::Duration;

    /// Sends trains of two packets of that length over a loopback of that MTU, in a network
    /// namespace of this thread; returns what arrived, or `None` where there may be no namespace.
    fn over_a_network(mtu: usize, length: usize) -> Option<Vec<usize>> {
        unshare(CloneFlags::CLONE_NEWNET).ok()?;
        let mtu = mtu.to_string();
        let up = ["link", "set", "lo", "up", "mtu", &mtu];
        assert!(Command::new("ip").args(up).status().unwrap().success());
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let Ok(std::net::SocketAddr::V4(peer)) = client.local_addr() else {
            panic!("no IPv4 address")
        };
        let mut socket = TransferSocket::open(Ipv4Addr::LOCALHOST).unwrap();
        let packets = vec![7; 2 * length];
        let train = |octets| Train {
            peer,
            packets: &packets[..octets],
            stride: length,
        };
        socket.send(&[train(2 * length)]);
        socket.send(&[train(length)]);
        socket.send(&[train(length), train(length)]);
        let mut buffer = vec![0; 2 * length];
        Some((0..5).map(|_| client.recv(&mut buffer).unwrap()).collect())
    }

    #[test]
    fn blocks_larger_than_the_networks_packets_arrive_in_fragments() {
        for (mtu, length) in [(65_536, 1472), (1000, 1472), (1000, 500)] {
            let sent = std::thread::spawn(move || over_a_network(mtu, length));
            match sent.join().unwrap() {
                Some(arrived) => assert_eq!(arrived, [length; 5], "MTU {mtu}"),
                None => println!(
                    "SKIPPED blocks_larger_than_the_networks_packets_arrive_in_fragments: \
                     a network namespace needs root"
                ),
            }
        }
    }
}
