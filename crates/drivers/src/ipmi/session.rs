//! An active RMCP+ session: seals requests, opens responses, counts sequence numbers.

use tokio::time::Instant;

use super::{
    error::IpmiFault,
    line::{Attempts, Line},
    route::Route,
    wire::{
        DecodeError,
        app::{CloseSession, GetDeviceId, Privilege},
        completion::CompletionCode,
        crypto::SessionKeys,
        message::{Command, Request, Response},
        packet::{self, Packet, PayloadType},
        rmcp::{self, Rmcp},
        sol::{BmcFlags, ConsoleFlags, SolPacket},
        suite::CipherSuite,
        window::Window,
    },
};

/// One session with one BMC.
#[derive(Debug)]
pub(super) struct Session {
    cryptic: Cryptic,
    message_sequence: u8,
    route: Route,
    pub(super) privilege: Privilege,
    pub(super) last_used: Instant,
}

/// The part that seals and opens packets.
#[derive(Debug)]
struct Cryptic {
    keys: SessionKeys,
    console_session: u32,
    bmc_session: u32,
    sequence: u32,
    window: Window,
}

/// What came in on a session that carries serial-over-LAN.
#[derive(Debug)]
pub(super) enum Incoming {
    /// An answer to a command, of which only counts that it came.
    Message,
    /// Characters, or the acknowledgement of some.
    Serial(SolPacket<BmcFlags>),
}

/// How one exchange in a session ended without a transport failure.
pub(super) type Outcome = Result<Vec<u8>, CompletionCode>;

impl Session {
    pub(super) fn new(
        keys: SessionKeys,
        console_session: u32,
        bmc_session: u32,
        route: Route,
        privilege: Privilege,
    ) -> Self {
        Self {
            cryptic: Cryptic {
                keys,
                console_session,
                bmc_session,
                sequence: 0,
                window: Window::default(),
            },
            message_sequence: 0,
            route,
            privilege,
            last_used: Instant::now(),
        }
    }

    /// The cipher suite that was agreed.
    pub(super) fn suite(&self) -> CipherSuite {
        self.cryptic.keys.suite()
    }

    /// One command and its answer. A retransmission has a new session sequence number but the same
    /// message sequence, by which the BMC knows that it is a repetition (chapter 6.12.14).
    pub(super) async fn exchange<C: Command>(
        &mut self,
        line: &mut Line<'_>,
        command: &C,
        attempts: Attempts,
    ) -> Result<Outcome, IpmiFault> {
        self.message_sequence = (self.message_sequence + 1) & 0x3F;
        let request = Request {
            net_fn: C::NET_FN,
            command: C::COMMAND,
            sequence: self.message_sequence,
            data: command.request(),
        };
        let payload = request.encode();
        let result = line
            .ask(
                C::NAME,
                &mut self.route,
                attempts,
                &mut self.cryptic,
                |cryptic| cryptic.seal(PayloadType::Ipmi, &payload),
                |cryptic, datagram| {
                    cryptic.open(datagram).ok().and_then(|answer| {
                        (answer.sequence == request.sequence
                            && answer.command == request.command
                            && answer.net_fn == request.net_fn)
                            .then_some(answer.result)
                    })
                },
            )
            .await;
        self.last_used = Instant::now();
        result
    }

    /// The next datagram of the session, not verified yet. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Option<Vec<u8>> {
        self.route.receive().await
    }

    /// Verifies and reads a datagram.
    pub(super) fn open(&mut self, datagram: &[u8]) -> Result<Incoming, DecodeError> {
        let (payload_type, payload) = self.cryptic.unseal(datagram)?;
        match payload_type {
            PayloadType::Ipmi => Response::decode(&payload).map(|_| Incoming::Message),
            PayloadType::Sol => SolPacket::decode(&payload).map(Incoming::Serial),
            PayloadType::OpenSessionRequest
            | PayloadType::OpenSessionResponse
            | PayloadType::Rakp1
            | PayloadType::Rakp2
            | PayloadType::Rakp3
            | PayloadType::Rakp4
            | PayloadType::Other(_) => Err(DecodeError::Mismatch("payload type")),
        }
    }

    /// A serial-over-LAN packet as a datagram; each transmission needs a new one.
    pub(super) fn seal_serial(
        &mut self,
        packet: &SolPacket<ConsoleFlags>,
    ) -> Result<Vec<u8>, IpmiFault> {
        self.cryptic.seal(PayloadType::Sol, &packet.encode())
    }

    /// A harmless command, as a datagram: its answer shows that the BMC holds the session still,
    /// and keeps the BMC from ending it (chapter 6.12.15).
    pub(super) fn keep_alive(&mut self) -> Result<Vec<u8>, IpmiFault> {
        self.message_sequence = (self.message_sequence + 1) & 0x3F;
        let request = Request {
            net_fn: GetDeviceId::NET_FN,
            command: GetDeviceId::COMMAND,
            sequence: self.message_sequence,
            data: GetDeviceId.request(),
        };
        self.cryptic.seal(PayloadType::Ipmi, &request.encode())
    }

    /// The packet that tells the BMC that it may forget the session.
    pub(super) fn farewell(&mut self) -> Option<Vec<u8>> {
        let request = Request {
            net_fn: CloseSession::NET_FN,
            command: CloseSession::COMMAND,
            sequence: (self.message_sequence + 1) & 0x3F,
            data: CloseSession {
                bmc_session: self.cryptic.bmc_session,
            }
            .request(),
        };
        let sealed = self.cryptic.seal(PayloadType::Ipmi, &request.encode());
        sealed.ok()
    }
}

impl Cryptic {
    fn seal(&mut self, payload_type: PayloadType, payload: &[u8]) -> Result<Vec<u8>, IpmiFault> {
        let mut vector = [0; 16];
        getrandom::fill(&mut vector).map_err(|_| IpmiFault::NoRandom)?;
        // Numbers start at 1; zero is for packets outside of a session. Four thousand million
        // packets do not happen in the life of one session.
        self.sequence = self.sequence.wrapping_add(1).max(1);
        Ok(packet::encode_sealed(
            &self.keys,
            payload_type,
            self.bmc_session,
            self.sequence,
            payload,
            vector,
        ))
    }

    fn open(&mut self, datagram: &[u8]) -> Result<Response, DecodeError> {
        match self.unseal(datagram)? {
            (PayloadType::Ipmi, payload) => Response::decode(&payload),
            _ => Err(DecodeError::Mismatch("payload type")),
        }
    }

    fn unseal(&mut self, datagram: &[u8]) -> Result<(PayloadType, Vec<u8>), DecodeError> {
        let Rmcp::Ipmi(rest) = rmcp::decode(datagram)? else {
            return Err(DecodeError::Mismatch("message class"));
        };
        let Packet::Plus(packet) = packet::decode(rest)? else {
            return Err(DecodeError::Mismatch("session format"));
        };
        if packet.session_id != self.console_session {
            return Err(DecodeError::Mismatch("session id"));
        }
        let payload = packet.open(&self.keys)?;
        if !self.window.accept(packet.sequence) {
            return Err(DecodeError::Mismatch("session sequence"));
        }
        Ok((packet.payload_type, payload))
    }
}
