//! One BMC's handle: runs commands within a deadline, on the cached session or a new one, and
//! tells the observer. What the commands mean is in `operations`, `power` and `probe`.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    error::{IpmiError, IpmiFault},
    handshake::Login,
    hub::Inner,
    line::{Attempts, Line},
    observer::{BmcObserver, CommandRecord},
    session::Session,
    slot::{Negotiated, Slot, Turn},
    target::IpmiTarget,
    wire::{completion::CompletionCode, message::Command},
};

/// Unanswered packets after which a cached session counts as forgotten by the BMC.
const FORGOTTEN: Attempts = Attempts::Most(3);
/// The first wait after a "busy"; doubles each time.
const BUSY_FIRST: Duration = Duration::from_millis(100);
/// What that wait grows to.
const BUSY_MOST: Duration = Duration::from_secs(2);

/// A handle for operations on one BMC. Cheap to clone.
#[derive(Clone)]
pub struct IpmiClient {
    pub(super) inner: Arc<Inner>,
    pub(super) target: Arc<IpmiTarget>,
    observer: Option<Arc<dyn BmcObserver>>,
    cancel: CancellationToken,
    deadline: Duration,
}

impl std::fmt::Debug for IpmiClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IpmiClient")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl IpmiClient {
    pub(super) fn new(inner: Arc<Inner>, target: IpmiTarget) -> Self {
        Self {
            deadline: inner.config.deadline,
            inner,
            target: Arc::new(target),
            observer: None,
            cancel: CancellationToken::new(),
        }
    }

    /// Who is told of each command.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn BmcObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// What ends operations early.
    #[must_use]
    pub fn with_cancel(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// How long each operation may take, instead of the hub's setting.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long each operation may take.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Which BMC this is.
    #[must_use]
    pub fn target(&self) -> &IpmiTarget {
        &self.target
    }

    /// What ends operations early, for a task that outlives the call.
    pub(super) fn cancelled(&self) -> CancellationToken {
        self.cancel.clone()
    }

    pub(super) fn line(&self) -> Line<'_> {
        let mut line = Line::new(
            self.target.address,
            Instant::now() + self.deadline,
            &self.cancel,
            &self.inner.config,
            &self.inner.sockets,
            &self.inner.in_flight,
        );
        line.observer = self.observer.as_deref();
        line
    }

    pub(super) fn login(&self) -> Login<'_> {
        Login {
            target: &self.target,
            routes: &self.inner.routes,
        }
    }

    pub(super) fn error(&self, fault: IpmiFault) -> IpmiError {
        IpmiError::new(self.target.address, fault)
    }

    /// Waits between two readings; ends early when cancelled.
    pub(super) async fn pause(&self, pause: Duration) -> Result<(), IpmiError> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(self.error(IpmiFault::Cancelled)),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    /// Runs one command, logging in first where needed. Cancel-safe.
    pub(super) async fn execute<C: Command>(&self, command: &C) -> Result<C::Response, IpmiError> {
        let mut line = self.line();
        let slot = self.inner.slot(&self.target);
        let started = Instant::now();
        line.pace = slot.pace();
        let outcome = match slot.turn(&line).await {
            Ok(mut turn) => self.in_turn(&mut line, &slot, &mut turn, command).await,
            Err(fault) => Err(fault),
        };
        slot.set_pace(outcome.as_ref().ok().map(|_| line.pace));
        let outcome = outcome.map_err(|fault| self.error(fault));
        self.observe(C::NAME, outcome.as_ref().err(), started, line.sent());
        self.inner.close_uncached(self.target.address, &slot).await;
        outcome
    }

    /// Logs in, or finds the cached session; for the probe, which reports the login by itself.
    pub(super) async fn log_in(&self) -> Result<(), IpmiError> {
        let mut line = self.line();
        let slot = self.inner.slot(&self.target);
        line.pace = slot.pace();
        let outcome = match slot.turn(&line).await {
            Ok(mut turn) => self
                .ensure_session(&mut line, &slot, &mut turn)
                .await
                .map(|_| ()),
            Err(fault) => Err(fault),
        };
        slot.set_pace(outcome.as_ref().ok().map(|_| line.pace));
        outcome.map_err(|fault| self.error(fault))
    }

    fn observe(&self, name: &'static str, error: Option<&IpmiError>, started: Instant, sent: u32) {
        let duration = started.elapsed();
        tracing::debug!(
            address = %self.target.address,
            command = name,
            ?duration,
            sent,
            error = error.map(tracing::field::display),
            "BMC command"
        );
        if let Some(observer) = &self.observer {
            let address = self.target.address;
            observer.command(&CommandRecord {
                address,
                name,
                error,
                duration,
                sent,
            });
        }
    }

    async fn in_turn<C: Command>(
        &self,
        line: &mut Line<'_>,
        slot: &Slot,
        turn: &mut Turn<'_>,
        command: &C,
    ) -> Result<C::Response, IpmiFault> {
        let mut busy = BUSY_FIRST;
        loop {
            let fresh = self.ensure_session(line, slot, turn).await?;
            let Some(session) = turn.session.as_mut() else {
                continue;
            };
            let attempts = if fresh {
                Attempts::UntilDeadline
            } else {
                FORGOTTEN
            };
            let outcome = match session.exchange(line, command, attempts).await {
                Ok(outcome) => outcome,
                Err(IpmiFault::Silent { .. } | IpmiFault::LostPackets { .. })
                    if !fresh && !line.expired() =>
                {
                    tracing::debug!(address = %self.target.address, "session forgotten by the BMC");
                    turn.session = None;
                    continue;
                }
                Err(fault) => {
                    // After a loss nobody knows whether the BMC still holds the session.
                    turn.session = None;
                    return Err(fault);
                }
            };
            match outcome {
                Ok(data) => {
                    return C::response(&data).map_err(|cause| IpmiFault::Malformed {
                        stage: C::NAME,
                        cause,
                    });
                }
                Err(code) if code.is_temporary() => {
                    line.pause(busy).await?;
                    if line.expired() {
                        return Err(IpmiFault::Busy {
                            command: C::NAME,
                            code,
                        });
                    }
                    busy = (busy * 2).min(BUSY_MOST);
                }
                Err(CompletionCode::InsufficientPrivilege) => {
                    let wanted = session.privilege;
                    return Err(IpmiFault::PrivilegeTooLow {
                        wanted,
                        stage: C::NAME,
                    });
                }
                Err(code) => {
                    return Err(IpmiFault::Refused {
                        command: C::NAME,
                        code,
                    });
                }
            }
        }
    }

    /// Makes sure that there is a session; says whether it is a new one.
    async fn ensure_session(
        &self,
        line: &mut Line<'_>,
        slot: &Slot,
        turn: &mut Turn<'_>,
    ) -> Result<bool, IpmiFault> {
        if let Some(session) = turn.session.as_mut() {
            if session.last_used.elapsed() < self.inner.config.idle {
                return Ok(false);
            }
            if let Some(farewell) = session.farewell() {
                line.tell(&farewell).await;
            }
            turn.session = None;
        }
        let started = Instant::now();
        let outcome = self.new_session(line, slot).await;
        match outcome {
            Ok(session) => {
                turn.session = Some(session);
                self.observe("Open Session", None, started, line.sent());
                Ok(true)
            }
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn new_session(
        &self,
        line: &mut Line<'_>,
        slot: &Slot,
    ) -> Result<Session, IpmiFault> {
        // Names and passwords that cannot be right must not cost the BMC a packet.
        self.target.password_key()?;
        let login = self.login();
        let negotiated = match slot.negotiated() {
            Some(negotiated) => negotiated,
            None => {
                let negotiated = login.negotiate(line).await?;
                slot.set_negotiated(Some(negotiated.clone()));
                negotiated
            }
        };
        let result = login.open(line, &negotiated).await;
        match &result {
            // The next login starts with the suite that worked.
            Ok(session) => slot.set_negotiated(Some(Negotiated {
                candidates: vec![session.suite()],
                offered: negotiated.offered,
            })),
            // Its settings may be changed before the next try.
            Err(IpmiFault::CipherSuite { .. }) => slot.set_negotiated(None),
            Err(_) => {}
        }
        result
    }
}
