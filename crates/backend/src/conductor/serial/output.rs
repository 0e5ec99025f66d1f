//! What a machine wrote last to its serial console: bounded, each character and signal at a place
//! that only grows, so that any number of readers go on where they were and learn what they lost.

use std::collections::VecDeque;

use cupola_api::serial::{SerialCursor, SerialItem, SerialSignal};
use jiff::{SignedDuration, Timestamp};

/// How many characters are kept.
const KEPT: usize = 256 << 10;
/// How many pieces are kept, whatever their size.
const PIECES: usize = 8192;
/// Characters that come within this time of the first are one piece.
const TOGETHER: SignedDuration = SignedDuration::from_millis(200);
/// The most characters of a piece.
const PIECE: usize = 4096;

#[derive(Debug)]
enum What {
    Characters(Vec<u8>),
    Signal(SerialSignal),
}

#[derive(Debug)]
struct Piece {
    position: u64,
    at: Timestamp,
    what: What,
}

impl Piece {
    fn len(&self) -> usize {
        match &self.what {
            What::Characters(characters) => characters.len(),
            What::Signal(_) => 1,
        }
    }
}

/// The last output of one session.
#[derive(Debug)]
pub(super) struct Output {
    session: u64,
    pieces: VecDeque<Piece>,
    kept: usize,
    next: u64,
}

impl Output {
    /// Of a session with this number: nothing yet.
    pub(super) const fn new(session: u64) -> Self {
        Self {
            session,
            pieces: VecDeque::new(),
            kept: 0,
            next: 0,
        }
    }

    /// The place behind everything.
    pub(super) const fn end(&self) -> SerialCursor {
        SerialCursor {
            session: self.session,
            position: self.next,
        }
    }

    pub(super) fn write(&mut self, at: Timestamp, characters: &[u8]) {
        for part in characters.chunks(PIECE) {
            self.kept += part.len();
            if let Some(Piece {
                at: begun,
                what: What::Characters(piece),
                ..
            }) = self.pieces.back_mut()
                && piece.len() + part.len() <= PIECE
                && at.duration_since(*begun) <= TOGETHER
            {
                piece.extend_from_slice(part);
            } else {
                self.pieces.push_back(Piece {
                    position: self.next,
                    at,
                    what: What::Characters(part.to_vec()),
                });
            }
            self.next += part.len() as u64;
            self.forget();
        }
    }

    pub(super) fn signal(&mut self, at: Timestamp, signal: SerialSignal) {
        self.pieces.push_back(Piece {
            position: self.next,
            at,
            what: What::Signal(signal),
        });
        self.kept += 1;
        self.next += 1;
        self.forget();
    }

    fn forget(&mut self) {
        while self.kept > KEPT || self.pieces.len() > PIECES {
            match self.pieces.pop_front() {
                Some(piece) => self.kept -= piece.len(),
                None => return,
            }
        }
    }

    fn first(&self) -> u64 {
        self.pieces.front().map_or(self.next, |p| p.position)
    }

    /// What is behind a place, of about `most` characters, and the place behind that. A reader
    /// without a place gets all that is kept.
    pub(super) fn read(
        &self,
        from: Option<SerialCursor>,
        most: usize,
    ) -> (Vec<SerialItem>, SerialCursor) {
        let first = self.first();
        let mut items = Vec::new();
        let lost = match from {
            None => None,
            Some(at) if at.session != self.session || at.position > self.next => Some(None),
            Some(at) if at.position < first => Some(Some(first - at.position)),
            Some(_) => None,
        };
        let mut position = match from {
            Some(at) if lost.is_none() => at.position,
            Some(_) | None => first,
        };
        if let Some(count) = lost {
            let next = self.place(position);
            items.push(SerialItem::Missed { next, count });
        }
        let mut taken = 0;
        let begin = self
            .pieces
            .partition_point(|p| p.position + p.len() as u64 <= position);
        for piece in self.pieces.iter().skip(begin) {
            if taken >= most {
                break;
            }
            let skipped = usize::try_from(position - piece.position).unwrap_or(usize::MAX);
            position = piece.position + piece.len() as u64;
            taken += piece.len();
            let (next, at) = (self.place(position), piece.at);
            items.push(match &piece.what {
                What::Characters(characters) => SerialItem::Output {
                    next,
                    at,
                    characters: characters.get(skipped..).unwrap_or_default().to_vec(),
                },
                What::Signal(signal) => SerialItem::Signal {
                    next,
                    at,
                    signal: *signal,
                },
            });
        }
        (items, self.place(position))
    }

    const fn place(&self, position: u64) -> SerialCursor {
        SerialCursor {
            session: self.session,
            position,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
    }

    fn text(items: &[SerialItem]) -> Vec<u8> {
        let mut text = Vec::new();
        for item in items {
            if let SerialItem::Output { characters, .. } = item {
                text.extend(characters);
            }
        }
        text
    }

    #[test]
    fn a_reader_goes_on_in_the_middle_of_a_piece() {
        let mut output = Output::new(7);
        output.write(at(0), b"abc");
        output.write(at(10), b"def");
        let from = SerialCursor {
            session: 7,
            position: 2,
        };
        let (items, next) = output.read(Some(from), 100);
        assert_eq!((text(&items), items.len()), (b"cdef".to_vec(), 1));
        assert_eq!(next, output.end());
        assert!(output.read(Some(next), 100).0.is_empty());
    }

    #[test]
    fn who_was_too_slow_is_told_how_much_is_lost() {
        let mut output = Output::new(1);
        output.write(at(0), b"lost");
        output.signal(at(0), SerialSignal::Break);
        output.write(at(0), &vec![b'x'; KEPT]);
        let from = SerialCursor {
            session: 1,
            position: 1,
        };
        let (items, next) = output.read(Some(from), usize::MAX);
        assert!(
            matches!(items[0], SerialItem::Missed { count: Some(4), .. }),
            "{:?}",
            items[0]
        );
        assert_eq!(text(&items).len(), KEPT);
        assert_eq!(next, output.end());
    }

    #[test]
    fn a_place_of_another_session_means_nothing() {
        let mut output = Output::new(2);
        output.write(at(0), b"hello");
        let from = SerialCursor {
            session: 1,
            position: 3,
        };
        let (items, _) = output.read(Some(from), 100);
        assert!(matches!(items[0], SerialItem::Missed { count: None, .. }));
        assert_eq!(text(&items), b"hello");
    }

    proptest! {
        /// However it is written and read, a reader that keeps up gets everything in order.
        #[test]
        fn all_is_read_in_order(
            writes in proptest::collection::vec(
                (0_i64..400, proptest::collection::vec(any::<u8>(), 0..600)), 0..60),
            most in 1_usize..5000,
        ) {
            let mut output = Output::new(1);
            let mut cursor = output.end();
            let (mut written, mut read, mut now) = (Vec::<u8>::new(), Vec::<u8>::new(), 0);
            for (pause, piece) in &writes {
                now += pause;
                output.write(at(now), piece);
                written.extend(piece);
                let (items, next) = output.read(Some(cursor), most);
                read.extend(text(&items));
                cursor = next;
            }
            while cursor != output.end() {
                let (items, next) = output.read(Some(cursor), most);
                read.extend(text(&items));
                cursor = next;
            }
            prop_assert_eq!(read, written);
        }
    }
}
