//! Keys as the console knows them, free of any terminal library.

use std::fmt;

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

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Char(' ') => "Space",
            Self::Char(c) => return write!(f, "{c}"),
            Self::Ctrl(c) => return write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            Self::Alt(c) => return write!(f, "Alt-{c}"),
            Self::F(n) => return write!(f, "F{n}"),
            Self::Enter => "Enter",
            Self::Esc => "Esc",
            Self::Tab => "Tab",
            Self::BackTab => "Shift-Tab",
            Self::Backspace => "Bksp",
            Self::Delete => "Del",
            Self::Insert => "Ins",
            Self::Up => "Up",
            Self::Down => "Down",
            Self::Left => "Left",
            Self::Right => "Right",
            Self::Home => "Home",
            Self::End => "End",
            Self::PageUp => "PgUp",
            Self::PageDown => "PgDn",
        };
        f.write_str(name)
    }
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
