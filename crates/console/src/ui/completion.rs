//! What may be typed, as a list above the line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::text::clip;
use super::theme::Theme;
use crate::state::complete::Completion;

/// As many lines are shown.
const MOST: usize = 8;

/// Draws the list at the bottom of this area.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, completion: &Completion, theme: &Theme) {
    let candidates = &completion.candidates;
    let height = candidates.len().min(MOST).min(usize::from(area.height) / 2);
    if height == 0 {
        return;
    }
    // The one that was taken is always there.
    let at = completion.at.unwrap_or(0);
    let first = (at + 1).saturating_sub(height);
    let shown = candidates.iter().enumerate().skip(first).take(height);
    let width = usize::from(area.width);
    let names = candidates.iter().map(|c| c.text.width()).max().unwrap_or(0);
    let names = names.min(width / 2);
    let top = area.bottom() - u16::try_from(height).unwrap_or(0);
    for (y, (number, candidate)) in (top..area.bottom()).zip(shown) {
        let style = match completion.at == Some(number) {
            true => theme.selected,
            false => theme.input,
        };
        let more = match (y + 1 == area.bottom(), candidates.len() - number - 1) {
            (true, rest @ 1..) => format!(" ({rest} more)"),
            _ => String::new(),
        };
        let text = clip(&candidate.text, names);
        let pad = names.saturating_sub(text.width());
        let line = format!(" {text}{:pad$}  {}{more}", "", candidate.note);
        let row = Rect {
            y,
            height: 1,
            ..area
        };
        buffer.set_style(row, style);
        let line = format!("{:<width$}", clip(&line, width));
        buffer.set_stringn(row.x, y, line, width, style);
    }
}
