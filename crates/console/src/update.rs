//! What becomes of the state when something happens: a pure function from state and event to state
//! and effects. One file per screen or family of commands; nothing here awaits or draws.

mod act;
pub(crate) use act::consequence;
mod arrange;
mod dashboard;
mod deploy;
mod discovery;
mod enroll;
mod live;
mod logs;
mod mouse;
mod navigate;
pub(crate) mod node;
mod popup;
pub(crate) mod preview;
mod prompt;
mod run;
mod serial;
mod steps;
mod target;
mod travel;
pub(crate) mod watching;

use cupola_api::event::Severity;
use cupola_api::id::NodeId;

use crate::command::{Act, Command};
use crate::effect::Effect;
use crate::event::Event;
use crate::key::Key;
use crate::state::{Prompt, Screen, State};

/// Takes one event.
pub(crate) fn update(state: &mut State, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    watching::before(state, &event);
    match event {
        Event::Key(key) => on_key(state, key, &mut effects),
        Event::Scanned { text, fresh } => on_scanned(state, &text, fresh, &mut effects),
        Event::Mouse(did) => mouse::on_mouse(state, did, &mut effects),
        Event::Paste(text) => on_paste(state, &text, &mut effects),
        Event::Resized(size) => {
            state.size = size;
            serial::resized(state);
        }
        Event::Tick => {
            state.list.tick();
            state.flash.tick(state.now);
            dashboard::tick(state);
            enroll::ask_unknown(state, &mut effects);
            run::tick(state, &mut effects);
        }
        Event::Live(live) => live::on_live(state, live, &mut effects),
        Event::Reply(reply) => live::on_reply(state, reply, &mut effects),
    }
    watching::after(state, &mut effects);
    state.dirty = true;
    sent(state, &mut effects);
    confined(state, &mut effects);
    effects
}

/// A captive console gives its host to nobody, whatever asked for it: no shell, and of files only new
/// ones in the directory where it was started, by names that no program takes for its settings.
fn confined(state: &mut State, effects: &mut Vec<Effect>) {
    if !state.safety.captive {
        return;
    }
    let is_plain = |name: &str| !name.contains('/') && !name.starts_with('.');
    let why_not = |effect: &Effect| match effect {
        Effect::Suspend => Some("there is no shell behind this console: :q leaves it"),
        Effect::Machines(..) => Some("this console reads no files of its host"),
        Effect::Theme(name) if !is_plain(name) || name.ends_with(".toml") => {
            Some("this console takes themes by their names alone")
        }
        Effect::Save(file, _) if !is_plain(file) => {
            Some("this console writes files by a name alone, without directories")
        }
        _ => None,
    };
    if let Some(why) = effects.iter().find_map(why_not) {
        effects.retain(|effect| why_not(effect).is_none());
        state.tell(Severity::Warning, why);
    }
}

/// What changes something is logged as a command, or on a read-only console not done at all, whatever
/// asked for it.
fn sent(state: &mut State, effects: &mut Vec<Effect>) {
    let changes = watching::recorder::changes;
    if let Some(why) = state.refusal()
        && effects.iter().any(changes)
    {
        effects.retain(|effect| !changes(effect));
        state.tell(Severity::Warning, why);
    }
    for effect in effects.iter() {
        if let Effect::Act(id, action) = effect {
            let name = state.name_of(*id);
            state.commands.sent(*id, name, action, state.now);
        }
    }
}

fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    // Rows must be those that the person saw when the key was pressed.
    state.settle();
    // A serial console takes all keys that its machine may want.
    let is_serial = matches!(state.screen, Screen::Serial(_));
    let interrupt = key == Key::Ctrl('c') && !is_serial;
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
    if key == Key::Esc && !is_serial && run::take_back(state) {
        return;
    }
    let taken = match state.screen {
        Screen::List | Screen::Node(_) | Screen::Board | Screen::Dashboard | Screen::Compare(_) => {
            false
        }
        Screen::Enroll(_) => enroll::on_key(state, key, effects),
        Screen::Discovery(_) => {
            let page = isize::try_from(state.list_height()).unwrap_or(1);
            discovery::on_key(state, key, page, effects)
        }
        Screen::Deploy(_) => deploy::on_key(state, key, effects),
        Screen::Preview(_) => preview::on_key(state, key, effects),
        Screen::Run(_) => preview::on_run(state, key, effects),
        Screen::Runs(_) => preview::on_runs(state, key),
        Screen::Commands(_) => preview::on_commands(state, key, effects),
        Screen::Steps(_) => steps::on_key(state, key, effects),
        Screen::Serial(_) => return serial::on_key(state, key, effects),
    };
    if taken || navigate::on_key(state, key, effects) {
        return;
    }
    if let Some(entry) = state.settings.keymap.command(key, state.scope()) {
        run(state, entry.command, "", effects);
    }
}

/// Elsewhere than in the enrolment wizard, a burst is nothing but its keys.
fn on_scanned(state: &mut State, text: &str, fresh: bool, effects: &mut Vec<Effect>) {
    let is_covered = state.prompt.is_some() || state.popup.is_some();
    if is_covered || !enroll::on_scanned(state, text, fresh) {
        on_key(state, Key::Enter, effects);
    }
}

fn on_paste(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    if let Some(prompt) = &mut state.prompt {
        let (Prompt::Filter(line, _)
        | Prompt::Command(line)
        | Prompt::Reason(line, _)
        | Prompt::Lines(line, _)
        | Prompt::Password(line, _)
        | Prompt::Save(line, _)) = prompt;
        line.paste(text);
        return prompt::changed(state);
    }
    if state.popup.is_some() {
        return;
    }
    match &mut state.screen {
        Screen::Enroll(enroll) => enroll::paste(enroll, text),
        Screen::Discovery(discovery) => discovery.paste(text),
        Screen::Deploy(deploy) => deploy.other.paste(text),
        Screen::Steps(steps) => steps.form.paste(text),
        Screen::Serial(_) => serial::paste(state, text, effects),
        Screen::List
        | Screen::Node(_)
        | Screen::Board
        | Screen::Dashboard
        | Screen::Compare(_)
        | Screen::Preview(_)
        | Screen::Run(_)
        | Screen::Runs(_)
        | Screen::Commands(_) => {}
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
    if let Some(why) = watching::recorder::forbids(state, what) {
        return state.tell(Severity::Warning, why);
    }
    if let Command::Act(_) | Command::Verbs | Command::PowerMenu | Command::MoreMenu = what {
        travel::thaw(state);
    }
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
        Command::Sort => arrange::sort(state, text),
        Command::Dashboard => dashboard::open(state, effects),
        Command::Backward => travel::back(state),
        Command::Forward => travel::forward(state, effects),
        Command::Last => travel::last(state, effects),
        Command::Freeze => travel::freeze(state),
        Command::Group => arrange::group(state, text),
        Command::Fold => arrange::fold(state),
        Command::Columns => arrange::columns(state, text),
        Command::View => arrange::view(state, text, effects),
        Command::SortReverse => navigate::reverse(state),
        Command::Mark => navigate::mark(state),
        Command::MarkRange => navigate::mark_range(state),
        Command::MarkAll => state.list.toggle_all(&state.fleet),
        Command::Enroll => enroll::open(state, text, effects),
        Command::NextPart => node::next_part(state, effects),
        Command::Logs => logs::show(state, effects),
        Command::Follow => node::follow(state),
        Command::Serial => serial::open(state, &nodes, effects),
        Command::Lens => watching::lens::toggle(state),
        Command::Board => watching::board::open(state, effects),
        Command::Trouble => watching::board::trouble(state, effects),
        Command::Compare => watching::compare::open(state, &nodes, effects),
        Command::CompareAll => watching::compare::all(state),
        Command::Save => watching::save(state, effects),
        Command::Earlier => watching::recorder::back(state),
        Command::Later => watching::recorder::forth(state),
        Command::At => watching::recorder::at(state, text),
        Command::Bundle => watching::bundle::write(state, effects),
        Command::Search => watching::viewer::search(state, text, effects),
        Command::SearchNext => watching::viewer::again(state, true, effects),
        Command::SearchBack => watching::viewer::again(state, false, effects),
        Command::LinesOnly => watching::viewer::only(state, text, effects),
        Command::Wrap => watching::viewer::wrap(state),
        Command::Times => watching::viewer::times(state),
        Command::MarkLine => watching::viewer::mark(state),
        Command::GoToMark => watching::viewer::go_to_mark(state, effects),
        Command::Since => watching::viewer::since(state, text),
        Command::Verbs => popup::verbs(state, nodes),
        Command::PowerMenu => popup::power(state, nodes),
        Command::MoreMenu => popup::more(state, nodes),
        Command::Undo => run::undo(state),
        Command::Runs => preview::runs(state),
        Command::Commands => preview::commands(state),
        Command::Act(Act::Deploy) => deploy::open(state, nodes, effects),
        Command::Act(act) => act::ask(state, act, &nodes, text, effects),
    }
}

#[cfg(test)]
mod tests;
