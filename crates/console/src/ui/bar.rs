//! The bars: the title with the standing of the link, the status line, the keys.

mod acting;
mod hints;

use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use self::hints::Hint;
use super::text::clip;
use super::theme::Theme;
use crate::describe;
use crate::key::Key;
use crate::state::link::{Server, Status, Trouble};
use crate::state::{Prompt, Screen, State};

/// The title bar: where one is on the left, how the service does on the right.
pub(super) fn title(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let divider = theme.glyphs.divider;
    let left = match &state.screen {
        Screen::List => list_title(state, divider),
        Screen::Node(view) => format!("node {}", state.name_of(view.id)),
        Screen::Board => board_title(state),
        Screen::Dashboard => "dashboard".to_owned(),
        Screen::Compare(compare) => format!(
            "compare {} with {}",
            state.name_of(compare.node),
            super::screens::compare::right(state, compare)
        ),
        Screen::Enroll(_) => "enrol a machine".to_owned(),
        Screen::Serial(view) => format!("serial {}", state.name_of(view.node)),
        Screen::Discovery(_) => "look for BMCs".to_owned(),
        Screen::Deploy(deploy) => format!("deploy {}", describe::count(deploy.nodes.len(), "node")),
        Screen::Preview(_)
        | Screen::Run(_)
        | Screen::Runs(_)
        | Screen::Commands(_)
        | Screen::Steps(_) => acting::title(state),
    };
    let left = match &state.watching.past {
        Some(past) => {
            let clock = describe::clock(past.at, &state.zone);
            format!("as of {clock}, read-only {divider} {left}")
        }
        None => left,
    };
    let left = format!(" Cupola {divider} {}{left}", crumbs(state));
    let (right, style) = link(state, theme);
    let right = format!("{right} ");
    buffer.set_style(area, theme.title);
    let mut area = area;
    if let Some(words) = acting::banner(state) {
        let words = format!(" {words} ");
        let style = theme
            .title
            .patch(theme.failed)
            .add_modifier(Modifier::REVERSED);
        let room = usize::from(area.width / 2);
        let (x, _) = buffer.set_stringn(area.x, area.y, clip(&words, room), room, style);
        area = Rect {
            x,
            width: area.right().saturating_sub(x),
            ..area
        };
    }
    let width = usize::from(area.width);
    let right = clip(&right, width / 2);
    let room = width.saturating_sub(right.width() + 1);
    buffer.set_stringn(area.x, area.y, clip(&left, room), room, theme.title);
    let x = area
        .right()
        .saturating_sub(u16::try_from(right.width()).unwrap_or(0));
    buffer.set_stringn(x, area.y, right, width, style);
}

/// The screens below, where there is room to tell them.
fn crumbs(state: &State) -> String {
    let name = |screen: &Screen| match screen {
        Screen::List if state.list.is_filtered() => Some(format!("/{}", state.list.filter)),
        Screen::List => None,
        Screen::Node(view) => Some(state.name_of(view.id)),
        Screen::Board => Some("board".to_owned()),
        Screen::Dashboard => Some("dashboard".to_owned()),
        Screen::Compare(compare) => Some(format!("compare {}", state.name_of(compare.node))),
        Screen::Discovery(_) => Some("look for BMCs".to_owned()),
        Screen::Enroll(_)
        | Screen::Deploy(_)
        | Screen::Preview(_)
        | Screen::Run(_)
        | Screen::Runs(_)
        | Screen::Commands(_)
        | Screen::Steps(_)
        | Screen::Serial(_) => None,
    };
    let names = state.below.iter().filter_map(name);
    let crumbs: String = names
        .map(|name| format!("{} > ", clip(&name, 20)))
        .collect();
    match crumbs.width() < usize::from(state.size.width / 3) {
        true => crumbs,
        false => "... > ".to_owned(),
    }
}

fn board_title(state: &State) -> String {
    let rows = || state.watching.board.rows();
    let running = rows().filter(|(_, run)| run.ended.is_none()).count();
    let ended = rows().count() - running;
    format!("board {running} running, {ended} ended")
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
    if let Some(field) = state.list.group {
        let groups = describe::count(state.list.group_count(), "group");
        text = format!("{text} in {groups} by {}", field.name());
    }
    if state.list.is_filtered() {
        text = format!("{text} {divider} /{}", state.list.filter);
    }
    text
}

fn link(state: &State, theme: &Theme) -> (String, Style) {
    if let Some(frozen) = &state.frozen {
        let (waiting, age) = (frozen.updates, describe::since(frozen.since, state.now));
        let text = format!("FROZEN {age}: {waiting} updates waiting");
        return (text, theme.title.patch(theme.warning));
    }
    let target = &state.link.target;
    if let Some(at) = state.link.remembered {
        let age = describe::since(at, state.now);
        let (text, style) = match state.link.is_lost() {
            true => (format!("LOST, list {age} old"), theme.failed),
            false => (format!("connecting, list {age} old"), theme.warning),
        };
        return (text, theme.title.patch(style));
    }
    match &state.link.status {
        Status::Connecting => (format!("{target}: connecting"), theme.title),
        Status::Live => (format!("{target}: live"), theme.title),
        Status::Polling => match &state.link.server {
            Some(Server::Ironic { version }) => {
                (format!("{target}: Ironic {version}"), theme.title)
            }
            Some(Server::Cupola) | None => (format!("{target}: polled"), theme.title),
        },
        Status::Lost { retry, trouble, .. } => {
            let age = state.link.heard.map(|t| describe::since(t, state.now));
            let age = age.map(|a| format!(", data {a} old")).unwrap_or_default();
            let retry = describe::since(state.now, *retry);
            (
                match trouble {
                    Trouble::NotLetIn => format!("NOT LET IN{age}, retry in {retry}"),
                    Trouble::Stranger => format!("NO BARE METAL API{age}, retry in {retry}"),
                    Trouble::Failing => format!("SERVER FAILS{age}, retry in {retry}"),
                    Trouble::Away => format!("LOST{age}, retry in {retry}"),
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
    let (text, style) = if let Some(held) = acting::held(state) {
        (held, theme.warning)
    } else if let Some(notice) = &state.notice {
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
        trouble,
        reason,
        attempts,
        ..
    } = &state.link.status
    {
        let text = match trouble {
            Trouble::NotLetIn | Trouble::Stranger => reason.clone(),
            Trouble::Away | Trouble::Failing => format!("tried {attempts} times: {reason}"),
        };
        (text, theme.failed)
    } else if let Some(text) = acting::unanswered(state) {
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
    if let Some(group) = state.list.heading() {
        let verb = if group.folded { "opens" } else { "folds" };
        let nodes = describe::count(group.count, "node");
        return format!("Enter {verb} this group, Space marks its {nodes}");
    }
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
        Prompt::Lines(line, only) => (if *only { "&" } else { "/" }.to_owned(), line),
        Prompt::Reason(line, nodes) => (reason_for(state, nodes), line),
        Prompt::Password(line, _) => ("Password of the rescue ramdisk: ".to_owned(), line),
        Prompt::Save(line, _) => ("Write to (.csv, else text): ".to_owned(), line),
    };
    let width = usize::from(area.width);
    let sign = clip(&sign, width.saturating_sub(20));
    let before = sign.width();
    let room = width.saturating_sub(before + 1);
    // The text moves to the left when the cursor would leave the line.
    let hidden = line.column().saturating_sub(room);
    let text = match prompt {
        Prompt::Password(line, _) => "*".repeat(line.len()),
        Prompt::Filter(..)
        | Prompt::Command(_)
        | Prompt::Reason(..)
        | Prompt::Lines(..)
        | Prompt::Save(..) => line.text(),
    };
    let shown: String = text.chars().skip(hidden).collect();
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

/// The hints that fit into a bar of this width, and where each begins and ends.
fn placed(state: &State, width: u16) -> Vec<(u16, u16, Hint)> {
    let mut x = 0_u16;
    let mut placed = Vec::new();
    for hint in hints::hints(state) {
        let (key, label, enabled) = &hint;
        let needed = u16::try_from(key.width() + label.width() + 3).unwrap_or(u16::MAX);
        if x.saturating_add(needed) > width.saturating_add(1) {
            break;
        }
        // In parentheses it takes two columns more.
        let end = x.saturating_add(needed - if *enabled { 2 } else { 0 });
        placed.push((x, end, hint));
        x = end.saturating_add(1);
    }
    placed
}

/// The key bar: what can be done here, dimmed where it cannot be done now.
pub(super) fn keys(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    for (start, _, (key, label, enabled)) in placed(state, area.width) {
        let x = area.x + start;
        let width = usize::from(area.right().saturating_sub(x));
        let (x1, _) = buffer.set_stringn(x, area.y, &key, width, theme.key);
        let style = if enabled {
            theme.key_label
        } else {
            theme.disabled
        };
        let label = if enabled { label } else { format!("({label})") };
        let width = usize::from(area.right().saturating_sub(x1));
        buffer.set_stringn(x1 + 1, area.y, label, width.saturating_sub(1), style);
    }
}

/// The key that the bar offers in this column.
pub(crate) fn key_at(state: &State, column: u16) -> Option<Key> {
    let placed = placed(state, state.size.width);
    let under = |(start, end, _): &&(u16, u16, Hint)| (*start..*end).contains(&column);
    let (_, _, (key, _, _)) = placed.iter().find(under)?;
    key.parse().ok()
}
