//! Lines of a node's timeline, the newest at the bottom.

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::describe;
use crate::state::timeline::Timeline;
use crate::ui::text::wrap;
use crate::ui::theme::Theme;

/// Columns of the time and the blank after it.
const TIME: u16 = 9;

/// Draws as many of the newest lines as fit.
pub(crate) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    timeline: &Timeline,
    zone: &TimeZone,
    theme: &Theme,
) {
    let height = usize::from(area.height);
    let room = usize::from(area.width.saturating_sub(TIME)).max(10);
    let mut lines = Vec::new();
    for event in timeline.visible(height).into_iter().rev() {
        let (severity, text) = describe::describe(&event.kind);
        let style = theme.severity(severity);
        for (row, part) in wrap(&text, room).into_iter().enumerate().rev() {
            let time = (row == 0).then(|| describe::clock(event.at, zone));
            lines.push((time, part, style));
        }
        if lines.len() >= height {
            break;
        }
    }
    lines.truncate(height);
    let count = u16::try_from(lines.len()).unwrap_or(area.height);
    // Few lines stand at the top, many end at the bottom.
    for (up, (time, text, style)) in (1..).zip(lines) {
        let y = area.y + count - up;
        if let Some(time) = time {
            buffer.set_stringn(area.x, y, time, usize::from(TIME), theme.muted);
        }
        buffer.set_stringn(area.x + TIME, y, text, room, style);
    }
}
