//! The state lens: where a node stands, what it waits for, whether that takes longer than usual, what
//! broke, and what can be done with it now.

use cupola_api::cupola::NodeSummary;
use cupola_api::diagnosis::Explanation;
use cupola_api::durations::{Phase, UsualDuration};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::node::Fact;
use super::{activity, ladder};
use crate::command::{self, Command};
use crate::describe;
use crate::event::NOT_SERVED;
use crate::state::State;
use crate::state::watching::usual::Served;
use crate::summary;
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;
use crate::update::node::{VERBS, act_of};

/// Columns of the labels.
const LABEL: u16 = 11;

/// Draws the pane with a line between it and the list.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let beside = state.watching.lens.width(state.size) > 0;
    let inner = if beside {
        for y in area.y..area.bottom() {
            let line = theme.glyphs.border.vertical_left;
            buffer.set_stringn(area.x, y, line, 1, theme.border);
        }
        Rect {
            x: area.x + 2,
            width: area.width.saturating_sub(3),
            ..area
        }
    } else {
        let line = theme.glyphs.border.horizontal_top;
        let line = line.repeat(usize::from(area.width));
        let width = usize::from(area.width);
        buffer.set_stringn(area.x, area.y, line, width, theme.border);
        Rect {
            x: area.x + 1,
            y: area.y + 1,
            width: area.width.saturating_sub(2),
            height: area.height.saturating_sub(1),
        }
    };
    let width = usize::from(inner.width);
    let Some(node) = state.list.cursor().and_then(|id| state.fleet.get(id)) else {
        let text = "no node is under the cursor";
        buffer.set_stringn(inner.x, inner.y, clip(text, width), width, theme.muted);
        return;
    };
    let facts = facts(state, node, width.saturating_sub(usize::from(LABEL)), theme);
    for (y, (label, text, style)) in (inner.y..inner.bottom()).zip(&facts) {
        buffer.set_stringn(inner.x, y, label, usize::from(LABEL), theme.muted);
        let room = usize::from(inner.width.saturating_sub(LABEL));
        buffer.set_stringn(inner.x + LABEL, y, clip(text, room), room, *style);
    }
    let hidden = facts.len().saturating_sub(usize::from(inner.height));
    if hidden > 0 {
        let text = format!(" {hidden} more: Enter ");
        let x = inner
            .right()
            .saturating_sub(u16::try_from(text.width()).unwrap_or(0));
        let y = inner.bottom().saturating_sub(1);
        buffer.set_stringn(x.max(inner.x), y, text, width, theme.header);
    }
}

fn facts(state: &State, node: &NodeSummary, width: usize, theme: &Theme) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut add = |label: &'static str, text: &str, style: Style| {
        for (row, line) in wrap(text, width).into_iter().enumerate() {
            facts.push((if row == 0 { label } else { "" }, line, style));
        }
    };
    let name = summary::display_name(node);
    add("Node", &name, theme.header);
    let target = node.target_provision_state;
    let target = target.filter(|t| *t != node.provision_state);
    let mut text = node.provision_state.to_string();
    if let Some(target) = target {
        text = format!("{text} -> {target}");
    }
    let since = activity::since(node, state);
    if !since.is_empty() {
        text = format!("{text}, since {since}");
    }
    add("State", &text, theme.state(node.provision_state));
    if let Some(waiting) = &node.waiting {
        let since = describe::since(waiting.since, state.now);
        let mut text = format!("{}, since {since}", waiting.what);
        if let Some(deadline) = waiting.deadline {
            let left = describe::since(state.now, deadline);
            text = format!("{text}, gives up in {left}");
        }
        add("Waits for", &text, theme.waiting);
    }
    for (label, text, style) in usual(state, node, theme) {
        add(label, &text, style);
    }
    if node.maintenance {
        add(
            "Maintenance",
            "yes: the service leaves it alone",
            theme.warning,
        );
    }
    if let Some(holder) = &node.reservation {
        add("Locked by", holder, theme.busy);
    }
    let lens = &state.watching.lens;
    let explanation = lens
        .explanation
        .as_ref()
        .filter(|_| lens.node == Some(node.uuid));
    // What was said of another state does not hold any more; it is asked again.
    let explained = explanation
        .and_then(|found| found.as_ref().ok())
        .filter(|found| found.provision_state == node.provision_state);
    let why = explained.map(|found| ladder::facts(found, width, theme));
    let why = why.unwrap_or_default();
    if let Some(error) = &node.last_error {
        let error = if why.is_empty() {
            error
        } else {
            ladder::without_rung(error)
        };
        add("Last error", error, theme.failed);
    }
    for (label, text, style) in why {
        add(label, &text, style);
    }
    if let Some(found) = explained.filter(|found| !is_told(found)) {
        add("Next", &found.next, theme.text);
    } else if let Some(Err(why)) = explanation {
        add("Next", &unexplained(state, why), theme.muted);
    }
    for (label, text, style) in verbs(state, node, theme) {
        add(label, &text, style);
    }
    facts
}

/// Whether the rung that is waited for says what comes next.
fn is_told(found: &Explanation) -> bool {
    let rung = found.diagnosis.as_ref().map(|diagnosis| diagnosis.rung);
    rung.is_some_and(|rung| found.next.contains(rung.observed()))
}

fn unexplained(state: &State, why: &str) -> String {
    match state
        .link
        .lacks("it explains nothing; the state and the last error are all there is")
    {
        Some(lacks) if why == NOT_SERVED => lacks,
        Some(_) | None => format!("not explained: {why}"),
    }
}

/// Why there are no usual times.
pub(super) fn no_times(state: &State) -> String {
    let lacks = state.link.lacks("it measures no times");
    lacks.unwrap_or_else(|| NOT_SERVED.to_owned())
}

/// The usual time of the phase in which the node is, and of its step, and whether it is beyond.
pub(super) fn usual(state: &State, node: &NodeSummary, theme: &Theme) -> Vec<Fact> {
    let Some(phase) = Phase::of(node.provision_state) else {
        return Vec::new();
    };
    let watching = &state.watching;
    let mut facts = Vec::new();
    let Some(whole) = watching.usual.of(node, phase, None) else {
        let text = match watching.usual.served {
            Served::Unknown => return facts,
            Served::Known => format!("unknown: no {} has ended here yet", phase.as_str()),
            Served::Not => format!("unknown: {}", no_times(state)),
        };
        facts.push(("Usual here", text, theme.muted));
        return facts;
    };
    facts.push(("Usual here", words(whole), theme.text));
    let step = node.step.as_ref();
    if let Some(step) = step
        && let Some(usual) = watching.usual.of(node, phase, Some(&step.step))
    {
        let text = format!("{}: {}", step.step, times(usual));
        facts.push(("", text, theme.text));
    }
    let Some(run) = watching.board.run(node.uuid) else {
        return facts;
    };
    let forecast = watching.usual.forecast(node, run, state.now);
    let so_far = describe::age(forecast.elapsed);
    let so_far = if run.exact {
        so_far
    } else {
        format!("{so_far} or more")
    };
    if forecast.is_late {
        let text = format!("LATE: {so_far} so far, beyond 95 of 100");
        facts.push(("So far", text, theme.failed));
    } else if let Some(left) = forecast.left {
        let text = format!("{so_far}, about {} left", describe::age(left));
        facts.push(("So far", text, theme.good));
    }
    facts
}

fn times(usual: &UsualDuration) -> String {
    format!(
        "{}, 95 of 100 within {}",
        describe::duration(usual.median_ms),
        describe::duration(usual.p95_ms)
    )
}

/// A usual time with the hardware that it is of.
pub(super) fn words(usual: &UsualDuration) -> String {
    let of = match (&usual.resource_class, &usual.driver) {
        (Some(class), Some(driver)) => format!("class {class}, {driver}"),
        (None, Some(driver)) => driver.clone(),
        (_, None) => "all nodes".to_owned(),
    };
    let runs = describe::count(usize::try_from(usual.count).unwrap_or(0), "run");
    format!("{} {} ({of}, {runs})", usual.phase.as_str(), times(usual))
}

fn verbs(state: &State, node: &NodeSummary, theme: &Theme) -> Vec<Fact> {
    let mut can = Vec::new();
    let mut facts = Vec::new();
    for verb in VERBS {
        let act = act_of(verb);
        let entry = command::of(Command::Act(act));
        let name = entry.and_then(|e| e.names.first().copied());
        let name = name.unwrap_or(verb.as_str());
        match state.may(act, node) {
            Ok(()) => can.push(name),
            Err(why) => {
                let label = if facts.is_empty() { "Not now" } else { "" };
                facts.push((label, format!("{name}: {why}"), theme.disabled));
            }
        }
    }
    let can = match can.as_slice() {
        [] => "nothing now".to_owned(),
        some => some.join(", "),
    };
    facts.insert(0, ("Can", can, theme.good));
    facts
}
