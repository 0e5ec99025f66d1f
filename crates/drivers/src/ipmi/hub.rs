//! The hub: one UDP socket per address family for all BMCs, the table of their sessions, and the
//! tasks that receive and that close idle sessions. Operations are in [`super::IpmiClient`].

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::UdpSocket, sync::Semaphore, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{client::IpmiClient, route::Routes, slot::Slot, target::IpmiTarget};

/// Times and limits of the hub.
#[derive(Debug, Clone)]
pub struct IpmiConfig {
    /// How long one operation may take, with login and all retransmissions.
    pub deadline: Duration,
    /// How long to wait for the first answer before sending again; grows by half each time.
    pub retransmit_first: Duration,
    /// What the wait before sending again grows to.
    pub retransmit_most: Duration,
    /// How long a session may be idle before it is closed. BMCs forget sessions after 60 s
    /// (chapter 6.12.15), some sooner.
    pub idle: Duration,
    /// Exchanges that may wait for an answer at once; more wait for their turn.
    pub in_flight: usize,
    /// BMCs whose sessions are kept; the session of one more is closed after its operation.
    pub cached: usize,
}

impl Default for IpmiConfig {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(15),
            retransmit_first: Duration::from_millis(500),
            retransmit_most: Duration::from_secs(3),
            idle: Duration::from_secs(40),
            in_flight: 4096,
            cached: 16_384,
        }
    }
}

/// Bytes of the kernel's receive queue: the answers of a whole rack to one poll.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Longest RMCP datagram that is taken; real ones stay below 300 bytes.
const LONGEST: usize = 2048;
/// How often idle sessions are looked for.
const SWEEP: Duration = Duration::from_secs(5);
/// After what time without use everything known of a BMC is dropped.
const FORGET: Duration = Duration::from_secs(3600);

/// Address and digest of the credentials.
type SlotKey = (SocketAddr, [u8; 32]);

/// The sockets of both address families.
#[derive(Debug)]
pub(super) struct Sockets {
    v4: Arc<UdpSocket>,
    /// Missing where the host has no IPv6.
    v6: Option<Arc<UdpSocket>>,
}

impl Sockets {
    pub(super) async fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        let socket = if to.is_ipv4() {
            &self.v4
        } else {
            self.v6
                .as_ref()
                .ok_or_else(|| io::Error::other("this host has no IPv6"))?
        };
        socket.send_to(datagram, to).await.map(|_| ())
    }
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) config: IpmiConfig,
    pub(super) sockets: Sockets,
    pub(super) routes: Arc<Routes>,
    pub(super) in_flight: Semaphore,
    slots: Mutex<HashMap<SlotKey, Arc<Slot>>>,
    salt: [u8; 32],
    cancel: CancellationToken,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// All BMCs of a process. Cheap to clone; the sockets close with the last clone.
#[derive(Debug, Clone)]
pub struct IpmiHub {
    inner: Arc<Inner>,
}

impl IpmiHub {
    /// Opens the sockets, on ports that the kernel gives, and starts the hub's tasks on the current
    /// tokio runtime.
    pub fn new(config: IpmiConfig) -> io::Result<Self> {
        let v4 = bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
        let v6 = match bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::info!(%error, "no IPv6 socket: BMCs are reached over IPv4 only");
                None
            }
        };
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let inner = Arc::new(Inner {
            in_flight: Semaphore::new(config.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            config,
            sockets: Sockets { v4, v6 },
            routes: Arc::default(),
            slots: Mutex::default(),
            salt,
            cancel: CancellationToken::new(),
        });
        for socket in [Some(&inner.sockets.v4), inner.sockets.v6.as_ref()]
            .into_iter()
            .flatten()
        {
            tokio::spawn(receive(
                Arc::clone(socket),
                Arc::clone(&inner.routes),
                inner.cancel.clone(),
            ));
        }
        tokio::spawn(sweep(Arc::downgrade(&inner), inner.cancel.clone()));
        Ok(Self { inner })
    }

    /// A handle for operations on one BMC. Sends nothing yet.
    #[must_use]
    pub fn client(&self, target: IpmiTarget) -> IpmiClient {
        IpmiClient::new(Arc::clone(&self.inner), target)
    }

    /// Closes all sessions that no operation is using, so that the BMCs need not wait for them to
    /// expire.
    pub async fn close_sessions(&self) {
        self.inner.close_idle(Instant::now() + FORGET).await;
    }
}

impl Inner {
    pub(super) fn slot(&self, target: &IpmiTarget) -> Arc<Slot> {
        let key = (target.address, target.fingerprint(&self.salt));
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        let slot = Slot::new();
        // A slot that is not in the table ends with its operation (see `close_uncached`).
        if slots.len() < self.config.cached {
            slots.insert(key, Arc::clone(&slot));
        }
        slot
    }

    async fn close_idle(&self, since: Instant) {
        let slots: Vec<(SocketAddr, Arc<Slot>)> = self
            .slots
            .lock()
            .iter()
            .map(|(key, slot)| (key.0, Arc::clone(slot)))
            .collect();
        for (address, slot) in slots {
            self.close(address, &slot, since).await;
        }
    }

    /// Closes the session of a slot that did not fit into the table.
    pub(super) async fn close_uncached(&self, address: SocketAddr, slot: &Arc<Slot>) {
        if Arc::strong_count(slot) == 1 {
            self.close(address, slot, Instant::now() + FORGET).await;
        }
    }

    async fn close(&self, address: SocketAddr, slot: &Slot, since: Instant) {
        if let Some(mut session) = slot.take_idle(since)
            && let Some(farewell) = session.farewell()
            && let Err(error) = self.sockets.send(&farewell, address).await
        {
            tracing::debug!(%address, %error, "session not closed");
        }
    }

    fn forget(&self, since: Instant) {
        self.slots
            .lock()
            .retain(|_, slot| Arc::strong_count(slot) > 1 || !slot.is_stale(since));
    }
}

fn bind(address: SocketAddr) -> io::Result<Arc<UdpSocket>> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // The kernel may give less; that is no reason to fail.
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        tracing::debug!(%error, "receive buffer left at its default");
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into()).map(Arc::new)
}

async fn receive(socket: Arc<UdpSocket>, routes: Arc<Routes>, cancel: CancellationToken) {
    let mut buffer = [0; LONGEST];
    loop {
        let received = tokio::select! {
            () = cancel.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        match received {
            Ok((length, from)) => {
                if let Some(datagram) = buffer.get(..length) {
                    routes.deliver(datagram, from);
                }
            }
            Err(error) => {
                // Errors of single datagrams arrive here; the pause keeps a broken socket from
                // taking a whole core.
                tracing::debug!(%error, "IPMI socket");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn sweep(inner: Weak<Inner>, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let now = Instant::now();
        if let Some(since) = now.checked_sub(inner.config.idle) {
            inner.close_idle(since).await;
        }
        if let Some(since) = now.checked_sub(FORGET) {
            inner.forget(since);
        }
    }
}
