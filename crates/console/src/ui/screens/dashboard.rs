//! The dashboard: counts with bars, parts under heads.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::state::State;
use crate::state::dashboard::{Line, Tone};
use crate::ui::text::clip;
use crate::ui::theme::Theme;

/// Columns of the labels.
const LABEL: usize = 30;

/// Draws it: in one column, or in two where there is room.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let dashboard = &state.dashboard;
    let height = usize::from(area.height);
    let top = (dashboard.at + 1).saturating_sub(height);
    let lines = dashboard.lines.iter().enumerate().skip(top);
    for (y, (number, line)) in (area.y..area.bottom()).zip(lines) {
        let row = Rect {
            y,
            height: 1,
            ..area
        };
        draw_line(buffer, row, line, number == dashboard.at, theme);
    }
}

fn draw_line(buffer: &mut Buffer, row: Rect, line: &Line, here: bool, theme: &Theme) {
    let width = usize::from(row.width);
    let some = line.count.is_none_or(|count| count > 0);
    let style = match line.tone {
        Tone::Head => theme.header,
        Tone::Plain => theme.text,
        Tone::State(state) => theme.state(state),
        Tone::Warning if some => theme.warning,
        Tone::Failed if some => theme.failed,
        Tone::Warning | Tone::Failed => theme.muted,
    };
    if here {
        buffer.set_stringn(row.x, row.y, theme.glyphs.cursor, 1, theme.text);
    }
    let indent = if line.tone == Tone::Head { 1 } else { 2 };
    let x = row.x + indent;
    let room = width.saturating_sub(usize::from(indent));
    match line.count {
        None => {
            buffer.set_stringn(x, row.y, clip(&line.label, room), room, style);
        }
        Some(count) => {
            let label = LABEL.min(room / 2);
            let text = clip(&line.label, label);
            let pad = label.saturating_sub(text.width());
            let head = format!("{text}{:pad$} {count:>7} ", "");
            let bars = room.saturating_sub(head.width() + 1).min(60);
            let full = match line.most {
                0 => 0,
                most => (count * bars).div_ceil(most),
            };
            let text = format!("{head}{}", theme.glyphs.full.repeat(full));
            buffer.set_stringn(x, row.y, text, room, style);
        }
    }
    if here {
        buffer.set_style(row, theme.selected);
    }
}
