//! Looking at lines, of a timeline or of a log: searching, showing only some, marks, times, saving.

use cupola_api::event::Severity;
use jiff::{SignedDuration, Timestamp};

use crate::describe;
use crate::effect::Effect;
use crate::state::line_edit::LineEdit;
use crate::state::logs::Sought;
use crate::state::node::{NodeView, Part};
use crate::state::watching::viewer::Pattern;
use crate::state::{Prompt, Screen, State};
use crate::watching::Ask;

/// Lines above the text of a log: its name.
const HEAD: usize = 1;

/// The node on the screen, in a part that has lines: from any other part it goes to the timeline.
fn lines_of(state: &mut State) -> Option<&mut NodeView> {
    let Screen::Node(view) = &mut state.screen else {
        return None;
    };
    let has_lines = match view.part {
        Part::Timeline => true,
        Part::Logs => view.logs.open.is_some(),
        Part::Summary | Part::Verbs | Part::Json => false,
    };
    if !has_lines && view.part != Part::Logs {
        view.part = Part::Timeline;
    }
    Some(view)
}

/// Searches for a text, or asks for one.
pub(in crate::update) fn search(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    if lines_of(state).is_none() {
        return;
    }
    if text.is_empty() {
        state.prompt = Some(Prompt::Lines(LineEdit::default(), false));
    } else {
        typed(state, text, false, effects);
    }
}

/// Shows only the lines with a text, or asks for one.
pub(in crate::update) fn only(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    let Some(view) = lines_of(state) else {
        return;
    };
    if text.is_empty() {
        let before = view.viewer.filter.as_ref().map(|p| p.text().to_owned());
        let line = LineEdit::new(&before.unwrap_or_default());
        state.prompt = Some(Prompt::Lines(line, true));
    } else {
        typed(state, text, true, effects);
    }
}

/// A text was typed: to search for, or to show alone.
pub(in crate::update) fn typed(
    state: &mut State,
    text: &str,
    only: bool,
    effects: &mut Vec<Effect>,
) {
    if let Screen::Serial(_) = state.screen {
        return crate::update::serial::search(state, text);
    }
    let height = state.list_height();
    let Some(view) = lines_of(state) else {
        return;
    };
    let pattern = Pattern::new(text);
    if only {
        view.viewer.filter.clone_from(&pattern);
        if view.part == Part::Timeline {
            view.timeline.filter(pattern);
        } else if let Some(open) = &mut view.logs.open {
            let wanted = open.filter(pattern, height.saturating_sub(HEAD));
            let ask = wanted.map(|from| Effect::LogLines(view.id, open.name.clone(), from));
            effects.extend(ask);
        }
        return;
    }
    view.viewer.search = pattern;
    // A timeline is followed at its end: what is searched for is above. A log is read from above.
    let down = view.part == Part::Logs;
    again(state, down, effects);
}

/// Goes to the next line that was searched for, or to the one before.
pub(in crate::update) fn again(state: &mut State, down: bool, effects: &mut Vec<Effect>) {
    let height = state.list_height();
    let Some(view) = lines_of(state) else {
        return;
    };
    let Some(pattern) = view.viewer.search.clone() else {
        return state.tell(Severity::Info, "nothing is searched for: / asks what");
    };
    let found = match &mut view.logs.open {
        Some(open) if view.part == Part::Logs => {
            match open.seek(&pattern, down, height.saturating_sub(HEAD)) {
                Sought::Found | Sought::Waits => true,
                Sought::Ask(from) => {
                    effects.push(Effect::LogLines(view.id, open.name.clone(), from));
                    true
                }
                Sought::None => false,
            }
        }
        _ => view.timeline.seek(&pattern, down, height),
    };
    if !found {
        missed(state, &pattern, down);
    }
}

fn missed(state: &mut State, pattern: &Pattern, down: bool) {
    let (place, other) = if down { ("below", "N") } else { ("above", "n") };
    let text = format!(
        "no further {:?} {place}; {other} looks the other way",
        pattern.text()
    );
    state.tell(Severity::Info, text);
}

/// Says so when a search through the pages of a log has ended without a line.
pub(in crate::update) fn ended(state: &mut State) {
    let Screen::Node(view) = &mut state.screen else {
        return;
    };
    let Some(open) = &mut view.logs.open else {
        return;
    };
    if let (Some(down), Some(pattern)) = (open.missed.take(), view.viewer.search.clone()) {
        missed(state, &pattern, down);
    }
}

/// Wraps long lines, or cuts them off.
pub(in crate::update) fn wrap(state: &mut State) {
    if let Some(view) = lines_of(state) {
        view.viewer.wrap = !view.viewer.wrap;
    }
}

/// Times of the clock, or how long ago.
pub(in crate::update) fn times(state: &mut State) {
    if let Some(view) = lines_of(state) {
        view.viewer.relative = !view.viewer.relative;
    }
}

/// Marks the line.
pub(in crate::update) fn mark(state: &mut State) {
    let now = state.now;
    let Some(view) = lines_of(state) else {
        return;
    };
    match &mut view.logs.open {
        Some(open) if view.part == Part::Logs => open.mark(now),
        _ => {
            view.timeline.mark(now);
        }
    }
}

/// Goes to the next marked line.
pub(in crate::update) fn go_to_mark(state: &mut State, effects: &mut Vec<Effect>) {
    let height = state.list_height();
    let Some(view) = lines_of(state) else {
        return;
    };
    let is_there = match &mut view.logs.open {
        Some(open) if view.part == Part::Logs => {
            match open.go_to_mark(height.saturating_sub(HEAD)) {
                Some((_, wanted)) => {
                    let name = open.name.clone();
                    effects.extend(wanted.map(|from| Effect::LogLines(view.id, name, from)));
                    true
                }
                None => false,
            }
        }
        _ => view.timeline.go_to_mark(height),
    };
    if !is_there {
        state.tell(Severity::Info, "no line is marked: m marks one");
    }
}

/// Shows only what happened since then.
pub(in crate::update) fn since(state: &mut State, text: &str) {
    let since = match moment(state, text) {
        Ok(since) => since,
        Err(why) => return state.tell(Severity::Warning, why),
    };
    let Some(view) = lines_of(state) else {
        return;
    };
    if view.part == Part::Logs {
        let text = "lines of a ramdisk's log have no common time: / finds a time in them";
        return state.tell(Severity::Warning, text);
    }
    view.timeline.since = since;
    view.viewer.since = since;
}

/// `10m`, `2h`, `90s`, `1d` ago, or a time of day; none for nothing.
fn moment(state: &State, text: &str) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let unknown = || format!("since when? {text:?} is no `10m`, `2h`, `1d` or `02:14`");
    if text.contains(':') {
        return super::recorder::time_of_day(state, text)
            .map(Some)
            .ok_or_else(unknown);
    }
    let unit = text.chars().last().ok_or_else(unknown)?;
    let number = text.strip_suffix(unit).unwrap_or_default();
    let number: i64 = number.parse().map_err(|_| unknown())?;
    let seconds = match unit {
        's' => number,
        'm' => number.saturating_mul(60),
        'h' => number.saturating_mul(3600),
        'd' => number.saturating_mul(86_400),
        _ => return Err(unknown()),
    };
    let ago = SignedDuration::from_secs(seconds);
    let since = state.now.checked_sub(ago).map_err(|_| unknown())?;
    Ok(Some(since))
}

/// Writes the timeline, or the log that is read, to a file.
pub(super) fn save(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Node(view) = &state.screen else {
        return;
    };
    let name = state.name_of(view.id);
    if let (Part::Logs, Some(open)) = (view.part, &view.logs.open) {
        let file = super::file_name(&format!("log-{name}"), state, "txt");
        let ask = Ask::SaveLog(view.id, open.name.clone(), file);
        effects.push(Effect::Watch(ask));
        return state.tell(Severity::Info, "writing the log to a file");
    }
    if view.part == Part::Json {
        let text = view.json().join("\n") + "\n";
        let file = super::file_name(&format!("node-{name}"), state, "json");
        effects.push(Effect::Watch(Ask::Save(file, text)));
        return;
    }
    let lines: Vec<String> = view.timeline.events().map(describe::line).collect();
    let file = super::file_name(&format!("timeline-{name}"), state, "txt");
    let text = crate::redact::text(&format!("{}\n", lines.join("\n")));
    effects.push(Effect::Watch(Ask::Save(file, text)));
}
