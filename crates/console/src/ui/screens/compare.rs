//! Two nodes side by side, or a node and its class: only what differs, unless all is asked for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::describe;
use crate::state::State;
use crate::state::watching::compare::{Compare, Row, With};
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// Lines at the bottom for the values under the cursor, whole.
const FOOT: u16 = 4;

/// What stands on the right.
pub(crate) fn right(state: &State, compare: &Compare) -> String {
    match &compare.with {
        With::Node(id) => state.name_of(*id),
        With::Class(class, peers) => {
            let of = describe::count(peers.len(), "node");
            format!("most of class {class} ({of})")
        }
    }
}

/// Draws it.
pub(crate) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    state: &State,
    compare: &Compare,
    theme: &Theme,
) {
    let width = usize::from(area.width.saturating_sub(2));
    let mut say = |text: &str, style: Style| {
        buffer.set_stringn(area.x + 1, area.y + 1, clip(text, width), width, style);
    };
    match &compare.rows {
        None => return say("asking the server for everything about them", theme.muted),
        Some(Err(why)) => return say(&format!("cannot be compared: {why}"), theme.warning),
        Some(Ok(_)) => {}
    }
    let shown: Vec<&Row> = compare.shown().collect();
    if shown.is_empty() {
        return say(
            "They do not differ in anything that is compared. a shows all.",
            theme.good,
        );
    }
    let path = (area.width * 2 / 5).saturating_sub(2);
    let value = area.width.saturating_sub(path + 5) / 2;
    let columns = [
        (area.x + 2, path),
        (area.x + path + 3, value),
        (area.x + path + value + 4, value),
    ];
    let left_name = state.name_of(compare.node);
    let right_name = right(state, compare);
    let heads = ["FACT", left_name.as_str(), right_name.as_str()];
    put(
        buffer,
        area.y,
        columns,
        heads.map(|head| (head, theme.header)),
    );
    let foot = FOOT.min(area.height / 3);
    let height = area.height.saturating_sub(1 + foot);
    let top = compare
        .at
        .saturating_sub(usize::from(height).saturating_sub(1));
    let rows = shown.iter().enumerate().skip(top);
    for (y, (at, row)) in (area.y + 1..area.y + 1 + height).zip(rows) {
        let style = if row.differs() {
            theme.warning
        } else {
            theme.muted
        };
        let sign = if row.differs() { "!" } else { " " };
        buffer.set_stringn(area.x + 1, y, sign, 1, style);
        let (left, right) = (text(row.left.as_ref()), text(row.right.as_ref()));
        put(
            buffer,
            y,
            columns,
            [(&row.path, theme.text), (left, style), (right, style)],
        );
        if at == compare.at {
            buffer.set_stringn(area.x, y, theme.glyphs.cursor, 1, theme.text);
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            buffer.set_style(row, theme.selected);
        }
    }
    if let Some(row) = shown.get(compare.at) {
        let below = Rect {
            y: area.bottom() - foot,
            height: foot,
            ..area
        };
        draw_whole(buffer, below, row, [&left_name, &right_name], theme);
    }
}

/// The values under the cursor, as far as there is room.
fn draw_whole(buffer: &mut Buffer, area: Rect, row: &Row, names: [&str; 2], theme: &Theme) {
    let width = usize::from(area.width.saturating_sub(2));
    let mut lines = wrap(&row.path, width);
    for (name, value) in names.into_iter().zip([&row.left, &row.right]) {
        lines.extend(wrap(&format!("{name}: {}", text(value.as_ref())), width));
    }
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        buffer.set_stringn(area.x + 1, y, line, width, theme.muted);
    }
}

fn text(value: Option<&String>) -> &str {
    value.map_or("(none)", String::as_str)
}

fn put(buffer: &mut Buffer, y: u16, columns: [(u16, u16); 3], texts: [(&str, Style); 3]) {
    for ((x, width), (text, style)) in columns.into_iter().zip(texts) {
        let room = usize::from(width);
        buffer.set_stringn(x, y, clip(text, room), room, style);
    }
}
