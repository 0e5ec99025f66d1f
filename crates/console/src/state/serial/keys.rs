//! Keys as a VT100 or xterm sends them to a machine.

use crate::key::Key;

/// The characters of a key; none for one that a terminal does not have. `application` is how the
/// machine asked for the arrow keys.
pub(crate) fn characters(key: Key, application: bool) -> Option<Vec<u8>> {
    let arrow = |letter: char| {
        let between = if application { 'O' } else { '[' };
        format!("\x1b{between}{letter}")
    };
    Some(match key {
        Key::Char(letter) => letter.to_string().into_bytes(),
        Key::Ctrl(letter) => vec![control(letter)?],
        Key::Alt(letter) => format!("\x1b{letter}").into_bytes(),
        Key::Enter => b"\r".to_vec(),
        Key::Esc => b"\x1b".to_vec(),
        Key::Tab => b"\t".to_vec(),
        Key::Backspace => b"\x7f".to_vec(),
        Key::BackTab => b"\x1b[Z".to_vec(),
        Key::Insert => b"\x1b[2~".to_vec(),
        Key::Delete => b"\x1b[3~".to_vec(),
        Key::PageUp => b"\x1b[5~".to_vec(),
        Key::PageDown => b"\x1b[6~".to_vec(),
        Key::Up => arrow('A').into_bytes(),
        Key::Down => arrow('B').into_bytes(),
        Key::Right => arrow('C').into_bytes(),
        Key::Left => arrow('D').into_bytes(),
        Key::Home => arrow('H').into_bytes(),
        Key::End => arrow('F').into_bytes(),
        Key::F(number @ 1..=4) => vec![0x1b, b'O', b'P' + number - 1],
        Key::F(number) => {
            let code = match number {
                5 => 15,
                6..=10 => number + 11,
                11 | 12 => number + 12,
                _ => return None,
            };
            format!("\x1b[{code}~").into_bytes()
        }
    })
}

/// The control character of a letter, as Control makes it.
fn control(letter: char) -> Option<u8> {
    match letter {
        ' ' | '@' => Some(0),
        'a'..='z' => u8::try_from(letter).ok().map(|code| code - b'a' + 1),
        '[' | '\\' | ']' | '^' | '_' => u8::try_from(letter).ok().map(|code| code & 0x1f),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::term::decode::{Decoder, Input};

    /// What is sent for a key is what our own decoder takes for that key.
    #[test]
    fn keys_read_back_as_themselves() {
        let named = [
            Key::Enter,
            Key::Tab,
            Key::BackTab,
            Key::Backspace,
            Key::Insert,
            Key::Delete,
            Key::PageUp,
            Key::PageDown,
            Key::Up,
            Key::Down,
            Key::Left,
            Key::Right,
            Key::Home,
            Key::End,
            Key::Char('ä'),
            Key::Alt('x'),
            Key::Ctrl('c'),
            Key::Ctrl(']'),
        ];
        for key in named.into_iter().chain((1..=12).map(Key::F)) {
            for application in [false, true] {
                let sent = characters(key, application).expect("a key of terminals");
                let read = Decoder::default().push(&sent);
                assert_eq!(read, [Input::Key(key)], "{sent:?}");
            }
        }
    }

    #[test]
    fn a_key_that_no_terminal_has_sends_nothing() {
        assert_eq!(characters(Key::F(24), false), None);
        assert_eq!(characters(Key::Ctrl('ä'), false), None);
    }
}
