//! The TFTP server: read-only, octet mode; loaders, and nodes' boot files.
//!
//! RFC 1350 with the options of RFC 2347, 2348, 2349 and 7440. Requests come in on one socket, and
//! are looked up here ([`names`]); the transfers are carried by a thread of their own ([`worker`]).
//! Their number is bounded: a request that finds no room waits for it as long as a ROM waits for
//! an answer, then it is dropped and counted, and the ROM asks again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::contact::{ContactKind, TftpFailure};
use super::content::Content;
use super::files::FileSet;
use super::node_files::NodeFiles;
use super::reporter::Party;
use names::{Names, NoContent};
use packet::{Packet, Request, error_code};
use terms::Terms;
use transfer::Transfer;
use underway::{Guard, Underway};
use worker::{Job, Mailbox};

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod names;
pub mod packet;
mod socket;
mod spin;
mod stretch;
mod terms;
mod timer;
mod transfer;
mod underway;
mod worker;

/// How long a request waits for room. A ROM asks again after four seconds (PXE specification 2.1,
/// section 2.2.5 has the same pace for DHCP); an answer to its earlier packet still counts then.
const ROOM_DEADLINE: Duration = Duration::from_secs(3);

/// Requests that may wait for room, for each transfer that may be carried.
const WAITING_PER_TRANSFER: usize = 4;

/// How the TFTP server is set up.
#[derive(Clone, Debug)]
pub struct TftpConfig {
    /// Where requests come in. Answers leave from the address that a request was sent to, also
    /// where this is unspecified and the host has several.
    pub bind: SocketAddrV4,
    /// Largest block granted, octets. The default fits an Ethernet frame, so nothing is fragmented.
    pub max_block_size: u16,
    /// Largest window granted, blocks.
    pub max_window_size: u16,
    /// How long the first acknowledgement is waited for, where the client asks for nothing else;
    /// later ones by how long they have taken.
    pub timeout: Duration,
    /// How often a block is sent again before the client counts as gone.
    pub retries: u32,
    /// Transfers at once.
    pub max_transfers: usize,
    /// The longest that a transfer may take.
    pub longest: Duration,
}

impl TftpConfig {
    /// The usual values, at this address.
    #[must_use]
    pub const fn new(bind: SocketAddrV4) -> Self {
        Self {
            bind,
            max_block_size: 1468,
            max_window_size: 32,
            timeout: Duration::from_secs(1),
            retries: 6,
            max_transfers: 1024,
            longest: Duration::from_secs(1800),
        }
    }
}

/// The server, bound and not yet running.
pub(crate) struct TftpServer {
    socket: Arc<UdpSocket>,
    shared: Arc<Shared>,
    worker: std::thread::JoinHandle<()>,
}

struct Shared {
    config: TftpConfig,
    files: Arc<FileSet>,
    mailbox: Mailbox,
    /// Transfers that may be carried.
    slots: Arc<Semaphore>,
    /// Requests that may be worked on, those that wait for a slot among them.
    room: Arc<Semaphore>,
    underway: Underway,
    dropped: Arc<AtomicU64>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// A request, where it came from and to.
struct Asked {
    request: Request,
    peer: SocketAddrV4,
    local: Ipv4Addr,
}

/// What a transfer holds while it is carried.
#[derive(Debug)]
struct Place {
    _slot: OwnedSemaphorePermit,
    _guard: Guard,
}

impl TftpServer {
    pub(crate) async fn bind(
        config: TftpConfig,
        files: Arc<FileSet>,
        dropped: Arc<AtomicU64>,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(config.bind).await?);
        socket::want_destination(&socket)?;
        // Here and not later: the thread is in the same network namespace as the caller.
        let (mailbox, worker) = worker::spawn(tokio::runtime::Handle::current())?;
        let shared = Arc::new(Shared {
            slots: Arc::new(Semaphore::new(config.max_transfers)),
            room: Arc::new(Semaphore::new(
                config.max_transfers.saturating_mul(WAITING_PER_TRANSFER),
            )),
            underway: Underway::default(),
            tracker: TaskTracker::new(),
            config,
            files,
            mailbox,
            dropped,
            stop,
        });
        Ok(Self {
            socket,
            shared,
            worker,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until told to stop, and then until the transfers under way have noticed.
    pub(crate) async fn run(self, nodes: Arc<NodeFiles>) {
        let mut buffer = [0_u8; 2048];
        loop {
            let received = tokio::select! {
                () = self.shared.stop.cancelled() => break,
                received = self.socket.async_io(Interest::READABLE, || {
                    socket::receive_request(&self.socket, &mut buffer)
                }) => received,
            };
            match received {
                Ok(received) => {
                    let datagram = buffer.get(..received.length).unwrap_or_default();
                    self.hear(datagram, received.peer, received.to, &nodes);
                }
                // An ICMP error that an earlier answer came back with; the socket is fine.
                Err(error) => tracing::debug!(%error, "TFTP receive"),
            }
        }
        self.shared.mailbox.stop();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
        // It has heard the word to stop, and ends at once.
        let _ = tokio::task::spawn_blocking(move || self.worker.join()).await;
    }

    fn hear(&self, datagram: &[u8], peer: SocketAddrV4, local: Ipv4Addr, nodes: &Arc<NodeFiles>) {
        let (file, code, reason) = match Packet::decode(datagram) {
            Ok(Packet::Read(request)) if request.mode == "octet" => {
                let asked = Asked {
                    request,
                    peer,
                    local,
                };
                return self.read(asked, nodes);
            }
            Ok(Packet::Read(request)) => (
                request.file,
                error_code::NOT_DEFINED,
                "only octet (binary) mode is served; set it and retry",
            ),
            Ok(Packet::Write(request)) => (
                request.file,
                error_code::ACCESS_VIOLATION,
                "this server is read-only",
            ),
            // What belongs to a transfer comes to the worker's sockets.
            Ok(
                Packet::Data { .. }
                | Packet::Ack { .. }
                | Packet::Error { .. }
                | Packet::OptionAck(_),
            )
            | Err(packet::Malformed) => return,
        };
        refuse(&self.socket, local, peer, code, reason);
        let party = nodes.reporter.by_lease(IpAddr::V4(*peer.ip()));
        let reason = TftpFailure::Refused { reason };
        nodes
            .reporter
            .report(&party, failed(file, 0, Duration::ZERO, reason));
    }

    /// Looks the file up and has it sent, in a task of its own.
    fn read(&self, asked: Asked, nodes: &Arc<NodeFiles>) {
        let Some(guard) = self.shared.underway.begin(asked.peer, &asked.request) else {
            return;
        };
        let Ok(room) = Arc::clone(&self.shared.room).try_acquire_owned() else {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let (shared, nodes) = (Arc::clone(&self.shared), Arc::clone(nodes));
        let socket = Arc::clone(&self.socket);
        self.shared.tracker.spawn(async move {
            shared.serve(&socket, &asked, guard, &nodes).await;
            drop(room);
        });
    }
}

impl Shared {
    async fn serve(&self, socket: &UdpSocket, asked: &Asked, guard: Guard, nodes: &NodeFiles) {
        let names = Names {
            files: &self.files,
            nodes,
        };
        let peer = IpAddr::V4(*asked.peer.ip());
        let file = asked.request.file.clone();
        let party = names.party(&file, peer);
        let content = match names.find(&file, peer).await {
            Ok(content) => content,
            Err(NoContent::AskAgain) => return,
            Err(NoContent::NotFound(why)) => {
                let code = error_code::FILE_NOT_FOUND;
                refuse(socket, asked.local, asked.peer, code, &why);
                let kind = failed(file, 0, Duration::ZERO, TftpFailure::NotFound);
                return nodes.reporter.report(&party, kind);
            }
        };
        let slot = tokio::select! {
            () = self.stop.cancelled() => return,
            slot = tokio::time::timeout(ROOM_DEADLINE, Arc::clone(&self.slots).acquire_owned()) => slot,
        };
        let Ok(Ok(slot)) = slot else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let place = Place {
            _slot: slot,
            _guard: guard,
        };
        self.send(asked, content, place, &party, nodes).await;
    }

    async fn send(
        &self,
        asked: &Asked,
        content: Content,
        place: Place,
        party: &Party,
        nodes: &NodeFiles,
    ) {
        let file = asked.request.file.clone();
        let reporter = &nodes.reporter;
        reporter.report(party, ContactKind::TftpStarted { file: file.clone() });
        let started = Instant::now();
        let config = &self.config;
        let terms = Terms::negotiate(config, asked.request.options, content.len());
        let transfer = Transfer::new(
            terms,
            content.len(),
            config.retries,
            config.longest,
            started,
        );
        let (done, ended) = oneshot::channel();
        self.mailbox.start(Job {
            peer: asked.peer,
            local: asked.local,
            transfer,
            content,
            place,
            done,
        });
        // The worker ends without a word only when the service stops.
        let (bytes, result) = ended.await.unwrap_or((0, Err(TftpFailure::Cancelled)));
        let duration = started.elapsed();
        let kind = match result {
            Ok(()) => ContactKind::TftpDone {
                file,
                bytes,
                duration,
            },
            Err(reason) => failed(file, bytes, duration, reason),
        };
        reporter.report(party, kind);
    }
}

fn refuse(socket: &UdpSocket, from: Ipv4Addr, peer: SocketAddrV4, code: u16, reason: &str) {
    let packet = Packet::Error {
        code,
        message: reason.to_owned(),
    };
    if let Err(error) = socket::send_from(socket, from, peer, &packet.to_vec()) {
        tracing::debug!(%error, %peer, "TFTP refusal not sent");
    }
}

fn failed(file: String, bytes: u64, duration: Duration, reason: TftpFailure) -> ContactKind {
    ContactKind::TftpFailed {
        file,
        bytes,
        duration,
        reason,
    }
}
