//! The DHCP server's socket: opened for broadcast on one interface, or plainly at an address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use nix::ifaddrs::getifaddrs;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// Whether another program of this host may have the port too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// It may not: two servers of one port would take each other's packets.
    Alone,
    /// It may, if it allows it too (dnsmasq does with `bind-interfaces`): both get broadcasts.
    Shared,
}

/// Opens the socket. With an interface, broadcasts of that interface come in and answers leave
/// through it, whatever the routes say; that needs `CAP_NET_RAW` on older kernels, and port 67
/// `CAP_NET_BIND_SERVICE`.
pub(crate) fn open(
    bind: SocketAddrV4,
    interface: Option<&str>,
    sharing: Sharing,
) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_broadcast(true)?;
    socket.set_nonblocking(true)?;
    if sharing == Sharing::Shared {
        socket.set_reuse_address(true)?;
    }
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    // All machines of a room ask at once after a power cut; the kernel's default holds about 200.
    socket.set_recv_buffer_size(1 << 20)?;
    socket.bind(&SocketAddr::V4(bind).into())?;
    UdpSocket::from_std(socket.into())
}

/// The first IPv4 address of an interface, `None` where it has none.
///
/// # Errors
/// The operating system does not list its interfaces.
pub fn interface_address(interface: &str) -> io::Result<Option<Ipv4Addr>> {
    let addresses = getifaddrs().map_err(io::Error::from)?;
    Ok(addresses
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| {
            entry
                .address?
                .as_sockaddr_in()
                .map(nix::sys::socket::SockaddrIn::ip)
        }))
}
