//! The TFTP server: read-only, octet mode, files of a [`FileSet`] in memory.
//!
//! RFC 1350 with the options of RFC 2347, 2348, 2349 and 7440. Requests come in on one socket;
//! each transfer has its own, connected to its client ([`transfer`]). The number of transfers is
//! bounded; a request that finds no room is dropped and counted, and the ROM asks again.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::contact::{ContactKind, TftpFailure};
use super::content::Content;
use super::files::FileSet;
use super::node_files::NodeFiles;
use super::reporter::{Party, Reporter};
use names::{Names, NoContent};
use packet::{Packet, Request, error_code};

mod names;
pub mod packet;
pub(crate) mod transfer;

/// How the TFTP server is set up.
#[derive(Clone, Debug)]
pub struct TftpConfig {
    /// Where requests come in. The address must be the one machines know us by, because answers
    /// leave from it: a ROM drops what comes from elsewhere.
    pub bind: SocketAddrV4,
    /// Largest block granted, octets. The default fits an Ethernet frame, so nothing is fragmented.
    pub max_block_size: u16,
    /// Largest window granted, blocks.
    pub max_window_size: u16,
    /// How long an acknowledgement is waited for where the client asks for nothing else.
    pub timeout: Duration,
    /// How often a block is sent again before the client counts as gone.
    pub retries: u32,
    /// Transfers at once.
    pub max_transfers: usize,
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
        }
    }
}

/// The server, bound and not yet running.
pub(crate) struct TftpServer {
    socket: Arc<UdpSocket>,
    shared: Arc<Shared>,
    dropped: Arc<AtomicU64>,
}

struct Shared {
    config: TftpConfig,
    files: Arc<FileSet>,
    slots: Arc<Semaphore>,
    /// Clients with a transfer under way: their repeated request must not start a second one.
    active: Mutex<HashSet<SocketAddr>>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl TftpServer {
    pub(crate) async fn bind(
        config: TftpConfig,
        files: Arc<FileSet>,
        dropped: Arc<AtomicU64>,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(config.bind).await?);
        let shared = Arc::new(Shared {
            slots: Arc::new(Semaphore::new(config.max_transfers)),
            active: Mutex::new(HashSet::new()),
            tracker: TaskTracker::new(),
            config,
            files,
            stop,
        });
        Ok(Self {
            socket,
            shared,
            dropped,
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
                received = self.socket.recv_from(&mut buffer) => received,
            };
            match received {
                Ok((length, peer)) => {
                    let datagram = buffer.get(..length).unwrap_or_default();
                    self.request(datagram, peer, &nodes).await;
                }
                // An ICMP error that an earlier answer came back with; the socket is fine.
                Err(error) => tracing::debug!(%error, "TFTP receive"),
            }
        }
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    async fn request(&self, datagram: &[u8], peer: SocketAddr, nodes: &Arc<NodeFiles>) {
        let (file, refusal) = match Packet::decode(datagram) {
            Ok(Packet::Read(request)) if request.mode == "octet" => {
                return self.read(request, peer, nodes);
            }
            Ok(Packet::Read(request)) => (
                request.file,
                (
                    error_code::NOT_DEFINED,
                    "only octet (binary) mode is served; set it and retry",
                ),
            ),
            Ok(Packet::Write(request)) => (
                request.file,
                (error_code::ACCESS_VIOLATION, "this server is read-only"),
            ),
            // What belongs to a transfer comes to the transfer's own socket.
            Ok(
                Packet::Data { .. }
                | Packet::Ack { .. }
                | Packet::Error { .. }
                | Packet::OptionAck(_),
            )
            | Err(packet::Malformed) => return,
        };
        let (code, reason) = refusal;
        refuse(&self.socket, peer, code, reason).await;
        let party = nodes.reporter.by_lease(peer.ip());
        let reason = TftpFailure::Refused { reason };
        nodes.reporter.report(&party, failed(file, reason));
    }

    /// Finds the file and sends it, in a task of its own.
    fn read(&self, request: Request, peer: SocketAddr, nodes: &Arc<NodeFiles>) {
        let Ok(slot) = Arc::clone(&self.shared.slots).try_acquire_owned() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if !self.shared.active.lock().insert(peer) {
            return;
        }
        let (shared, nodes) = (Arc::clone(&self.shared), Arc::clone(nodes));
        let socket = Arc::clone(&self.socket);
        self.shared.tracker.spawn(async move {
            let names = Names {
                files: &shared.files,
                nodes: &nodes,
            };
            let party = names.party(&request.file, peer.ip());
            match names.find(&request.file, peer.ip()).await {
                Ok(content) => {
                    shared
                        .send(request, peer, &content, &party, &nodes.reporter)
                        .await;
                }
                Err(NoContent::NotFound(why)) => {
                    refuse(&socket, peer, error_code::FILE_NOT_FOUND, &why).await;
                    let kind = failed(request.file, TftpFailure::NotFound);
                    nodes.reporter.report(&party, kind);
                }
                Err(NoContent::AskAgain) => {}
            }
            shared.active.lock().remove(&peer);
            drop(slot);
        });
    }
}

async fn refuse(socket: &UdpSocket, peer: SocketAddr, code: u16, reason: &str) {
    let packet = Packet::Error {
        code,
        message: reason.to_owned(),
    };
    if let Err(error) = socket.send_to(&packet.to_vec(), peer).await {
        tracing::debug!(%error, %peer, "TFTP refusal not sent");
    }
}

fn failed(file: String, reason: TftpFailure) -> ContactKind {
    ContactKind::TftpFailed {
        file,
        bytes: 0,
        duration: Duration::ZERO,
        reason,
    }
}

impl Shared {
    async fn send(
        &self,
        request: Request,
        peer: SocketAddr,
        content: &Content,
        party: &Party,
        reporter: &Reporter,
    ) {
        let file = request.file;
        reporter.report(party, ContactKind::TftpStarted { file: file.clone() });
        let started = tokio::time::Instant::now();
        let result = transfer::send(&self.config, peer, request.options, content, &self.stop).await;
        let duration = started.elapsed();
        let kind = match result {
            Ok(bytes) => ContactKind::TftpDone {
                file,
                bytes,
                duration,
            },
            Err(transfer::Failed { bytes, reason }) => ContactKind::TftpFailed {
                file,
                bytes,
                duration,
                reason,
            },
        };
        reporter.report(party, kind);
    }
}
