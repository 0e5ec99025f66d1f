//! Which datagram is whose: finds the waiting operation or session of a datagram that came in on
//! the shared socket. Reads headers only; verifying a datagram is its receiver's work.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{
    error::IpmiFault,
    wire::{
        Reader,
        message::Response,
        packet::{self, Packet, PayloadType},
        rmcp::{self, Rmcp},
    },
};

/// Datagrams that may wait for one receiver; more are dropped, as UDP would.
const QUEUE: usize = 16;

/// A BMC's address without the scope and flow of IPv6, which differ between asking and answering.
type Peer = (IpAddr, u16);

fn peer(address: SocketAddr) -> Peer {
    (address.ip(), address.port())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// Traffic of a session, by the number that we gave it.
    Session(u32),
    /// The messages that open a session, by their tag.
    Login(Peer, u8),
    /// A request outside of a session, by its message sequence.
    Message(Peer, u8),
    /// A presence ping, by its tag.
    Pong(Peer, u8),
}

#[derive(Debug)]
struct Waiter {
    peer: Peer,
    sender: mpsc::Sender<Vec<u8>>,
}

/// The table of all waiting receivers.
#[derive(Debug, Default)]
pub(super) struct Routes(Mutex<HashMap<Key, Waiter>>);

/// A receiver's place in the table; it leaves the table when dropped.
#[derive(Debug)]
pub(super) struct Route {
    routes: Arc<Routes>,
    key: Key,
    receiver: mpsc::Receiver<Vec<u8>>,
}

impl Route {
    /// The next datagram. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Option<Vec<u8>> {
        self.receiver.recv().await
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.routes.0.lock().remove(&self.key);
    }
}

impl Routes {
    /// A session's route and its number, random so that no other console's traffic fits it.
    pub(super) fn session(self: &Arc<Self>, to: SocketAddr) -> Result<(u32, Route), IpmiFault> {
        loop {
            let id = getrandom::u32().map_err(|_| IpmiFault::NoRandom)?;
            // Zero means "outside of a session".
            if id == 0 {
                continue;
            }
            if let Some(route) = self.register(Key::Session(id), to) {
                return Ok((id, route));
            }
        }
    }

    /// A login's route and its tag.
    pub(super) fn login(self: &Arc<Self>, to: SocketAddr) -> Result<(u8, Route), IpmiFault> {
        self.numbered(to, u8::MAX, |tag| Key::Login(peer(to), tag))
    }

    /// The route and message sequence of a request outside of a session.
    pub(super) fn message(self: &Arc<Self>, to: SocketAddr) -> Result<(u8, Route), IpmiFault> {
        self.numbered(to, 0x3F, |sequence| Key::Message(peer(to), sequence))
    }

    /// A presence ping's route and its tag; FFh would ask for no answer.
    pub(super) fn pong(self: &Arc<Self>, to: SocketAddr) -> Result<(u8, Route), IpmiFault> {
        self.numbered(to, 0xFE, |tag| Key::Pong(peer(to), tag))
    }

    fn numbered(
        self: &Arc<Self>,
        to: SocketAddr,
        highest: u8,
        key: impl Fn(u8) -> Key,
    ) -> Result<(u8, Route), IpmiFault> {
        // A random start keeps late answers to an earlier operation from fitting this one.
        let [start, ..] = getrandom::u32()
            .map_err(|_| IpmiFault::NoRandom)?
            .to_le_bytes();
        let start = start.min(highest);
        (start..=highest)
            .chain(0..start)
            .find_map(|number| self.register(key(number), to).map(|route| (number, route)))
            .ok_or(IpmiFault::QueueFull)
    }

    fn register(self: &Arc<Self>, key: Key, to: SocketAddr) -> Option<Route> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        match self.0.lock().entry(key) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(place) => place.insert(Waiter {
                peer: peer(to),
                sender,
            }),
        };
        Some(Route {
            routes: Arc::clone(self),
            key,
            receiver,
        })
    }

    /// Hands a datagram to its receiver; drops it when it has none.
    pub(super) fn deliver(&self, datagram: &[u8], from: SocketAddr) {
        let Some(key) = key_of(datagram, from) else {
            return;
        };
        let table = self.0.lock();
        if let Some(waiter) = table.get(&key)
            && waiter.peer == peer(from)
            && waiter.sender.try_send(datagram.to_vec()).is_err()
        {
            tracing::debug!(%from, "datagram dropped: its receiver has too many waiting");
        }
    }
}

fn key_of(datagram: &[u8], from: SocketAddr) -> Option<Key> {
    let from = peer(from);
    match rmcp::decode(datagram).ok()? {
        Rmcp::Pong(pong) => Some(Key::Pong(from, pong.tag)),
        Rmcp::Ping { .. } | Rmcp::Other => None,
        Rmcp::Ipmi(rest) => match packet::decode(rest).ok()? {
            Packet::Legacy(payload) => Response::decode(payload)
                .ok()
                .map(|answer| Key::Message(from, answer.sequence)),
            Packet::Plus(packet) => match packet.payload_type {
                PayloadType::OpenSessionResponse | PayloadType::Rakp2 | PayloadType::Rakp4 => {
                    Reader::new(packet.payload)
                        .u8("tag")
                        .ok()
                        .map(|tag| Key::Login(from, tag))
                }
                PayloadType::Ipmi
                | PayloadType::Sol
                | PayloadType::OpenSessionRequest
                | PayloadType::Rakp1
                | PayloadType::Rakp3
                | PayloadType::Other(_) => Some(Key::Session(packet.session_id)),
            },
        },
    }
}
