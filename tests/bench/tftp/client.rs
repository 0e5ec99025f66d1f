//! The client for all servers: our codec from the receiving side, one thread for all transfers,
//! each with a socket of its own. It checks what it gets.

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cupola_drivers::boot::tftp::packet::{Options, Packet, Request};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A client without an answer asks again after this.
const PATIENCE: Duration = Duration::from_secs(1);

/// And gives up after so many times.
const ATTEMPTS: u32 = 10;

/// What the client asks for; 0 stands for not asking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    block_size: u16,
    window: u16,
}

impl Terms {
    pub(super) const fn new(block_size: u16, window: u16) -> Self {
        Self { block_size, window }
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block_size {
            0 => f.write_str("no options")?,
            size => write!(f, "block size {size}")?,
        }
        match self.window {
            0 => Ok(()),
            window => write!(f, ", window {window}"),
        }
    }
}

/// Fetches the file so many times at once; returns how long that took.
pub(super) fn fetch_all(
    server: SocketAddr,
    file: &str,
    terms: Terms,
    clients: usize,
    content: &[u8],
) -> Result<Duration> {
    let started = Instant::now();
    let mut transfers = (0..clients)
        .map(|_| Transfer::open(server, file, terms))
        .collect::<Result<Vec<_>>>()?;
    if let [only] = transfers.as_mut_slice() {
        // As a ROM does: nothing else to look at.
        only.socket.set_read_timeout(Some(PATIENCE))?;
        while !only.done {
            only.turn(content)?;
        }
        return Ok(started.elapsed());
    }
    for transfer in &transfers {
        transfer.socket.set_nonblocking(true)?;
    }
    while transfers.iter().any(|transfer| !transfer.done) {
        let ready = ready(&transfers)?;
        for index in ready {
            if let Some(transfer) = transfers.get_mut(index) {
                transfer.turn(content)?;
            }
        }
        for transfer in transfers.iter_mut().filter(|transfer| !transfer.done) {
            if transfer.heard.elapsed() > PATIENCE {
                transfer.again()?;
            }
        }
    }
    Ok(started.elapsed())
}

/// Which transfers have something to read.
fn ready(transfers: &[Transfer]) -> Result<Vec<usize>> {
    let open: Vec<usize> = (0..transfers.len())
        .filter(|index| transfers.get(*index).is_some_and(|transfer| !transfer.done))
        .collect();
    let mut fds: Vec<PollFd<'_>> = open
        .iter()
        .filter_map(|index| transfers.get(*index))
        .map(|transfer| PollFd::new(transfer.socket.as_fd(), PollFlags::POLLIN))
        .collect();
    poll(&mut fds, PollTimeout::try_from(PATIENCE)?)?;
    Ok(open
        .into_iter()
        .zip(&fds)
        .filter(|(_, fd)| fd.any() == Some(true))
        .map(|(index, _)| index)
        .collect())
}

struct Transfer {
    socket: UdpSocket,
    server: SocketAddr,
    /// Once the server has answered from its own port.
    connected: bool,
    block_size: usize,
    window: u16,
    next: u16,
    /// Blocks of the window that have come.
    unacknowledged: u16,
    received: usize,
    last: Vec<u8>,
    heard: Instant,
    attempts: u32,
    done: bool,
    buffer: Vec<u8>,
}

impl Transfer {
    fn open(server: SocketAddr, file: &str, terms: Terms) -> Result<Self> {
        let wanted = |value| Some(value).filter(|value| *value != 0);
        let options = Options {
            block_size: wanted(terms.block_size),
            window_size: wanted(terms.window),
            ..Options::default()
        };
        let request = Request {
            file: file.to_owned(),
            mode: "octet".to_owned(),
            options,
        };
        let socket = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        let last = Packet::Read(request).to_vec();
        socket.send_to(&last, server)?;
        Ok(Self {
            socket,
            server,
            connected: false,
            block_size: 512,
            window: 1,
            next: 1,
            unacknowledged: 0,
            received: 0,
            last,
            heard: Instant::now(),
            attempts: 0,
            done: false,
            buffer: vec![0; 65_600],
        })
    }

    /// Takes what has come, up to a window of it.
    fn turn(&mut self, content: &[u8]) -> Result<()> {
        for _ in 0..self.window {
            let (length, from) = match self.socket.recv_from(&mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if self.heard.elapsed() > PATIENCE {
                        self.again()?;
                    }
                    return Ok(());
                }
                Err(error) => return Err(error).context("receive"),
            };
            if !self.connected {
                self.socket.connect(from)?;
                self.connected = true;
            }
            self.heard = Instant::now();
            self.attempts = 0;
            self.take(length, content)?;
            if self.done {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(&mut self, length: usize, content: &[u8]) -> Result<()> {
        let datagram = self.buffer.get(..length).unwrap_or_default();
        match Packet::decode(datagram)? {
            Packet::OptionAck(granted) => {
                self.block_size = usize::from(granted.block_size.unwrap_or(512));
                self.window = granted.window_size.unwrap_or(1);
                self.say(0)
            }
            Packet::Data { block, data } if block == self.next => {
                let want = content.get(self.received..self.received + data.len());
                ensure!(want == Some(data), "the content differs");
                let last = data.len() < self.block_size;
                self.received += data.len();
                self.next = self.next.wrapping_add(1);
                self.unacknowledged += 1;
                if last {
                    ensure!(self.received == content.len(), "the file is too short");
                    self.done = true;
                }
                if last || self.unacknowledged == self.window {
                    return self.say(block);
                }
                Ok(())
            }
            // Lost, or sent twice: say what we have (RFC 7440 section 4), in lockstep only when
            // the server asks again.
            Packet::Data { .. } => self.say(self.next.wrapping_sub(1)),
            Packet::Error { code, message } => bail!("error {code}: {message}"),
            Packet::Read(_) | Packet::Write(_) | Packet::Ack { .. } => Ok(()),
        }
    }

    fn say(&mut self, block: u16) -> Result<()> {
        self.unacknowledged = 0;
        Packet::Ack { block }.encode(&mut self.last);
        self.socket.send(&self.last)?;
        Ok(())
    }

    fn again(&mut self) -> Result<()> {
        self.attempts += 1;
        ensure!(self.attempts < ATTEMPTS, "the server fell silent");
        self.heard = Instant::now();
        if self.connected {
            self.socket.send(&self.last)?;
        } else {
            self.socket.send_to(&self.last, self.server)?;
        }
        Ok(())
    }
}
