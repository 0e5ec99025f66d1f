//! Answers IPv6 router solicitations of booting machines: "there is no IPv6 router here".
//!
//! iPXE asks for an IPv4 and an IPv6 configuration side by side, and goes on only when both have
//! ended; on a network without an IPv6 router it waits some sixteen seconds for one, at each boot.
//! A router advertisement (RFC 4861 section 4.2) with a router lifetime of zero and no prefix ends
//! that at once, and changes nothing for anybody: its sender is no default router and hands out no
//! addresses. It goes to the machine that asked alone, and only if its MAC address is that of an
//! enrolled port. Where the network has a real router, machines have its answer besides.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use cupola_api::MacAddress;
use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::DIRECTORY_DEADLINE;
use super::directory::BootDirectory;

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
/// Option "source link-layer address", RFC 4861 section 4.6.1.
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
/// All routers of the link.
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// Neighbour discovery is believed only with the hop limit that no router passes on.
const HOP_LIMIT: u32 = 255;

/// Type, code, checksum (the kernel's work), hop limit unspecified, no flags, router lifetime 0,
/// reachable time and retransmission timer unspecified.
const ADVERTISEMENT: [u8; 16] = [
    ROUTER_ADVERTISEMENT,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
];

/// The responder, bound and not yet running.
pub(crate) struct Advertiser {
    socket: UdpSocket,
    stop: CancellationToken,
}

impl Advertiser {
    /// Opens the raw socket; needs `CAP_NET_RAW` and IPv6 on the interface.
    pub(crate) fn bind(interface: &str, stop: CancellationToken) -> io::Result<Self> {
        let index = if_nametoindex(interface).map_err(io::Error::from)?;
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
        socket.set_nonblocking(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.set_unicast_hops_v6(HOP_LIMIT)?;
        socket.join_multicast_v6(&ALL_ROUTERS, index)?;
        // Only the calls that every datagram socket knows are made on it.
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self { socket, stop })
    }

    /// Answers until told to stop. One solicitation at a time: machines send few, and again.
    pub(crate) async fn run(self, directory: Arc<dyn BootDirectory>) {
        let stop = self.stop.clone();
        stop.run_until_cancelled(async {
            let mut buffer = [0_u8; 1500];
            loop {
                match self.socket.recv_from(&mut buffer).await {
                    Ok((length, SocketAddr::V6(peer))) => {
                        let message = buffer.get(..length).unwrap_or_default();
                        self.answer(message, peer, directory.as_ref()).await;
                    }
                    Ok((_, SocketAddr::V4(_))) => {}
                    Err(error) => tracing::debug!(%error, "router solicitation receive"),
                }
            }
        })
        .await;
    }

    async fn answer(&self, message: &[u8], peer: SocketAddrV6, directory: &dyn BootDirectory) {
        let Some(mac) = solicitor(message) else {
            return;
        };
        if !peer.ip().is_unicast_link_local() {
            return;
        }
        if !matches!(
            timeout(DIRECTORY_DEADLINE, directory.host(&mac)).await,
            Ok(Some(_))
        ) {
            return;
        }
        let to = SocketAddrV6::new(*peer.ip(), 0, 0, peer.scope_id());
        match self
            .socket
            .send_to(&ADVERTISEMENT, SocketAddr::V6(to))
            .await
        {
            Ok(_) => tracing::debug!(%mac, "told that there is no IPv6 router"),
            Err(error) => tracing::debug!(%error, %mac, "router advertisement not sent"),
        }
    }
}

/// Whose router solicitation this is; `None` for other messages, and where it does not say.
fn solicitor(message: &[u8]) -> Option<MacAddress> {
    let (header, mut options) = message.split_first_chunk::<8>()?;
    let [ROUTER_SOLICITATION, 0, ..] = *header else {
        return None;
    };
    loop {
        let [kind, units] = *options.first_chunk::<2>()?;
        // Lengths count units of eight octets; zero would never end (RFC 4861 section 4.6).
        let length = usize::from(units)
            .checked_mul(8)
            .filter(|length| *length > 0)?;
        let (option, rest) = options.split_at_checked(length)?;
        if kind == SOURCE_LINK_LAYER_ADDRESS {
            return option
                .get(2..)?
                .first_chunk::<6>()
                .map(|octets| MacAddress::new(*octets));
        }
        options = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_solicitor_is_who_the_option_says() {
        let mut message = vec![133, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(solicitor(&message), None);
        message.extend([14, 1, 0, 0, 0, 0, 0, 0]);
        message.extend([1, 1, 2, 0, 0, 0, 0, 7]);
        assert_eq!(
            solicitor(&message),
            Some(MacAddress::new([2, 0, 0, 0, 0, 7]))
        );
        message[0] = 135;
        assert_eq!(solicitor(&message), None);
    }

    proptest! {
        #[test]
        fn no_message_panics(mut message in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some(first) = message.first_mut() {
                *first = 133;
            }
            let _ = solicitor(&message);
        }
    }
}
