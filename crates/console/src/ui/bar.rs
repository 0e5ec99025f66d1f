//! The bars: the title with the standing of the link, the status line, the keys.

use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::text::clip;
use super::theme::Theme;
use crate::command::{self, Command, Scope};
use crate::describe;
use crate::state::deploy::Step as DeployStep;
use crate::state::enroll::Step as EnrollStep;
use crate::state::link::Status;
use crate::state::popup::Popup;
use crate::state::{Prompt, Screen, State, allowed};

/// The title bar: where one is on the left, how the service does on the right.
pub(super) fn title(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let divider = theme.glyphs.divider;
    let left = match &state.screen {
        Screen::List => list_title(state, divider),
        Screen::Node(view) => format!("node {}", state.name_of(view.id)),
        Screen::Enroll(_) => "enrol a machine".to_owned(),
        Screen::Deploy(deploy) => format!("deploy {}", describe::count(deploy.nodes.len(), "node")),
    };
    let left = format!(" Cupola {divider} {left}");
    let (right, style) = link(state, theme);
    let right = format!("{right} ");
    buffer.set_style(area, theme.title);
    let width = usize::from(area.width);
    let right = clip(&right, width / 2);
    let room = width.saturating_sub(right.width() + 1);
    buffer.set_stringn(area.x, area.y, clip(&left, room), room, theme.title);
    let x = area
        .right()
        .saturating_sub(u16::try_from(right.width()).unwrap_or(0));
    buffer.set_stringn(x, area.y, right, width, style);
}

fn list_title(state: &State, divider: &str) -> String {
    let counts = state.fleet.counts();
    let mut parts = vec![if state.list.is_filtered() {
        format!("{} of {} nodes", state.list.len(), state.fleet.len())
    } else {
        describe::count(state.fleet.len(), "node")
    }];
    for (count, word) in [
        (counts.moving, "moving"),
        (counts.failed, "failed"),
        (counts.maintenance, "maint"),
        (state.list.marks.len(), "marked"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let mut text = parts.join(", ");
    if state.list.is_filtered() {
        text = format!("{text} {divider} /{}", state.list.filter);
    }
    text
}

fn link(state: &State, theme: &Theme) -> (String, Style) {
    let target = &state.link.target;
    match &state.link.status {
        Status::Connecting => (format!("{target}: connecting"), theme.title),
        Status::Live => (format!("{target}: live"), theme.title),
        Status::Polling => (format!("{target}: polled, not Cupola"), theme.title),
        Status::Lost { retry, .. } => {
            let age = state.link.heard.map(|t| describe::since(t, state.now));
            let age = age.map(|a| format!(", data {a} old")).unwrap_or_default();
            let retry = describe::since(state.now, *retry);
            (
                match state.link.refused {
                    true => format!("NOT LET IN{age}, retry in {retry}"),
                    false => format!("LOST{age}, retry in {retry}"),
                },
                theme.title.patch(theme.failed),
            )
        }
    }
}

/// The status line: the prompt, else the notice, else what one should know.
pub(super) fn status(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let width = usize::from(area.width);
    if let Some(prompt) = &state.prompt {
        return draw_prompt(frame, area, prompt, state, theme);
    }
    let (text, style) = if let Some(notice) = &state.notice {
        let word = match notice.severity {
            Severity::Debug | Severity::Info => "",
            Severity::Warning => "! ",
            Severity::Error => "ERROR ",
        };
        (
            format!("{word}{}", notice.text),
            theme.severity(notice.severity),
        )
    } else if let Status::Lost {
        reason, attempts, ..
    } = &state.link.status
    {
        let text = match state.link.refused {
            true => reason.clone(),
            false => format!("tried {attempts} times: {reason}"),
        };
        (text, theme.failed)
    } else if let Some(bulk) = &state.bulk {
        let text = format!("{}: {} without an answer yet", bulk.name, bulk.open);
        (text, theme.busy)
    } else {
        (resting(state), theme.muted)
    };
    let text = clip(&format!(" {text}"), width);
    frame
        .buffer_mut()
        .set_stringn(area.x, area.y, text, width, style);
}

/// What the status line says when nothing happened: the error of the node under the cursor.
fn resting(state: &State) -> String {
    let Screen::List = state.screen else {
        return String::new();
    };
    let node = state.list.cursor().and_then(|id| state.fleet.get(id));
    let error = node.and_then(|n| n.last_error.as_deref());
    error
        .map(|e| format!("last error: {e}"))
        .unwrap_or_default()
}

fn draw_prompt(frame: &mut Frame<'_>, area: Rect, prompt: &Prompt, state: &State, theme: &Theme) {
    let (sign, line) = match prompt {
        Prompt::Filter(line, _) => ("/".to_owned(), line),
        Prompt::Command(line) => (":".to_owned(), line),
        Prompt::Reason(line, nodes) => (reason_for(state, nodes), line),
    };
    let width = usize::from(area.width);
    let sign = clip(&sign, width.saturating_sub(20));
    let before = sign.width();
    let room = width.saturating_sub(before + 1);
    // The text moves to the left when the cursor would leave the line.
    let hidden = line.column().saturating_sub(room);
    let shown: String = line.text().chars().skip(hidden).collect();
    let buffer = frame.buffer_mut();
    buffer.set_style(area, theme.input);
    buffer.set_stringn(area.x, area.y, format!("{sign}{shown}"), width, theme.input);
    if let Some(notice) = &state.notice {
        let used = 2 + before + shown.width();
        let room = width.saturating_sub(used);
        let x = area.x.saturating_add(u16::try_from(used).unwrap_or(0));
        buffer.set_stringn(x, area.y, clip(&notice.text, room), room, theme.input);
    }
    let column = u16::try_from(before + line.column() - hidden).unwrap_or(0);
    frame.set_cursor_position((area.x + column, area.y));
}

fn reason_for(state: &State, nodes: &[NodeId]) -> String {
    let whom = match nodes {
        [one] => state.name_of(*one),
        many => describe::count(many.len(), "node"),
    };
    format!("Maintenance for {whom}, reason (may be empty): ")
}

/// The key bar: what can be done here, dimmed where it cannot be done now.
pub(super) fn keys(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let hints = hints(state);
    let mut x = area.x;
    for (key, label, enabled) in hints {
        let needed = u16::try_from(key.width() + label.width() + 3).unwrap_or(u16::MAX);
        if x.saturating_add(needed) > area.right() + 1 {
            break;
        }
        let width = usize::from(area.right() - x);
        let (x1, _) = buffer.set_stringn(x, area.y, &key, width, theme.key);
        let style = if enabled {
            theme.key_label
        } else {
            theme.disabled
        };
        let label = if enabled { label } else { format!("({label})") };
        let width = usize::from(area.right() - x1);
        let (x2, _) = buffer.set_stringn(x1 + 1, area.y, label, width.saturating_sub(1), style);
        x = x2 + 1;
    }
}

type Hint = (String, String, bool);

fn fixed(hints: &[(&str, &str)]) -> Vec<Hint> {
    let own = |(key, label): &(&str, &str)| ((*key).to_owned(), (*label).to_owned(), true);
    hints.iter().map(own).collect()
}

fn test_hints(passed: bool) -> Vec<Hint> {
    let mut hints = fixed(&[
        ("Enter", "go on"),
        ("r", "test again"),
        ("Esc", "back"),
        ("F1", "Help"),
    ]);
    if let Some((_, _, enabled)) = hints.first_mut() {
        *enabled = passed;
    }
    hints
}

fn hints(state: &State) -> Vec<Hint> {
    if let Some(prompt) = &state.prompt {
        return fixed(match prompt {
            Prompt::Filter(..) => &[("Enter", "keep"), ("Esc", "as before"), ("Up/Down", "move")],
            Prompt::Reason(..) => &[("Enter", "into maintenance"), ("Esc", "leave as it is")],
            Prompt::Command(_) => &[("Enter", "do it"), ("Tab", "complete"), ("Esc", "leave")],
        });
    }
    if let Some(popup) = &state.popup {
        return fixed(match popup {
            Popup::Confirm(_) => &[
                ("Tab", "choose"),
                ("Enter", "take it"),
                ("y", "yes"),
                ("n", "no"),
                ("Esc", "cancel"),
            ],
            Popup::Menu(_) => &[("Up/Down", "choose"), ("Enter", "do it"), ("Esc", "leave")],
            Popup::Help(_) => &[("Up/Down", "scroll"), ("Esc", "leave")],
            Popup::Message { title, .. } if state.is_welcome(title) => &[("any key", "close")],
            Popup::Message { .. } => &[("Enter", "close")],
        });
    }
    match &state.screen {
        Screen::List | Screen::Node(_) => commands(state),
        Screen::Enroll(enroll) => fixed(match enroll.step {
            EnrollStep::Bmc | EnrollStep::Macs | EnrollStep::Properties => &[
                ("Tab", "next field"),
                ("F8", "go on"),
                ("Esc", "back"),
                ("F1", "Help"),
            ],
            EnrollStep::Test => return test_hints(enroll.has_passed()),
            EnrollStep::Review => &[("Enter", "enrol it"), ("Esc", "back"), ("F1", "Help")],
            EnrollStep::Progress if enroll.refused().is_some() => &[
                ("Enter", "correct it"),
                ("Esc", "back to the review"),
                ("F1", "Help"),
            ],
            EnrollStep::Progress => &[
                ("Enter", "open node"),
                ("r", "try again"),
                ("Esc", "back to the list"),
                ("F1", "Help"),
            ],
        }),
        Screen::Deploy(deploy) => fixed(match deploy.step {
            DeployStep::Image => &[
                ("Up/Down", "choose"),
                ("Enter", "take it"),
                ("Esc", "leave"),
            ],
            DeployStep::Other => &[("Tab", "next field"), ("F8", "go on"), ("Esc", "back")],
            DeployStep::Preview => &[
                ("Enter", "deploy"),
                ("c", "config drive"),
                ("Up/Down", "scroll"),
                ("Esc", "back"),
            ],
            DeployStep::Progress => &[("Up/Down", "move"), ("Enter", "open node"), ("Esc", "list")],
        }),
    }
}

fn commands(state: &State) -> Vec<Hint> {
    let scope = state.scope();
    let targets = state.targets();
    let enabled = |what: Command| {
        let mut nodes = targets
            .iter()
            .filter_map(|id| state.fleet.get(*id))
            .peekable();
        match what {
            Command::Open | Command::Mark | Command::Verbs | Command::PowerMenu => {
                nodes.peek().is_some()
            }
            Command::Deploy | Command::Maintenance => {
                nodes.any(|node| allowed::check(what, node).is_ok())
            }
            _ => true,
        }
    };
    command::TABLE
        .iter()
        .filter(|e| !e.bar.is_empty() && e.scope.includes(scope))
        .filter(|e| scope == Scope::Node || e.command != Command::Back)
        .filter_map(|e| {
            let key = e.keys.last().filter(|_| e.command == Command::Help);
            let key = key.or(e.keys.first())?.to_string();
            Some((key, e.bar.to_owned(), enabled(e.command)))
        })
        .collect()
}
