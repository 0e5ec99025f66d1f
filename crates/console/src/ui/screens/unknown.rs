//! "Is it this one?": who asked DHCP lately and is not enrolled, below the form of the labels.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::describe;
use crate::state::State;
use crate::state::enroll::Enroll;
use crate::ui::text::clip;
use crate::ui::theme::Theme;

/// Draws it; the first line is the one so far below the top.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    below: u16,
    state: &State,
    enroll: &Enroll,
    theme: &Theme,
) {
    let width = usize::from(area.width);
    let mut lines = Vec::new();
    match &enroll.unknown {
        None => {}
        Some(Err(why)) => lines.push((format!("Who asks DHCP is not known: {why}"), theme.muted)),
        Some(Ok(seen)) if seen.is_empty() => {
            let text =
                "No unknown machine has asked DHCP yet; switch it on to see its address here.";
            lines.push((text.to_owned(), theme.muted));
        }
        Some(Ok(seen)) => {
            let text = "Is it this one? F3 takes the next into the field with the cursor.";
            lines.push((text.to_owned(), theme.header));
            for (at, one) in seen.iter().enumerate() {
                let age = describe::since(one.last_seen, state.now);
                let is_taken = enroll.addresses().contains(&one.mac);
                let mark = if is_taken { theme.glyphs.mark } else { " " };
                let text = format!("{mark} {}  {age} ago  {}", one.mac, one.what);
                let is_next = enroll.next_unknown() == Some(at);
                let style = if is_next { theme.selected } else { theme.text };
                lines.push((text, style));
            }
        }
    }
    for (y, (text, style)) in (area.y.saturating_add(below)..area.bottom()).zip(lines) {
        buffer.set_stringn(area.x, y, clip(&text, width), width, style);
    }
}
