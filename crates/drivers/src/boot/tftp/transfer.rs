//! One TFTP transfer: sends a file to one client and waits for its acknowledgements.
//!
//! Blocks go out a window at a time (RFC 7440; a window of one is RFC 1350). A timeout sends the
//! window again. A client that sends an ERROR ends the transfer at once: ROMs do so after asking
//! for a file's size.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::TftpConfig;
use super::packet::{Options, Packet};
use crate::boot::contact::TftpFailure;
use crate::boot::content::Content;

/// Block size without the option (RFC 1350 section 2).
const DEFAULT_BLOCK_SIZE: u16 = 512;

/// Octets read from a file at once.
const READ_AHEAD: u64 = 64 << 10;

/// The longest that a transfer may take; a loader is a megabyte.
const DEADLINE: Duration = Duration::from_secs(600);

/// A transfer that ended early.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Octets acknowledged until then.
    pub(crate) bytes: u64,
    pub(crate) reason: TftpFailure,
}

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Terms {
    block_size: usize,
    window: u64,
    timeout: Duration,
    /// The OACK to send; empty where the client asked for nothing.
    granted: Options,
}

impl Terms {
    fn negotiate(config: &TftpConfig, asked: Options, size: u64) -> Self {
        let granted = Options {
            block_size: asked
                .block_size
                .map(|wanted| wanted.min(config.max_block_size.max(8))),
            timeout: asked.timeout,
            transfer_size: asked.transfer_size.map(|_| size),
            window_size: asked
                .window_size
                .map(|wanted| wanted.min(config.max_window_size.max(1))),
        };
        Self {
            block_size: usize::from(granted.block_size.unwrap_or(DEFAULT_BLOCK_SIZE)),
            window: u64::from(granted.window_size.unwrap_or(1)),
            timeout: granted.timeout.map_or(config.timeout, |seconds| {
                Duration::from_secs(seconds.into())
            }),
            granted,
        }
    }
}

/// Sends `content`; returns its octets once the last block is acknowledged.
pub(crate) async fn send(
    config: &TftpConfig,
    peer: SocketAddr,
    asked: Options,
    content: &Content,
    stop: &CancellationToken,
) -> Result<u64, Failed> {
    let size = content.len();
    let terms = Terms::negotiate(config, asked, size);
    let socket = match connect(config.bind, peer).await {
        Ok(socket) => socket,
        Err(error) => {
            return Err(Failed {
                bytes: 0,
                reason: io_failure(&error),
            });
        }
    };
    let mut transfer = Transfer {
        socket,
        content,
        read: Vec::new(),
        read_from: 0,
        terms,
        retries: config.retries,
        last_block: size / terms.block_size as u64 + 1,
        acknowledged: 0,
        packet: Vec::with_capacity(terms.block_size + 4),
    };
    let result = tokio::select! {
        () = stop.cancelled() => Err(TftpFailure::Cancelled),
        result = tokio::time::timeout(DEADLINE, transfer.run()) => {
            result.unwrap_or(Err(TftpFailure::TimedOut))
        }
    };
    let bytes = (transfer.acknowledged * terms.block_size as u64).min(size);
    result
        .map(|()| bytes)
        .map_err(|reason| Failed { bytes, reason })
}

/// The transfer's own socket, from the address the request came to, taking packets of this client
/// only: the kernel drops what a stranger sends.
async fn connect(bind: SocketAddrV4, peer: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddrV4::new(*bind.ip(), 0)).await?;
    socket.connect(peer).await?;
    Ok(socket)
}

struct Transfer<'a> {
    socket: UdpSocket,
    content: &'a Content,
    /// A part of a file, read ahead.
    read: Vec<u8>,
    /// Where in the file it begins.
    read_from: u64,
    terms: Terms,
    retries: u32,
    /// Number of the last block, counted from 1 without wrapping; it is shorter than the others.
    last_block: u64,
    /// The last block that the client has, likewise.
    acknowledged: u64,
    packet: Vec<u8>,
}

/// What an acknowledgement means.
enum Heard {
    /// The client has everything up to this block.
    Progress(u64),
    /// The client repeats what it said: the first packet of the window may be lost.
    Repeated,
    /// Nothing within the timeout.
    Nothing,
}

impl Transfer<'_> {
    async fn run(&mut self) -> Result<(), TftpFailure> {
        if !self.terms.granted.is_empty() {
            self.agree().await?;
        }
        while self.acknowledged < self.last_block {
            self.window().await?;
        }
        Ok(())
    }

    /// Sends the OACK until the client acknowledges it as block 0.
    async fn agree(&mut self) -> Result<(), TftpFailure> {
        for _ in 0..=self.retries {
            Packet::OptionAck(self.terms.granted).encode(&mut self.packet);
            self.send_packet().await?;
            match self.hear(0).await? {
                Heard::Repeated => return Ok(()),
                Heard::Progress(_) | Heard::Nothing => {}
            }
        }
        Err(TftpFailure::TimedOut)
    }

    /// Sends one window until the client acknowledges some of it.
    async fn window(&mut self) -> Result<(), TftpFailure> {
        let end = (self.acknowledged + self.terms.window).min(self.last_block);
        let mut answered_repeat = false;
        let mut silent = 0;
        loop {
            for block in self.acknowledged + 1..=end {
                self.encode_block(block).await?;
                self.send_packet().await?;
            }
            loop {
                match self.hear(end).await? {
                    Heard::Progress(block) => {
                        self.acknowledged = block;
                        return Ok(());
                    }
                    // Answering each repeated acknowledgement with data doubles every packet for
                    // the rest of the transfer (RFC 1123 section 4.2.3.1), so a window is sent
                    // again for one of them, and in lockstep mode for none.
                    Heard::Repeated if self.terms.window > 1 && !answered_repeat => {
                        answered_repeat = true;
                        break;
                    }
                    Heard::Repeated => {}
                    Heard::Nothing if silent < self.retries => {
                        silent += 1;
                        break;
                    }
                    Heard::Nothing => return Err(TftpFailure::TimedOut),
                }
            }
        }
    }

    /// Waits for an acknowledgement of a block in `self.acknowledged..=end`.
    async fn hear(&mut self, end: u64) -> Result<Heard, TftpFailure> {
        let deadline = Instant::now() + self.terms.timeout;
        let mut buffer = [0_u8; 1024];
        loop {
            let received = match timeout_at(deadline, self.socket.recv(&mut buffer)).await {
                Err(_) => return Ok(Heard::Nothing),
                Ok(Err(error)) => return Err(io_failure(&error)),
                Ok(Ok(length)) => buffer.get(..length).unwrap_or_default(),
            };
            match Packet::decode(received) {
                Ok(Packet::Ack { block }) => {
                    // Block numbers wrap; a window is far smaller than the cycle.
                    let ahead = u64::from(block.wrapping_sub(wire_number(self.acknowledged)));
                    if ahead == 0 {
                        return Ok(Heard::Repeated);
                    }
                    if self.acknowledged + ahead <= end {
                        return Ok(Heard::Progress(self.acknowledged + ahead));
                    }
                }
                Ok(Packet::Error { code, message }) => {
                    return Err(TftpFailure::ClientError { code, message });
                }
                Ok(
                    Packet::Read(_) | Packet::Write(_) | Packet::Data { .. } | Packet::OptionAck(_),
                )
                | Err(_) => {}
            }
        }
    }

    async fn encode_block(&mut self, block: u64) -> Result<(), TftpFailure> {
        let start = (block - 1) * self.terms.block_size as u64;
        let data = match self.content {
            Content::Memory(bytes) => part(bytes, start, self.terms.block_size),
            Content::File(file) => {
                let wanted = (file.len().saturating_sub(start)).min(self.terms.block_size as u64);
                let read_to = self.read_from + self.read.len() as u64;
                if start < self.read_from || start + wanted > read_to {
                    let file = Arc::clone(file);
                    let read = tokio::task::spawn_blocking(move || {
                        let octets = file.len().saturating_sub(start).min(READ_AHEAD);
                        let mut buffer = vec![0; usize::try_from(octets).unwrap_or(0)];
                        file.read_exact(&mut buffer, start).map(|()| buffer)
                    });
                    let read = read.await.map_err(io::Error::other).and_then(|read| read);
                    self.read = read.map_err(|error| io_failure(&error))?;
                    self.read_from = start;
                }
                part(&self.read, start - self.read_from, self.terms.block_size)
            }
        };
        Packet::Data {
            block: wire_number(block),
            data,
        }
        .encode(&mut self.packet);
        Ok(())
    }

    async fn send_packet(&self) -> Result<(), TftpFailure> {
        self.socket
            .send(&self.packet)
            .await
            .map(|_| ())
            .map_err(|error| io_failure(&error))
    }
}

fn part(bytes: &[u8], start: u64, length: usize) -> &[u8] {
    let rest = usize::try_from(start)
        .ok()
        .and_then(|start| bytes.get(start..))
        .unwrap_or_default();
    rest.get(..length).unwrap_or(rest)
}

/// The number a block has on the wire: it wraps to 0 after 65535, as clients expect.
const fn wire_number(block: u64) -> u16 {
    let [.., high, low] = block.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// A refused connection is the ICMP answer to our block: the client's port is closed, it is gone.
fn io_failure(error: &io::Error) -> TftpFailure {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        TftpFailure::TimedOut
    } else {
        TftpFailure::Io {
            error: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn config() -> TftpConfig {
        TftpConfig::new(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
    }

    #[test]
    fn terms_are_what_was_asked_within_our_limits() {
        let asked = Options {
            block_size: Some(65464),
            timeout: Some(3),
            transfer_size: Some(0),
            window_size: Some(64),
        };
        let terms = Terms::negotiate(&config(), asked, 1000);
        assert_eq!((terms.block_size, terms.window), (1468, 32));
        assert_eq!(terms.timeout, Duration::from_secs(3));
        assert_eq!(terms.granted.transfer_size, Some(1000));
        let plain = Terms::negotiate(&config(), Options::default(), 1000);
        assert_eq!((plain.block_size, plain.window), (512, 1));
        assert!(plain.granted.is_empty());
    }

    /// A client that plays a script: for each packet heard it says what the closure returns.
    async fn play(
        content: Vec<u8>,
        asked: Options,
        mut client: impl FnMut(Packet<'_>) -> Vec<Packet<'static>>,
    ) -> Result<u64, Failed> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let peer = socket.local_addr().unwrap();
        let mut config = config();
        config.timeout = Duration::from_millis(100);
        config.retries = 2;
        let stop = CancellationToken::new();
        let content = Content::Memory(content.into());
        let server = async { send(&config, peer, asked, &content, &stop).await };
        tokio::pin!(server);
        let mut buffer = [0_u8; 2048];
        loop {
            tokio::select! {
                result = &mut server => return result,
                received = socket.recv_from(&mut buffer) => {
                    let (length, from) = received.unwrap();
                    for answer in client(Packet::decode(&buffer[..length]).unwrap()) {
                        socket.send_to(&answer.to_vec(), from).await.unwrap();
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn block_numbers_wrap_and_a_full_last_block_is_followed_by_an_empty_one() {
        let asked = Options {
            block_size: Some(8),
            ..Options::default()
        };
        let (mut blocks, mut total) = (0_u32, 0_usize);
        let size = 8 * 70_000;
        let result = play(vec![7; size], asked, |packet| match packet {
            Packet::OptionAck(_) => vec![Packet::Ack { block: 0 }],
            Packet::Data { block, data } => {
                blocks += 1;
                total += data.len();
                assert_eq!(u32::from(block), blocks % 65536);
                vec![Packet::Ack { block }]
            }
            other => panic!("{other:?}"),
        })
        .await;
        assert_eq!(result.unwrap(), size as u64);
        assert_eq!((blocks, total), (70_001, size));
    }

    #[tokio::test]
    async fn a_size_probe_ends_with_the_clients_error() {
        let asked = Options {
            transfer_size: Some(0),
            ..Options::default()
        };
        let mut heard = 0;
        let failed = play(vec![1; 5000], asked, |packet| {
            heard += 1;
            assert!(matches!(packet, Packet::OptionAck(o) if o.transfer_size == Some(5000)));
            vec![Packet::Error {
                code: 8,
                message: "TFTP Aborted".to_owned(),
            }]
        })
        .await
        .unwrap_err();
        assert!(matches!(
            failed.reason,
            TftpFailure::ClientError { code: 8, .. }
        ));
        assert_eq!((heard, failed.bytes), (1, 0));
    }

    #[tokio::test]
    async fn duplicated_acknowledgements_do_not_multiply_the_data() {
        let mut packets = 0;
        let result = play(vec![1; 512 * 20], Options::default(), |packet| {
            packets += 1;
            let Packet::Data { block, .. } = packet else {
                panic!("{packet:?}")
            };
            vec![Packet::Ack { block }, Packet::Ack { block }]
        })
        .await;
        assert_eq!((result.unwrap(), packets), (512 * 20, 21));
    }

    #[tokio::test]
    async fn a_lost_block_of_a_window_is_sent_again_from_there() {
        let asked = Options {
            window_size: Some(4),
            ..Options::default()
        };
        let (mut have, mut lost) = (0_u16, false);
        let result = play(
            (0..=255).cycle().take(512 * 9).collect(),
            asked,
            |packet| match packet {
                Packet::OptionAck(_) => vec![Packet::Ack { block: 0 }],
                Packet::Data { block: 3, .. } if !lost => {
                    lost = true;
                    Vec::new()
                }
                Packet::Data { block, .. } if block == have + 1 => {
                    have = block;
                    if have % 4 == 0 || have == 10 {
                        vec![Packet::Ack { block }]
                    } else {
                        Vec::new()
                    }
                }
                Packet::Data { .. } => vec![Packet::Ack { block: have }],
                other => panic!("{other:?}"),
            },
        )
        .await;
        assert_eq!((result.unwrap_or(0), lost), (512 * 9, true));
    }

    #[tokio::test]
    async fn a_silent_client_is_given_up() {
        let mut packets = 0;
        let failed = play(vec![1; 100], Options::default(), |_| {
            packets += 1;
            Vec::new()
        })
        .await
        .unwrap_err();
        assert_eq!((failed.reason, packets), (TftpFailure::TimedOut, 3));
    }
}
