//! The screen of one node.

use cupola_api::cupola::NodeSummary;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::{activity, json, ladder, lens, logs, timeline};
use crate::command::{self, Command};
use crate::describe;
use crate::state::State;
use crate::state::node::{NodeView, Part};
use crate::summary;
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;
use crate::update::node::{VERBS, act_of};

/// With fewer lines than this the timeline does not stand below the facts.
const SMALL: u16 = 12;

/// Draws it.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, state: &State, view: &NodeView, theme: &Theme) {
    draw_parts(buffer, area, view, theme);
    let body = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(1),
    };
    let Some(node) = state.fleet.get(view.id) else {
        let text = "This node is gone. Esc goes back.";
        buffer.set_stringn(
            body.x,
            body.y + 1,
            text,
            usize::from(body.width),
            theme.warning,
        );
        return;
    };
    match view.part {
        Part::Summary => draw_summary(buffer, body, state, view, node, theme),
        Part::Verbs => draw_verbs(buffer, body, state, view, theme),
        Part::Timeline => draw_timeline(buffer, body, state, view, theme),
        Part::Logs => logs::draw(buffer, body, view, &state.zone, theme),
        Part::Json => json::draw(buffer, body, view, theme),
    }
}

/// What Ironic cannot give, and what there is instead.
const NO_TIMELINE: &str =
    "it keeps no timeline. These are its history and what this console has seen.";

fn draw_timeline(buffer: &mut Buffer, area: Rect, state: &State, view: &NodeView, theme: &Theme) {
    let lacks = state.link.lacks(NO_TIMELINE);
    let width = usize::from(area.width);
    let lines = lacks.map(|text| wrap(&text, width)).unwrap_or_default();
    let mut rest = area;
    for line in lines {
        if rest.height > 1 {
            buffer.set_stringn(rest.x, rest.y, line, width, theme.muted);
            rest.y += 1;
            rest.height -= 1;
        }
    }
    timeline::draw(buffer, rest, &view.timeline, &view.viewer, state, theme);
}

fn draw_parts(buffer: &mut Buffer, area: Rect, view: &NodeView, theme: &Theme) {
    let mut x = area.x + 1;
    for (number, part) in (1..).zip(Part::ALL) {
        let style = if part == view.part {
            theme.selected
        } else {
            theme.muted
        };
        let room = usize::from(area.right().saturating_sub(x));
        let text = format!(" {number} {} ", part.name());
        let (next, _) = buffer.set_stringn(x, area.y, text, room, style);
        x = next + 1;
    }
    let events = &view.timeline;
    let how = if events.follow {
        "following"
    } else {
        "stopped"
    };
    let dropped = match events.dropped() {
        0 => String::new(),
        count => format!(", {count} older dropped"),
    };
    let shown = match &view.viewer.filter {
        Some(filter) => format!(
            "{} of {} events with {:?}",
            events.shown(),
            events.len(),
            filter.text()
        ),
        None => format!("{} events", events.len()),
    };
    let marks = match events.marks.len() {
        0 => String::new(),
        count => format!(", {count} marked"),
    };
    let room = usize::from(area.right().saturating_sub(x + 1));
    let short = match &view.viewer.filter {
        Some(filter) => format!("{} with {:?}", events.shown(), filter.text()),
        None => format!("{how}{marks}"),
    };
    let texts = [format!("{shown}, {how}{dropped}{marks}"), shown, short];
    if let Some(text) = texts.into_iter().find(|text| text.width() < room) {
        let x = area
            .right()
            .saturating_sub(u16::try_from(text.len() + 1).unwrap_or(0));
        buffer.set_stringn(x, area.y, text, room, theme.muted);
    }
}

fn draw_summary(
    buffer: &mut Buffer,
    area: Rect,
    state: &State,
    view: &NodeView,
    node: &NodeSummary,
    theme: &Theme,
) {
    let facts = facts(state, view, node, theme);
    // The timeline stands beside the facts when there is room, else below them.
    let wide = area.width >= 120;
    let (left, right) = if wide {
        let left = Rect {
            width: area.width / 2 - 1,
            ..area
        };
        let x = left.right() + 2;
        (
            left,
            Rect {
                x,
                width: area.right().saturating_sub(x),
                ..area
            },
        )
    } else {
        let wanted = u16::try_from(facts.len()).unwrap_or(u16::MAX);
        // On a small terminal the facts go first: the timeline has a part of its own.
        let room = if area.height < SMALL {
            area.height
        } else {
            area.height.saturating_sub(6)
        };
        let height = wanted.min(room);
        let y = area.y + height + 1;
        let rest = Rect {
            y,
            height: area.bottom().saturating_sub(y),
            ..area
        };
        (Rect { height, ..area }, rest)
    };
    let width = usize::from(left.width);
    let most = facts.len().saturating_sub(usize::from(left.height));
    let shown = facts.iter().skip(view.top.min(most));
    for (y, (label, text, style)) in (left.y..left.bottom()).zip(shown) {
        let (x, _) = buffer.set_stringn(left.x, y, format!("{label:<12} "), width, theme.muted);
        let room = width.saturating_sub(13);
        buffer.set_stringn(x, y, clip(text, room), room, *style);
    }
    if !wide {
        let y = left.bottom();
        let line = "─".repeat(usize::from(area.width));
        let line = if theme.glyphs.cursor == ">" {
            line.replace('─', "-")
        } else {
            line
        };
        if y < area.bottom() {
            buffer.set_stringn(area.x, y, line, usize::from(area.width), theme.border);
        }
        let below = most.saturating_sub(view.top);
        if below > 0 {
            // Over the line between facts and timeline, else over the end of the last fact.
            let text = format!(" {below} more, Down ");
            let y = y.min(area.bottom().saturating_sub(1));
            let x = area
                .right()
                .saturating_sub(u16::try_from(text.len()).unwrap_or(0));
            buffer.set_stringn(x.max(area.x), y, text, width, theme.header);
        }
    }
    timeline::draw(buffer, right, &view.timeline, &view.viewer, state, theme);
}

pub(super) type Fact = (&'static str, String, Style);

fn facts(state: &State, view: &NodeView, node: &NodeSummary, theme: &Theme) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut add = |label, text: String, style| {
        if !text.is_empty() {
            facts.push((label, text, style));
        }
    };
    condition(state, node, theme, &mut add);
    for (label, text, style) in lens::usual(state, node, theme) {
        add(label, text, style);
    }
    if node.maintenance || node.fault.is_some() {
        let reason = view
            .node
            .as_ref()
            .and_then(|n| n.maintenance_reason.clone());
        let fault = node.fault.map(|f| format!("fault {}", f.as_str()));
        let word = if node.maintenance { "yes" } else { "no" }.to_owned();
        let parts: Vec<String> = [Some(word), fault, reason].into_iter().flatten().collect();
        add("Maintenance", parts.join(", "), theme.warning);
    }
    let columns = usize::from(state.size.width);
    let width = if columns >= 120 {
        columns / 2 - 16
    } else {
        columns.saturating_sub(15)
    };
    let explanation = view.explanation.as_deref();
    let why = explanation.map(|found| ladder::facts(found, width, theme));
    if let Some(error) = &node.last_error {
        // What the error says of the rung stands below it, in lines of its own.
        let error = match &why {
            Some(why) if !why.is_empty() => ladder::without_rung(error),
            _ => error.as_str(),
        };
        for (row, line) in wrap(error, width).into_iter().enumerate() {
            add(if row == 0 { "Last error" } else { "" }, line, theme.failed);
        }
    }
    for (label, text, style) in why.into_iter().flatten() {
        add(label, text, style);
    }
    if let Some(holder) = &node.reservation {
        add("Locked by", holder.clone(), theme.busy);
    }
    if let Some(error) = &view.error {
        add("Details", format!("not read: {error}"), theme.warning);
    }
    let class = node
        .resource_class
        .as_deref()
        .map(|c| format!(", class {c}"));
    add(
        "Driver",
        format!("{}{}", node.driver, class.unwrap_or_default()),
        theme.text,
    );
    details(view, theme, &mut add);
    add("UUID", node.uuid.to_string(), theme.muted);
    facts
}

/// State, power, the step that runs, what it waits for.
fn condition(
    state: &State,
    node: &NodeSummary,
    theme: &Theme,
    add: &mut impl FnMut(&'static str, String, Style),
) {
    let target = node
        .target_provision_state
        .filter(|t| *t != node.provision_state);
    let target = target.map(|t| format!(" -> {t}")).unwrap_or_default();
    let since = activity::since(node, state);
    let since = if since.is_empty() {
        since
    } else {
        format!("   since {since}")
    };
    let text = format!("{}{target}{since}", node.provision_state);
    add("State", text, theme.state(node.provision_state));
    let going = node
        .target_power_state
        .map(|t| format!(" -> {}", t.as_str()))
        .unwrap_or_default();
    add(
        "Power",
        format!("{}{going}", summary::power_word(node.power_state)),
        theme.text,
    );
    if let Some(step) = &node.step {
        let bar = step
            .percent
            .map(|p| format!(" {} {p}%", activity::bar(p, 20, &theme.glyphs)));
        let text = format!(
            "{} {}/{}{}",
            step.step,
            step.index,
            step.total,
            bar.unwrap_or_default()
        );
        add("Step", text, theme.busy);
    }
    if let Some(waiting) = &node.waiting {
        let since = describe::since(waiting.since, state.now);
        let left = waiting.deadline.map(|d| describe::since(state.now, d));
        let left = left
            .map(|l| format!(", gives up in {l}"))
            .unwrap_or_default();
        add(
            "Waits for",
            format!("{} (since {since}{left})", waiting.what),
            theme.waiting,
        );
    }
}

fn details(view: &NodeView, theme: &Theme, add: &mut impl FnMut(&'static str, String, Style)) {
    let Some(node) = &view.node else {
        return;
    };
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let info = |key: &str| text(node.driver_info.get(key));
    let port = Some(info("ipmi_port")).filter(|p| !p.is_empty());
    let port = port.map(|p| format!(" port {p}")).unwrap_or_default();
    let user = Some(info("ipmi_username")).filter(|u| !u.is_empty());
    let user = user.map(|u| format!(", user {u}")).unwrap_or_default();
    let address = info("ipmi_address");
    if !address.is_empty() {
        add("BMC", format!("{address}{port}{user}"), theme.text);
    }
    for (row, port) in view.ports.iter().enumerate() {
        let boots = if port.pxe_enabled {
            "netboots"
        } else {
            "does not netboot"
        };
        let label = if row == 0 { "Ports" } else { "" };
        add(label, format!("{}  {boots}", port.address), theme.text);
    }
    let properties: Vec<String> = ["cpus", "cpu_arch", "memory_mb", "local_gb"]
        .iter()
        .filter_map(|key| Some((*key, node.properties.get(*key)?)))
        .map(|(key, value)| format!("{key} {}", text(Some(value))))
        .collect();
    add("Properties", properties.join(", "), theme.text);
    add(
        "Image",
        text(node.instance_info.get("image_source")),
        theme.text,
    );
    add(
        "Conductor",
        node.conductor.clone().unwrap_or_default(),
        theme.text,
    );
    add(
        "About",
        node.description.clone().unwrap_or_default(),
        theme.text,
    );
}

fn draw_verbs(buffer: &mut Buffer, area: Rect, state: &State, view: &NodeView, theme: &Theme) {
    let Some(node) = state.fleet.get(view.id) else {
        return;
    };
    let width = usize::from(area.width);
    let head = format!(
        "What can be done with it while it is {}:",
        node.provision_state
    );
    buffer.set_stringn(area.x, area.y + 1, clip(&head, width), width, theme.header);
    let rows = area.y + 3..area.bottom();
    let below = area
        .y
        .saturating_add(u16::try_from(VERBS.len() + 4).unwrap_or(u16::MAX));
    for (y, (at, verb)) in rows.zip(VERBS.iter().enumerate()) {
        let act = act_of(*verb);
        let entry = command::of(Command::Act(act));
        let name = entry
            .and_then(|e| e.names.first().copied())
            .unwrap_or(verb.as_str());
        let (text, style) = match state.may(act, node) {
            Ok(()) => {
                let help = entry.map_or("", |e| e.help);
                (format!("{name:<10} {help}"), theme.good)
            }
            Err(why) => (format!("{name:<10} no: {why}"), theme.disabled),
        };
        let style = if at == view.verb {
            theme.selected
        } else {
            style
        };
        let room = width.saturating_sub(1);
        if at == view.verb && text.width() > room {
            // What does not fit into its line stands whole below.
            for (y, part) in (below..area.bottom()).zip(wrap(&text, room)) {
                buffer.set_stringn(area.x + 1, y, part, room, theme.text);
            }
        }
        buffer.set_stringn(area.x + 1, y, clip(&text, room), width, style);
    }
}
