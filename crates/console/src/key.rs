//! Keys as the console knows them, free of any terminal library.

use std::fmt;
use std::str::FromStr;

/// One key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A printable character.
    Char(char),
    /// A letter with Control.
    Ctrl(char),
    /// A character with Alt (or after Escape).
    Alt(char),
    /// Return or Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tabulator.
    Tab,
    /// Tabulator with Shift.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key, from 1.
    F(u8),
}

/// The keys that have a name: the first one of each is the one that is shown.
const NAMED: [(&str, Key); 21] = [
    ("Space", Key::Char(' ')),
    ("Enter", Key::Enter),
    ("Return", Key::Enter),
    ("Esc", Key::Esc),
    ("Escape", Key::Esc),
    ("Tab", Key::Tab),
    ("Shift-Tab", Key::BackTab),
    ("Bksp", Key::Backspace),
    ("Backspace", Key::Backspace),
    ("Del", Key::Delete),
    ("Delete", Key::Delete),
    ("Ins", Key::Insert),
    ("Insert", Key::Insert),
    ("Up", Key::Up),
    ("Down", Key::Down),
    ("Left", Key::Left),
    ("Right", Key::Right),
    ("Home", Key::Home),
    ("End", Key::End),
    ("PgUp", Key::PageUp),
    ("PgDn", Key::PageDown),
];

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(c) if *c != ' ' => write!(f, "{c}"),
            Self::Ctrl(c) => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            Self::Alt(c) => write!(f, "Alt-{c}"),
            Self::F(n) => write!(f, "F{n}"),
            named => {
                let name = NAMED.iter().find(|(_, key)| key == named);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

/// The highest function key that terminals send.
const LAST_F: u8 = 12;

impl FromStr for Key {
    type Err = String;

    /// Reads a key as it is shown: `x`, `F9`, `Ctrl-X`, `Alt-x`, `PgUp`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut chars = text.chars();
        if let (Some(c), None) = (chars.next(), chars.next())
            && !c.is_control()
        {
            return Ok(Self::Char(c));
        }
        if let Some((_, key)) = NAMED
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
        {
            return Ok(*key);
        }
        let unknown = || {
            format!(
                "{text:?} is no key: a character, or F1 to F{LAST_F}, Ctrl-X, Alt-x, Space, Del, Ins, Bksp"
            )
        };
        let (how, which) = text.split_once('-').unwrap_or(("", text));
        let mut chars = which.chars();
        let one = chars.next().filter(|_| chars.next().is_none());
        match (how.to_ascii_lowercase().as_str(), one) {
            ("ctrl", Some(c)) if c.is_ascii_alphabetic() => control(c.to_ascii_lowercase()),
            ("alt", Some(c)) if !c.is_control() => Ok(Self::Alt(c)),
            ("", _) => {
                let number = text.strip_prefix(['F', 'f']).and_then(|n| n.parse().ok());
                let number = number.filter(|n| (1..=LAST_F).contains(n));
                number.map(Self::F).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }
}

/// A letter with Control, where that is a key of its own.
fn control(letter: char) -> Result<Key, String> {
    let sent = match letter {
        'h' => Key::Backspace,
        'i' => Key::Tab,
        'j' | 'm' => Key::Enter,
        other => return Ok(Key::Ctrl(other)),
    };
    let letter = letter.to_ascii_uppercase();
    Err(format!(
        "terminals send the same for Ctrl-{letter} and {sent}: take another key"
    ))
}

/// Keys written as text: `jj<enter>:nodes<enter>`.
pub(crate) fn keys(text: &str) -> Vec<Key> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let named = rest
            .strip_prefix('<')
            .and_then(|tail| tail.split_once('>'))
            .and_then(|(name, tail)| named(name).map(|key| (key, tail)));
        let plain = rest.split_at(first.len_utf8()).1;
        let (key, tail) = named.unwrap_or((Key::Char(first), plain));
        out.push(key);
        rest = tail;
    }
    out
}

fn named(name: &str) -> Option<Key> {
    Some(match name {
        "enter" => Key::Enter,
        "esc" => Key::Esc,
        "tab" => Key::Tab,
        "s-tab" => Key::BackTab,
        "bs" => Key::Backspace,
        "delete" => Key::Delete,
        "up" => Key::Up,
        "down" => Key::Down,
        "left" => Key::Left,
        "right" => Key::Right,
        "home" => Key::Home,
        "end" => Key::End,
        "pgup" => Key::PageUp,
        "pgdn" => Key::PageDown,
        "space" => Key::Char(' '),
        "lt" => Key::Char('<'),
        other => match other.strip_prefix("c-") {
            Some(letter) => Key::Ctrl(letter.chars().next()?),
            None => Key::F(other.strip_prefix('f')?.parse().ok()?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_shown() {
        for (_, key) in NAMED {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for key in [
            Key::F(12),
            Key::Ctrl('x'),
            Key::Alt('X'),
            Key::Char('X'),
            Key::Char('-'),
        ] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for wrong in ["", "F0", "F13", "Ctrl-", "Ctrl-M", "Ctrl-1", "xy", "Alt-xy"] {
            assert!(wrong.parse::<Key>().is_err(), "{wrong}");
        }
    }
}
