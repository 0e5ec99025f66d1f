//! The client of a transfer, which says anything at any time and knows what may be answered.

use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::TftpConfig;
use super::super::packet::{Options, Packet};
use super::super::stretch::{Held, Layout, Stretch};
use super::super::terms::Terms;
use super::super::transfer::{Outgoing, Step, Transfer, wire_number};
use crate::boot::contact::TftpFailure;
use crate::boot::content::Content;

/// Files are smaller than this; block numbers wrap in one whose blocks are the smallest.
pub(super) const LARGEST: u64 = 1 << 20;

/// Octets whose content is compared; more of the same only cost time.
const COMPARED: usize = 4 << 20;

static FILE: LazyLock<Bytes> = LazyLock::new(|| {
    (0..LARGEST)
        .map(|n| (n % 251) as u8)
        .collect::<Vec<_>>()
        .into()
});

/// Why a transfer did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It heard an acknowledgement.
    Acknowledged(u16),
    /// It heard an ERROR.
    Error,
    /// It heard something else.
    Noise,
    /// Its time had come.
    Expired,
}

/// The client.
pub(super) struct Peer {
    transfer: Transfer,
    layout: Layout,
    content: Content,
    held: Held,
    size: u64,
    block: u64,
    window: u64,
    retries: u32,
    last: u64,
    now: Instant,
    ends: Instant,
    /// The last block that it has said to have; `None` until it has taken the options.
    has: Option<u64>,
    /// The last block that was sent to it.
    sent: u64,
    /// How often it came further.
    progress: u64,
    /// Packets or windows that were sent to it.
    sends: u64,
    blocks: u64,
    compared: usize,
    ended: Option<Step>,
}

impl Peer {
    /// Asks for a file, with these options.
    pub(super) fn ask(config: &TftpConfig, options: Options, size: u64) -> Self {
        let terms = Terms::negotiate(config, options, size);
        check_terms(config, &options, &terms);
        let now = Instant::now();
        let mut transfer = Transfer::new(terms, size, config.retries, config.longest, now);
        let first = transfer.start(now);
        let length = usize::try_from(size).unwrap_or(0);
        let mut peer = Self {
            layout: Layout::new(terms.block_size, terms.window, size),
            content: Content::Memory(FILE.slice(..length)),
            held: Held::default(),
            size,
            block: terms.block_size as u64,
            window: terms.window,
            retries: config.retries,
            last: size / terms.block_size as u64 + 1,
            transfer,
            now,
            ends: now + config.longest,
            has: options.is_empty().then_some(0),
            sent: 0,
            progress: 0,
            sends: 0,
            blocks: 0,
            compared: 0,
            ended: None,
        };
        peer.receive(&first);
        peer
    }

    pub(super) const fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Says something.
    pub(super) fn say(&mut self, datagram: &[u8]) {
        let cause = match datagram {
            [0, 4, high, low, ..] => Cause::Acknowledged(u16::from_be_bytes([*high, *low])),
            [0, 5, _, _, ..] => Cause::Error,
            _ => Cause::Noise,
        };
        let step = self.transfer.hear(datagram, self.now);
        self.take(step, cause);
    }

    /// Says to have a block so many away from the last one that it has.
    pub(super) fn acknowledge(&mut self, away: i64) {
        let block = self.has.unwrap_or(0).wrapping_add_signed(away);
        let block = wire_number(block);
        self.say(&Packet::Ack { block }.to_vec());
    }

    /// Says to have all that was sent.
    pub(super) fn acknowledge_last(&mut self) {
        let block = wire_number(self.sent);
        self.say(&Packet::Ack { block }.to_vec());
    }

    /// Takes so many windows as it should.
    pub(super) fn behave(&mut self, windows: u16) {
        for _ in 0..windows {
            if self.is_over() {
                return;
            }
            let before = self.has;
            self.acknowledge_last();
            assert!(
                self.is_over() || self.has > before,
                "a sound client is left alone"
            );
        }
    }

    /// Lets time pass; the transfer is told of it late.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        let step = self.transfer.expire(self.now);
        self.take(step, Cause::Expired);
    }

    /// Is silent until the transfer's time has come.
    pub(super) fn wait_in_vain(&mut self) {
        self.now = self.now.max(self.transfer.wakes_at());
        let step = self.transfer.expire(self.now);
        assert_ne!(step, Step::Nothing, "it wakes and does nothing");
        self.take(step, Cause::Expired);
    }

    /// What was to be sent had to be waited for.
    pub(super) fn slow_disk(&mut self) {
        self.transfer.postpone(self.now);
        assert!(self.transfer.wakes_at() >= self.now.min(self.ends));
    }

    /// Says nothing more, until the transfer is over.
    pub(super) fn fall_silent(mut self) -> (u64, bool) {
        for _ in 0..=self.retries {
            if !self.is_over() {
                self.wait_in_vain();
            }
        }
        assert!(self.is_over(), "a silent client is never given up");
        (self.blocks, self.ended == Some(Step::Done))
    }

    fn take(&mut self, step: Step, cause: Cause) {
        let came_further = self.comes_further(cause);
        if let Some(block) = came_further {
            self.has = Some(block);
            self.progress += 1;
        }
        match &step {
            Step::Nothing => assert_eq!(came_further, None, "progress is not answered"),
            Step::Send(outgoing) => {
                let repeats = matches!(cause, Cause::Acknowledged(block)
                    if self.has.map(wire_number) == Some(block));
                assert!(
                    came_further.is_some() || cause == Cause::Expired || repeats,
                    "{cause:?} is answered"
                );
                // RFC 1123 section 4.2.3.1.
                assert!(
                    came_further.is_some() || cause == Cause::Expired || self.window > 1,
                    "a repeated acknowledgement is answered with data"
                );
                self.receive(outgoing);
            }
            Step::Done => {
                assert_eq!(came_further, Some(self.last), "done without the last block");
                assert_eq!(self.transfer.bytes(), self.size);
            }
            Step::Failed(TftpFailure::ClientError { .. }) => assert_eq!(cause, Cause::Error),
            Step::Failed(reason) => {
                assert_eq!((reason, cause), (&TftpFailure::TimedOut, Cause::Expired));
            }
        }
        let had = self.has.unwrap_or(0).saturating_mul(self.block);
        assert_eq!(self.transfer.bytes(), had.min(self.size));
        if matches!(step, Step::Done | Step::Failed(_)) {
            self.ended = Some(step);
        } else {
            assert!(
                self.transfer.wakes_at() <= self.ends,
                "it outlives its time"
            );
        }
    }

    /// The block that an acknowledgement brings the client to, if it is one that was sent.
    fn comes_further(&self, cause: Cause) -> Option<u64> {
        let Cause::Acknowledged(number) = cause else {
            return None;
        };
        match self.has {
            None => (number == 0).then_some(0),
            Some(has) => (has + 1..=self.sent.min(has + self.window))
                .find(|block| wire_number(*block) == number),
        }
    }

    fn receive(&mut self, outgoing: &Outgoing) {
        self.sends += 1;
        let retries = u64::from(self.retries);
        let most = 1 + self.progress * 2 + (self.progress + 1) * retries;
        assert!(
            self.sends <= most,
            "{} sends for {} steps",
            self.sends,
            self.progress
        );
        match outgoing {
            Outgoing::OptionAck => {
                assert_eq!(self.has, None, "the options are acknowledged again");
                let granted = self.transfer.terms().granted;
                let packet = Packet::OptionAck(granted).to_vec();
                assert!(packet.len() <= 512, "{} octets of options", packet.len());
                assert_eq!(Packet::decode(&packet), Ok(Packet::OptionAck(granted)));
            }
            Outgoing::Blocks(blocks) => self.receive_blocks(blocks),
        }
    }

    fn receive_blocks(&mut self, blocks: &Range<u64>) {
        assert_eq!(self.has.map(|has| has + 1), Some(blocks.start));
        assert!(
            blocks.start < blocks.end && blocks.end - 1 <= self.last,
            "{blocks:?}"
        );
        assert!(blocks.end - blocks.start <= self.window, "{blocks:?}");
        self.sent = self.sent.max(blocks.end - 1);
        self.blocks += blocks.end - blocks.start;
        if self.compared >= COMPARED {
            return;
        }
        let mut numbers = blocks.clone();
        for first in self.layout.stretches(blocks) {
            let stretch = self.hold(first, blocks);
            let packets = stretch.packets(blocks);
            self.compared += packets.len();
            for packet in packets.chunks(stretch.stride()) {
                let number = numbers.next().unwrap_or(0);
                assert!(
                    self.is_block(number, packet),
                    "block {number} is not the file's"
                );
            }
        }
        assert_eq!(numbers.next(), None, "blocks are missing");
    }

    /// The stretch that begins with this block, made once as the server does.
    fn hold(&mut self, first: u64, blocks: &Range<u64>) -> Arc<Stretch> {
        if let Some(stretch) = self.held.get(first) {
            return Arc::clone(stretch);
        }
        let made = Stretch::from_memory(self.layout, first, &self.content);
        let Ok(Some(stretch)) = made else {
            unreachable!("what is in memory can be read");
        };
        let stretch = Arc::new(stretch);
        self.held.keep(blocks);
        self.held.add(Arc::clone(&stretch));
        stretch
    }

    fn is_block(&self, number: u64, packet: &[u8]) -> bool {
        let start = self.size.min(number.saturating_sub(1) * self.block);
        let end = self.size.min(start + self.block);
        let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        let block = wire_number(number);
        let data = FILE.get(range).unwrap_or_default();
        Packet::decode(packet) == Ok(Packet::Data { block, data })
    }
}

/// What is granted was asked for, and is within what we and the RFCs allow.
fn check_terms(config: &TftpConfig, asked: &Options, terms: &Terms) {
    let granted = &terms.granted;
    assert_eq!(asked.block_size.is_some(), granted.block_size.is_some());
    assert_eq!(asked.window_size.is_some(), granted.window_size.is_some());
    assert_eq!(asked.timeout, granted.timeout);
    assert!(granted.block_size <= asked.block_size && granted.window_size <= asked.window_size);
    assert!(granted.block_size <= Some(config.max_block_size.max(8)));
    assert!(granted.window_size <= Some(config.max_window_size.max(1)));
    assert_eq!(
        terms.block_size,
        usize::from(granted.block_size.unwrap_or(512))
    );
    assert_eq!(terms.window, u64::from(granted.window_size.unwrap_or(1)));
    assert!(terms.block_size >= 8 && terms.window >= 1);
}
