//! The node list. Only the rows that are on the screen are looked at.

use cupola_api::cupola::NodeSummary;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::activity;
use crate::state::State;
use crate::state::link::Status;
use crate::state::sort::Column;
use crate::summary;
use crate::ui::text::clip;
use crate::ui::theme::Theme;

/// One column: its head, what it is sorted by, its width.
struct Head {
    text: &'static str,
    sorts: Option<Column>,
    width: u16,
    cell: Cell,
}

#[derive(Clone, Copy)]
enum Cell {
    Name,
    Power,
    State,
    Since,
    Driver,
    Class,
    Uuid,
    Activity,
}

const fn head(text: &'static str, sorts: Option<Column>, width: u16, cell: Cell) -> Head {
    Head {
        text,
        sorts,
        width,
        cell,
    }
}

/// The columns for a screen of this width; the last one takes what is left.
fn columns(width: u16) -> Vec<Head> {
    let wide = width >= 120;
    let name = if wide { 28 } else { 20 };
    let mut columns = vec![
        head("NAME", Some(Column::Name), name, Cell::Name),
        head("POWER", Some(Column::Power), 7, Cell::Power),
        head("STATE", Some(Column::State), 15, Cell::State),
        head("SINCE", Some(Column::Since), 6, Cell::Since),
    ];
    if wide {
        columns.push(head("DRIVER", Some(Column::Driver), 14, Cell::Driver));
        columns.push(head("CLASS", Some(Column::Class), 14, Cell::Class));
    }
    if width >= 180 {
        columns.push(head("UUID", None, 36, Cell::Uuid));
    }
    columns.push(head("DOES OR WAITS FOR", None, u16::MAX, Cell::Activity));
    columns
}

/// Columns before the first one: the cursor and the mark.
const GUTTER: u16 = 2;

/// Draws it.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let columns = columns(area.width);
    draw_heads(buffer, area, &columns, state, theme);
    let height = usize::from(area.height.saturating_sub(1));
    let rows = area.y + 1..area.bottom();
    for (y, (here, node)) in rows.zip(state.list.visible(&state.fleet, height)) {
        let row = Rect {
            y,
            height: 1,
            ..area
        };
        draw_row(buffer, row, &columns, node, here, state, theme);
    }
    if state.list.len() == 0 {
        let y = area.y + 2;
        let width = usize::from(area.width);
        for (y, line) in (y..area.bottom()).zip(nothing(state)) {
            buffer.set_stringn(area.x + 2, y, clip(line, width), width, theme.muted);
        }
    }
}

fn nothing(state: &State) -> &'static [&'static str] {
    match state.link.status {
        Status::Connecting => &["Asking the server for its nodes ..."],
        Status::Lost { .. } if state.link.refused => &[
            "The server does not let you in; what it says is in the last line.",
            "",
            "Leave with :q, set OS_USERNAME and OS_PASSWORD, with OS_AUTH_URL where",
            "Keystone issues tokens (or OS_CLOUD), and start again.",
        ],
        Status::Lost { .. } => &["The server does not answer; it is asked again and again."],
        Status::Live | Status::Polling if state.list.is_filtered() => {
            &["No node matches the filter. Esc shows all."]
        }
        Status::Live | Status::Polling => &[
            "There is no node yet.",
            "",
            "Press e to enrol a machine: its BMC's address, user name and password,",
            "and the MAC address of the interface that netboots.",
        ],
    }
}

fn draw_heads(buffer: &mut Buffer, area: Rect, columns: &[Head], state: &State, theme: &Theme) {
    let mut x = area.x + GUTTER;
    let sort = state.list.sort;
    for column in columns {
        let width = column.width.min(area.right().saturating_sub(x));
        let mut text = column.text.to_owned();
        if column.sorts == Some(sort.column) {
            let glyphs = &theme.glyphs;
            text.push_str(if sort.reversed {
                glyphs.descending
            } else {
                glyphs.ascending
            });
        }
        let room = usize::from(width);
        buffer.set_stringn(x, area.y, clip(&text, room), room, theme.header);
        x = x.saturating_add(width + 1);
    }
}

fn draw_row(
    buffer: &mut Buffer,
    row: Rect,
    columns: &[Head],
    node: &NodeSummary,
    here: bool,
    state: &State,
    theme: &Theme,
) {
    if here {
        buffer.set_stringn(row.x, row.y, theme.glyphs.cursor, 1, theme.text);
    }
    if state.list.marks.contains(&node.uuid) {
        buffer.set_stringn(row.x + 1, row.y, theme.glyphs.mark, 1, theme.mark);
    }
    let mut x = row.x + GUTTER;
    for column in columns {
        let width = column.width.min(row.right().saturating_sub(x));
        let room = usize::from(width);
        if let Cell::Activity = column.cell {
            let line = Line::from(activity::spans(node, theme, room));
            buffer.set_line(x, row.y, &line, width);
        } else {
            let (text, style) = cell(column.cell, node, state, theme);
            buffer.set_stringn(x, row.y, clip(&text, room), room, style);
        }
        x = x.saturating_add(width + 1);
    }
    if here {
        buffer.set_style(row, theme.selected);
    }
}

fn cell(cell: Cell, node: &NodeSummary, state: &State, theme: &Theme) -> (String, Style) {
    match cell {
        Cell::Name => (summary::display_name(node), theme.text),
        Cell::Power => {
            use cupola_api::state::power::PowerState;
            let style = match node.power_state {
                Some(PowerState::On) => theme.good,
                Some(PowerState::Off) => theme.off,
                Some(PowerState::Error) => theme.failed,
                None => theme.muted,
            };
            (summary::power_word(node.power_state).to_owned(), style)
        }
        Cell::State => {
            let style = theme.state(node.provision_state);
            (node.provision_state.to_string(), style)
        }
        Cell::Since => (activity::since(node, state), theme.muted),
        Cell::Driver => (node.driver.clone(), theme.text),
        Cell::Class => (node.resource_class.clone().unwrap_or_default(), theme.text),
        Cell::Uuid => (node.uuid.to_string(), theme.muted),
        Cell::Activity => (String::new(), theme.text),
    }
}
