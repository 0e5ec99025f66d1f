//! A run: how far it is, and what became of each node; and the list of runs.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::activity;
use super::preview::{at_once, stops};
use crate::describe;
use crate::state::State;
use crate::state::run::{Counts, Entry, Outcome, Phase, Run};
use crate::state::screen::RunView;
use crate::ui::text::clip;
use crate::ui::theme::Theme;

/// How many rows are shown at most above and below the one under the cursor: the first row shown.
pub(super) fn first(at: usize, count: usize, rows: usize) -> usize {
    at.saturating_sub(rows / 2).min(count.saturating_sub(rows))
}

/// Draws a run.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, state: &State, view: &RunView, theme: &Theme) {
    let width = usize::from(area.width);
    let mut put = |y: u16, text: &str, style: Style| {
        if y < area.bottom() {
            buffer.set_stringn(area.x, y, clip(text, width), width, style);
        }
    };
    let Some(run) = state.runs.iter().find(|run| run.id == view.run) else {
        return put(
            area.y,
            " This run is forgotten: many came after it.",
            theme.muted,
        );
    };
    let counts = run.counts();
    let done = (counts.reached + counts.failed + counts.skipped) * 100;
    let percent = done / run.entries.len().max(1);
    let bar = activity::bar(u8::try_from(percent).unwrap_or(100), 20, &theme.glyphs);
    put(
        area.y,
        &format!(" {bar} {percent}%  {}", summary(counts)),
        theme.text,
    );
    let (text, style) = phase(run, state.now, theme);
    put(area.y + 1, &format!(" {text}"), style);
    let columns = match width {
        120.. => Columns {
            name: 28,
            wide: true,
        },
        60.. => Columns {
            name: 20,
            wide: true,
        },
        _ => Columns {
            name: 14,
            wide: false,
        },
    };
    let head = columns.line(["NODE", "OUTCOME", "TOOK", "STATE NOW", "REASON"]);
    put(area.y + 3, &format!("  {head}"), theme.header);
    let rows = usize::from(area.height.saturating_sub(4));
    let count = run.entries.len() + run.left_out.len();
    let top = first(view.at, count, rows);
    // Rows that are not on the screen are not looked at.
    for (at, y) in (top..count).take(rows).zip(area.y + 4..) {
        let (text, style) = if let Some(entry) = run.entries.get(at) {
            row(entry, state, columns, theme)
        } else if let Some((node, why)) = run.left_out.get(at - run.entries.len()) {
            (columns.line([node, "left out", "", "", why]), theme.muted)
        } else {
            break;
        };
        let (sign, style) = if at == view.at {
            (theme.glyphs.cursor, theme.selected)
        } else {
            (" ", style)
        };
        put(y, &format!("{sign} {text}"), style);
    }
    let shown = usize::from(view.at >= top) * (view.at - top);
    let y = area.y + 4 + u16::try_from(shown).unwrap_or(0);
    if y < area.bottom() && count > 0 {
        buffer.set_style(
            Rect {
                y,
                height: 1,
                ..area
            },
            theme.selected,
        );
    }
}

/// The columns of the table of results.
#[derive(Clone, Copy)]
struct Columns {
    name: usize,
    /// Whether there is room for all of them.
    wide: bool,
}

impl Columns {
    fn line(self, [name, outcome, took, state, reason]: [&str; 5]) -> String {
        let (width, name) = (self.name, clip(name, self.name));
        if self.wide {
            format!("{name:<width$} {outcome:<9} {took:<7} {state:<15} {reason}")
        } else {
            format!("{name:<width$} {outcome:<9} {reason}")
        }
    }
}

fn summary(counts: Counts) -> String {
    let parts = [
        (counts.waiting, "waiting"),
        (counts.moving, "under way"),
        (counts.reached, "reached"),
        (counts.failed, "FAILED"),
        (counts.skipped, "not sent"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    parts.join(", ")
}

fn phase(run: &Run, now: Timestamp, theme: &Theme) -> (String, Style) {
    match &run.phase {
        Phase::Held(until) => {
            let left = describe::since(now, *until);
            let text = format!("Not sent yet: in {left}. Esc or u takes it back.");
            (text, theme.warning)
        }
        Phase::Running => {
            let text = format!(
                "Runs: {} at once; stops {}",
                at_once(run.options.parallel),
                stops(&run.options)
            );
            (text, theme.busy)
        }
        Phase::Asking => {
            let name = run.entries.first().map_or("", |entry| entry.name.as_str());
            let text = format!("The canary {name} ended well: c sends the others, x does not.");
            (text, theme.warning)
        }
        Phase::Stopped(why) => {
            let text = format!("STOPPED: {why}. c goes on, x sends no more.");
            (text, theme.failed)
        }
        Phase::Done => {
            let took = run.ended.map(|end| describe::since(run.begun, end));
            (
                format!("Over, after {}.", took.unwrap_or_default()),
                theme.good,
            )
        }
        Phase::TakenBack => ("Taken back: nothing was sent.".to_owned(), theme.muted),
    }
}

fn row(entry: &Entry, state: &State, columns: Columns, theme: &Theme) -> (String, Style) {
    let style = match entry.outcome {
        Outcome::Waiting | Outcome::Skipped => theme.muted,
        Outcome::Sent | Outcome::Accepted => theme.busy,
        Outcome::Reached => theme.good,
        Outcome::Failed(_) | Outcome::Refused(_) => theme.failed,
    };
    let took = entry.took(state.now);
    let took = took.map(|took| describe::age(i64::try_from(took.as_secs()).unwrap_or(i64::MAX)));
    let now = state.fleet.get(entry.node);
    let now = now.map_or("gone", |node| node.provision_state.as_str());
    let text = columns.line([
        &entry.name,
        entry.outcome.word(),
        &took.unwrap_or_default(),
        now,
        entry.outcome.reason().unwrap_or_default(),
    ]);
    (text, style)
}

/// Draws the list of runs.
pub(crate) fn draw_list(buffer: &mut Buffer, area: Rect, state: &State, at: usize, theme: &Theme) {
    let width = usize::from(area.width);
    let mut put = |y: u16, text: &str, style: Style| {
        if y < area.bottom() {
            buffer.set_stringn(area.x, y, clip(text, width), width, style);
        }
    };
    if state.runs.is_empty() {
        put(area.y + 1, "  Nothing was done yet.", theme.muted);
        put(
            area.y + 3,
            "  Mark nodes with Space, then v, p or a: each run stands here.",
            theme.muted,
        );
        return;
    }
    let head = format!(
        "  {:<8}  {:<15} {:>5}  {}",
        "AT", "WHAT", "NODES", "HOW IT STANDS"
    );
    put(area.y, &head, theme.header);
    let rows = usize::from(area.height.saturating_sub(1));
    let top = first(at, state.runs.len(), rows);
    let runs = state.runs.iter().rev().enumerate().skip(top).take(rows);
    for ((place, run), y) in runs.zip(area.y + 1..) {
        let counts = run.counts();
        let word = match &run.phase {
            Phase::Held(_) => "not sent yet",
            Phase::Running => "runs",
            Phase::Asking => "ASKS",
            Phase::Stopped(_) => "STOPPED",
            Phase::Done => "over",
            Phase::TakenBack => "taken back",
        };
        let text = format!(
            "{} {:<8}  {:<15} {:>5}  {word}: {}",
            if place == at {
                theme.glyphs.cursor
            } else {
                " "
            },
            describe::clock(run.begun, &state.zone),
            run.name,
            run.entries.len(),
            summary(counts)
        );
        let style = match (place == at, &run.phase) {
            (true, _) => theme.selected,
            (false, Phase::Stopped(_)) => theme.failed,
            (false, Phase::Asking | Phase::Held(_)) => theme.warning,
            (false, _) if counts.failed > 0 => theme.failed,
            (false, _) => theme.text,
        };
        put(y, &format!("{text:<width$}"), style);
    }
}
