//! Lines of a node's timeline, the newest at the bottom.

use cupola_api::event::Event;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::describe;
use crate::state::State;
use crate::state::timeline::Timeline;
use crate::state::watching::viewer::{Pattern, Viewer};
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// Columns of the time, the sign of a mark and a blank.
const TIME: u16 = 9;

/// Draws as many of the newest lines as fit.
pub(crate) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    timeline: &Timeline,
    viewer: &Viewer,
    state: &State,
    theme: &Theme,
) {
    let height = usize::from(area.height);
    let room = usize::from(area.width.saturating_sub(TIME)).max(10);
    let mut lines = Vec::new();
    for event in timeline.visible(height).into_iter().rev() {
        let (severity, text) = describe::describe(&event.kind);
        let style = if timeline.hit == Some(event.id) {
            theme.selected
        } else {
            theme.severity(severity)
        };
        let parts = if viewer.wrap {
            wrap(&text, room)
        } else {
            vec![clip(&text, room)]
        };
        for (row, part) in parts.into_iter().enumerate().rev() {
            lines.push(((row == 0).then_some(event), part, style));
        }
        if lines.len() >= height {
            break;
        }
    }
    lines.truncate(height);
    let count = u16::try_from(lines.len()).unwrap_or(area.height);
    // Few lines stand at the top, many end at the bottom.
    for (up, (event, text, style)) in (1..).zip(lines) {
        let y = area.y + count - up;
        if let Some(event) = event {
            let time = time(event, viewer, state);
            buffer.set_stringn(area.x, y, time, usize::from(TIME), theme.muted);
            if timeline.marks.contains_key(&event.id) {
                buffer.set_stringn(area.x + TIME - 1, y, theme.glyphs.mark, 1, theme.mark);
            }
        }
        let line = Rect {
            x: area.x + TIME,
            y,
            width: area.width.saturating_sub(TIME),
            height: 1,
        };
        put(buffer, line, &text, style, viewer.search.as_ref(), theme);
    }
    if count == 0 {
        let text = match (&viewer.filter, viewer.since) {
            (Some(filter), _) => format!("no event has {:?}; & changes that", filter.text()),
            (None, Some(_)) => "no event since then; :since shows all".to_owned(),
            (None, None) => return,
        };
        buffer.set_stringn(area.x, area.y, clip(&text, room), room, theme.muted);
    }
}

fn time(event: &Event, viewer: &Viewer, state: &State) -> String {
    if viewer.relative {
        format!("-{}", describe::since(event.at, state.now))
    } else {
        describe::clock(event.at, &state.zone)
    }
}

/// Writes a line, with what is searched for in it standing out.
pub(super) fn put(
    buffer: &mut Buffer,
    line: Rect,
    text: &str,
    style: Style,
    search: Option<&Pattern>,
    theme: &Theme,
) {
    let width = usize::from(line.width);
    let mut x = line.x;
    let mut rest = text;
    while let Some((from, to)) = search.and_then(|pattern| pattern.find(rest)) {
        let (Some(before), Some(found), Some(after)) =
            (rest.get(..from), rest.get(from..to), rest.get(to..))
        else {
            break;
        };
        let room = |x: u16| usize::from(line.right().saturating_sub(x)).min(width);
        x = buffer.set_stringn(x, line.y, before, room(x), style).0;
        x = buffer.set_stringn(x, line.y, found, room(x), theme.input).0;
        rest = after;
    }
    let room = usize::from(line.right().saturating_sub(x));
    buffer.set_stringn(x, line.y, rest, room, style);
}
