//! The two directions of a serial-over-LAN payload, without socket or clock: what is sent next, what
//! an acknowledgement settles, which characters are new (chapter 15.9 to 15.11).

use std::collections::VecDeque;

use crate::ipmi::wire::sol::{BmcFlags, ConsoleFlags, SolPacket, next_sequence};

type FromBmc = SolPacket<BmcFlags>;
type ToBmc = SolPacket<ConsoleFlags>;

/// Characters to the machine: one packet under way at a time, as the protocol has it.
#[derive(Debug)]
pub(super) struct Outbound {
    /// Characters that wait for their packet.
    waiting: VecDeque<u8>,
    wants_break: bool,
    under_way: Option<ToBmc>,
    sequence: u8,
    /// Most characters in a packet.
    most: usize,
}

/// What an acknowledgement has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing: it was for another packet.
    Nothing,
    /// All or some of the characters were taken.
    Taken,
    /// The machine takes no characters now: what was to be sent is dropped.
    Refused,
}

impl Outbound {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            wants_break: false,
            under_way: None,
            sequence: 0,
            most,
        }
    }

    /// Characters that were not acknowledged yet.
    pub(super) fn len(&self) -> usize {
        let under_way = self.under_way.as_ref().map_or(0, |p| p.characters.len());
        self.waiting.len() + under_way
    }

    pub(super) fn push(&mut self, characters: &[u8]) {
        self.waiting.extend(characters);
    }

    /// A break goes before the characters that wait.
    pub(super) const fn send_break(&mut self) {
        self.wants_break = true;
    }

    /// The packet that is to be sent now, when none is under way and there is something to send.
    pub(super) fn next(&mut self) -> Option<ToBmc> {
        if self.under_way.is_some() || (self.waiting.is_empty() && !self.wants_break) {
            return None;
        }
        self.sequence = next_sequence(self.sequence);
        let send_break = std::mem::take(&mut self.wants_break);
        let count = if send_break {
            0
        } else {
            self.waiting.len().min(self.most)
        };
        let packet = SolPacket {
            sequence: self.sequence,
            acknowledged: 0,
            accepted: 0,
            flags: ConsoleFlags {
                nack: false,
                send_break,
            },
            characters: self.waiting.drain(..count).collect(),
        };
        self.under_way = Some(packet.clone());
        Some(packet)
    }

    /// The packet that is under way, to be sent once more.
    pub(super) const fn again(&self) -> Option<&ToBmc> {
        self.under_way.as_ref()
    }

    /// A packet of the BMC came: it may acknowledge the one under way. What was not accepted of it
    /// goes first into the next one.
    pub(super) fn acknowledge(&mut self, packet: &FromBmc) -> Settled {
        let Some(sent) = self
            .under_way
            .take_if(|sent| sent.sequence == packet.acknowledged && packet.acknowledged != 0)
        else {
            return Settled::Nothing;
        };
        if packet.flags.nack && packet.flags.unavailable {
            self.waiting.clear();
            return Settled::Refused;
        }
        let accepted = usize::from(packet.accepted);
        let rest = sent.characters.get(accepted..).unwrap_or_default();
        for character in rest.iter().rev() {
            self.waiting.push_front(*character);
        }
        Settled::Taken
    }
}

/// Characters of the machine: each is given once, however often its packet comes.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    last: u8,
}

/// A packet's characters, and what is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Those that are new.
    pub(super) characters: Vec<u8>,
    /// The acknowledgement; none where nothing is to be acknowledged.
    pub(super) answer: Option<ToBmc>,
}

impl Inbound {
    /// Takes a packet; where there is no room for its characters, the BMC is told to send them again.
    pub(super) fn take(&mut self, packet: FromBmc, has_room: bool) -> Taken {
        if packet.sequence == 0 {
            return Taken {
                characters: Vec::new(),
                answer: None,
            };
        }
        let is_new = packet.sequence != self.last;
        let refused = is_new && !has_room;
        let count = u8::try_from(packet.characters.len()).unwrap_or(u8::MAX);
        let answer = SolPacket {
            sequence: 0,
            acknowledged: packet.sequence,
            accepted: if refused { 0 } else { count },
            flags: ConsoleFlags {
                nack: refused,
                send_break: false,
            },
            characters: Vec::new(),
        };
        let characters = if is_new && has_room {
            self.last = packet.sequence;
            packet.characters
        } else {
            Vec::new()
        };
        Taken {
            characters,
            answer: Some(answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn acknowledgement(acknowledged: u8, accepted: u8, flags: BmcFlags) -> FromBmc {
        SolPacket {
            acknowledged,
            accepted,
            flags,
            ..SolPacket::default()
        }
    }

    #[test]
    fn what_was_not_accepted_goes_first_into_the_next_packet() {
        let mut outbound = Outbound::new(4);
        outbound.push(b"abcdef");
        let first = outbound.next().expect("a packet");
        assert_eq!((first.sequence, &first.characters[..]), (1, &b"abcd"[..]));
        assert!(outbound.next().is_none(), "one at a time");
        let other = acknowledgement(2, 4, BmcFlags::default());
        assert_eq!(outbound.acknowledge(&other), Settled::Nothing);
        let part = acknowledgement(1, 3, BmcFlags::default());
        assert_eq!(outbound.acknowledge(&part), Settled::Taken);
        let second = outbound.next().expect("a packet");
        assert_eq!((second.sequence, &second.characters[..]), (2, &b"def"[..]));
    }

    #[test]
    fn a_machine_that_is_off_takes_nothing_and_nothing_is_kept_for_it() {
        let mut outbound = Outbound::new(80);
        outbound.push(b"reboot\r");
        outbound.next();
        outbound.push(b"more");
        let flags = BmcFlags {
            nack: true,
            unavailable: true,
            ..BmcFlags::default()
        };
        let refused = acknowledgement(1, 0, flags);
        assert_eq!(outbound.acknowledge(&refused), Settled::Refused);
        assert_eq!((outbound.len(), outbound.next()), (0, None));
    }

    #[test]
    fn a_break_goes_before_what_waits() {
        let mut outbound = Outbound::new(80);
        outbound.push(b"x");
        outbound.send_break();
        let first = outbound.next().expect("a packet");
        assert!(first.flags.send_break && first.characters.is_empty());
    }

    #[test]
    fn a_packet_without_room_is_asked_for_again_and_then_new() {
        let mut inbound = Inbound::default();
        let packet = SolPacket {
            sequence: 3,
            characters: b"boot".to_vec(),
            ..FromBmc::default()
        };
        let taken = inbound.take(packet.clone(), false);
        assert!(taken.characters.is_empty());
        assert!(
            taken
                .answer
                .is_some_and(|a| a.flags.nack && a.accepted == 0)
        );
        assert_eq!(inbound.take(packet.clone(), true).characters, b"boot");
        let again = inbound.take(packet, true);
        assert!(again.characters.is_empty());
        assert!(
            again
                .answer
                .is_some_and(|a| !a.flags.nack && a.accepted == 4)
        );
    }

    proptest! {
        /// A BMC that takes what it likes of each packet has in the end taken all, in order.
        #[test]
        fn all_arrives_in_order(
            text in proptest::collection::vec(any::<u8>(), 1..200),
            takes in proptest::collection::vec(1_u8..40, 1..20),
            most in 1_usize..60,
        ) {
            let mut outbound = Outbound::new(most);
            outbound.push(&text);
            let mut arrived: Vec<u8> = Vec::new();
            let mut takes = takes.iter().cycle();
            while let Some(packet) = outbound.next() {
                let count = usize::from(*takes.next().unwrap()).min(packet.characters.len());
                arrived.extend(&packet.characters[..count]);
                let accepted = u8::try_from(count).unwrap();
                outbound.acknowledge(&acknowledgement(packet.sequence, accepted, BmcFlags::default()));
            }
            prop_assert_eq!(arrived, text);
        }
    }
}
