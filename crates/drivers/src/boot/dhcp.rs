//! The DHCPv4 server: answers machines of enrolled ports, and nobody else.
//!
//! RFC 2131 and 2132, with the PXE options of RFC 4578 and 5859. Each packet is worked on in a
//! task of its own, a bounded number at once; what finds no room is dropped and counted, and the
//! client asks again. What is answered is decided in `exchange` where we hand out addresses, in
//! `proxy` where another server does; leases are in [`super::leases`], packets in `request` and
//! `answer`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::leases::Subnet;
use caller::Answer;
use exchange::Exchange;
use proxy::{BOOT_SERVER_PORT, Proxy};
use request::DhcpRequest;

pub(crate) mod answer;
mod arp;
pub(crate) mod caller;
pub(crate) mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod icmp;
mod prober;
pub(crate) mod proxy;
pub mod request;
mod socket;
pub(crate) mod sockets;
pub mod survey;
mod waiting;

pub use arp::sender as arp_sender;
pub use icmp::replier as icmp_replier;
use socket::Sharing;
pub use socket::interface_address;

/// The port clients listen on (RFC 2131 section 4.1).
const CLIENT_PORT: u16 = 68;
/// The port servers and relays listen on.
const SERVER_PORT: u16 = 67;

/// How the DHCP server is set up.
#[derive(Clone, Debug)]
pub struct DhcpConfig {
    /// Where to listen: `0.0.0.0:67` on a provisioning network, a loopback address for a virtual
    /// rack.
    pub bind: SocketAddrV4,
    /// The provisioning network's interface. Broadcasts come in only where it is given; without it
    /// only relayed and unicast packets do.
    pub interface: Option<String>,
    /// Where answers go.
    pub reply: ReplyTo,
    /// What is answered.
    pub service: DhcpService,
    /// Packets worked on at once.
    pub max_exchanges: usize,
}

/// What a DHCP server of ours answers.
#[derive(Clone, Debug)]
pub enum DhcpService {
    /// Addresses, and what to boot.
    Addresses(AddressService),
    /// What to boot; another server hands out addresses (proxyDHCP).
    Proxy {
        /// Where the PXE boot server listens, which UEFI's PXE clients ask: port 4011 of our
        /// address.
        boot_server: SocketAddrV4,
    },
}

/// How addresses are handed out.
#[derive(Clone, Debug)]
pub struct AddressService {
    /// The networks served: the one that our address is on, and those behind relays.
    pub subnets: Vec<ServedSubnet>,
    /// Whether an address is looked for on the network before it is first offered.
    pub detect_conflicts: bool,
}

/// A network and how its addresses are promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedSubnet {
    /// The network.
    pub subnet: Subnet,
    /// How long an address is promised.
    pub lease_time: Duration,
}

impl AddressService {
    /// Serves one network, with addresses promised for an hour.
    #[must_use]
    pub fn on(subnet: Subnet) -> Self {
        let lease_time = Duration::from_secs(3600);
        Self {
            subnets: vec![ServedSubnet { subnet, lease_time }],
            detect_conflicts: true,
        }
    }
}

/// Where answers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// As RFC 2131 section 4.1 says: to the relay, to the client's address, or by broadcast to a
    /// client that has none.
    Standard,
    /// To where the packet came from: for simulated machines, whose sockets are on loopback.
    Source,
}

impl DhcpConfig {
    /// Serves one network on an interface, as a provisioning network has it.
    #[must_use]
    pub fn on_interface(interface: &str, subnet: Subnet) -> Self {
        let service = DhcpService::Addresses(AddressService::on(subnet));
        Self::standard(Some(interface.to_owned()), service)
    }

    /// Tells machines on an interface what to boot; `address` is ours there.
    #[must_use]
    pub fn proxy_on_interface(interface: &str, address: Ipv4Addr) -> Self {
        let boot_server = SocketAddrV4::new(address, BOOT_SERVER_PORT);
        Self::standard(
            Some(interface.to_owned()),
            DhcpService::Proxy { boot_server },
        )
    }

    /// Serves simulated machines at a loopback address; port 0 takes a free one. The pool should
    /// be of 127.0.0.0/8: then each simulated machine speaks from its own address.
    #[must_use]
    pub fn for_simulated_machines(bind: SocketAddrV4, subnet: Subnet) -> Self {
        let service = DhcpService::Addresses(AddressService::on(subnet));
        Self {
            bind,
            reply: ReplyTo::Source,
            ..Self::standard(None, service)
        }
    }

    /// On port 67, with answers as the standards have it.
    #[must_use]
    pub const fn standard(interface: Option<String>, service: DhcpService) -> Self {
        Self {
            bind: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER_PORT),
            interface,
            reply: ReplyTo::Standard,
            service,
            max_exchanges: 256,
        }
    }
}

/// What is asked on a socket, by what is answered there.
pub(crate) enum Responder {
    /// We hand out addresses.
    Addresses(Exchange),
    /// Another server does.
    Proxy(Proxy),
}

impl Responder {
    async fn answer(&self, request: &DhcpRequest, source: SocketAddr) -> Option<Answer> {
        let now = Timestamp::now();
        match self {
            Self::Addresses(exchange) => exchange.answer(request, source, now).await,
            Self::Proxy(proxy) => proxy.answer(request, source, now).await,
        }
    }

    /// After the answer is on its way.
    fn answered(&self, answer: Answer) {
        match self {
            Self::Addresses(exchange) => exchange.answered(answer),
            Self::Proxy(proxy) => proxy.answered(answer),
        }
    }
}

/// The server, bound and not yet running.
pub(crate) struct DhcpServer {
    socket: Arc<UdpSocket>,
    reply: ReplyTo,
    slots: Arc<Semaphore>,
    dropped: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl DhcpServer {
    pub(crate) fn bind(
        config: &DhcpConfig,
        dropped: Arc<AtomicU64>,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let sharing = match &config.service {
            DhcpService::Addresses(_) => Sharing::Alone,
            // The other server may be on this host, and both hear the broadcasts.
            DhcpService::Proxy { .. } => Sharing::Shared,
        };
        let interface = config.interface.as_deref();
        Ok(Self {
            socket: Arc::new(socket::open(config.bind, interface, sharing)?),
            reply: config.reply,
            slots: Arc::new(Semaphore::new(config.max_exchanges)),
            dropped,
            stop,
        })
    }

    /// The PXE boot server beside a proxyDHCP server: it answers who asks, where it asks from.
    pub(crate) fn bind_boot_server(
        config: &DhcpConfig,
        boot_server: SocketAddrV4,
        dropped: Arc<AtomicU64>,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        Ok(Self {
            socket: Arc::new(socket::open(boot_server, None, Sharing::Alone)?),
            reply: ReplyTo::Source,
            slots: Arc::new(Semaphore::new(config.max_exchanges)),
            dropped,
            stop,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until told to stop.
    pub(crate) async fn run(self, responder: Responder) {
        let responder = Arc::new(responder);
        let tracker = TaskTracker::new();
        let mut buffer = [0_u8; 2048];
        loop {
            let received = tokio::select! {
                () = self.stop.cancelled() => break,
                received = self.socket.recv_from(&mut buffer) => received,
            };
            let (length, source) = match received {
                Ok(received) => received,
                Err(error) => {
                    tracing::debug!(%error, "DHCP receive");
                    continue;
                }
            };
            let Some(request) = buffer.get(..length).and_then(DhcpRequest::decode) else {
                continue;
            };
            let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let (responder, socket) = (Arc::clone(&responder), Arc::clone(&self.socket));
            let reply = self.reply;
            tracker.spawn(self.stop.clone().run_until_cancelled_owned(async move {
                if let Some(answer) = responder.answer(&request, source).await {
                    let to = destination(reply, &request, &answer, source);
                    if let Err(error) = socket.send_to(&answer.datagram, to).await {
                        tracing::warn!(%error, mac = %request.mac, %to, "DHCP answer not sent");
                    }
                    responder.answered(answer);
                }
                drop(slot);
            }));
        }
        tracker.close();
        tracker.wait().await;
    }
}

/// RFC 2131 section 4.1. A client without an address gets a broadcast even if it could take a
/// unicast: that would need a raw socket or a forged neighbour entry, and every ROM takes both.
fn destination(
    reply: ReplyTo,
    request: &DhcpRequest,
    answer: &Answer,
    source: SocketAddr,
) -> SocketAddr {
    match reply {
        ReplyTo::Source => source,
        ReplyTo::Standard if !request.giaddr.is_unspecified() => {
            (request.giaddr, SERVER_PORT).into()
        }
        ReplyTo::Standard if !answer.is_nak && !request.ciaddr.is_unspecified() => {
            (request.ciaddr, CLIENT_PORT).into()
        }
        ReplyTo::Standard => (Ipv4Addr::BROADCAST, CLIENT_PORT).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_where_rfc_2131_says() {
        let source: SocketAddr = ([192, 0, 2, 9], 68).into();
        let (relay, client) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 50));
        let none = Ipv4Addr::UNSPECIFIED;
        let to = |reply, giaddr, ciaddr, is_nak| {
            let request = request::tests::request(giaddr, ciaddr);
            destination(reply, &request, &Answer::for_test(is_nak), source).to_string()
        };
        assert_eq!(
            to(ReplyTo::Standard, none, none, false),
            "255.255.255.255:68"
        );
        assert_eq!(to(ReplyTo::Standard, none, client, false), "10.0.0.50:68");
        assert_eq!(
            to(ReplyTo::Standard, none, client, true),
            "255.255.255.255:68"
        );
        assert_eq!(to(ReplyTo::Standard, relay, none, false), "10.0.0.1:67");
        assert_eq!(to(ReplyTo::Standard, relay, client, true), "10.0.0.1:67");
        assert_eq!(to(ReplyTo::Source, relay, client, false), "192.0.2.9:68");
    }
}
