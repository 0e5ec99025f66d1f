//! One operation's line to a BMC: sends, listens, retransmits with back-off, and knows at the end
//! whether the BMC was silent or packets were lost.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    error::IpmiFault,
    hub::{IpmiConfig, Sockets},
    observer::{BmcObserver, RetryRecord},
    route::Route,
};

/// How often a packet may be sent before the line gives up on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempts {
    /// Until the operation's deadline.
    UntilDeadline,
    /// So many times, or until the deadline if that is earlier.
    Most(u32),
}

/// The line of one operation.
pub(super) struct Line<'a> {
    pub(super) address: SocketAddr,
    pub(super) deadline: Instant,
    pub(super) cancel: &'a CancellationToken,
    config: &'a IpmiConfig,
    sockets: &'a Sockets,
    in_flight: &'a Semaphore,
    started: Instant,
    /// Whether anything came back since the operation began.
    heard: bool,
    /// Packets sent since the operation began.
    sent: u32,
    /// Packets sent since something came back last.
    unanswered: u32,
    /// Who is told that the BMC does not answer.
    pub(super) observer: Option<&'a dyn BmcObserver>,
    /// How long this BMC was seen to take for an answer; a slow one must not be flooded with
    /// repetitions, which it would work off one after another.
    pub(super) pace: Duration,
}

impl<'a> Line<'a> {
    pub(super) fn new(
        address: SocketAddr,
        deadline: Instant,
        cancel: &'a CancellationToken,
        config: &'a IpmiConfig,
        sockets: &'a Sockets,
        in_flight: &'a Semaphore,
    ) -> Self {
        Self {
            address,
            deadline,
            cancel,
            config,
            sockets,
            in_flight,
            started: Instant::now(),
            heard: false,
            sent: 0,
            unanswered: 0,
            observer: None,
            pace: Duration::ZERO,
        }
    }

    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    pub(super) fn expired(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Sends what `packet` makes and waits until `accept` takes an answer, again and again.
    ///
    /// `packet` is called for every transmission, so that each carries a new session sequence
    /// number: a BMC drops a number that it has seen.
    pub(super) async fn ask<C, T>(
        &mut self,
        stage: &'static str,
        route: &mut Route,
        attempts: Attempts,
        context: &mut C,
        mut packet: impl FnMut(&mut C) -> Result<Vec<u8>, IpmiFault>,
        mut accept: impl FnMut(&mut C, &[u8]) -> Option<T>,
    ) -> Result<T, IpmiFault> {
        let permit = self.wait(self.in_flight.acquire()).await?;
        let mut delay = (self.pace * 3 / 2)
            .max(self.config.retransmit_first)
            .min(self.config.retransmit_most);
        let asked = Instant::now();
        let mut sent = 0;
        loop {
            let datagram = packet(context)?;
            self.sockets
                .send(&datagram, self.address)
                .await
                .map_err(IpmiFault::Unreachable)?;
            sent += 1;
            self.sent += 1;
            self.unanswered += 1;
            let until = self.deadline.min(Instant::now() + delay);
            while let Some(datagram) = self.receive(route, until).await? {
                self.heard = true;
                self.unanswered = 0;
                if let Some(answer) = accept(context, &datagram) {
                    // Which of several packets was answered is unknown; half is a guess between
                    // a slow BMC and a lost packet.
                    self.pace = if sent == 1 {
                        asked.elapsed()
                    } else {
                        asked.elapsed() / 2
                    };
                    return Ok(answer);
                }
            }
            let spent = match attempts {
                Attempts::UntilDeadline => false,
                Attempts::Most(most) => sent >= most,
            };
            if spent || self.expired() {
                drop(permit);
                // What comes next goes on with this back-off, in case the BMC is only slow.
                self.pace = self.pace.max(delay * 2 / 3);
                return Err(self.no_answer(stage, sent));
            }
            self.tell_retries(stage);
            delay = (delay * 3 / 2).min(self.config.retransmit_most);
        }
    }

    fn tell_retries(&self, name: &'static str) {
        if self.unanswered >= 2
            && self.unanswered.is_power_of_two()
            && let Some(observer) = self.observer
        {
            observer.retries(&RetryRecord {
                address: self.address,
                name,
                unanswered: self.unanswered,
                waited: self.started.elapsed(),
                limit: self.deadline.saturating_duration_since(self.started),
            });
        }
    }

    /// Sends one packet for which no answer is awaited; a failure to send is of no interest.
    pub(super) async fn tell(&mut self, datagram: &[u8]) {
        self.sent += 1;
        if let Err(error) = self.sockets.send(datagram, self.address).await {
            tracing::debug!(address = %self.address, %error, "farewell not sent");
        }
    }

    /// Waits before another try, at most until the deadline.
    pub(super) async fn pause(&self, pause: Duration) -> Result<(), IpmiFault> {
        let until = self.deadline.min(Instant::now() + pause);
        tokio::select! {
            () = self.cancel.cancelled() => Err(IpmiFault::Cancelled),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }

    async fn receive(
        &self,
        route: &mut Route,
        until: Instant,
    ) -> Result<Option<Vec<u8>>, IpmiFault> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(IpmiFault::Cancelled),
            received = timeout_at(until, route.receive()) => Ok(received.unwrap_or(None)),
        }
    }

    /// Waits for a turn (a permit of a semaphore that is never closed).
    pub(super) async fn wait<T, E>(
        &self,
        turn: impl Future<Output = Result<T, E>>,
    ) -> Result<T, IpmiFault> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(IpmiFault::Cancelled),
            turn = timeout_at(self.deadline, turn) => match turn {
                Ok(Ok(permit)) => Ok(permit),
                Ok(Err(_)) => Err(IpmiFault::Cancelled),
                Err(_) => Err(IpmiFault::QueueTimeout),
            },
        }
    }

    fn no_answer(&self, stage: &'static str, sent: u32) -> IpmiFault {
        let waited = self.started.elapsed();
        if self.heard {
            IpmiFault::LostPackets {
                stage,
                sent,
                waited,
            }
        } else {
            IpmiFault::Silent {
                sent: self.sent,
                waited,
            }
        }
    }
}
