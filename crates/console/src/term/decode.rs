//! Bytes from the terminal into keys (ECMA-48 sequences as xterm, the Linux console and serial
//! terminals send them).
//!
//! A sequence may arrive in pieces: on a slow serial line each byte comes alone. The caller calls
//! [`Decoder::flush`] when nothing followed for a while; only then a lone Escape is the Escape key.

use crate::key::Key;
use crate::mouse::{Did, Mouse};

/// What came from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A key.
    Key(Key),
    /// The Enter after a burst of characters, each of which came as a key: what a barcode scanner
    /// types.
    Scanned {
        /// The characters.
        text: String,
        /// Whether nothing was typed for a while before it.
        fresh: bool,
    },
    /// Something done with the mouse.
    Mouse(Mouse),
    /// Pasted text.
    Paste(String),
    /// The answer to a question for the cursor's position: row and column, from 1.
    Position(u16, u16),
    /// The terminal is gone.
    Lost,
}

/// The longest sequence that is waited for; what is longer is noise.
const MAX_SEQUENCE: usize = 32;
/// The longest paste that is kept.
const MAX_PASTE: usize = 1 << 20;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Collects bytes into keys.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    paste: Option<Vec<u8>>,
}

enum Parsed {
    Key(Key, usize),
    Position(u16, u16, usize),
    Mouse(Mouse, usize),
    PasteStart(usize),
    Skip(usize),
    Partial,
}

impl Decoder {
    /// Takes bytes and returns what they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Input> {
        self.bytes.extend_from_slice(bytes);
        let mut out = Vec::new();
        loop {
            if self.paste.is_some() {
                match self.pasted() {
                    Some(text) => out.push(Input::Paste(text)),
                    None => return out,
                }
            }
            let used = match parse(&self.bytes) {
                Parsed::Key(key, used) => {
                    out.push(Input::Key(key));
                    used
                }
                Parsed::Position(row, column, used) => {
                    out.push(Input::Position(row, column));
                    used
                }
                Parsed::Mouse(mouse, used) => {
                    out.push(Input::Mouse(mouse));
                    used
                }
                Parsed::PasteStart(used) => {
                    self.paste = Some(Vec::new());
                    used
                }
                Parsed::Skip(used) => used,
                Parsed::Partial => return out,
            };
            self.bytes.drain(..used.min(self.bytes.len()));
        }
    }

    /// Whether a sequence has begun that is not complete.
    pub(crate) fn is_pending(&self) -> bool {
        !self.bytes.is_empty() && self.paste.is_none()
    }

    /// Nothing followed: a lone Escape is the key, anything else incomplete is dropped.
    pub(crate) fn flush(&mut self) -> Option<Input> {
        let bytes = std::mem::take(&mut self.bytes);
        match bytes.as_slice() {
            [0x1b] => Some(Input::Key(Key::Esc)),
            [0x1b, b'['] => Some(Input::Key(Key::Alt('['))),
            [0x1b, b'O'] => Some(Input::Key(Key::Alt('O'))),
            _ => None,
        }
    }

    fn pasted(&mut self) -> Option<String> {
        let end = self
            .bytes
            .windows(PASTE_END.len())
            .position(|w| w == PASTE_END);
        let keep = PASTE_END.len() - 1;
        let take = end.unwrap_or(self.bytes.len().saturating_sub(keep));
        let paste = self.paste.get_or_insert_default();
        paste.extend(self.bytes.drain(..take));
        paste.truncate(MAX_PASTE);
        end?;
        self.bytes.drain(..PASTE_END.len().min(self.bytes.len()));
        let paste = self.paste.take().unwrap_or_default();
        Some(String::from_utf8_lossy(&paste).into_owned())
    }
}

fn parse(bytes: &[u8]) -> Parsed {
    match bytes {
        [] | [0x1b] => Parsed::Partial,
        [0x1b, b'[', b'[', letter, ..] => match letter {
            b'A'..=b'E' => Parsed::Key(Key::F(letter - b'A' + 1), 4),
            _ => Parsed::Skip(4),
        },
        [0x1b, b'[', rest @ ..] => control_sequence(rest),
        [0x1b, b'O'] => Parsed::Partial,
        [0x1b, b'O', letter, ..] => match final_letter(*letter) {
            Some(key) => Parsed::Key(key, 3),
            None => Parsed::Skip(3),
        },
        [0x1b, 0x1b, ..] => Parsed::Key(Key::Esc, 1),
        [0x1b, rest @ ..] => match plain(rest) {
            Parsed::Key(Key::Char(c), used) => Parsed::Key(Key::Alt(c), used + 1),
            Parsed::Partial => Parsed::Partial,
            Parsed::Key(..)
            | Parsed::Position(..)
            | Parsed::Mouse(..)
            | Parsed::PasteStart(_)
            | Parsed::Skip(_) => Parsed::Key(Key::Esc, 1),
        },
        _ => plain(bytes),
    }
}

/// What follows `ESC [`: parameters, then one final byte.
fn control_sequence(rest: &[u8]) -> Parsed {
    if rest == b"[" {
        return Parsed::Partial;
    }
    let Some(end) = rest.iter().position(|b| (0x40..=0x7e).contains(b)) else {
        return if rest.len() > MAX_SEQUENCE {
            Parsed::Skip(rest.len() + 2)
        } else {
            Parsed::Partial
        };
    };
    let used = end + 3;
    let (parameters, last) = rest.split_at(end);
    match (parameters, last) {
        ([b'<', report @ ..], [b'M', ..]) => {
            return mouse(report).map_or(Parsed::Skip(used), |mouse| Parsed::Mouse(mouse, used));
        }
        // A terminal that knows only xterm's first way of reports: three bytes that are no keys.
        ([], [b'M', _, _, _, ..]) => return Parsed::Skip(used + 3),
        ([], [b'M', ..]) => return Parsed::Partial,
        _ => {}
    }
    let mut numbers = std::str::from_utf8(parameters)
        .unwrap_or_default()
        .split(';')
        .map(|n| n.parse::<u16>().ok());
    let first = numbers.next().flatten();
    let second = numbers.next().flatten();
    let letter = last.first().copied().unwrap_or_default();
    let key = match (letter, first, second) {
        (b'~', Some(200), _) => return Parsed::PasteStart(used),
        (b'~', Some(n), _) => numbered(n),
        (b'R', Some(row), Some(column)) if row > 1 => {
            return Parsed::Position(row, column, used);
        }
        _ => final_letter(letter),
    };
    key.map_or(Parsed::Skip(used), |key| Parsed::Key(key, used))
}

/// A press, as xterm reports it in its mode 1006: button, column and row.
fn mouse(report: &[u8]) -> Option<Mouse> {
    let mut numbers = std::str::from_utf8(report).ok()?.split(';');
    let mut number = || numbers.next()?.parse::<u16>().ok();
    let (button, column, row) = (number()?, number()?, number()?);
    let did = match button {
        0 => Did::Pressed,
        64 => Did::WheelUp,
        65 => Did::WheelDown,
        _ => return None,
    };
    Some(Mouse {
        did,
        column: column.checked_sub(1)?,
        row: row.checked_sub(1)?,
    })
}

fn numbered(number: u16) -> Option<Key> {
    Some(match number {
        1 | 7 => Key::Home,
        2 => Key::Insert,
        3 => Key::Delete,
        4 | 8 => Key::End,
        5 => Key::PageUp,
        6 => Key::PageDown,
        11..=15 => Key::F(u8::try_from(number - 10).ok()?),
        17..=21 => Key::F(u8::try_from(number - 11).ok()?),
        23 | 24 => Key::F(u8::try_from(number - 12).ok()?),
        _ => return None,
    })
}

const fn final_letter(letter: u8) -> Option<Key> {
    Some(match letter {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'Z' => Key::BackTab,
        b'M' => Key::Enter,
        b'P'..=b'S' => Key::F(letter - b'P' + 1),
        _ => return None,
    })
}

fn plain(bytes: &[u8]) -> Parsed {
    let Some(first) = bytes.first().copied() else {
        return Parsed::Partial;
    };
    let key = match first {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x08 | 0x7f => Key::Backspace,
        0 => Key::Ctrl(' '),
        1..=26 => Key::Ctrl(char::from(first - 1 + b'a')),
        27 => return Parsed::Skip(1),
        28..=31 => Key::Ctrl(char::from(first + b'@')),
        _ => return character(bytes, first),
    };
    Parsed::Key(key, 1)
}

fn character(bytes: &[u8], first: u8) -> Parsed {
    let length = match first {
        0x20..=0x7e => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Parsed::Skip(1),
    };
    let Some(encoded) = bytes.get(..length) else {
        return Parsed::Partial;
    };
    std::str::from_utf8(encoded)
        .ok()
        .and_then(|text| text.chars().next())
        .map_or(Parsed::Skip(1), |c| Parsed::Key(Key::Char(c), length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(bytes: &[u8]) -> Vec<Input> {
        let mut decoder = Decoder::default();
        let mut out = decoder.push(bytes);
        out.extend(decoder.flush());
        out
    }

    #[test]
    fn knows_the_keys_of_common_terminals() {
        let cases: &[(&[u8], Key)] = &[
            (b"\x1b[A", Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[[A", Key::F(1)),
            (b"\x1b[[E", Key::F(5)),
            (b"\x1bOP", Key::F(1)),
            (b"\x1b[15~", Key::F(5)),
            (b"\x1b[17~", Key::F(6)),
            (b"\x1b[24~", Key::F(12)),
            (b"\x1b[1~", Key::Home),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[Z", Key::BackTab),
            (b"\x1b[1;5C", Key::Right),
            (b"\x1b", Key::Esc),
            (b"\x1bx", Key::Alt('x')),
            (b"\x03", Key::Ctrl('c')),
            (b"\x7f", Key::Backspace),
            (b"\r", Key::Enter),
            ("ä".as_bytes(), Key::Char('ä')),
        ];
        for (bytes, key) in cases {
            assert_eq!(decoded(bytes), [Input::Key(*key)], "{bytes:?}");
        }
    }

    #[test]
    fn a_paste_is_one_input_and_keeps_escapes_out_of_the_keys() {
        let got = decoded(b"\x1b[200~10.0.0.1\x1b[A\x1b[201~q");
        let want = [
            Input::Paste("10.0.0.1\x1b[A".to_owned()),
            Input::Key(Key::Char('q')),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn reads_the_answer_for_the_cursor_position() {
        assert_eq!(decoded(b"\x1b[24;80R"), [Input::Position(24, 80)]);
    }

    #[test]
    fn reads_the_mouse_and_takes_no_report_for_keys() {
        let at = |did, column, row| Input::Mouse(Mouse { did, column, row });
        assert_eq!(
            decoded(b"\x1b[<0;10;5M\x1b[<0;10;5m"),
            [at(Did::Pressed, 9, 4)]
        );
        assert_eq!(decoded(b"\x1b[<64;1;1M"), [at(Did::WheelUp, 0, 0)]);
        assert_eq!(decoded(b"\x1b[<65;223;1M"), [at(Did::WheelDown, 222, 0)]);
        for nothing in [
            "\x1b[<2;1;1M",
            "\x1b[<0;0;0M",
            "\x1b[<0;70000;1M",
            "\x1b[M !!",
            "\x1b[M \r\r",
        ] {
            assert_eq!(decoded(nothing.as_bytes()), [], "{nothing:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_gets_stuck(bytes: Vec<u8>) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            decoder.flush();
        }

        #[test]
        fn pieces_give_the_same_keys(cut in 0_usize..20) {
            let bytes = b"j\x1b[15~\x1bOP\x1b[[Bk\xc3\xa4";
            let cut = cut.min(bytes.len());
            let mut decoder = Decoder::default();
            let mut out = decoder.push(&bytes[..cut]);
            out.extend(decoder.push(&bytes[cut..]));
            prop_assert_eq!(out, decoded(bytes));
        }
    }
}
