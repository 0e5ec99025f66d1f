//! All that the API has of a node, for those who want to see every member.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::state::node::NodeView;
use crate::ui::text::clip;
use crate::ui::theme::Theme;

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, view: &NodeView, theme: &Theme) {
    let width = usize::from(area.width);
    let lines = view.json();
    if lines.is_empty() {
        let text = view.error.as_deref().unwrap_or("asking the server");
        buffer.set_stringn(area.x, area.y, clip(text, width), width, theme.muted);
        return;
    }
    let rows = usize::from(area.height);
    let top = view.json_top.min(lines.len().saturating_sub(rows));
    for (line, y) in lines.iter().skip(top).zip(area.y..area.bottom()) {
        let (name, value) = match line.split_once("\": ") {
            Some((name, value)) => (format!("{name}\": "), value),
            None => (String::new(), line.as_str()),
        };
        let (x, _) = buffer.set_stringn(area.x, y, clip(&name, width), width, theme.muted);
        let room = usize::from(area.right().saturating_sub(x));
        buffer.set_stringn(x, y, clip(value, room), room, theme.text);
    }
}
