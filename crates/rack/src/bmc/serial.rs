//! The serial port between a machine and its BMC, and the serial-over-LAN payload that carries its
//! characters to a console. What the machine writes and reads is the machine's business.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cupola_drivers::ipmi::wire::completion::CompletionCode;
use cupola_drivers::ipmi::wire::packet::{self, PayloadType, PlusPacket};
use cupola_drivers::ipmi::wire::sol::{
    ALREADY_ACTIVE, ALREADY_INACTIVE, BmcFlags, ConsoleFlags, DISABLED, HEADER, SERIAL_OVER_LAN,
    SerialLimits, SolPacket, next_sequence,
};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::commands::Answer;
use super::sessions::Active;
use super::sim::SimBmc;

/// Characters that the BMC keeps for a console that is slow; older ones are lost.
const BUFFER: usize = 16 * 1024;
/// Pieces of typed characters that wait for the machine.
const TYPED: usize = 64;
/// Most characters in a packet.
const MOST: usize = 200;
/// After this time without an acknowledgement a packet is sent again.
const RESEND: Duration = Duration::from_millis(250);
/// A console that acknowledged nothing for so many packets is gone.
const MOST_SENT: u8 = 16;

#[derive(Debug, Default)]
struct Buffer {
    characters: VecDeque<u8>,
    is_attached: bool,
    overrun: bool,
}

/// A serial port. Clones are the same port.
#[derive(Clone, Debug)]
pub struct SerialPort {
    buffer: Arc<Mutex<Buffer>>,
    changed: Arc<Notify>,
    breaks: Arc<Notify>,
    typed: mpsc::Sender<Vec<u8>>,
}

impl SerialPort {
    /// A port, and what is typed into it.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Vec<u8>>) {
        let (typed, receiver) = mpsc::channel(TYPED);
        let port = Self {
            buffer: Arc::default(),
            changed: Arc::default(),
            breaks: Arc::default(),
            typed,
        };
        (port, receiver)
    }

    /// The machine writes; without a console nobody hears it.
    pub fn write(&self, characters: &[u8]) {
        let mut buffer = self.buffer.lock();
        if !buffer.is_attached {
            return;
        }
        buffer.characters.extend(characters);
        let excess = buffer.characters.len().saturating_sub(BUFFER);
        if excess > 0 {
            buffer.characters.drain(..excess);
            buffer.overrun = true;
        }
        drop(buffer);
        self.changed.notify_waiters();
    }

    /// Waits for the next break that a console sends.
    pub async fn next_break(&self) {
        self.breaks.notified().await;
    }

    fn attach(&self, attached: bool) {
        *self.buffer.lock() = Buffer {
            is_attached: attached,
            ..Buffer::default()
        };
        self.changed.notify_waiters();
    }
}

/// The console that is attached.
#[derive(Debug)]
pub(super) struct Attached {
    session: u32,
    peer: SocketAddr,
    sequence: u8,
    under_way: Option<SolPacket<BmcFlags>>,
    sent: u8,
    due: Instant,
    /// The number of the last packet of the console, to know a repetition.
    last: u8,
}

/// What is to be done about the attached console.
enum Next {
    Send(Vec<u8>, SocketAddr),
    Wait(Option<Instant>),
}

impl SimBmc {
    /// Activate Payload in this session.
    pub(super) fn activate(&self, session: u32, data: &[u8]) -> Answer {
        if data.first().map(|kind| kind & 0x3F) != Some(SERIAL_OVER_LAN) {
            return Err(CompletionCode::InvalidDataField);
        }
        let port = self.chassis.serial();
        let port = port.ok_or(CompletionCode::Other(DISABLED))?;
        let mut sessions = self.sessions.lock();
        let peer = sessions.active(session).and_then(|active| active.peer);
        let peer = peer.ok_or(CompletionCode::Unspecified)?;
        let mut attached = self.serial.lock();
        let holder = attached.as_ref().map(|attached| attached.session);
        if holder.is_some_and(|holder| sessions.active_untouched(holder).is_some()) {
            return Err(CompletionCode::Other(ALREADY_ACTIVE));
        }
        port.attach(true);
        *attached = Some(Attached {
            session,
            peer,
            sequence: 0,
            under_way: None,
            sent: 0,
            due: Instant::now(),
            last: 0,
        });
        let size = u16::try_from(MOST + HEADER).unwrap_or(u16::MAX);
        Ok(SerialLimits {
            inbound: size,
            outbound: size,
            port: self.port.load(Ordering::Relaxed),
        }
        .encode())
    }

    /// Deactivate Payload, in whatever session it is active.
    pub(super) fn deactivate(&self) -> Answer {
        let detached = self.serial.lock().take();
        if let Some(port) = self.chassis.serial() {
            port.attach(false);
        }
        match detached {
            Some(_) => Ok(Vec::new()),
            None => Err(CompletionCode::Other(ALREADY_INACTIVE)),
        }
    }

    /// A serial-over-LAN packet of a console; the answer where it has characters.
    pub(super) fn serial_packet(&self, packet: &PlusPacket<'_>) -> Option<Vec<u8>> {
        let mut sessions = self.sessions.lock();
        let active = sessions.active(packet.session_id)?;
        let payload = packet.open(&active.keys).ok()?;
        if !active.window.accept(packet.sequence) {
            return None;
        }
        let received = SolPacket::<ConsoleFlags>::decode(&payload).ok()?;
        let mut serial = self.serial.lock();
        let attached = serial.as_mut()?;
        if attached.session != packet.session_id {
            return None;
        }
        self.acknowledged(attached, &received);
        if received.sequence == 0 {
            return None;
        }
        let answer = self.type_in(attached, &received);
        seal(active, &answer)
    }

    fn acknowledged(&self, attached: &mut Attached, received: &SolPacket<ConsoleFlags>) {
        let number = received.acknowledged;
        let Some(sent) = attached
            .under_way
            .take_if(|sent| number != 0 && sent.sequence == number)
        else {
            return;
        };
        let rest = sent.characters.get(usize::from(received.accepted)..);
        if let (Some(rest), Some(port)) = (rest, self.chassis.serial()) {
            let mut buffer = port.buffer.lock();
            for character in rest.iter().rev() {
                buffer.characters.push_front(*character);
            }
            drop(buffer);
            port.changed.notify_waiters();
        }
    }

    fn type_in(
        &self,
        attached: &mut Attached,
        received: &SolPacket<ConsoleFlags>,
    ) -> SolPacket<BmcFlags> {
        let is_new = received.sequence != attached.last;
        let port = self.chassis.serial().filter(|_| self.chassis.power_on());
        let taken = match port {
            Some(port) if is_new && !received.characters.is_empty() => {
                port.typed.try_send(received.characters.clone()).is_ok()
            }
            Some(port) => {
                if is_new && received.flags.send_break {
                    port.breaks.notify_one();
                }
                true
            }
            None => false,
        };
        if taken {
            attached.last = received.sequence;
        }
        let count = u8::try_from(received.characters.len()).unwrap_or(u8::MAX);
        SolPacket {
            sequence: 0,
            acknowledged: received.sequence,
            accepted: if taken { count } else { 0 },
            flags: BmcFlags {
                nack: !taken,
                unavailable: !taken,
                ..BmcFlags::default()
            },
            characters: Vec::new(),
        }
    }

    /// The next datagram for the attached console, as soon as there is one. Cancel-safe.
    pub(super) async fn next_serial(&self) -> (Vec<u8>, SocketAddr) {
        let Some(port) = self.chassis.serial() else {
            return std::future::pending().await;
        };
        loop {
            let mut changed = std::pin::pin!(port.changed.notified());
            changed.as_mut().enable();
            match self.next_of(&port) {
                Next::Send(datagram, peer) => return (datagram, peer),
                Next::Wait(Some(until)) => {
                    // Which of both it was is seen in the next round.
                    let _ = tokio::time::timeout_at(until, changed).await;
                }
                Next::Wait(None) => changed.await,
            }
        }
    }

    fn next_of(&self, port: &SerialPort) -> Next {
        let mut sessions = self.sessions.lock();
        let mut serial = self.serial.lock();
        let Some(attached) = serial.as_mut() else {
            return Next::Wait(None);
        };
        let Some(active) = sessions.active_untouched(attached.session) else {
            // The session has ended without a word, and the payload with it.
            *serial = None;
            port.attach(false);
            return Next::Wait(None);
        };
        let now = Instant::now();
        if attached.under_way.is_some() && now < attached.due {
            return Next::Wait(Some(attached.due));
        }
        if attached.under_way.is_none() {
            let mut buffer = port.buffer.lock();
            let count = buffer.characters.len().min(MOST);
            if count == 0 {
                return Next::Wait(None);
            }
            attached.sequence = next_sequence(attached.sequence);
            attached.sent = 0;
            attached.under_way = Some(SolPacket {
                sequence: attached.sequence,
                flags: BmcFlags {
                    overrun: std::mem::take(&mut buffer.overrun),
                    ..BmcFlags::default()
                },
                characters: buffer.characters.drain(..count).collect(),
                ..SolPacket::default()
            });
        }
        attached.sent = attached.sent.saturating_add(1);
        attached.due = now + RESEND;
        let peer = attached.peer;
        let packet = attached.under_way.clone();
        if attached.sent > MOST_SENT {
            *serial = None;
            port.attach(false);
            return Next::Wait(None);
        }
        match packet.and_then(|packet| seal(active, &packet)) {
            Some(datagram) => Next::Send(datagram, peer),
            None => Next::Wait(None),
        }
    }
}

fn seal(active: &mut Active, packet: &SolPacket<BmcFlags>) -> Option<Vec<u8>> {
    let mut vector = [0; 16];
    getrandom::fill(&mut vector).ok()?;
    active.sequence = active.sequence.wrapping_add(1).max(1);
    Some(packet::encode_sealed(
        &active.keys,
        PayloadType::Sol,
        active.console_session,
        active.sequence,
        &packet.encode(),
        vector,
    ))
}
