//! The frame: title bar, screen, drawer, status line, key bar, and what lies over it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Block;
use tui_logger::{TuiLoggerLevelOutput, TuiLoggerWidget};

use super::text::wrap;
use super::theme::Theme;
use super::{bar, completion, popup, screens};
use crate::state::complete::Completion;
use crate::state::{Prompt, Screen, State};

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
        Screen::List => {
            let lens = &state.watching.lens;
            let (across, down) = (lens.width(state.size), lens.height(state.size));
            let list = Rect {
                width: body.width.saturating_sub(across),
                height: body.height.saturating_sub(down),
                ..body
            };
            screens::list::draw(frame.buffer_mut(), list, state, theme);
            if across > 0 || down > 0 {
                let pane = Rect {
                    x: if across > 0 { list.right() } else { body.x },
                    y: if down > 0 { list.bottom() } else { body.y },
                    width: if across > 0 { across } else { body.width },
                    height: if down > 0 { down } else { body.height },
                };
                screens::lens::draw(frame.buffer_mut(), pane, state, theme);
            }
        }
        Screen::Dashboard => {
            screens::dashboard::draw(frame.buffer_mut(), body, state, theme);
        }
        Screen::Compare(compare) => {
            screens::compare::draw(frame.buffer_mut(), body, state, compare, theme);
        }
        Screen::Board => screens::board::draw(frame.buffer_mut(), body, state, theme),
        Screen::Node(view) => screens::node::draw(frame.buffer_mut(), body, state, view, theme),
        Screen::Enroll(enroll) => screens::enroll::draw(frame, body, state, enroll, theme),
        Screen::Discovery(discovery) => {
            screens::discovery::draw(frame, body, state, discovery, theme);
        }
        Screen::Deploy(deploy) => screens::deploy::draw(frame, body, state, deploy, theme),
        Screen::Preview(preview) => {
            screens::preview::draw(frame.buffer_mut(), body, preview, theme);
        }
        Screen::Run(view) => screens::run::draw(frame.buffer_mut(), body, state, view, theme),
        Screen::Runs(at) => screens::run::draw_list(frame.buffer_mut(), body, state, *at, theme),
        Screen::Commands(view) => {
            screens::commands::draw(frame.buffer_mut(), body, state, view, theme);
        }
        Screen::Steps(steps) => screens::steps::draw(frame, body, steps, theme),
        Screen::Serial(view) => {
            screens::serial::draw(frame.buffer_mut(), body, state, view, theme);
        }
    }
    if drawer > 0 {
        draw_drawer(frame, row(1 + body_height, drawer), theme);
    }
    bar::status(frame, row(area.height - 2, 1), state, theme);
    bar::keys(frame.buffer_mut(), row(area.height - 1, 1), state, theme);
    if let Some(completion) = offered(state) {
        completion::draw(frame.buffer_mut(), body, completion, theme);
    }
    if let Some(open) = &state.popup {
        popup::draw(frame, body, state, open, theme);
    }
}

/// What is offered above the prompt: commands while they are typed, parts of filters once asked for.
fn offered(state: &State) -> Option<&Completion> {
    let completion = &state.command_bar.completion;
    match &state.prompt {
        Some(Prompt::Command(line)) if !line.is_empty() => Some(completion),
        Some(Prompt::Filter(..)) if completion.at.is_some() => Some(completion),
        Some(_) | None => None,
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
