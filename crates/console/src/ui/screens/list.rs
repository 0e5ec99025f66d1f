//! The node list. Only the rows that are on the screen are looked at.

use cupola_api::cupola::NodeSummary;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::activity;
use crate::describe;
use crate::state::State;
use crate::state::field::Field;
use crate::state::group::Group;
use crate::state::link::{Status, Trouble};
use crate::state::list::{List, Shown};
use crate::summary;
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// One column, and its width here.
struct Head {
    field: Field,
    width: u16,
}

/// The columns for a screen of this width, unless others are chosen; the last one takes what is
/// left.
fn columns(list: &List, width: u16) -> Vec<Head> {
    let wide = width >= 120;
    let mut fields = list.columns.clone();
    if fields.is_empty() {
        fields = vec![Field::Name, Field::Power, Field::State, Field::Since];
        if wide {
            fields.extend([Field::Driver, Field::Class]);
        }
        if width >= 180 {
            fields.push(Field::Uuid);
        }
        fields.push(Field::Does);
    }
    let last = fields.len().saturating_sub(1);
    let head = |(at, field): (usize, Field)| Head {
        field,
        width: match field {
            _ if at == last => u16::MAX,
            Field::Name if wide => 28,
            other => other.row().width,
        },
    };
    fields.into_iter().enumerate().map(head).collect()
}

/// Columns before the first one: the cursor and the mark.
const GUTTER: u16 = 2;
/// Where the name ends on a narrow screen.
const NAME_END: u16 = GUTTER + 20;

/// Draws it.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let columns = columns(&state.list, area.width);
    draw_heads(buffer, area, &columns, state, theme);
    let height = usize::from(area.height.saturating_sub(1));
    let rows = area.y + 1..area.bottom();
    for (y, (here, shown)) in rows.zip(state.list.visible(&state.fleet, height)) {
        let row = Rect {
            y,
            height: 1,
            ..area
        };
        match shown {
            Shown::Node(node) => draw_row(buffer, row, &columns, node, here, state, theme),
            Shown::Group(group) => draw_group(buffer, row, group, here, state, theme),
        }
    }
    if state.list.len() == 0 {
        let y = area.y + 2;
        let width = usize::from(area.width);
        let room = width.saturating_sub(4);
        for (y, line) in (y..area.bottom()).zip(nothing(state, room)) {
            buffer.set_stringn(area.x + 2, y, clip(&line, room), room, theme.muted);
        }
    }
}

/// What is said where there is no node to show.
fn nothing(state: &State, width: usize) -> Vec<String> {
    let lines: &[&str] = match &state.link.status {
        Status::Connecting => &["Asking the server for its nodes ..."],
        Status::Lost {
            trouble, reason, ..
        } => return lost(*trouble, reason, width),
        Status::Live | Status::Polling if state.list.is_filtered() => {
            &["No node matches the filter. Esc shows all."]
        }
        Status::Live | Status::Polling => &[
            "There is no node yet.",
            "",
            "Press e to enrol a machine: its BMC's address, user name and password,",
            "and the MAC address of the interface that netboots.",
        ],
    };
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// The reason in full, which the status line has no room for.
fn lost(trouble: Trouble, reason: &str, width: usize) -> Vec<String> {
    let (head, advice) = match trouble {
        Trouble::Away => (
            "The server does not answer; it is asked again and again.",
            "",
        ),
        Trouble::Failing => (
            "The server answers that it failed; it is asked again and again:",
            "What it says more of it is in its log.",
        ),
        Trouble::NotLetIn => (
            "The server does not let you in:",
            "Leave with :q, mend that and start again.",
        ),
        Trouble::Stranger => (
            "This is not the server that the console needs:",
            "Leave with :q and start again with --api URL.",
        ),
    };
    let mut lines = vec![head.to_owned(), String::new()];
    lines.extend(wrap(reason, width));
    if !advice.is_empty() {
        lines.extend([String::new(), advice.to_owned()]);
    }
    lines
}

fn draw_heads(buffer: &mut Buffer, area: Rect, columns: &[Head], state: &State, theme: &Theme) {
    let mut x = area.x + GUTTER;
    let sort = state.list.sort;
    for column in columns {
        let width = column.width.min(area.right().saturating_sub(x));
        let mut text = column.field.row().head.to_owned();
        if column.field == sort.column {
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
        if column.field == Field::Does {
            let line = Line::from(activity::spans(node, theme, room));
            buffer.set_line(x, row.y, &line, width);
        } else {
            let (text, mut style) = cell(column.field, node, state, theme);
            // Where the whole row is painted, nothing would be legible.
            let is_painted = here && theme.paints_rows;
            if state.flash.is_lit(node.uuid, column.field) && !is_painted {
                style = style.add_modifier(Modifier::REVERSED);
            }
            buffer.set_stringn(x, row.y, clip(&text, room), room, style);
        }
        x = x.saturating_add(width + 1);
    }
    if here {
        let name = summary::display_name(node).width() + usize::from(GUTTER);
        let painted = match u16::try_from(name) {
            Ok(name) if !theme.paints_rows => row.width.min(name).min(NAME_END),
            _ => row.width,
        };
        let painted = Rect {
            width: painted,
            ..row
        };
        buffer.set_style(painted, theme.selected);
    }
}

/// The heading of a group: what its nodes have in common, and how many they are.
fn draw_group(
    buffer: &mut Buffer,
    row: Rect,
    group: &Group,
    here: bool,
    state: &State,
    theme: &Theme,
) {
    if here {
        buffer.set_stringn(row.x, row.y, theme.glyphs.cursor, 1, theme.text);
    }
    let field = state.list.group.map_or("", Field::name);
    let label = match group.label.as_str() {
        "" => format!("no {field}"),
        label => format!("{field} {label}"),
    };
    let sign = if group.folded { "+" } else { "-" };
    let count = describe::count(group.count, "node");
    let text = format!("{sign} {label}: {count}");
    let width = usize::from(row.width.saturating_sub(GUTTER));
    let x = row.x + GUTTER;
    buffer.set_stringn(x, row.y, clip(&text, width), width, theme.header);
    if here {
        buffer.set_style(row, theme.selected);
    }
}

fn cell(field: Field, node: &NodeSummary, state: &State, theme: &Theme) -> (String, Style) {
    use cupola_api::state::power::PowerState;
    let text = || field.text(node).into_owned();
    match field {
        Field::Name => (summary::display_name(node), theme.text),
        Field::Power => {
            let style = match node.power_state {
                Some(PowerState::On) => theme.good,
                Some(PowerState::Off) => theme.off,
                Some(PowerState::Error) => theme.failed,
                None => theme.muted,
            };
            (text(), style)
        }
        Field::State => (text(), theme.state(node.provision_state)),
        Field::Since => (activity::since(node, state), theme.muted),
        Field::Age | Field::Updated => {
            let age = field.time(node).map(|at| describe::since(at, state.now));
            (age.unwrap_or_default(), theme.muted)
        }
        Field::Fault | Field::Error => (text(), theme.failed),
        Field::Waits => (text(), theme.waiting),
        Field::Step => (text(), theme.busy),
        Field::Uuid | Field::InstanceUuid => (text(), theme.muted),
        Field::Maintenance | Field::Retired | Field::Protected | Field::Failed | Field::Moving => {
            match field.flag(node) {
                true => ("yes".to_owned(), theme.warning),
                false => (String::new(), theme.text),
            }
        }
        Field::Target
        | Field::PowerTarget
        | Field::Driver
        | Field::Class
        | Field::Owner
        | Field::Lessee
        | Field::Rack
        | Field::Unit
        | Field::Conductor
        | Field::Group
        | Field::Instance
        | Field::Description
        | Field::Shard
        | Field::Traits
        | Field::Reservation
        | Field::Does => (text(), theme.text),
    }
}
