//! The help: the keys and commands of the screen, from the table of commands and the keys in force,
//! with why those do nothing that do nothing now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::{open, put};
use crate::command::{self, Entry};
use crate::key::Key;
use crate::state::popup::Help;
use crate::state::{State, possible};
use crate::ui::text::wrap;
use crate::ui::theme::Theme;

/// In fewer columns than this the texts stand below the keys, not beside them.
const NARROW: usize = 56;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Head,
    Text,
    /// It tells why its command does nothing now.
    WhyNot,
}

type Line = (Kind, String);

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, help: &Help, theme: &Theme) {
    let width = usize::from(area.width.min(110)).saturating_sub(6);
    let lines = lines(state, &help.wanted.text(), width);
    let title = match (help.wanted.text(), help.is_typing) {
        (text, true) => format!("Help: /{text}_"),
        (text, false) if text.is_empty() => "Help".to_owned(),
        (text, false) => format!("Help: /{text}"),
    };
    let inner = open(buffer, area, width, lines.len(), &title, theme);
    let top = lines.len().saturating_sub(usize::from(inner.height));
    let top = help.top.min(top);
    for ((kind, text), y) in lines.iter().skip(top).zip(inner.y..inner.bottom()) {
        let style = match kind {
            Kind::Head => theme.header,
            Kind::Text => theme.text,
            Kind::WhyNot => theme.disabled,
        };
        put(buffer, inner, y, text, style);
    }
}

/// Whether the text is in the keys, the name or the description of a command.
fn matches(entry: &Entry, keys: &str, wanted: &str) -> bool {
    let wanted = wanted.trim().to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    has(keys) || has(entry.help) || entry.names.iter().any(|name| has(name))
}

fn lines(state: &State, wanted: &str, width: usize) -> Vec<Line> {
    let head = |text: &str| (Kind::Head, text.to_owned());
    let mut with_key = vec![head("Keys of this screen")];
    let mut others = vec![head(""), head("Commands without a key")];
    let scope = state.scope();
    for entry in command::all().filter(|e| e.scope.includes(scope) && !e.is_for_tests()) {
        let keys = state.settings.keymap.keys_of(entry);
        let keys: Vec<String> = keys.iter().map(Key::to_string).collect();
        let keys = keys.join(" ");
        if !matches(entry, &keys, wanted) {
            continue;
        }
        let into = match keys.is_empty() {
            true => &mut others,
            false => &mut with_key,
        };
        into.extend(told(state, entry, &keys, width));
    }
    let mut lines = with_key;
    if wanted.trim().is_empty() {
        let arrows = wrap("Arrows, j k, PgUp PgDn, Home End move everywhere.", width);
        lines.extend(arrows.into_iter().map(|line| (Kind::Text, line)));
    }
    if others.len() > 2 {
        lines.extend(others);
    }
    if lines.len() == 1 {
        lines.push((Kind::Text, "Nothing on this screen has that.".to_owned()));
    }
    lines
}

/// The lines of one command.
fn told(state: &State, entry: &Entry, keys: &str, width: usize) -> Vec<Line> {
    let name = entry.names.first().map(|name| format!(":{name}"));
    let name = name.unwrap_or_default();
    let why_not = possible::why_not(state, entry.command);
    let why_not = why_not.map(|why| format!("not now: {why}"));
    if width < NARROW {
        // Beside its keys a text would have no room.
        let first = (Kind::Text, format!("{keys} {name}").trim().to_owned());
        let below = |kind: Kind, text: &str| {
            let parts = wrap(text, width.saturating_sub(2));
            let line = move |part| (kind, format!("  {part}"));
            parts.into_iter().map(line).collect::<Vec<Line>>()
        };
        let mut lines = vec![first];
        lines.extend(below(Kind::Text, entry.help));
        lines.extend(why_not.iter().flat_map(|why| below(Kind::WhyNot, why)));
        return lines;
    }
    let head = match keys {
        "" => format!("{name:<16}"),
        keys => format!("{keys:<12} {name:<14}"),
    };
    let indent = " ".repeat(head.width());
    let room = width.saturating_sub(head.width() + 1).max(10);
    let texts = wrap(entry.help, room).into_iter();
    let whys = why_not.iter().flat_map(|why| wrap(why, room));
    let parts = texts
        .map(|text| (Kind::Text, text))
        .chain(whys.map(|text| (Kind::WhyNot, text)));
    let lines = parts.enumerate().map(|(row, (kind, text))| match row {
        0 => (kind, format!("{head} {text}")),
        _ => (kind, format!("{indent} {text}")),
    });
    lines.collect()
}
