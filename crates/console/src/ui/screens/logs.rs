//! The collected logs of a node: the list, or the text of one of them.

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::describe;
use crate::state::logs::{Logs, Open};
use crate::ui::text::clip;
use crate::ui::theme::Theme;

/// Draws it.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, logs: &Logs, zone: &TimeZone, theme: &Theme) {
    match &logs.open {
        Some(open) => draw_text(buffer, area, open, theme),
        None => draw_list(buffer, area, logs, zone, theme),
    }
}

fn draw_list(buffer: &mut Buffer, area: Rect, logs: &Logs, zone: &TimeZone, theme: &Theme) {
    let width = usize::from(area.width);
    let mut say = |text: &str, style| {
        buffer.set_stringn(area.x, area.y + 1, clip(text, width), width, style);
    };
    let list = match &logs.list {
        None => return say("asking the server", theme.muted),
        Some(Err(why)) => return say(&format!("no logs: {why}"), theme.warning),
        Some(Ok(list)) if list.is_empty() => {
            return say(
                "no logs: they are collected of a ramdisk whose work failed",
                theme.muted,
            );
        }
        Some(Ok(list)) => list,
    };
    say("Logs of its ramdisks. Enter reads one.", theme.header);
    for (y, (at, log)) in (area.y + 3..area.bottom()).zip(list.iter().enumerate()) {
        let style = if at == logs.at {
            theme.selected
        } else {
            theme.text
        };
        let day = log.collected_at.to_zoned(zone.clone()).strftime("%Y-%m-%d");
        let clock = describe::clock(log.collected_at, zone);
        let size = log.size.div_ceil(1024);
        let text = format!(
            "{day} {clock}  {:<8} {size:>6} KiB  {}",
            log.label, log.name
        );
        let room = width.saturating_sub(1);
        buffer.set_stringn(area.x + 1, y, clip(&text, room), room, style);
    }
}

fn draw_text(buffer: &mut Buffer, area: Rect, open: &Open, theme: &Theme) {
    let width = usize::from(area.width);
    let height = usize::from(area.height.saturating_sub(1));
    let of = match open.total() {
        Some(total) => format!(" of {total}"),
        None if open.is_loading() => ", reading on".to_owned(),
        None => String::new(),
    };
    let head = format!("line {}{of}   {}", open.top + 1, open.name);
    buffer.set_stringn(area.x, area.y, clip(&head, width), width, theme.muted);
    if let Some(why) = &open.error {
        let text = format!("cannot be read: {why}");
        buffer.set_stringn(area.x, area.y + 1, clip(&text, width), width, theme.warning);
        return;
    }
    for (y, line) in (area.y + 1..area.bottom()).zip(open.visible(height)) {
        let is_head = line.starts_with("==> ");
        let style = if is_head { theme.header } else { theme.text };
        buffer.set_stringn(area.x, y, clip(line, width), width, style);
    }
}
