//! Looking for many BMCs: the form, and the table of what was found.

use cupola_api::discovery::{DEFAULT_CREDENTIALS, Login};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::form;
use crate::describe;
use crate::state::State;
use crate::state::discovery::{Discovery, Fate, Row, Stage};
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// Columns of the mark, the address and what is spoken.
const MARK: usize = 4;
const ADDRESS: usize = 22;
const SPEAKS: usize = 13;
/// Lines below the table for what is said of the row under the cursor.
const DETAILS: u16 = 3;

/// Draws it.
pub(crate) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    discovery: &Discovery,
    theme: &Theme,
) {
    let area = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(1),
    };
    if discovery.stage == Stage::Form {
        let used = form::draw(frame, area, &discovery.form, theme);
        if discovery.tries_defaults() {
            draw_defaults(frame.buffer_mut(), area, used + 1, theme);
        }
        return;
    }
    let buffer = frame.buffer_mut();
    let mut lines = vec![headline(state, discovery, theme)];
    if discovery.tries_defaults() {
        let text = "Makers' default credentials are tried too.";
        lines.push((text.to_owned(), theme.warning));
    }
    if let Some(problem) = &discovery.problem {
        lines.push((problem.clone(), theme.failed));
    }
    let width = usize::from(area.width);
    let mut y = area.y;
    for (text, style) in lines {
        buffer.set_stringn(area.x, y, clip(&text, width), width, style);
        y += 1;
    }
    let table = Rect {
        y: y + 1,
        height: area.bottom().saturating_sub(y + 1 + DETAILS),
        ..area
    };
    draw_table(buffer, table, state, discovery, theme);
    let details = Rect {
        y: table.bottom(),
        height: DETAILS,
        ..area
    };
    draw_details(buffer, details, discovery, theme);
}

fn draw_defaults(buffer: &mut Buffer, area: Rect, below: u16, theme: &Theme) {
    let width = usize::from(area.width);
    let heading = "Tried at each BMC, after what is given above:".to_owned();
    let each = DEFAULT_CREDENTIALS
        .iter()
        .map(|default| format!("  {:<16} user {}", default.maker, default.username));
    let lines = std::iter::once(heading).chain(each);
    for (y, line) in (area.y.saturating_add(below)..area.bottom()).zip(lines) {
        buffer.set_stringn(area.x, y, clip(&line, width), width, theme.warning);
    }
}

fn headline(state: &State, discovery: &Discovery, theme: &Theme) -> (String, Style) {
    let found = describe::count(discovery.rows.len(), "BMC");
    let asked = format!("asked {} of {}", discovery.asked(), discovery.total);
    let unfinished = match discovery.unfinished {
        0 => String::new(),
        count => format!(", {count} not answered to an end: r looks again"),
    };
    match discovery.stage {
        Stage::Looking(since) => {
            let age = describe::since(since, state.now);
            (format!("Looking ... {age}: {asked}, {found}"), theme.busy)
        }
        Stage::Form | Stage::Found => {
            let text = format!(
                "Found {found}: {asked}{unfinished}; {} silent",
                discovery.silent
            );
            (text, theme.header)
        }
    }
}

fn draw_table(
    buffer: &mut Buffer,
    area: Rect,
    state: &State,
    discovery: &Discovery,
    theme: &Theme,
) {
    if area.height == 0 {
        return;
    }
    let width = usize::from(area.width);
    let rest = width.saturating_sub(MARK + ADDRESS + SPEAKS);
    let machine = rest / 2;
    let line = |mark: &str, address: &str, speaks: &str, what: &str, says: &str| {
        format!(
            "{mark:<MARK$}{:<ADDRESS$}{speaks:<SPEAKS$}{:<machine$}{}",
            clip(address, ADDRESS - 1),
            clip(what, machine.saturating_sub(1)),
            clip(says, rest - machine),
        )
    };
    let head = line("", "ADDRESS", "SPEAKS", "MACHINE", "WHAT OF IT");
    buffer.set_stringn(area.x, area.y, head, width, theme.header);
    let visible = usize::from(area.height.saturating_sub(1));
    let top = discovery.at.saturating_sub(visible.saturating_sub(1));
    let rows = discovery.rows.iter().enumerate().skip(top);
    for (y, (at, row)) in (area.y + 1..area.bottom()).zip(rows) {
        let (says, style) = told(state, row, theme);
        let mark = match (row.why_not(), row.chosen) {
            (Some(_), _) => " - ",
            (None, true) => "[x]",
            (None, false) => "[ ]",
        };
        let address = row.found.address.to_string();
        let speaks = row.found.protocols.join("+");
        let text = line(mark, &address, &speaks, &row.machine(), &says);
        let style = if at == discovery.at {
            theme.selected
        } else {
            style
        };
        buffer.set_stringn(area.x, y, format!("{text:<width$}"), width, style);
    }
}

/// What there is to say of it in a few words.
fn told(state: &State, row: &Row, theme: &Theme) -> (String, Style) {
    if let Some(id) = row.node() {
        let name = state.name_of(id);
        return match row.fate {
            Fate::Enrolled(_) => (format!("enrolled: {name}"), theme.good),
            _ => (format!("node {name}"), theme.muted),
        };
    }
    match &row.fate {
        Fate::Sent(_) => ("being enrolled".to_owned(), theme.busy),
        Fate::Failed(why) => (format!("FAILED: {why}"), theme.failed),
        Fate::Open | Fate::Enrolled(_) => match row.found.login {
            Login::Accepted => ("login ok".to_owned(), theme.good),
            Login::Default => {
                let maker = row.found.default_credentials.as_deref().unwrap_or("maker");
                (format!("default login: {maker}"), theme.warning)
            }
            Login::NotTried => ("not logged in".to_owned(), theme.text),
            Login::Refused => ("login refused".to_owned(), theme.warning),
            Login::Failed => ("login failed".to_owned(), theme.warning),
        },
    }
}

fn draw_details(buffer: &mut Buffer, area: Rect, discovery: &Discovery, theme: &Theme) {
    let width = usize::from(area.width);
    let text = match (discovery.row(), discovery.stage) {
        (None, Stage::Found) => "Nothing answered. Is it the network of the BMCs, is a firewall \
             between, is IPMI over LAN switched on? Esc goes back to the form."
            .to_owned(),
        (None, _) => String::new(),
        (Some(row), _) => match (&row.fate, row.why_not()) {
            (Fate::Failed(why), _) => format!("{}: {why}", row.found.address),
            (_, Some(why)) => format!("{}: {why}", row.found.address),
            (_, None) if row.found.default_credentials.is_some() => format!(
                "{}: it has its maker's password, which everybody knows. Change it.",
                row.found.address
            ),
            (_, None) => format!(
                "{}: Space chooses it, F8 enrols what is chosen; Enter opens the wizard.",
                row.found.address
            ),
        },
    };
    for (y, line) in (area.y + 1..area.bottom()).zip(wrap(&text, width)) {
        buffer.set_stringn(area.x, y, line, width, theme.text);
    }
}
