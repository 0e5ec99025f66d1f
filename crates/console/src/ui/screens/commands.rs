//! The log of commands: what was sent, and as which commands of a shell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::run::first;
use crate::describe;
use crate::state::State;
use crate::state::commands::Sent;
use crate::state::screen::CommandsView;
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// Draws it.
pub(crate) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    state: &State,
    view: &CommandsView,
    theme: &Theme,
) {
    let width = usize::from(area.width);
    let mut put = |y: u16, text: &str, style: Style| {
        if y < area.bottom() {
            buffer.set_stringn(area.x, y, clip(text, width), width, style);
        }
    };
    let Some(chosen) = state.commands.newest(view.at) else {
        put(area.y + 1, "  Nothing was sent yet.", theme.muted);
        put(
            area.y + 3,
            "  Each action stands here as it was sent, for openstack and for curl.",
            theme.muted,
        );
        return;
    };
    let below = lines(state, chosen, width.saturating_sub(2));
    let below_height = below.len().min(usize::from(area.height / 2));
    let rows = usize::from(area.height).saturating_sub(below_height + 2);
    put(
        area.y,
        &format!("  {:<8}  {:<20} {:<15} OUTCOME", "AT", "NODE", "WHAT"),
        theme.header,
    );
    let count = state.commands.len();
    let top = first(view.at, count, rows);
    for (at, y) in (top..count).take(rows).zip(area.y + 1..) {
        let Some(sent) = state.commands.newest(at) else {
            break;
        };
        let (outcome, style) = outcome(sent, theme);
        let (sign, style) = if at == view.at {
            (theme.glyphs.cursor, theme.selected)
        } else {
            (" ", style)
        };
        let text = format!(
            "{sign} {:<8}  {:<20} {:<15} {outcome}",
            describe::clock(sent.at, &state.zone),
            clip(&sent.name, 20),
            sent.action.name()
        );
        put(y, &format!("{text:<width$}"), style);
    }
    let y = area.y + 1 + u16::try_from(rows.min(count)).unwrap_or(0);
    for ((is_head, text), y) in below.iter().zip(y + 1..) {
        let is_chosen = text.starts_with("curl") == view.curl;
        let style = match (is_head, is_chosen) {
            (true, true) => theme.header,
            (true, false) => theme.muted,
            (false, _) => theme.text,
        };
        put(y, &format!(" {text}"), style);
    }
    if state.commands.forgotten > 0 {
        let text = format!(" {} older ones are forgotten", state.commands.forgotten);
        put(area.bottom().saturating_sub(1), &text, theme.muted);
    }
}

fn outcome(sent: &Sent, theme: &Theme) -> (String, Style) {
    let took = sent
        .answered
        .map(|at| at.duration_since(sent.at).as_millis());
    let took = took.and_then(|ms| u64::try_from(ms).ok());
    let took = took.map(describe::duration).unwrap_or_default();
    match &sent.outcome {
        None => ("no answer yet".to_owned(), theme.busy),
        Some(Ok(())) => (format!("accepted in {took}"), theme.text),
        Some(Err(why)) => (format!("REFUSED: {why}"), theme.failed),
    }
}

/// The commands of one: whether a line is a head, and the line.
fn lines(state: &State, sent: &Sent, width: usize) -> Vec<(bool, String)> {
    let openstack = state.shell.openstack(sent.node, &sent.action);
    let indicator = sent.indicator.as_deref();
    let curl = state.shell.curl(sent.node, &sent.action, indicator);
    let mut lines = Vec::new();
    for (head, commands) in [("openstack", openstack), ("curl", curl)] {
        lines.push((true, format!("{head} (y copies, Tab changes)")));
        for command in commands {
            lines.extend(wrap(&command, width).into_iter().map(|line| (false, line)));
        }
    }
    lines
}
