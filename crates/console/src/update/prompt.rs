//! The prompts at the bottom: the filter, applied while it is typed, and commands by name.

use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use cupola_api::secret::Secret;

use super::watching::viewer;
use super::{act, run};
use crate::command;
use crate::effect::{Action, Effect};
use crate::key::Key;
use crate::state::complete;
use crate::state::line_edit::LineEdit;
use crate::state::run::{RunId, report};
use crate::state::view::View;
use crate::state::{Prompt, State};

/// Opens the filter prompt, or sets the filter that is given.
pub(super) fn open_filter(state: &mut State, filter: &str) {
    if filter.is_empty() {
        state.command_bar.reset();
        let before = state.list.filter.clone();
        state.prompt = Some(Prompt::Filter(LineEdit::new(&before), before));
    } else {
        state.look(&View {
            filter: filter.to_owned(),
            ..state.list.view()
        });
    }
}

/// Opens the command prompt.
pub(super) fn open_command(state: &mut State) {
    state.command_bar.reset();
    state.prompt = Some(Prompt::Command(LineEdit::default()));
}

/// Asks why these nodes go into maintenance.
pub(super) fn open_reason(state: &mut State, nodes: Vec<NodeId>) {
    state.prompt = Some(Prompt::Reason(LineEdit::default(), nodes));
}

/// Asks for the password of the rescue ramdisk of these nodes.
pub(super) fn open_password(state: &mut State, nodes: Vec<NodeId>) {
    state.prompt = Some(Prompt::Password(LineEdit::default(), nodes));
}

/// Asks for the file that the results of a run are written to.
pub(super) fn open_save(state: &mut State, run: RunId) {
    let name = state.runs.iter().find(|it| it.id == run);
    let name = name.map_or("run", |it| it.name).replace(' ', "-");
    let at = state.now.to_zoned(state.zone.clone());
    let file = format!("{name}-{}.csv", at.strftime("%Y%m%d-%H%M%S"));
    state.prompt = Some(Prompt::Save(LineEdit::new(&file), run));
}

/// Takes a key.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let Some(prompt) = state.prompt.take() else {
        return;
    };
    state.prompt = match prompt {
        Prompt::Filter(line, before) => on_filter(state, line, before, key),
        Prompt::Command(line) => on_command(state, line, key, effects),
        Prompt::Lines(line, only) => on_lines(state, line, only, key, effects),
        Prompt::Reason(line, nodes) => on_reason(state, line, nodes, key, effects),
        Prompt::Password(line, nodes) => on_password(state, line, nodes, key, effects),
        Prompt::Save(line, run) => on_save(state, line, run, key, effects),
    };
    changed(state);
}

fn on_filter(state: &mut State, mut line: LineEdit, before: String, key: Key) -> Option<Prompt> {
    match key {
        Key::Esc | Key::Ctrl('c') => state.list.set_filter(&before),
        Key::Enter => {
            let now = state.list.view();
            if now.filter != before {
                state.trail.keep(View {
                    filter: before,
                    ..now
                });
            }
            if let Some(problem) = state.list.filter_problem() {
                let problem = problem.to_owned();
                state.tell(Severity::Warning, problem);
            }
        }
        Key::Up | Key::Down => {
            let by = if key == Key::Up { -1 } else { 1 };
            state.list.step(&state.fleet, by);
            return Some(Prompt::Filter(line, before));
        }
        Key::Tab | Key::BackTab => {
            if state.command_bar.completion.at.is_none() {
                state.command_bar.completion = complete::filter(state, &line.text(), 0);
            }
            if let Some(text) = state.command_bar.completion.cycle(key == Key::Tab) {
                line = LineEdit::new(&text);
            }
            return Some(Prompt::Filter(line, before));
        }
        other => {
            state.command_bar.reset();
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
        Key::Esc | Key::Ctrl('c') => theme_as_before(state, effects),
        Key::Backspace if line.is_empty() => theme_as_before(state, effects),
        Key::Enter if line.text().trim().is_empty() => theme_as_before(state, effects),
        Key::Enter => {
            if names_theme(state, &line).is_some() {
                state.theme_before = None;
            }
            theme_as_before(state, effects);
            if state.command_bar.remember(&line.text()) {
                effects.push(Effect::Remember(line.text().trim_end().to_owned()));
            }
            let text = state.settings.expand(&line.text());
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
        Key::Tab | Key::BackTab => {
            complete(state, &mut line, key == Key::Tab);
            show_theme(state, &line, effects);
            Some(Prompt::Command(line))
        }
        Key::Up | Key::Down => {
            if let Some(text) = state.command_bar.recall(key == Key::Up, &line.text()) {
                line = LineEdit::new(&text);
                offer_command(state, &line);
            }
            Some(Prompt::Command(line))
        }
        other => {
            if line.key(other) {
                offer_command(state, &line);
            }
            Some(Prompt::Command(line))
        }
    }
}

fn on_lines(
    state: &mut State,
    mut line: LineEdit,
    only: bool,
    key: Key,
    effects: &mut Vec<Effect>,
) -> Option<Prompt> {
    match key {
        Key::Esc | Key::Ctrl('c') => None,
        Key::Enter => {
            viewer::typed(state, &line.text(), only, effects);
            None
        }
        other => {
            line.key(other);
            Some(Prompt::Lines(line, only))
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

fn on_password(
    state: &mut State,
    mut line: LineEdit,
    nodes: Vec<NodeId>,
    key: Key,
    effects: &mut Vec<Effect>,
) -> Option<Prompt> {
    match key {
        Key::Esc | Key::Ctrl('c') => None,
        Key::Enter if line.is_empty() => {
            state.tell(Severity::Warning, "a password is needed");
            Some(Prompt::Password(line, nodes))
        }
        Key::Enter => {
            let action = Action::Rescue(Secret::new(line.text()));
            act::propose(state, &action, &nodes, effects);
            None
        }
        other => {
            line.key(other);
            Some(Prompt::Password(line, nodes))
        }
    }
}

fn on_save(
    state: &mut State,
    mut line: LineEdit,
    run: RunId,
    key: Key,
    effects: &mut Vec<Effect>,
) -> Option<Prompt> {
    match key {
        Key::Esc | Key::Ctrl('c') => None,
        Key::Enter => {
            let file = line.text().trim().to_owned();
            if let Some(run) = state.runs.iter().find(|it| it.id == run)
                && !file.is_empty()
            {
                let text = report::report(run, &file, state.now);
                effects.push(Effect::Save(file, text));
            }
            None
        }
        other => {
            line.key(other);
            Some(Prompt::Save(line, run))
        }
    }
}

/// The theme that a command names, where it is one of ours.
fn names_theme(state: &State, line: &LineEdit) -> Option<String> {
    let text = line.text();
    let name = text.trim().strip_prefix("theme ")?.trim();
    let is_known = state.themes.iter().any(|known| known == name);
    is_known.then(|| name.to_owned())
}

/// A theme is shown as soon as it is offered.
fn show_theme(state: &mut State, line: &LineEdit, effects: &mut Vec<Effect>) {
    if let Some(name) = names_theme(state, line) {
        let asked = state.theme_asked.clone();
        state.theme_before.get_or_insert(asked);
        effects.push(Effect::Theme(name));
    }
}

/// Without Enter the theme before comes back. The prompt closes.
fn theme_as_before(state: &mut State, effects: &mut Vec<Effect>) -> Option<Prompt> {
    effects.extend(state.theme_before.take().map(Effect::Theme));
    None
}

/// Takes the next of what may stand there, or the one before. Where there is one thing only, the
/// next is offered at once.
fn complete(state: &mut State, line: &mut LineEdit, forward: bool) {
    let only = state.command_bar.completion.candidates.len() == 1;
    let Some(text) = state.command_bar.completion.cycle(forward) else {
        return;
    };
    *line = LineEdit::new(&text);
    if only && !text.ends_with([' ', ':']) && !text.contains(' ') {
        line.key(Key::Char(' '));
    }
    if only {
        offer_command(state, line);
    }
}

fn offer_command(state: &mut State, line: &LineEdit) {
    state.command_bar.completion = complete::command_line(state, &line.text());
}

/// The text of the prompt has changed: a filter works while it is typed.
pub(super) fn changed(state: &mut State) {
    if let Some(Prompt::Filter(line, _)) = &state.prompt {
        let text = line.text();
        if text != state.list.filter {
            state.list.set_filter(&text);
            // What makes no sense yet is told beside what is typed.
            state.notice = None;
            if let Some(problem) = state.list.filter_problem().map(str::to_owned) {
                state.tell(Severity::Warning, problem);
            }
        }
    }
}
