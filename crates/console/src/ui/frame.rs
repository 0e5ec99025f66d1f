//! The frame: title bar, screen, drawer, status line, key bar, and what lies over it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Block;
use tui_logger::{TuiLoggerLevelOutput, TuiLoggerWidget};

use super::text::wrap;
use super::theme::Theme;
use super::{bar, popup, screens};
use crate::state::{Screen, State};

/// The smallest terminal on which screens make sense.
const LEAST: (u16, u16) = (40, 10);

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &State, theme: &Theme) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return draw_too_small(frame, area, theme);
    }
    frame.buffer_mut().set_style(area, theme.text);
    let drawer = state.drawer_height();
    let body_height = area.height.saturating_sub(3 + drawer);
    let row = |y: u16, height: u16| Rect::new(area.x, area.y + y, area.width, height);
    let body = row(1, body_height);
    bar::title(frame.buffer_mut(), row(0, 1), state, theme);
    match &state.screen {
        Screen::List => screens::list::draw(frame.buffer_mut(), body, state, theme),
        Screen::Node(view) => screens::node::draw(frame.buffer_mut(), body, state, view, theme),
        Screen::Enroll(enroll) => screens::enroll::draw(frame, body, state, enroll, theme),
        Screen::Deploy(deploy) => screens::deploy::draw(frame, body, state, deploy, theme),
    }
    if drawer > 0 {
        draw_drawer(frame, row(1 + body_height, drawer), theme);
    }
    bar::status(frame, row(area.height - 2, 1), state, theme);
    bar::keys(frame.buffer_mut(), row(area.height - 1, 1), state, theme);
    if let Some(open) = &state.popup {
        popup::draw(frame, body, state, open, theme);
    }
}

/// The number first: it is what matters where little fits.
fn draw_too_small(frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    let (columns, rows) = LEAST;
    let text = if area.width < 14 {
        format!("{columns}x{rows}")
    } else {
        format!(
            "{columns}x{rows} at least; this is {}x{}",
            area.width, area.height
        )
    };
    frame.buffer_mut().set_style(area, theme.text);
    let width = usize::from(area.width);
    for (y, line) in (area.y..area.bottom()).zip(wrap(&text, width)) {
        frame
            .buffer_mut()
            .set_stringn(area.x, y, line, width, theme.text);
    }
}

fn draw_drawer(frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    let block = Block::bordered()
        .border_set(theme.glyphs.border)
        .border_style(theme.border)
        .title(" diagnostics of this program ");
    let log = TuiLoggerWidget::default()
        .block(block)
        .style(theme.text)
        .style_error(theme.failed)
        .style_warn(theme.warning)
        .style_info(theme.text)
        .style_debug(theme.muted)
        .style_trace(theme.muted)
        .output_timestamp(Some("%H:%M:%S".to_owned()))
        .output_level(Some(TuiLoggerLevelOutput::Long))
        .output_target(area.width >= 100)
        .output_file(false)
        .output_line(false)
        .output_separator(' ');
    frame.render_widget(log, area);
}
