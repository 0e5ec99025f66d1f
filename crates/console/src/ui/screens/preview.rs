//! What actions on several nodes would do, before any of them is sent.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::describe;
use crate::state::preview::{Line, Preview};
use crate::state::run::{Canary, Options};
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// Draws it.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, preview: &Preview, theme: &Theme) {
    let area = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let width = usize::from(area.width);
    let head = head(preview, width, theme);
    let height = usize::from(area.height);
    // Where there is room what is chosen stays; else all of it scrolls.
    let (fixed, scrolled) = if height >= head.len() + 6 {
        (head, Vec::new())
    } else {
        (Vec::new(), head)
    };
    let room = height.saturating_sub(fixed.len());
    let all = scrolled.len() + preview.lines.len();
    let top = preview.top.min(all.saturating_sub(room));
    // Lines that are not on the screen are not looked at.
    let first = top.saturating_sub(scrolled.len());
    let lines = preview.lines.iter().skip(first).map(|line| match line {
        Line::Head(text) => (text.clone(), theme.header),
        Line::Text(text) => (text.clone(), theme.text),
        Line::Warning(text) => (text.clone(), theme.warning),
    });
    let shown = scrolled.into_iter().skip(top).chain(lines).take(room);
    for ((text, style), y) in fixed.into_iter().chain(shown).zip(area.y..area.bottom()) {
        buffer.set_stringn(area.x, y, clip(&text, width), width, style);
    }
}

/// What is done, to how many, what it means, and how it goes.
fn head(preview: &Preview, width: usize, theme: &Theme) -> Vec<(String, Style)> {
    let plan = &preview.plan;
    let all = plan.acts.len() + plan.left_out.len();
    let title = format!(
        "{}, can do it: {} of {}",
        plan.name,
        plan.acts.len(),
        describe::count(all, "node")
    );
    let style = if plan.destroys() {
        theme.warning
    } else {
        theme.text
    };
    let mut lines = vec![(title, theme.header)];
    let meaning = wrap(preview.meaning, width).into_iter();
    lines.extend(meaning.map(|line| (line, style)));
    lines.push((String::new(), theme.text));
    let rows = options(&plan.options).into_iter();
    lines.extend(
        rows.map(|(key, label, value)| (format!("{key}  {label:<13} {value}"), theme.text)),
    );
    lines.push((String::new(), theme.text));
    lines
}

/// How a run goes, as rows: key, label, value.
fn options(options: &Options) -> [(&'static str, &'static str, String); 3] {
    let canary = match options.canary {
        Canary::No => "no",
        Canary::Ask => "one first; when it has ended well, ask before the others",
        Canary::First => "one first; when it has ended well, the others",
    };
    [
        ("c", "Canary first", canary.to_owned()),
        ("p", "At once", at_once(options.parallel)),
        ("s", "Stop", stops(options)),
    ]
}

/// How many at once, in words.
pub(super) fn at_once(parallel: usize) -> String {
    match parallel {
        usize::MAX => "all".to_owned(),
        some => describe::count(some, "node"),
    }
}

/// When it stops by itself, in words.
pub(super) fn stops(options: &Options) -> String {
    match options.stop {
        Some(stop) => format!(
            "when more than {} % fail, and at least {}",
            stop.percent, stop.least
        ),
        None => "never by itself".to_owned(),
    }
}
