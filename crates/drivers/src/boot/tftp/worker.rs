//! The thread that carries the transfers: one socket for all clients, many packets a call.
//!
//! A window of one block makes TFTP a game of ping-pong, so what counts is the time from an
//! acknowledgement to the next block: there is no task switch in between, and while a few clients
//! answer within microseconds the thread looks for their answers without going to sleep. What is
//! sent and when is the [`transfer`](super::transfer)'s; files that must be waited for are read
//! elsewhere.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Place;
use super::packet::{Packet, error_code};
use super::socket::{Train, TransferSocket};
use super::spin::Spin;
use super::stretch::{Held, Layout, Recent, Stretch};
use super::transfer::{Outgoing, Step, Transfer};
use crate::boot::contact::TftpFailure;
use crate::boot::content::Content;

/// Addresses of this host that are answered from sockets of their own. A host with more is asked
/// at addresses of a loopback network, where any address will do.
const MOST_SOCKETS: usize = 64;

/// A transfer to be carried.
pub(super) struct Job {
    pub(super) peer: SocketAddrV4,
    /// The address of ours that was asked.
    pub(super) local: Ipv4Addr,
    pub(super) transfer: Transfer,
    pub(super) content: Content,
    /// Given back when it ends.
    pub(super) place: Place,
    /// Told the octets that the client has and how it ended.
    pub(super) done: oneshot::Sender<(u64, Result<(), TftpFailure>)>,
}

enum Message {
    Start(Box<Job>),
    /// A stretch of a file was read, or could not be.
    Read(SocketAddrV4, u64, io::Result<Stretch>),
    Stop,
}

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Mailbox {
    messages: Arc<Mutex<Vec<Message>>>,
    /// Whether there are any: looked at between packets.
    waiting: Arc<AtomicBool>,
    /// Wakes the thread where it sleeps.
    wake: Arc<UnixStream>,
}

impl Mailbox {
    /// Hands a transfer over. The semaphore of its slot bounds how many there are.
    pub(super) fn start(&self, job: Job) {
        self.send(Message::Start(Box::new(job)));
    }

    /// Ends all transfers, and the thread.
    pub(super) fn stop(&self) {
        self.send(Message::Stop);
    }

    fn send(&self, message: Message) {
        self.messages.lock().push(message);
        self.waiting.store(true, Ordering::Release);
        // A full pipe wakes the thread as well.
        let _ = (&*self.wake).write(&[0]);
    }
}

/// Starts the thread.
///
/// # Errors
/// No thread, or no socket.
pub(super) fn spawn(runtime: Handle) -> io::Result<(Mailbox, std::thread::JoinHandle<()>)> {
    let (wake, woken) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    let mailbox = Mailbox {
        messages: Arc::default(),
        waiting: Arc::default(),
        wake: Arc::new(wake),
    };
    let ours = mailbox.clone();
    // The worker is made in its own thread: the headers of its sockets hold raw pointers.
    let thread = std::thread::Builder::new()
        .name("tftp".to_owned())
        .spawn(move || {
            let worker = Worker {
                mailbox: ours,
                woken,
                runtime,
                sockets: Vec::new(),
                transfers: HashMap::new(),
                recent: Recent::default(),
                alarms: BinaryHeap::new(),
                next: 0,
            };
            worker.run();
        })?;
    Ok((mailbox, thread))
}

/// A transfer under way.
struct Active {
    /// Tells it from an earlier one of the same client.
    number: u64,
    /// Which socket it goes through.
    socket: usize,
    transfer: Transfer,
    content: Content,
    layout: Layout,
    held: Held,
    /// Whether a stretch is being read from the disk.
    reading: bool,
    /// What goes out when it has been.
    awaited: Option<Outgoing>,
    place: Place,
    done: oneshot::Sender<(u64, Result<(), TftpFailure>)>,
}

struct Worker {
    mailbox: Mailbox,
    woken: UnixStream,
    runtime: Handle,
    sockets: Vec<TransferSocket>,
    transfers: HashMap<SocketAddrV4, Active>,
    recent: Recent,
    /// One for each transfer, at or before its time.
    alarms: BinaryHeap<Reverse<(Instant, u64, SocketAddrV4)>>,
    next: u64,
}

/// What is to be sent, of which transfer.
type Pending = Vec<(SocketAddrV4, Outgoing)>;

impl Worker {
    fn run(mut self) {
        let mut pending = Pending::new();
        let mut spin = Spin::default();
        loop {
            let now = Instant::now();
            if self.mailbox.waiting.swap(false, Ordering::Acquire)
                && !self.read_mail(now, &mut pending)
            {
                return;
            }
            let received = self.receive(now, &mut pending);
            self.ring(now, &mut pending);
            if received > 0 {
                spin.heard(now);
            }
            if !pending.is_empty() {
                self.flush(now, &mut pending);
                spin.sent(Instant::now());
            }
            if received > 0 {
                continue;
            }
            if spin.goes_on(now, self.transfers.len()) {
                std::thread::yield_now();
            } else {
                if self.transfers.is_empty() {
                    self.recent.clear();
                }
                self.sleep(now);
            }
        }
    }

    /// Waits for a packet, for mail, or for the next alarm.
    fn sleep(&mut self, now: Instant) {
        let timeout = match self.alarms.peek() {
            // Rounded up, so that the alarm is due after the wait.
            Some(Reverse((at, ..))) => {
                let wait = at.saturating_duration_since(now) + Duration::from_millis(1);
                PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        };
        let mut fds: Vec<PollFd<'_>> = self
            .sockets
            .iter()
            .map(|socket| PollFd::new(socket.socket().as_fd(), PollFlags::POLLIN))
            .collect();
        fds.push(PollFd::new(self.woken.as_fd(), PollFlags::POLLIN));
        // An interrupted wait is a short one.
        let _ = poll(&mut fds, timeout);
        let woken = fds.last().is_some_and(|fd| fd.any() == Some(true));
        if woken {
            let mut octets = [0; 256];
            while matches!((&self.woken).read(&mut octets), Ok(read) if read == octets.len()) {}
        }
    }

    /// `false` when it is time to end.
    fn read_mail(&mut self, now: Instant, pending: &mut Pending) -> bool {
        let messages = std::mem::take(&mut *self.mailbox.messages.lock());
        for message in messages {
            match message {
                Message::Start(job) => self.start(*job, now, pending),
                Message::Read(peer, number, read) => {
                    self.was_read(peer, number, read, now, pending);
                }
                Message::Stop => {
                    // A client that has sent its last acknowledgement has the file.
                    self.receive(now, pending);
                    self.stop();
                    return false;
                }
            }
        }
        true
    }

    fn start(&mut self, job: Job, now: Instant, pending: &mut Pending) {
        let socket = match self.socket(job.local) {
            Ok(socket) => socket,
            Err(error) => {
                let error = error.to_string();
                let _ = job.done.send((0, Err(TftpFailure::Io { error })));
                return;
            }
        };
        let peer = job.peer;
        if let Some(earlier) = self.transfers.remove(&peer) {
            earlier.end(Err(TftpFailure::TimedOut));
        }
        let mut transfer = job.transfer;
        let (terms, size) = (*transfer.terms(), job.content.len());
        pending.push((peer, transfer.start(now)));
        self.next += 1;
        let number = self.next;
        self.alarms
            .push(Reverse((transfer.wakes_at(), number, peer)));
        let active = Active {
            number,
            socket,
            transfer,
            content: job.content,
            layout: Layout::new(terms.block_size, terms.window, size),
            held: Held::default(),
            reading: false,
            awaited: None,
            place: job.place,
            done: job.done,
        };
        self.transfers.insert(peer, active);
    }

    /// The socket that answers from this address.
    fn socket(&mut self, local: Ipv4Addr) -> io::Result<usize> {
        let found = |address| self.sockets.iter().position(|s| s.address() == address);
        let address = match found(local) {
            Some(socket) => return Ok(socket),
            None if self.sockets.len() < MOST_SOCKETS => local,
            None => match found(Ipv4Addr::UNSPECIFIED) {
                Some(socket) => return Ok(socket),
                None => Ipv4Addr::UNSPECIFIED,
            },
        };
        self.sockets.push(TransferSocket::open(address)?);
        Ok(self.sockets.len() - 1)
    }

    fn receive(&mut self, now: Instant, pending: &mut Pending) -> usize {
        let mut received = 0;
        for (number, socket) in self.sockets.iter_mut().enumerate() {
            let transfers = &mut self.transfers;
            received += socket.receive(|peer, datagram| {
                let Some(active) = transfers.get_mut(&peer).filter(|a| a.socket == number) else {
                    return;
                };
                let step = active.transfer.hear(datagram, now);
                if let Some(ended) = active.take_step(peer, step, pending)
                    && let Some(active) = transfers.remove(&peer)
                {
                    active.end(ended);
                }
            });
        }
        received
    }

    /// Wakes the transfers whose time has come.
    fn ring(&mut self, now: Instant, pending: &mut Pending) {
        while let Some(Reverse((at, number, peer))) = self.alarms.peek().copied() {
            if at > now {
                return;
            }
            self.alarms.pop();
            let Some(active) = self.transfers.get_mut(&peer) else {
                continue;
            };
            if active.number != number {
                continue;
            }
            let step = active.transfer.expire(now);
            match active.take_step(peer, step, pending) {
                None => {
                    let again = active
                        .transfer
                        .wakes_at()
                        .max(now + Duration::from_millis(1));
                    self.alarms.push(Reverse((again, number, peer)));
                }
                Some(ended) => {
                    if let Some(active) = self.transfers.remove(&peer) {
                        active.end(ended);
                    }
                }
            }
        }
    }

    /// Sends what is pending.
    fn flush(&mut self, now: Instant, pending: &mut Pending) {
        pending.retain(|(peer, outgoing)| self.make_ready(*peer, outgoing, now));
        let mut option_acks = Vec::new();
        for (peer, outgoing) in &*pending {
            if let (Outgoing::OptionAck, Some(active)) = (outgoing, self.transfers.get(peer)) {
                let granted = active.transfer.terms().granted;
                option_acks.push((*peer, active.socket, Packet::OptionAck(granted).to_vec()));
            }
        }
        for (number, socket) in self.sockets.iter_mut().enumerate() {
            let mut trains = Vec::with_capacity(pending.len());
            for (peer, outgoing) in &*pending {
                let Some(active) = self.transfers.get(peer).filter(|a| a.socket == number) else {
                    continue;
                };
                let Outgoing::Blocks(blocks) = outgoing else {
                    continue;
                };
                for first in active.layout.stretches(blocks) {
                    if let Some(stretch) = active.held.get(first) {
                        trains.push(Train {
                            peer: *peer,
                            packets: stretch.packets(blocks),
                            stride: stretch.stride(),
                        });
                    }
                }
            }
            for (peer, _, packet) in option_acks.iter().filter(|(_, on, _)| *on == number) {
                trains.push(Train {
                    peer: *peer,
                    packets: packet,
                    stride: packet.len(),
                });
            }
            socket.send(&trains);
        }
        pending.clear();
    }

    /// Whether it can be sent now: its packets are in memory.
    fn make_ready(&mut self, peer: SocketAddrV4, outgoing: &Outgoing, now: Instant) -> bool {
        let Some(active) = self.transfers.get_mut(&peer) else {
            return false;
        };
        let Outgoing::Blocks(blocks) = outgoing else {
            return true;
        };
        if active.reading {
            active.awaited = Some(outgoing.clone());
            return false;
        }
        match active.hold(blocks, &mut self.recent) {
            Ok(None) => true,
            Ok(Some(first)) => {
                active.awaited = Some(outgoing.clone());
                active.transfer.postpone(now);
                if let Content::File(file) = &active.content {
                    active.reading = true;
                    let (file, layout) = (Arc::clone(file), active.layout);
                    let (mailbox, number) = (self.mailbox.clone(), active.number);
                    self.runtime.spawn_blocking(move || {
                        let read = Stretch::read(layout, first, &file);
                        mailbox.send(Message::Read(peer, number, read));
                    });
                }
                false
            }
            Err(error) => {
                self.unreadable(peer, &error);
                false
            }
        }
    }

    fn was_read(
        &mut self,
        peer: SocketAddrV4,
        number: u64,
        read: io::Result<Stretch>,
        now: Instant,
        pending: &mut Pending,
    ) {
        let Some(active) = self.transfers.get_mut(&peer) else {
            return;
        };
        if active.number != number {
            return;
        }
        match read {
            Ok(stretch) => {
                let stretch = Arc::new(stretch);
                self.recent
                    .add(active.layout, active.content.clone(), Arc::clone(&stretch));
                active.held.add(stretch);
                active.reading = false;
                if let Some(outgoing) = active.awaited.take() {
                    active.transfer.postpone(now);
                    pending.push((peer, outgoing));
                }
            }
            Err(error) => self.unreadable(peer, &error),
        }
    }

    /// The file cannot be read any more: the client is told, so that it does not wait.
    fn unreadable(&mut self, peer: SocketAddrV4, error: &io::Error) {
        if let Some(active) = self.transfers.remove(&peer) {
            self.tell(peer, active.socket, "the file cannot be read");
            let error = error.to_string();
            active.end(Err(TftpFailure::Io { error }));
        }
    }

    fn tell(&mut self, peer: SocketAddrV4, socket: usize, message: &str) {
        let packet = Packet::Error {
            code: error_code::NOT_DEFINED,
            message: message.to_owned(),
        };
        let packet = packet.to_vec();
        if let Some(socket) = self.sockets.get_mut(socket) {
            let stride = packet.len();
            let packets = packet.as_slice();
            socket.send(&[Train {
                peer,
                packets,
                stride,
            }]);
        }
    }

    fn stop(&mut self) {
        for (peer, active) in std::mem::take(&mut self.transfers) {
            self.tell(peer, active.socket, "the server is stopping");
            active.end(Err(TftpFailure::Cancelled));
        }
        // Those that came after the word to stop.
        self.mailbox.messages.lock().clear();
    }
}

impl Active {
    /// Takes hold of the stretches of these blocks; returns the first block of one that must be
    /// waited for.
    ///
    /// # Errors
    /// The file cannot be read any more.
    fn hold(&mut self, blocks: &Range<u64>, recent: &mut Recent) -> io::Result<Option<u64>> {
        let layout = self.layout;
        for first in layout.stretches(blocks) {
            if self.held.get(first).is_some() {
                continue;
            }
            let stretch = match recent.get(layout, first, &self.content) {
                Some(stretch) => stretch,
                None => match Stretch::from_memory(layout, first, &self.content)? {
                    Some(stretch) => {
                        let stretch = Arc::new(stretch);
                        recent.add(layout, self.content.clone(), Arc::clone(&stretch));
                        stretch
                    }
                    None => return Ok(Some(first)),
                },
            };
            self.held.keep(blocks);
            self.held.add(stretch);
        }
        Ok(None)
    }

    /// Notes what is to be sent; says how it ended, if it did.
    fn take_step(
        &self,
        peer: SocketAddrV4,
        step: Step,
        pending: &mut Pending,
    ) -> Option<Result<(), TftpFailure>> {
        match step {
            Step::Nothing => None,
            Step::Send(outgoing) => {
                pending.push((peer, outgoing));
                None
            }
            Step::Done => Some(Ok(())),
            Step::Failed(reason) => Some(Err(reason)),
        }
    }

    fn end(self, ended: Result<(), TftpFailure>) {
        // Before the word goes out: the client may ask for the next file at once.
        drop(self.place);
        // The front may be gone already.
        let _ = self.done.send((self.transfer.bytes(), ended));
    }
}
