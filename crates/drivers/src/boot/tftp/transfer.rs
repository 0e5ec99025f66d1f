//! One TFTP transfer, as a state machine: hears packets and the clock, says what to send.
//!
//! Blocks go out a window at a time (RFC 7440; a window of one is RFC 1350). A timeout sends the
//! window again. A client that sends an ERROR ends the transfer at once: ROMs do so after asking
//! for a file's size. Pure: no socket, no file, no clock; those are the [`worker`](super::worker)'s.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::packet::Packet;
use super::terms::Terms;
use super::timer::RetransmitTimer;
use crate::boot::contact::TftpFailure;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait.
    Nothing,
    /// Send this.
    Send(Outgoing),
    /// The client has the last block.
    Done,
    /// It is over.
    Failed(TftpFailure),
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// The granted options.
    OptionAck,
    /// These blocks, counted from 1 without wrapping.
    Blocks(Range<u64>),
}

/// A transfer under way.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    terms: Terms,
    size: u64,
    retries: u32,
    /// Number of the last block.
    last_block: u64,
    /// The last block that the client has; `None` until it has acknowledged the options.
    acknowledged: Option<u64>,
    timer: RetransmitTimer,
    /// When what is waited for was sent, as long as it was sent once.
    sent_once: Option<Instant>,
    /// Until when an answer is waited for.
    until: Instant,
    /// When it is over in any case.
    deadline: Instant,
    /// Whether this window was sent again already because the client repeated itself.
    answered_repeat: bool,
}

impl Transfer {
    /// A transfer of a file of that size; begins with [`Transfer::start`].
    pub(super) fn new(
        terms: Terms,
        size: u64,
        retries: u32,
        longest: Duration,
        now: Instant,
    ) -> Self {
        Self {
            last_block: terms.last_block(size),
            acknowledged: terms.granted.is_empty().then_some(0),
            timer: RetransmitTimer::new(terms.timeout),
            sent_once: None,
            until: now,
            deadline: now + longest,
            answered_repeat: false,
            terms,
            size,
            retries,
        }
    }

    pub(super) const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Octets that the client has.
    pub(super) fn bytes(&self) -> u64 {
        let blocks = self.acknowledged.unwrap_or(0);
        blocks
            .saturating_mul(self.terms.block_size as u64)
            .min(self.size)
    }

    /// When [`Transfer::expire`] shall be called.
    pub(super) fn wakes_at(&self) -> Instant {
        self.until.min(self.deadline)
    }

    /// The first thing to send.
    pub(super) fn start(&mut self, now: Instant) -> Outgoing {
        self.send(now, true)
    }

    /// A packet of the client.
    pub(super) fn hear(&mut self, datagram: &[u8], now: Instant) -> Step {
        match Packet::decode(datagram) {
            Ok(Packet::Ack { block }) => self.acknowledge(block, now),
            Ok(Packet::Error { code, message }) => {
                Step::Failed(TftpFailure::ClientError { code, message })
            }
            Ok(Packet::Read(_) | Packet::Write(_) | Packet::Data { .. } | Packet::OptionAck(_))
            | Err(_) => Step::Nothing,
        }
    }

    /// The time of [`Transfer::wakes_at`] has come.
    pub(super) fn expire(&mut self, now: Instant) -> Step {
        if now >= self.deadline {
            return Step::Failed(TftpFailure::TimedOut);
        }
        if now < self.until {
            return Step::Nothing;
        }
        if self.timer.expired() >= self.retries {
            return Step::Failed(TftpFailure::TimedOut);
        }
        self.timer.expire();
        Step::Send(self.send(now, false))
    }

    /// What to send could not be read yet: the wait begins when it can.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.until = now + self.timer.wait();
        self.sent_once = self.sent_once.map(|_| now);
    }

    fn acknowledge(&mut self, block: u16, now: Instant) -> Step {
        let Some(acknowledged) = self.acknowledged else {
            if block == 0 {
                self.progressed(0, now);
                return Step::Send(self.send(now, true));
            }
            return Step::Nothing;
        };
        // Block numbers wrap; a window is far smaller than the cycle.
        let ahead = u64::from(block.wrapping_sub(wire_number(acknowledged)));
        if ahead == 0 {
            return self.repeated(now);
        }
        if acknowledged + ahead >= self.window().end {
            return Step::Nothing;
        }
        self.progressed(acknowledged + ahead, now);
        if acknowledged + ahead == self.last_block {
            return Step::Done;
        }
        Step::Send(self.send(now, true))
    }

    /// The client repeats what it said: the first packet of the window may be lost. Answering each
    /// repeated acknowledgement with data doubles every packet for the rest of the transfer
    /// (RFC 1123 section 4.2.3.1), so a window is sent again for one of them, and in lockstep mode
    /// for none.
    fn repeated(&mut self, now: Instant) -> Step {
        if self.terms.window == 1 || self.answered_repeat {
            return Step::Nothing;
        }
        self.answered_repeat = true;
        Step::Send(self.send(now, false))
    }

    fn progressed(&mut self, block: u64, now: Instant) {
        if let Some(sent) = self.sent_once {
            self.timer.sample(now.saturating_duration_since(sent));
        }
        self.timer.progress();
        self.answered_repeat = false;
        self.acknowledged = Some(block);
    }

    /// The blocks that may be under way now.
    fn window(&self) -> Range<u64> {
        let acknowledged = self.acknowledged.unwrap_or(0);
        let end = (acknowledged + self.terms.window).min(self.last_block);
        acknowledged + 1..end + 1
    }

    fn send(&mut self, now: Instant, first: bool) -> Outgoing {
        self.until = now + self.timer.wait();
        self.sent_once = first.then_some(now);
        match self.acknowledged {
            None => Outgoing::OptionAck,
            Some(_) => Outgoing::Blocks(self.window()),
        }
    }
}

/// The number a block has on the wire: it wraps to 0 after 65535, as clients expect.
pub(super) const fn wire_number(block: u64) -> u16 {
    let [.., high, low] = block.to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests;
