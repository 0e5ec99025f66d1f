//! The prompts at the bottom: the filter, applied while it is typed, and commands by name.

use cupola_api::event::Severity;
use cupola_api::id::NodeId;

use super::{act, run};
use crate::command;
use crate::effect::Effect;
use crate::key::Key;
use crate::state::line_edit::LineEdit;
use crate::state::query;
use crate::state::{Prompt, State};

/// Opens the filter prompt, or sets the filter that is given.
pub(super) fn open_filter(state: &mut State, filter: &str) {
    if filter.is_empty() {
        let before = state.list.filter.clone();
        state.prompt = Some(Prompt::Filter(LineEdit::new(&before), before));
    } else {
        state.list.set_filter(filter);
    }
}

/// Opens the command prompt.
pub(super) fn open_command(state: &mut State) {
    state.prompt = Some(Prompt::Command(LineEdit::default()));
}

/// Asks why these nodes go into maintenance.
pub(super) fn open_reason(state: &mut State, nodes: Vec<NodeId>) {
    state.prompt = Some(Prompt::Reason(LineEdit::default(), nodes));
}

/// Takes a key.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let Some(prompt) = state.prompt.take() else {
        return;
    };
    state.prompt = match prompt {
        Prompt::Filter(line, before) => on_filter(state, line, before, key),
        Prompt::Command(line) => on_command(state, line, key, effects),
        Prompt::Reason(line, nodes) => on_reason(state, line, nodes, key, effects),
    };
    changed(state);
}

fn on_filter(state: &mut State, mut line: LineEdit, before: String, key: Key) -> Option<Prompt> {
    match key {
        Key::Esc | Key::Ctrl('c') => state.list.set_filter(&before),
        Key::Enter => {
            if let Some(problem) = query::unknown_field(&line.text()) {
                state.tell(Severity::Warning, problem);
            }
        }
        Key::Up | Key::Down => {
            let by = if key == Key::Up { -1 } else { 1 };
            state.list.step(&state.fleet, by);
            return Some(Prompt::Filter(line, before));
        }
        other => {
            line.key(other);
            return Some(Prompt::Filter(line, before));
        }
    }
    None
}

fn on_command(
    state: &mut State,
    mut line: LineEdit,
    key: Key,
    effects: &mut Vec<Effect>,
) -> Option<Prompt> {
    match key {
        Key::Esc | Key::Ctrl('c') => None,
        Key::Backspace if line.is_empty() => None,
        Key::Enter if line.text().trim().is_empty() => None,
        Key::Enter => {
            let text = line.text();
            match command::parse(&text) {
                Ok((entry, argument)) if entry.scope.includes(state.scope()) => {
                    run(state, entry.command, argument, effects);
                    // The command may have opened a prompt itself.
                    state.prompt.take()
                }
                Ok((_, _)) => {
                    state.tell(
                        Severity::Warning,
                        format!(":{text} means nothing on this screen"),
                    );
                    None
                }
                Err(problem) => {
                    state.tell(Severity::Warning, problem);
                    None
                }
            }
        }
        Key::Tab => {
            let names = command::complete(&line.text());
            match names.as_slice() {
                [] => {}
                [only] => line = LineEdit::new(&format!("{only} ")),
                [first, ..] => {
                    state.tell(Severity::Info, names.join("  "));
                    line = LineEdit::new(common_start(first, &names));
                }
            }
            Some(Prompt::Command(line))
        }
        other => {
            line.key(other);
            Some(Prompt::Command(line))
        }
    }
}

fn on_reason(
    state: &mut State,
    mut line: LineEdit,
    nodes: Vec<NodeId>,
    key: Key,
    effects: &mut Vec<Effect>,
) -> Option<Prompt> {
    match key {
        Key::Esc | Key::Ctrl('c') => None,
        Key::Enter => {
            act::maintain(state, &nodes, line.text().trim(), effects);
            None
        }
        other => {
            line.key(other);
            Some(Prompt::Reason(line, nodes))
        }
    }
}

fn common_start<'a>(first: &'a str, names: &[&str]) -> &'a str {
    let same = |end: &usize| {
        let start = first.get(..*end);
        start.is_some_and(|start| names.iter().all(|name| name.starts_with(start)))
    };
    let end = (0..=first.len()).rev().find(same).unwrap_or(0);
    first.get(..end).unwrap_or_default()
}

/// The text of the prompt has changed: a filter works while it is typed.
pub(super) fn changed(state: &mut State) {
    if let Some(Prompt::Filter(line, _)) = &state.prompt {
        let text = line.text();
        if text != state.list.filter {
            state.list.set_filter(&text);
        }
    }
}
