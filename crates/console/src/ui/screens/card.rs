//! The summary card at the end of the enrolment wizard: the node, and a code of it for a phone.

use cupola_api::id::NodeId;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use crate::state::State;
use crate::state::enroll::{Enroll, facts};
use crate::summary;
use crate::ui::qr::{Drawn, Qr};
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// The least width of what stands beside the code.
const FACTS: u16 = 42;

/// Draws it.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    state: &State,
    enroll: &Enroll,
    id: NodeId,
    theme: &Theme,
) {
    let code = code(state, id, area, theme);
    let across = code.as_ref().map_or(0, |code| code.columns + 2);
    let mut left = Rect {
        width: area.width.saturating_sub(across),
        ..area
    };
    let name = state.fleet.get(id).map(summary::display_name);
    let name = name.unwrap_or_else(|| enroll.title());
    line(
        buffer,
        &mut left,
        &format!("{name} is available"),
        theme.good,
    );
    line(buffer, &mut left, "", theme.text);
    for (label, value) in enroll.card(id) {
        let lines = wrap(&value, usize::from(left.width.saturating_sub(6)).max(20));
        let is_short = lines.len() == 1 && label.len() + 1 + value.len() <= left.width.into();
        if is_short {
            line(buffer, &mut left, &format!("{label} {value}"), theme.text);
            continue;
        }
        line(buffer, &mut left, label, theme.text);
        for part in lines {
            line(buffer, &mut left, &format!("  {part}"), theme.text);
        }
    }
    line(buffer, &mut left, "", theme.text);
    for text in ["Enter opens it; on the list", "d deploys an image."] {
        line(buffer, &mut left, text, theme.good);
    }
    if let Some(code) = code {
        code.draw(buffer, area, theme);
    }
}

/// Draws one line, and leaves the rest of the room.
fn line(buffer: &mut Buffer, room: &mut Rect, text: &str, style: Style) {
    if room.height == 0 {
        return;
    }
    let width = usize::from(room.width);
    buffer.set_stringn(room.x, room.y, clip(text, width), width, style);
    room.y += 1;
    room.height -= 1;
}

/// Makes modules that `#` stands for solid: phones read no lattice.
fn fill(buffer: &mut Buffer, line: Rect, dark: Color) {
    for place in line.positions() {
        if let Some(cell) = buffer.cell_mut(place)
            && cell.symbol() == "#"
        {
            cell.set_bg(dark);
        }
    }
}

/// A code that fits.
struct Code {
    what: &'static str,
    lines: Vec<String>,
    columns: u16,
}

/// The best code for which there is room beside the facts.
fn code(state: &State, id: NodeId, area: Rect, theme: &Theme) -> Option<Code> {
    let drawn = match (theme.glyphs.full.is_ascii(), theme.ink) {
        (true, _) => Drawn::Ascii,
        (false, Some(_)) => Drawn::HalfBlocks,
        // A terminal without colours has mostly a dark ground.
        (false, None) => Drawn::Inverse,
    };
    facts::codes(&state.shell.url, id).find_map(|(what, text)| {
        let qr = Qr::of(&text)?;
        let (columns, rows) = qr.size(drawn);
        let columns = u16::try_from(columns).ok()?;
        // One line says what it is.
        let fits = columns + 2 + FACTS <= area.width && rows < usize::from(area.height);
        fits.then(|| Code {
            what,
            lines: qr.lines(drawn),
            columns,
        })
    })
}

impl Code {
    /// In the same ink whatever the theme.
    fn draw(&self, buffer: &mut Buffer, area: Rect, theme: &Theme) {
        let x = area.right().saturating_sub(self.columns);
        let width = usize::from(self.columns);
        let ink = theme.ink.unwrap_or(theme.text);
        let mut y = area.y;
        for text in &self.lines {
            buffer.set_stringn(x, y, text, width, ink);
            if let Some(dark) = theme.ink.and_then(|ink| ink.fg) {
                fill(buffer, Rect::new(x, y, self.columns, 1), dark);
            }
            y += 1;
        }
        buffer.set_stringn(x, y, self.what, width, theme.muted);
    }
}
