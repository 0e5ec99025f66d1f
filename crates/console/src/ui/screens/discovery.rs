//! Looking for many BMCs: the form, and the table of what was found.

use cupola_api::discovery::{DEFAULT_CREDENTIALS, Login};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::form;
use crate::describe;
use crate::state::State;
use crate::state::discovery::{Asked, Discovery, Fate, Row, Source, Stage};
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
    let problems = discovery.problem.iter().flat_map(|problem| problem.lines());
    lines.extend(problems.map(|problem| (problem.to_owned(), theme.failed)));
    lines.truncate(usize::from(area.height.saturating_sub(2 + DETAILS)).max(1));
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
    let found = describe::count(discovery.answered(), "BMC");
    let asked = format!("asked {} of {}", discovery.asked(), discovery.total);
    let unfinished = match discovery.unfinished() {
        0 => String::new(),
        count => format!(", {count} not answered to an end: r looks again"),
    };
    let (of_file, problem) = (name_of(discovery), discovery.problem.is_some());
    match discovery.stage {
        Stage::Reading => (format!("{of_file}being read ..."), theme.busy),
        // Nothing was asked of a file that cannot be read.
        Stage::Found if problem && discovery.rows.is_empty() && !of_file.is_empty() => {
            (format!("{of_file}mend it, then press r"), theme.header)
        }
        Stage::Looking(since) => {
            let age = describe::since(since, state.now);
            (
                format!("{of_file}Looking ... {age}: {asked}, {found}"),
                theme.busy,
            )
        }
        Stage::Form | Stage::Found => {
            let silent = discovery.silent();
            let text = format!("{of_file}Found {found}: {asked}{unfinished}; {silent} silent");
            (text, theme.header)
        }
    }
}

/// The file that machines come from, as the beginning of a line.
fn name_of(discovery: &Discovery) -> String {
    match &discovery.source {
        Source::Form => String::new(),
        Source::File(path) => format!("{path}: "),
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
        let address = row.address();
        let speaks = row.answer().map(|it| it.protocols.join("+"));
        let speaks = speaks.unwrap_or_default();
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
        Fate::Open | Fate::Enrolled(_) => told_by_bmc(row, theme),
    }
}

/// What its BMC said.
fn told_by_bmc(row: &Row, theme: &Theme) -> (String, Style) {
    match &row.asked {
        Asked::Waiting(_) => ("not asked yet".to_owned(), theme.muted),
        Asked::Never(_) => ("not tested".to_owned(), theme.text),
        Asked::Silent(_) => ("SILENT".to_owned(), theme.warning),
        Asked::Unfinished(_) => ("not asked to an end".to_owned(), theme.warning),
        Asked::Answered(found) => match found.login {
            Login::Accepted => ("login ok".to_owned(), theme.good),
            Login::Default => {
                let maker = found.default_credentials.as_deref().unwrap_or("maker");
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
        (None, Stage::Found) if discovery.problem.is_some() => String::new(),
        (None, Stage::Found) => "Nothing answered. Is it the network of the BMCs, is a firewall \
             between, is IPMI over LAN switched on? Esc goes back to the form."
            .to_owned(),
        (None, _) => String::new(),
        (Some(row), _) => match (&row.fate, row.why_not()) {
            (Fate::Failed(why), _) => format!("{}: {why}", row.address()),
            (_, Some(why)) => format!("{}: {why}", row.address()),
            (_, None)
                if row
                    .answer()
                    .is_some_and(|it| it.default_credentials.is_some()) =>
            {
                format!(
                    "{}: it has its maker's password, which everybody knows. Change it.",
                    row.address()
                )
            }
            (_, None) => format!(
                "{}: Space chooses it, F8 enrols what is chosen; Enter opens the wizard.",
                row.address()
            ),
        },
    };
    for (y, line) in (area.y + 1..area.bottom()).zip(wrap(&text, width)) {
        buffer.set_stringn(area.x, y, line, width, theme.text);
    }
}
