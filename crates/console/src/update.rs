//! What becomes of the state when something happens: a pure function from state and event to state
//! and effects. One file per screen or family of commands; nothing here awaits or draws.

mod act;
mod deploy;
mod enroll;
mod live;
mod logs;
mod navigate;
pub(crate) mod node;
mod popup;
mod prompt;
mod target;

use cupola_api::event::Severity;
use cupola_api::id::NodeId;

use crate::command::{self, Command};
use crate::effect::Effect;
use crate::event::Event;
use crate::key::Key;
use crate::state::{Prompt, Screen, State};

/// Takes one event.
pub(crate) fn update(state: &mut State, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    match event {
        Event::Key(key) => on_key(state, key, &mut effects),
        Event::Paste(text) => on_paste(state, &text),
        Event::Resized(size) => state.size = size,
        Event::Tick => {}
        Event::Live(live) => live::on_live(state, live, &mut effects),
        Event::Reply(reply) => live::on_reply(state, reply, &mut effects),
    }
    state.dirty = true;
    effects
}

fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    // Rows must be those that the person saw when the key was pressed.
    state.settle();
    let interrupt = key == Key::Ctrl('c');
    if interrupt && state.interrupted {
        return effects.push(Effect::Quit);
    }
    state.interrupted = interrupt;
    if state.prompt.is_some() {
        return prompt::on_key(state, key, effects);
    }
    if state.popup.is_some() {
        return popup::on_key(state, key, effects);
    }
    state.notice = None;
    let taken = match state.screen {
        Screen::List | Screen::Node(_) => false,
        Screen::Enroll(_) => enroll::on_key(state, key, effects),
        Screen::Deploy(_) => deploy::on_key(state, key, effects),
    };
    if taken || navigate::on_key(state, key, effects) {
        return;
    }
    if let Some(entry) = command::by_key(key, state.scope()) {
        run(state, entry.command, "", effects);
    }
}

fn on_paste(state: &mut State, text: &str) {
    if let Some(Prompt::Filter(line, _) | Prompt::Command(line) | Prompt::Reason(line, _)) =
        &mut state.prompt
    {
        line.paste(text);
        return prompt::changed(state);
    }
    if state.popup.is_some() {
        return;
    }
    match &mut state.screen {
        Screen::Enroll(enroll) => enroll::paste(enroll, text),
        Screen::Deploy(deploy) => deploy.other.paste(text),
        Screen::List | Screen::Node(_) => {}
    }
}

/// Carries a command out that came from a key or the prompt.
pub(crate) fn run(state: &mut State, what: Command, argument: &str, effects: &mut Vec<Effect>) {
    match target::parse(state, what, argument) {
        Ok((nodes, text)) => run_on(state, what, nodes, text, effects),
        Err(problem) => state.tell(Severity::Warning, problem),
    }
}

/// Carries a command out on these nodes, where it acts on nodes.
fn run_on(
    state: &mut State,
    what: Command,
    nodes: Vec<NodeId>,
    text: &str,
    effects: &mut Vec<Effect>,
) {
    match what {
        Command::Quit => navigate::quit(state, effects),
        Command::Back => navigate::back(state),
        Command::Help => popup::help(state),
        Command::Prompt => prompt::open_command(state),
        Command::Filter => prompt::open_filter(state, text),
        Command::Diagnostics => state.drawer = !state.drawer,
        Command::Refresh => navigate::refresh(state, effects),
        #[cfg(debug_assertions)]
        Command::Panic => effects.push(Effect::Panic),
        Command::Suspend => effects.push(Effect::Suspend),
        Command::Theme => effects.push(Effect::Theme(text.to_owned())),
        Command::Open => navigate::open(state, text, effects),
        Command::Sort => navigate::sort(state, text),
        Command::SortReverse => navigate::reverse(state),
        Command::Mark => navigate::mark(state),
        Command::MarkAll => state.list.toggle_all(&state.fleet),
        Command::Enroll => enroll::open(state, effects),
        Command::Deploy => deploy::open(state, nodes, effects),
        Command::NextPart => node::next_part(state, effects),
        Command::Logs => logs::show(state, effects),
        Command::Follow => node::follow(state),
        Command::Verbs => popup::verbs(state, nodes),
        Command::PowerMenu => popup::power(state, nodes),
        Command::Maintenance | Command::Delete | Command::Verb(_) | Command::Power(_) => {
            act::ask(state, what, &nodes, text, effects);
        }
    }
}

#[cfg(test)]
mod tests;
