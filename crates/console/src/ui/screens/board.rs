//! The deploy board: a line for each node that something is done to. Only visible lines are looked
//! at.

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{activity, lens};
use crate::describe;
use crate::state::State;
use crate::state::watching::board::{Run, rate};
use crate::state::watching::usual::Served;
use crate::ui::text::clip;
use crate::ui::theme::Theme;

/// Columns of what has a fixed width: what is done, rate, time so far, time left.
const DOING: u16 = 11;
const RATE: u16 = 10;
const TOOK: u16 = 6;
const LEFT: u16 = 7;
const GUTTER: u16 = 2;

/// Where the columns begin.
struct Columns {
    name: u16,
    step: u16,
    /// The rate has a column where there is room for it.
    rate: bool,
}

fn columns(width: u16) -> Columns {
    let name = match width {
        0..60 => 12,
        60..100 => 16,
        _ => 28,
    };
    let rate = width >= 70;
    let fixed = GUTTER + name + 1 + DOING + 1 + TOOK + 1 + LEFT + 1;
    let fixed = fixed + if rate { RATE + 1 } else { 0 };
    Columns {
        name,
        step: width.saturating_sub(fixed),
        rate,
    }
}

/// Draws it.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let columns = columns(area.width);
    let cells = |name: &str, doing: &str, step: &str, rate: &str, took: &str, left: &str| {
        let mut cells = vec![
            (name.to_owned(), columns.name),
            (doing.to_owned(), DOING),
            (step.to_owned(), columns.step),
        ];
        if columns.rate {
            cells.push((rate.to_owned(), RATE));
        }
        cells.push((took.to_owned(), TOOK));
        cells.push((left.to_owned(), LEFT));
        cells
    };
    let heads = cells("NAME", "DOING", "STEP", "RATE", "TOOK", "LEFT");
    put(
        buffer,
        area,
        area.y,
        heads.into_iter().map(|c| (c, theme.header)),
    );
    let board = &state.watching.board;
    if board.len() == 0 {
        let text = "Nothing is being deployed, cleaned, inspected or serviced.";
        let width = usize::from(area.width);
        buffer.set_stringn(
            area.x + 2,
            area.y + 2,
            clip(text, width),
            width,
            theme.muted,
        );
    }
    let foot = 2.min(area.height.saturating_sub(3));
    let height = area.height.saturating_sub(1 + foot);
    let top = board
        .at()
        .saturating_sub(usize::from(height).saturating_sub(1));
    let rows = board.rows().enumerate().skip(top);
    for (y, (at, (id, run))) in (area.y + 1..area.y + 1 + height).zip(rows) {
        let line = line(state, id, run, columns.step, theme);
        let mut texts = vec![
            ((state.name_of(id), columns.name), theme.text),
            ((run.phase.as_str().to_owned(), DOING), line.doing),
            ((line.step, columns.step), line.step_style),
        ];
        if columns.rate {
            texts.push(((line.rate, RATE), theme.text));
        }
        texts.push(((line.took, TOOK), line.time_style));
        texts.push(((line.left, LEFT), line.time_style));
        put(buffer, area, y, texts.into_iter());
        if at == board.at() {
            buffer.set_stringn(area.x, y, theme.glyphs.cursor, 1, theme.text);
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            buffer.set_style(row, theme.selected);
        }
    }
    draw_foot(buffer, area, foot, state, theme);
}

fn put(
    buffer: &mut Buffer,
    area: Rect,
    y: u16,
    cells: impl Iterator<Item = ((String, u16), Style)>,
) {
    let mut x = area.x + GUTTER;
    for ((text, width), style) in cells {
        let width = width.min(area.right().saturating_sub(x));
        let room = usize::from(width);
        buffer.set_stringn(x, y, clip(&text, room), room, style);
        x = x.saturating_add(width + 1).min(area.right());
    }
}

struct Line {
    doing: Style,
    step: String,
    step_style: Style,
    rate: String,
    took: String,
    left: String,
    time_style: Style,
}

fn line(state: &State, id: NodeId, run: &Run, width: u16, theme: &Theme) -> Line {
    let node = state.fleet.get(id);
    if let Some(ended) = run.ended {
        let took = ended.at.duration_since(run.since).as_secs();
        let error = node.and_then(|n| n.last_error.as_deref());
        let (step, style) = if ended.failed {
            let error = error.map(|e| format!(": {e}")).unwrap_or_default();
            (format!("FAILED{error}"), theme.failed)
        } else {
            ("done".to_owned(), theme.good)
        };
        return Line {
            doing: style,
            step,
            step_style: style,
            rate: String::new(),
            took: describe::age(took),
            left: describe::clock(ended.at, &state.zone)
                .chars()
                .take(5)
                .collect(),
            time_style: theme.muted,
        };
    }
    let forecast = node.map(|node| state.watching.usual.forecast(node, run, state.now));
    let forecast = forecast.unwrap_or_default();
    let left = forecast
        .left
        .map(|left| format!("~{}", describe::age(left)));
    let message = run.current.as_ref().map_or("", |c| c.message.as_str());
    let now = node.map(|node| node.provision_state);
    Line {
        doing: now.map_or(theme.text, |now| theme.state(now)),
        step: step(node, run, usize::from(width), theme),
        step_style: theme.busy,
        rate: rate(message).unwrap_or_default().to_owned(),
        took: describe::age(forecast.elapsed),
        left: if forecast.is_late {
            "late".to_owned()
        } else {
            left.unwrap_or_default()
        },
        time_style: if forecast.is_late {
            theme.failed
        } else {
            theme.text
        },
    }
}

/// The step with its place, a bar and the percentage, as far as there is room.
fn step(node: Option<&NodeSummary>, run: &Run, width: usize, theme: &Theme) -> String {
    let Some(current) = &run.current else {
        let waiting = node.and_then(|node| node.waiting.as_ref());
        return waiting.map_or_else(String::new, |waiting| format!("waits: {}", waiting.what));
    };
    let name = current.step.rsplit('.').next().unwrap_or(&current.step);
    let place = format!("{}/{} ", current.index, current.total);
    let (bar, percent) = match current.percent {
        Some(percent) => {
            let room = width.saturating_sub(place.len() + name.len() + 6).min(20);
            let bar = activity::bar(percent, room, &theme.glyphs);
            (bar, format!(" {percent}%"))
        }
        None => {
            // Words and a bar of steps: what is done of them.
            let total = u64::from(current.total.max(1));
            let done = u64::from(current.index.saturating_sub(1)) * 100 / total;
            let room = width.saturating_sub(place.len() + name.len() + 6).min(20);
            let bar = activity::bar(u8::try_from(done).unwrap_or(0), room, &theme.glyphs);
            (bar, String::new())
        }
    };
    format!("{place}{name} {bar}{percent}")
}

/// What is usual for the line under the cursor, and what its step says.
fn draw_foot(buffer: &mut Buffer, area: Rect, height: u16, state: &State, theme: &Theme) {
    let board = &state.watching.board;
    let mut lines: Vec<(String, Style)> = Vec::new();
    if let Some(id) = board.cursor()
        && let (Some(run), Some(node)) = (board.run(id), state.fleet.get(id))
    {
        let usual = &state.watching.usual;
        let text = match (usual.of(node, run.phase, None), usual.served) {
            (Some(found), _) => format!("usual: {}", lens::words(found)),
            (None, Served::Unknown) => String::new(),
            (None, Served::Known) => {
                format!(
                    "usual: unknown, no {} has ended here yet",
                    run.phase.as_str()
                )
            }
            (None, Served::Not) => format!("usual: {}", lens::no_times(state)),
        };
        lines.push((text, theme.muted));
        let message = run.current.as_ref().map(|c| c.message.clone());
        lines.push((message.unwrap_or_default(), theme.text));
    }
    let width = usize::from(area.width.saturating_sub(1));
    for (y, (text, style)) in (area.bottom() - height..area.bottom()).zip(lines) {
        buffer.set_stringn(area.x + 1, y, clip(&text, width), width, style);
    }
}
