//! What a node does or waits for, in styled pieces for one line.

use cupola_api::cupola::NodeSummary;
use cupola_api::diagnosis::broken_rung;
use jiff::Timestamp;
use ratatui::style::Style;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

use crate::describe;
use crate::state::State;
use crate::state::fleet::is_moving;
use crate::ui::glyphs::Glyphs;
use crate::ui::text::clip;
use crate::ui::theme::Theme;

/// The pieces: maintenance, the step with its progress, what it waits for, what is wrong.
pub(crate) fn spans(node: &NodeSummary, theme: &Theme, width: usize) -> Vec<Span<'static>> {
    let mut pieces: Vec<(String, Style)> = Vec::new();
    if node.maintenance {
        pieces.push(("MAINT".to_owned(), theme.warning));
    }
    if let Some(fault) = node.fault {
        pieces.push((format!("FAULT {}", fault.as_str()), theme.failed));
    }
    if let Some(step) = &node.step {
        let name = step.step.rsplit('.').next().unwrap_or(&step.step);
        let mut text = format!("{name} {}/{}", step.index, step.total);
        if let Some(percent) = step.percent {
            if width > 34 {
                text = format!("{text} {}", bar(percent, 10, &theme.glyphs));
            }
            text = format!("{text} {percent}%");
        }
        pieces.push((text, theme.busy));
    }
    if let Some(waiting) = &node.waiting
        && (node.step.is_none() || width > 45)
    {
        pieces.push((format!("waits: {}", waiting.what), theme.waiting));
    }
    if let Some(target) = node.target_power_state {
        pieces.push((format!("going {}", target.as_str()), theme.busy));
    }
    if let Some(error) = &node.last_error
        && node.step.is_none()
        && node.waiting.is_none()
    {
        pieces.push((wrong(error), theme.failed));
    }
    let mut spans = Vec::new();
    let mut room = width;
    for (text, style) in pieces {
        if !spans.is_empty() {
            spans.push(Span::raw(" "));
            room = room.saturating_sub(1);
        }
        let text = clip(&text, room);
        room = room.saturating_sub(text.width());
        spans.push(Span::styled(text, style));
    }
    spans
}

/// An error with the rung that broke before all else: there is room for some words only.
fn wrong(error: &str) -> String {
    match broken_rung(error) {
        Some(rung) => format!("at {rung}: {error}"),
        None => error.to_owned(),
    }
}

/// A bar of progress.
pub(crate) fn bar(percent: u8, width: usize, glyphs: &Glyphs) -> String {
    let full = usize::from(percent.min(100)) * width / 100;
    format!(
        "{}{}",
        glyphs.full.repeat(full),
        glyphs.empty.repeat(width - full)
    )
}

/// Since when: how long while it moves, else the time at which it came to rest, which does not
/// change with the clock.
pub(crate) fn since(node: &NodeSummary, state: &State) -> String {
    let waiting = node.waiting.as_ref().map(|w| w.since);
    let Some(then) = waiting.or(node.provision_updated_at) else {
        return String::new();
    };
    if is_moving(node) {
        return describe::since(then, state.now);
    }
    let local = |at: Timestamp| at.to_zoned(state.zone.clone());
    let (then, now) = (local(then), local(state.now));
    let format = if then.date() == now.date() {
        "%H:%M"
    } else {
        "%d %b"
    };
    then.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broken_rung_comes_first() {
        let error = "Timeout. Broken rung: DHCP discover (5 of 17): the machine asks; no rung.";
        assert_eq!(wrong(error), format!("at DHCP discover: {error}"));
        assert_eq!(wrong("Timeout."), "Timeout.");
    }
}
