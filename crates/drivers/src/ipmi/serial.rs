//! The serial console of one machine: serial-over-LAN in a session of its own, so that it never
//! keeps commands waiting. The protocol's rules are in `link`; what the characters mean is nobody's
//! business here.

mod link;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use crate::interface::SerialEvent;

use self::link::{Inbound, Outbound, Settled};
use super::{
    client::IpmiClient,
    error::{IpmiError, IpmiFault},
    line::{Attempts, Line},
    session::{Incoming, Session},
    wire::{
        completion::CompletionCode,
        message::Command,
        sol::{
            ALREADY_ACTIVE, ActivateSerial, BmcFlags, DISABLED, DeactivateSerial, HEADER,
            SerialLimits, SolPacket,
        },
    },
};

/// Pieces of output that may wait for their reader; then the BMC is told to send again.
const OUTPUT: usize = 256;
/// Pieces of input that may wait; then the sender waits.
const INPUT: usize = 64;
/// Characters that are taken from the sender before the BMC has acknowledged them.
const UNACKNOWLEDGED: usize = 4096;
/// After this time without an acknowledgement characters are sent again.
const RESEND: Duration = Duration::from_millis(500);
/// How often they are sent again.
const MOST_SENT: u32 = 20;
/// How often the BMC is asked whether it is there still; sessions end after 60 s without traffic.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A BMC that said nothing for so long is lost.
const LOST: Duration = Duration::from_secs(50);
/// How long the end may take: switching the payload off, closing the session.
const FAREWELL: Duration = Duration::from_secs(2);
/// Characters in a packet for BMCs that tell no usable limit.
const CAREFUL: usize = 32;

#[derive(Debug)]
enum Input {
    Characters(Vec<u8>),
    Break,
}

/// An open serial console. It is closed on the BMC when it is dropped.
#[derive(Debug)]
pub struct SerialConsole {
    input: mpsc::Sender<Input>,
    output: mpsc::Receiver<Result<SerialEvent, IpmiError>>,
}

/// The sending half of an open serial console.
#[derive(Debug, Clone)]
pub struct SerialInput(mpsc::Sender<Input>);

impl SerialConsole {
    /// What came next; `None` after the end, whose cause came before as an error.
    pub async fn next(&mut self) -> Option<Result<SerialEvent, IpmiError>> {
        self.output.recv().await
    }

    /// Its two halves. When the sending half and all copies of it are dropped, the reading half ends
    /// as soon as the BMC has the console back.
    #[must_use]
    pub fn split(self) -> (SerialInput, SerialReader) {
        (SerialInput(self.input), SerialReader(self.output))
    }

    /// The half that sends, for another task.
    #[must_use]
    pub fn input(&self) -> SerialInput {
        SerialInput(self.input.clone())
    }
}

/// The reading half of an open serial console.
#[derive(Debug)]
pub struct SerialReader(mpsc::Receiver<Result<SerialEvent, IpmiError>>);

impl SerialReader {
    /// What came next; `None` after the end, whose cause came before as an error. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<SerialEvent, IpmiError>> {
        self.0.recv().await
    }
}

impl SerialInput {
    /// Sends characters to the machine; waits while too many are under way. False after the end.
    pub async fn send(&self, characters: Vec<u8>) -> bool {
        self.0.send(Input::Characters(characters)).await.is_ok()
    }

    /// Sends a serial break. False after the end.
    pub async fn send_break(&self) -> bool {
        self.0.send(Input::Break).await.is_ok()
    }
}

impl IpmiClient {
    /// Opens the serial console; takes it over from another session where `take_over` says so.
    ///
    /// # Errors
    /// When the BMC cannot be logged in to, has no serial-over-LAN, or another session holds it.
    pub async fn serial_console(&self, take_over: bool) -> Result<SerialConsole, IpmiError> {
        let mut line = self.line();
        let slot = self.inner.slot(&self.target);
        line.pace = slot.pace();
        let opened = async {
            let mut session = self.new_session(&mut line, &slot).await?;
            match activate(&mut session, &mut line, take_over).await {
                Ok(limits) => Ok((session, limits)),
                Err(fault) => {
                    if let Some(farewell) = session.farewell() {
                        line.tell(&farewell).await;
                    }
                    Err(fault)
                }
            }
        };
        let (session, limits) = opened.await.map_err(|fault| self.error(fault))?;
        let (input, from_user) = mpsc::channel(INPUT);
        let (to_user, output) = mpsc::channel(OUTPUT);
        let most = usize::from(limits.inbound).saturating_sub(HEADER);
        let link = Link {
            client: self.clone(),
            session,
            outbound: Outbound::new(if (1..=1024).contains(&most) {
                most
            } else {
                CAREFUL
            }),
            inbound: Inbound::default(),
            to_user,
            heard: Instant::now(),
            sent: 0,
            due: None,
        };
        tokio::spawn(link.run(from_user, self.cancelled()));
        Ok(SerialConsole { input, output })
    }
}

async fn activate(
    session: &mut Session,
    line: &mut Line<'_>,
    take_over: bool,
) -> Result<SerialLimits, IpmiFault> {
    let mut may_take_over = take_over;
    loop {
        match command(session, line, &ActivateSerial).await? {
            Ok(limits) => return Ok(limits),
            Err(CompletionCode::Other(ALREADY_ACTIVE)) if may_take_over => {
                may_take_over = false;
                // It may have been given up meanwhile, which is as good.
                let _refused = command(session, line, &DeactivateSerial).await?;
            }
            Err(CompletionCode::Other(ALREADY_ACTIVE)) => return Err(IpmiFault::SerialInUse),
            Err(CompletionCode::Other(DISABLED)) => return Err(IpmiFault::SerialDisabled),
            Err(CompletionCode::InsufficientPrivilege) => {
                return Err(IpmiFault::PrivilegeTooLow {
                    wanted: session.privilege,
                    stage: ActivateSerial::NAME,
                });
            }
            Err(code) => {
                return Err(IpmiFault::Refused {
                    command: ActivateSerial::NAME,
                    code,
                });
            }
        }
    }
}

async fn command<C: Command>(
    session: &mut Session,
    line: &mut Line<'_>,
    command: &C,
) -> Result<Result<C::Response, CompletionCode>, IpmiFault> {
    let outcome = session
        .exchange(line, command, Attempts::UntilDeadline)
        .await?;
    Ok(match outcome {
        Ok(data) => Ok(C::response(&data).map_err(|cause| IpmiFault::Malformed {
            stage: C::NAME,
            cause,
        })?),
        Err(code) => Err(code),
    })
}

/// The task of an open console.
struct Link {
    client: IpmiClient,
    session: Session,
    outbound: Outbound,
    inbound: Inbound,
    to_user: mpsc::Sender<Result<SerialEvent, IpmiError>>,
    /// When the BMC said something last.
    heard: Instant,
    /// How often the packet under way was sent.
    sent: u32,
    /// When it is sent again.
    due: Option<Instant>,
}

impl Link {
    async fn run(mut self, mut from_user: mpsc::Receiver<Input>, cancel: CancellationToken) {
        let ended = tokio::select! {
            () = cancel.cancelled() => Err(IpmiFault::Cancelled),
            ended = self.carry(&mut from_user) => ended,
        };
        if let Err(fault) = ended {
            let error = self.client.error(fault);
            tracing::debug!(%error, "serial console ended");
            // Nobody may be left who wants to know.
            let _ = self.to_user.try_send(Err(error));
        }
        self.close().await;
    }

    /// Carries characters both ways until the user leaves or the BMC does.
    async fn carry(&mut self, from_user: &mut mpsc::Receiver<Input>) -> Result<(), IpmiFault> {
        let mut keep_alive = tokio::time::interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        loop {
            if let Some(packet) = self.outbound.next() {
                self.sent = 0;
                self.transmit(&packet).await?;
            }
            let due = self.due.unwrap_or_else(|| Instant::now() + KEEP_ALIVE);
            let may_take = self.outbound.len() < UNACKNOWLEDGED;
            tokio::select! {
                datagram = self.session.receive() => {
                    let datagram = datagram.ok_or(IpmiFault::Cancelled)?;
                    self.on_datagram(&datagram).await?;
                }
                input = from_user.recv(), if may_take => match input {
                    Some(Input::Characters(characters)) => self.outbound.push(&characters),
                    Some(Input::Break) => self.outbound.send_break(),
                    None => return Ok(()),
                },
                () = self.to_user.closed() => return Ok(()),
                () = tokio::time::sleep_until(due), if self.due.is_some() => self.resend().await?,
                _ = keep_alive.tick() => self.keep_alive().await?,
            }
        }
    }

    async fn on_datagram(&mut self, datagram: &[u8]) -> Result<(), IpmiFault> {
        // What cannot be verified is not the BMC's.
        let Ok(incoming) = self.session.open(datagram) else {
            return Ok(());
        };
        self.heard = Instant::now();
        let Incoming::Serial(packet) = incoming else {
            return Ok(());
        };
        match self.outbound.acknowledge(&packet) {
            Settled::Nothing => {}
            Settled::Taken => self.due = None,
            Settled::Refused => {
                self.due = None;
                self.tell(SerialEvent::Refused);
            }
        }
        let flags = packet.flags;
        let taken = self.inbound.take(packet, self.to_user.capacity() > 3);
        if let Some(answer) = taken.answer {
            let datagram = self.session.seal_serial(&answer)?;
            self.send(&datagram).await?;
        }
        self.tell_of(flags, taken.characters);
        if flags.deactivating {
            return Err(IpmiFault::SerialEnded);
        }
        Ok(())
    }

    fn tell_of(&self, flags: BmcFlags, characters: Vec<u8>) {
        if flags.overrun {
            self.tell(SerialEvent::Overrun);
        }
        if !characters.is_empty() {
            self.tell(SerialEvent::Characters(characters));
        }
        if flags.break_detected {
            self.tell(SerialEvent::Break);
        }
    }

    fn tell(&self, event: SerialEvent) {
        // There was room when the packet was taken; of flags alone one may go missing.
        let _ = self.to_user.try_send(Ok(event));
    }

    async fn transmit(
        &mut self,
        packet: &SolPacket<super::wire::sol::ConsoleFlags>,
    ) -> Result<(), IpmiFault> {
        let datagram = self.session.seal_serial(packet)?;
        self.sent += 1;
        self.due = Some(Instant::now() + RESEND);
        self.send(&datagram).await
    }

    async fn resend(&mut self) -> Result<(), IpmiFault> {
        let Some(packet) = self.outbound.again().cloned() else {
            self.due = None;
            return Ok(());
        };
        if self.sent >= MOST_SENT {
            return Err(self.lost());
        }
        self.transmit(&packet).await
    }

    async fn keep_alive(&mut self) -> Result<(), IpmiFault> {
        if self.heard.elapsed() > LOST {
            return Err(self.lost());
        }
        let datagram = self.session.keep_alive()?;
        self.send(&datagram).await
    }

    fn lost(&self) -> IpmiFault {
        IpmiFault::LostPackets {
            stage: "the serial console",
            sent: self.sent,
            waited: self.heard.elapsed(),
        }
    }

    async fn send(&self, datagram: &[u8]) -> Result<(), IpmiFault> {
        let address = self.client.target.address;
        let sent = self.client.inner.sockets.send(datagram, address).await;
        sent.map_err(IpmiFault::Unreachable)
    }

    /// Gives the console back to the BMC.
    async fn close(mut self) {
        let client = self.client.clone().with_deadline(FAREWELL);
        let mut line = client.line();
        let outcome = command(&mut self.session, &mut line, &DeactivateSerial).await;
        tracing::debug!(?outcome, "serial console closed");
        if let Some(farewell) = self.session.farewell() {
            line.tell(&farewell).await;
        }
    }
}
