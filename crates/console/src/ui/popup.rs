//! What lies over a screen: a box in its middle.

mod help;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::text::{clip, wrap};
use super::theme::Theme;
use crate::state::State;
use crate::state::popup::{Confirm, Focus, Item, Menu, Popup};

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, popup: &Popup, theme: &Theme) {
    match popup {
        Popup::Confirm(confirm) => draw_confirm(frame, area, confirm, theme),
        Popup::Menu(menu) => draw_menu(frame.buffer_mut(), area, menu, theme),
        Popup::Help(shown) => help::draw(frame.buffer_mut(), area, state, shown, theme),
        Popup::Message { title, lines, .. } => {
            let width = usize::from(area.width.min(76)).saturating_sub(4);
            let lines: Vec<String> = lines.iter().flat_map(|l| wrap(l, width)).collect();
            let width = lines.iter().map(|l| l.width()).max().unwrap_or(0);
            let inner = open(frame.buffer_mut(), area, width, lines.len(), title, theme);
            for (y, line) in (inner.y..inner.bottom()).zip(&lines) {
                put(frame.buffer_mut(), inner, y, line, theme.text);
            }
        }
    }
}

/// Draws an empty box for so much content; returns its inside.
fn open(
    buffer: &mut Buffer,
    area: Rect,
    width: usize,
    height: usize,
    title: &str,
    theme: &Theme,
) -> Rect {
    let fit = |wanted: usize, most: u16| u16::try_from(wanted).unwrap_or(most).min(most);
    let width = fit(width.max(title.width() + 2) + 4, area.width);
    let height = fit(height + 2, area.height);
    let outer = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(outer, buffer);
    buffer.set_style(outer, theme.text);
    let block = Block::bordered()
        .border_set(theme.glyphs.border)
        .border_style(theme.border)
        .title_style(theme.header)
        .title(format!(
            " {} ",
            clip(title, usize::from(width).saturating_sub(4))
        ));
    let inner = block.inner(outer);
    block.render(outer, buffer);
    Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    }
}

fn put(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) {
    let width = usize::from(area.width);
    buffer.set_stringn(area.x, y, clip(text, width), width, style);
}

fn draw_confirm(frame: &mut Frame<'_>, area: Rect, confirm: &Confirm, theme: &Theme) {
    let most = usize::from(area.width.min(72)).saturating_sub(4);
    let mut lines: Vec<String> = confirm.lines.iter().flat_map(|l| wrap(l, most)).collect();
    lines.push(String::new());
    let challenge = confirm.challenge.as_ref().map(|(want, typed)| {
        let line = format!("Type {want} to go on: ");
        (line, want, typed)
    });
    let extra = if challenge.is_some() { 3 } else { 1 };
    let buttons = format!("[ Cancel ]   [ {} ]", confirm.yes);
    let width = lines
        .iter()
        .map(|l| l.width())
        .max()
        .unwrap_or(0)
        .max(buttons.width())
        .max(30);
    let buffer = frame.buffer_mut();
    let inner = open(
        buffer,
        area,
        width,
        lines.len() + extra,
        &confirm.title,
        theme,
    );
    let mut y = inner.y;
    for line in &lines {
        if y < inner.bottom().saturating_sub(u16::from(extra > 1) * 2 + 1) {
            put(buffer, inner, y, line, theme.text);
            y += 1;
        }
    }
    let mut cursor = None;
    if let Some((line, want, typed)) = challenge {
        put(buffer, inner, y, &line, theme.warning);
        let x = inner
            .x
            .saturating_add(u16::try_from(line.width()).unwrap_or(0));
        let room = want.width().max(4) + 2;
        let text = typed.text();
        buffer.set_stringn(x, y, format!("{text:<room$}"), room, theme.input);
        cursor = Some((x + u16::try_from(typed.column()).unwrap_or(0), y));
        y += 2;
    }
    let rest = match confirm.is_met() {
        true => theme.text,
        false => theme.disabled,
    };
    let (cancel, yes) = match confirm.focus {
        Focus::Yes => (theme.text, theme.selected),
        Focus::Cancel => (theme.selected, rest),
        Focus::Field => (theme.text, rest),
    };
    let width = usize::from(inner.width);
    let (x, _) = buffer.set_stringn(inner.x, y, "[ Cancel ]", width, cancel);
    let room = usize::from(inner.right().saturating_sub(x + 3));
    buffer.set_stringn(
        x + 3,
        y,
        clip(&format!("[ {} ]", confirm.yes), room),
        room,
        yes,
    );
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

fn note(item: &Item) -> String {
    if item.enabled {
        item.note.clone()
    } else {
        format!("no: {}", item.note)
    }
}

fn draw_menu(buffer: &mut Buffer, area: Rect, menu: &Menu, theme: &Theme) {
    let labels = menu
        .items
        .iter()
        .map(|i| i.label.width())
        .max()
        .unwrap_or(0);
    let line = |label: &str, note: &str| format!(" {label:<labels$}  {note} ");
    let widths = menu.items.iter().map(|i| line(&i.label, &note(i)).width());
    let width = widths.max().unwrap_or(0).min(100);
    // What does not fit into its line stands whole below the items, for the one under the cursor.
    let room = width.min(usize::from(area.width).saturating_sub(4));
    let whole = |item: &Item| match line(&item.label, &note(item)) {
        text if text.width() > room => wrap(&format!("{}: {}", item.label, note(item)), room),
        _ => Vec::new(),
    };
    let below = menu.items.iter().map(|item| whole(item).len()).max();
    let below = below.filter(|lines| *lines > 0).map_or(0, |n| n + 1);
    let height = menu.items.len() + below;
    let inner = open(buffer, area, width, height, &menu.title, theme);
    let first = inner
        .y
        .saturating_add(u16::try_from(menu.items.len() + 1).unwrap_or(u16::MAX));
    let selected = menu.items.get(menu.at).map(whole).unwrap_or_default();
    for (y, text) in (first..inner.bottom()).zip(&selected) {
        put(buffer, inner, y, text, theme.text);
    }
    // Where not all fit, those around the one under the cursor are shown.
    let rows = usize::from(inner.height);
    let top = menu.at.saturating_sub(rows / 2);
    let top = top.min(menu.items.len().saturating_sub(rows));
    let shown = menu.items.iter().enumerate().skip(top);
    for ((at, item), y) in shown.zip(inner.y..inner.bottom()) {
        let style = match (at == menu.at, item.enabled) {
            (true, _) => theme.selected,
            (false, true) => theme.text,
            (false, false) => theme.disabled,
        };
        let text = line(&item.label, &note(item));
        let row = Rect {
            y,
            height: 1,
            ..inner
        };
        buffer.set_style(row, style);
        put(buffer, inner, y, &text, style);
    }
}
