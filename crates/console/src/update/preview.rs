//! Before a run, one run, and the list of runs.

use std::collections::HashSet;

use cupola_api::event::Severity;

use super::{act, prompt, run};
use crate::command::Act;
use crate::effect::Effect;
use crate::key::Key;
use crate::state::popup::Popup;
use crate::state::preview::Preview;
use crate::state::run::{Entry, Phase, Run, RunId};
use crate::state::screen::RunView;
use crate::state::{Screen, State};

/// By how much a key moves, where it does.
fn by(key: Key, page: usize) -> Option<isize> {
    let page = isize::try_from(page.saturating_sub(1)).unwrap_or(1);
    match key {
        Key::Up | Key::Char('k') => Some(-1),
        Key::Down | Key::Char('j') => Some(1),
        Key::PageUp | Key::Ctrl('b') => Some(-page),
        Key::PageDown | Key::Ctrl('f') => Some(page),
        Key::Home | Key::Char('g') => Some(isize::MIN + 1),
        Key::End | Key::Char('G') => Some(isize::MAX),
        _ => None,
    }
}

fn moved(at: usize, by: isize, count: usize) -> usize {
    at.saturating_add_signed(by).min(count.saturating_sub(1))
}

/// Takes a key on the preview; false when it means nothing here.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let page = state.list_height();
    let Screen::Preview(preview) = &mut state.screen else {
        return false;
    };
    if let Some(by) = by(key, page) {
        preview.top = moved(preview.top, by, preview.lines.len());
        return true;
    }
    match key {
        Key::Char('c') => preview.next_canary(),
        Key::Char('p') => preview.next_parallel(),
        Key::Char('s') => preview.next_stop(&state.safety),
        Key::Enter => start(state, effects),
        _ => return false,
    }
    true
}

/// Starts, or asks first where it destroys. Those that cannot take it any more are left out, which is
/// shown before anything is sent.
fn start(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Preview(preview) = &state.screen else {
        return;
    };
    let what = preview.what;
    let ids: Vec<_> = preview.plan.acts.iter().map(|(id, _)| *id).collect();
    let (able, unable) = act::divide(state, what, &ids);
    let Screen::Preview(preview) = &mut state.screen else {
        return;
    };
    if !unable.is_empty() {
        let able: HashSet<_> = able.into_iter().collect();
        preview.plan.acts.retain(|(id, _)| able.contains(id));
        let count = unable.len();
        preview.plan.left_out.extend(unable);
        preview.work_out(&state.fleet);
        let nodes = crate::describe::count(count, "node");
        let text = format!("{nodes} cannot take it any more: look again, then Enter");
        return state.tell(Severity::Warning, text);
    }
    if preview.plan.acts.is_empty() {
        return state.tell(Severity::Warning, "none of these nodes can take it");
    }
    let plan = copy(preview);
    let meaning = preview.meaning;
    if plan.destroys() || what == Act::Maintenance && leaves(preview) {
        let question = act::question(state, meaning, plan);
        state.popup = Some(Popup::Confirm(question));
    } else {
        run::begin(state, plan, effects);
    }
}

fn leaves(preview: &Preview) -> bool {
    use crate::effect::Action;
    let off = |(_, action): &(_, Action)| matches!(action, Action::Maintenance(false, _));
    preview.plan.acts.iter().any(off)
}

/// The plan, while the preview stays open below the question.
fn copy(preview: &Preview) -> crate::state::run::Plan {
    let plan = &preview.plan;
    crate::state::run::Plan {
        name: plan.name,
        acts: plan.acts.clone(),
        left_out: plan.left_out.clone(),
        options: plan.options,
        quick: plan.quick,
        undoes: plan.undoes,
    }
}

/// Takes a key on the screen of a run; false when it means nothing here.
pub(super) fn on_run(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let page = state.list_height();
    let Screen::Run(view) = &mut state.screen else {
        return false;
    };
    let id = view.run;
    let Some(run) = state.runs.iter_mut().find(|run| run.id == id) else {
        return false;
    };
    if let Some(by) = by(key, page) {
        view.at = moved(view.at, by, run.entries.len() + run.left_out.len());
        return true;
    }
    match key {
        Key::Char('n') => {
            let failed = |(at, entry): (usize, &Entry)| entry.outcome.reason().map(|_| at);
            let all: Vec<usize> = run.entries.iter().enumerate().filter_map(failed).collect();
            let next = all.iter().find(|at| **at > view.at).or(all.first());
            view.at = next.copied().unwrap_or(view.at);
        }
        Key::Char('x') => abort(state, id, effects),
        Key::Char('c') => run::ask_to_go_on(state, id, effects),
        // It counts from the next answer or second on: a key by itself sends nothing.
        Key::Char('+') => run.options.parallel = run.options.parallel.saturating_add(1),
        Key::Char('-') => run.options.parallel = run.options.parallel.saturating_sub(1).max(1),
        Key::Char('r') => run::retry(state, id, effects),
        Key::Char('s') => prompt::open_save(state, id),
        Key::Enter | Key::Right => {
            if let Some(entry) = run.entries.get(view.at) {
                let node = entry.node;
                super::node::show(state, node, effects);
            }
        }
        _ => return false,
    }
    true
}

fn abort(state: &mut State, id: RunId, effects: &mut Vec<Effect>) {
    let now = state.now;
    let Some(run) = state.runs.iter_mut().find(|run| run.id == id) else {
        return;
    };
    let text = match (run.abort(now), run.is_over()) {
        (0, true) => "there is nothing left to abort".to_owned(),
        (0, false) => "all were sent already; they are followed on".to_owned(),
        (count, _) => format!("aborted: {count} were not sent"),
    };
    run::pump(state, effects);
    state.tell(Severity::Info, text);
}

/// Opens the list of runs.
pub(super) fn runs(state: &mut State) {
    if !matches!(state.screen, Screen::Runs(_)) {
        state.open(Screen::Runs(0));
    }
}

/// The run at this place of the list: the newest first, small ones among them.
pub(crate) fn listed(state: &State, at: usize) -> Option<&Run> {
    state.runs.iter().rev().nth(at)
}

/// Takes a key on the list of runs; false when it means nothing here.
pub(super) fn on_runs(state: &mut State, key: Key) -> bool {
    let page = state.list_height();
    let count = state.runs.len();
    let Screen::Runs(at) = &mut state.screen else {
        return false;
    };
    if let Some(by) = by(key, page) {
        *at = moved(*at, by, count);
        return true;
    }
    let at = *at;
    if !matches!(key, Key::Enter | Key::Right) {
        return false;
    }
    if let Some(id) = listed(state, at).map(|run| run.id) {
        state.open(Screen::Run(RunView::new(id)));
    }
    true
}

/// Opens the log of commands.
pub(super) fn commands(state: &mut State) {
    if !matches!(state.screen, Screen::Commands(_)) {
        state.open(Screen::Commands(Default::default()));
    }
}

/// Takes a key on the log of commands; false when it means nothing here.
pub(super) fn on_commands(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let page = state.list_height();
    let count = state.commands.len();
    let Screen::Commands(view) = &mut state.screen else {
        return false;
    };
    if let Some(by) = by(key, page) {
        view.at = moved(view.at, by, count);
        return true;
    }
    match key {
        Key::Tab => view.curl = !view.curl,
        Key::Char('y') => {
            let (at, curl) = (view.at, view.curl);
            let Some(sent) = state.commands.newest(at) else {
                state.tell(Severity::Info, "nothing was sent yet");
                return true;
            };
            let shell = &state.shell;
            let lines = if curl {
                shell.curl(sent.node, &sent.action, sent.indicator.as_deref())
            } else {
                shell.openstack(sent.node, &sent.action)
            };
            effects.push(Effect::Copy(format!("{}\n", lines.join("\n"))));
        }
        _ => return false,
    }
    true
}

/// How many of the open runs would be lost, and of what a person would hear before the console is
/// left.
pub(super) fn open_runs(state: &State) -> Vec<String> {
    let open = state.runs.iter().filter(|run| run.is_open());
    open.map(|run| {
        let counts = run.counts();
        match run.phase {
            Phase::Held(_) => format!("{}: not sent yet, and never will be", run.name),
            _ => format!(
                "{}: {} not sent yet, {} under way",
                run.name, counts.waiting, counts.moving
            ),
        }
    })
    .collect()
}
