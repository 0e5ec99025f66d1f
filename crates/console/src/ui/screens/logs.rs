//! The collected logs of a node: the list, or the text of one of them.

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::timeline::put;
use crate::describe;
use crate::state::logs::{Logs, Open};
use crate::state::node::NodeView;
use crate::state::watching::viewer::{Viewer, level};
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// Draws it.
pub(crate) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    view: &NodeView,
    zone: &TimeZone,
    theme: &Theme,
) {
    match &view.logs.open {
        Some(open) => draw_text(buffer, area, open, &view.viewer, zone, theme),
        None => draw_list(buffer, area, &view.logs, zone, theme),
    }
}

fn draw_list(buffer: &mut Buffer, area: Rect, logs: &Logs, zone: &TimeZone, theme: &Theme) {
    let width = usize::from(area.width);
    let mut say = |text: &str, style| {
        buffer.set_stringn(area.x, area.y + 1, clip(text, width), width, style);
    };
    let list = match &logs.list {
        None => return say("asking the server", theme.muted),
        Some(Err(why)) => {
            let lines = wrap(&format!("no logs: {why}"), width);
            for (y, line) in (area.y + 1..area.bottom()).zip(lines) {
                buffer.set_stringn(area.x, y, line, width, theme.warning);
            }
            return;
        }
        Some(Ok(list)) if list.is_empty() => {
            return say(
                "no logs: they are collected of a ramdisk whose work failed; consoles are recorded where \
                 the BMC allows",
                theme.muted,
            );
        }
        Some(Ok(list)) => list,
    };
    say(
        "Logs of its ramdisks, and recorded serial consoles. Enter opens one.",
        theme.header,
    );
    for (y, (at, log)) in (area.y + 3..area.bottom()).zip(list.iter().enumerate()) {
        let style = if at == logs.at {
            theme.selected
        } else {
            theme.text
        };
        let day = log.collected_at.to_zoned(zone.clone()).strftime("%Y-%m-%d");
        let clock = describe::clock(log.collected_at, zone);
        let size = log.size.div_ceil(1024);
        let kind = if log.is_recording() {
            "console"
        } else {
            "ramdisk"
        };
        let text = format!(
            "{day} {clock}  {:<8} {kind} {size:>6} KiB  {}",
            log.label, log.name
        );
        let room = width.saturating_sub(1);
        buffer.set_stringn(area.x + 1, y, clip(&text, room), room, style);
    }
}

fn draw_text(
    buffer: &mut Buffer,
    area: Rect,
    open: &Open,
    viewer: &Viewer,
    zone: &TimeZone,
    theme: &Theme,
) {
    let width = usize::from(area.width);
    let height = usize::from(area.height.saturating_sub(1));
    let head = head(open);
    buffer.set_stringn(area.x, area.y, clip(&head, width), width, theme.muted);
    if let Some(why) = &open.error {
        let text = format!("cannot be read: {why}");
        buffer.set_stringn(area.x, area.y + 1, clip(&text, width), width, theme.warning);
        return;
    }
    let mut y = area.y + 1;
    for (number, line) in open.visible(height) {
        let style = if open.hit == Some(number) {
            theme.selected
        } else if line.starts_with("==> ") {
            theme.header
        } else {
            theme.severity(level(line))
        };
        let parts = if viewer.wrap {
            wrap(line, width)
        } else {
            vec![clip(line, width)]
        };
        for part in parts {
            if y >= area.bottom() {
                return;
            }
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            put(buffer, row, &part, style, viewer.search.as_ref(), theme);
            y += 1;
        }
        if let Some(at) = open.marks.get(&number)
            && y < area.bottom()
        {
            let text = format!(
                "{} marked at {}",
                theme.glyphs.mark,
                describe::clock(*at, zone)
            );
            buffer.set_stringn(area.x, y, clip(&text, width), width, theme.mark);
            y += 1;
        }
    }
}

fn head(open: &Open) -> String {
    let name = &open.name;
    if let Some(filtered) = &open.filtered {
        let more = match (filtered.is_full(), filtered.complete) {
            (true, _) => ", and more: a longer text finds fewer",
            (false, true) => "",
            (false, false) => ", reading on",
        };
        let lines = describe::count(filtered.len(), "line");
        return format!("{lines} with {:?}{more}   {name}", filtered.text());
    }
    let of = match open.total() {
        Some(total) => format!(" of {total}"),
        None if open.is_seeking() => ", searching".to_owned(),
        None if open.is_loading() => ", reading on".to_owned(),
        None => String::new(),
    };
    let marks = match open.marks.len() {
        0 => String::new(),
        count => format!(", {count} marked"),
    };
    format!("line {}{of}{marks}   {name}", open.top + 1)
}
