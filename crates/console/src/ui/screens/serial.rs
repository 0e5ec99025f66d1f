//! A serial console: how it stands, and the terminal that the machine writes to. The terminal's cells
//! are drawn one by one: nothing that a machine sends is ever passed on.

use cupola_api::serial::{SerialLink, SerialState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::describe;
use crate::state::State;
use crate::state::serial::emulator::plain;
use crate::state::serial::{HEAD, Mode, SerialView, Standing};
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// Draws it.
pub(crate) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    state: &State,
    view: &SerialView,
    theme: &Theme,
) {
    let width = usize::from(area.width);
    let (head, style) = head(state, view, theme);
    buffer.set_stringn(area.x, area.y, clip(&head, width), width, style);
    let pane = Rect {
        y: area.y + HEAD.min(area.height),
        height: area.height.saturating_sub(HEAD),
        ..area
    };
    if let Standing::Refused(why) = &view.standing {
        return draw_refusal(buffer, pane, why, theme);
    }
    draw_terminal(buffer, pane, view, theme);
    if let Standing::Lost { why, .. }
    | Standing::Told(SerialState {
        link: SerialLink::Waiting { why, .. },
        ..
    }) = &view.standing
    {
        draw_trouble(buffer, pane, why, theme);
    }
}

/// What is wrong, in full, over the last lines.
fn draw_trouble(buffer: &mut Buffer, area: Rect, why: &str, theme: &Theme) {
    let width = usize::from(area.width);
    let lines = wrap(why, width.saturating_sub(2));
    let height = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .min(area.height);
    for (y, line) in (area.bottom() - height..area.bottom()).zip(lines) {
        let text = format!(" {line:<room$}", room = width.saturating_sub(1));
        buffer.set_stringn(area.x, y, text, width, theme.warning);
    }
}

/// Why there is no console, in full, over what came before.
fn draw_refusal(buffer: &mut Buffer, area: Rect, why: &str, theme: &Theme) {
    let width = usize::from(area.width);
    let room = width.saturating_sub(4);
    let lines = why.lines().flat_map(|line| wrap(line, room));
    for (y, line) in (area.y + 1..area.bottom()).zip(lines) {
        buffer.set_stringn(area.x + 2, y, line, room, theme.text);
    }
}

fn draw_terminal(buffer: &mut Buffer, area: Rect, view: &SerialView, theme: &Theme) {
    let (screen, top) = view.terminal.shown();
    let (height, width) = screen.size();
    for (row, y) in (top..height.get()).zip(area.y..area.bottom()) {
        let mut base = theme.text;
        if let Some(pattern) = &view.search
            && view.mode == Mode::Scrolled
            && pattern.matches(&screen.contents_between(row, 0, row, width.get()))
        {
            base = theme.header.add_modifier(Modifier::UNDERLINED);
        }
        for (column, x) in (0..width.get()).zip(area.x..area.right()) {
            let Some(cell) = screen.cell(row, column) else {
                continue;
            };
            if cell.is_wide_continuation() {
                continue;
            }
            let mut letter = plain(cell.contents());
            // One that is wide and would be cut off is not shown.
            if cell.is_wide() && x + 1 >= area.right() {
                letter = ' ';
            }
            if let Some(target) = buffer.cell_mut((x, y)) {
                target.set_char(letter).set_style(style_of(cell, base));
            }
        }
    }
    let (row, column) = screen.cursor_position();
    let is_there = row >= top && !screen.hide_cursor() && !view.terminal.is_scrolled();
    if is_there && !view.is_recording() {
        let (x, y) = (area.x + column, area.y + row.saturating_sub(top));
        if x < area.right()
            && y < area.bottom()
            && let Some(cell) = buffer.cell_mut((x, y))
        {
            cell.set_style(Style::default().add_modifier(Modifier::REVERSED));
        }
    }
}

/// The sixteen colours of a terminal: what has more is shown in its own colour of text.
fn style_of(cell: &vt100::Cell, base: Style) -> Style {
    let mut style = base;
    if let Some(colour) = colour(cell.fgcolor()) {
        style = style.fg(colour);
    }
    if let Some(colour) = colour(cell.bgcolor()) {
        style = style.bg(colour);
    }
    for (is_so, modifier) in [
        (cell.bold(), Modifier::BOLD),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ] {
        if is_so {
            style = style.add_modifier(modifier);
        }
    }
    style
}

const fn colour(colour: vt100::Color) -> Option<Color> {
    Some(match colour {
        vt100::Color::Idx(0) => Color::Black,
        vt100::Color::Idx(1) => Color::Red,
        vt100::Color::Idx(2) => Color::Green,
        vt100::Color::Idx(3) => Color::Yellow,
        vt100::Color::Idx(4) => Color::Blue,
        vt100::Color::Idx(5) => Color::Magenta,
        vt100::Color::Idx(6) => Color::Cyan,
        vt100::Color::Idx(7) => Color::Gray,
        vt100::Color::Idx(8) => Color::DarkGray,
        vt100::Color::Idx(9) => Color::LightRed,
        vt100::Color::Idx(10) => Color::LightGreen,
        vt100::Color::Idx(11) => Color::LightYellow,
        vt100::Color::Idx(12) => Color::LightBlue,
        vt100::Color::Idx(13) => Color::LightMagenta,
        vt100::Color::Idx(14) => Color::LightCyan,
        vt100::Color::Idx(15) => Color::White,
        vt100::Color::Default | vt100::Color::Idx(_) | vt100::Color::Rgb(..) => return None,
    })
}

/// How the console stands, in words.
fn head(state: &State, view: &SerialView, theme: &Theme) -> (String, Style) {
    let (words, style) = match &view.standing {
        Standing::Asking => ("asking the service".to_owned(), theme.busy),
        Standing::Told(told) => told_words(state, told, theme),
        Standing::Lost { retry, .. } => {
            let left = describe::since(state.now, *retry);
            (format!("LOST, again in {left}"), theme.failed)
        }
        Standing::Refused(_) => ("no serial console here".to_owned(), theme.warning),
        Standing::Recording { name, is_read } => {
            let words = if *is_read { "recording" } else { "reading" };
            (format!("{words} {name}"), theme.muted)
        }
    };
    let place = match (view.mode, view.terminal.up()) {
        (Mode::Menu, _) => "[Ctrl-] ...] ".to_owned(),
        (_, 0) => String::new(),
        (_, up) => format!("[{} up] ", describe::count(up, "line")),
    };
    (format!("{place}{words}"), style)
}

fn told_words(state: &State, told: &SerialState, theme: &Theme) -> (String, Style) {
    let (mut words, style) = match &told.link {
        SerialLink::Connecting => ("connecting to the BMC".to_owned(), theme.busy),
        SerialLink::Connected => ("connected".to_owned(), theme.good),
        SerialLink::Waiting { until, in_use, .. } => {
            let left = describe::since(state.now, *until);
            let hint = if *in_use {
                "; Ctrl-] t takes it over"
            } else {
                ""
            };
            let words = format!("NOT CONNECTED, again in {left}{hint}");
            return (words, theme.failed);
        }
    };
    if told.recording {
        words.push_str(", recorded");
    }
    let others = told.watchers.len().saturating_sub(1);
    if others > 0 {
        let mut names: Vec<&str> = told
            .watchers
            .iter()
            .filter_map(|w| w.user.as_deref())
            .collect();
        names.sort_unstable();
        names.dedup();
        words.push_str(&format!(", {others} more here"));
        if !names.is_empty() {
            words.push_str(&format!(" ({})", names.join(", ")));
        }
    }
    (words, style)
}
