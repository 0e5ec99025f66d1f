//! A form: labels, fields, what is wrong, and what the field with the focus is for.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::state::form::{Field, Form, Value};
use crate::state::line_edit::LineEdit;
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

const LABEL: u16 = 18;
const FIELD: u16 = 44;

/// Draws it; returns how many lines it took.
pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, form: &Form, theme: &Theme) -> u16 {
    let mut y = area.y;
    for (at, field) in form.fields.iter().enumerate() {
        if y >= area.bottom() {
            break;
        }
        let focus = at == form.focus;
        draw_field(
            frame,
            Rect {
                y,
                height: 1,
                ..area
            },
            field,
            focus,
            theme,
        );
        y += 1;
        if let Some(error) = &field.error {
            let room = usize::from(area.width.saturating_sub(LABEL));
            for line in wrap(&format!("! {error}"), room) {
                if y < area.bottom() {
                    let x = area.x + LABEL;
                    frame
                        .buffer_mut()
                        .set_stringn(x, y, line, room, theme.failed);
                    y += 1;
                }
            }
        }
    }
    let hint = form.fields.get(form.focus).map_or("", |f| f.hint);
    y += 1;
    for line in wrap(hint, usize::from(area.width)) {
        if y < area.bottom() {
            let width = usize::from(area.width);
            frame
                .buffer_mut()
                .set_stringn(area.x, y, line, width, theme.muted);
            y += 1;
        }
    }
    y - area.y
}

fn draw_field(frame: &mut Frame<'_>, area: Rect, field: &Field, focus: bool, theme: &Theme) {
    let width = FIELD.min(area.width.saturating_sub(LABEL));
    let buffer = frame.buffer_mut();
    let label = if focus { theme.header } else { theme.text };
    buffer.set_stringn(area.x, area.y, field.label, usize::from(LABEL), label);
    let place = Rect {
        x: area.x + LABEL,
        width,
        ..area
    };
    let room = usize::from(width);
    let mut cursor = None;
    match &field.value {
        Value::Text(line) => {
            buffer.set_style(place, theme.input);
            let (text, column) = window(line, room);
            buffer.set_stringn(place.x, place.y, text, room, theme.input);
            cursor = Some(column);
        }
        Value::Hidden(line) => {
            buffer.set_style(place, theme.input);
            let stars = "*".repeat(line.len().min(room));
            buffer.set_stringn(place.x, place.y, stars, room, theme.input);
            cursor = Some(line.position().min(room.saturating_sub(1)));
        }
        Value::Choice { options, chosen } => {
            let chosen = options.get(*chosen).map_or("", String::as_str);
            let text = format!("< {chosen} >");
            let style = if focus { theme.selected } else { theme.text };
            buffer.set_stringn(place.x, place.y, clip(&text, room), room, style);
        }
        Value::Switch(on) => {
            let text = if *on { "[x] yes" } else { "[ ] no" };
            let style = if focus { theme.selected } else { theme.text };
            buffer.set_stringn(place.x, place.y, text, room, style);
        }
    }
    if let (true, Some(column)) = (focus, cursor) {
        let column = u16::try_from(column).unwrap_or(0);
        frame.set_cursor_position((place.x + column, place.y));
    }
}

/// The part of a text that is shown, and the column of the cursor in it.
fn window(line: &LineEdit, room: usize) -> (String, usize) {
    let hidden = (line.column() + 1).saturating_sub(room);
    let shown = line.text().chars().skip(hidden).collect();
    (shown, line.column() - hidden)
}
