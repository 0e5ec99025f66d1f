//! Runs: they begin, go on with every answer, change of a node and second, and end. And what is
//! taken back or undone.

use std::collections::HashMap;

use cupola_api::cupola::NodeSummary;
use cupola_api::event::Severity;
use cupola_api::id::NodeId;

use super::act;
use crate::describe;
use crate::effect::{Action, Effect};
use crate::event::{Accepted, Refusal};
use crate::state::popup::{Confirm, Consequence, Focus, Popup};
use crate::state::run::{Options, Phase, Plan, Run, RunId};
use crate::state::{Screen, State, undo};

/// So many runs that are over are kept.
const KEPT: usize = 100;

/// A plan is carried out, after the time in which it can be taken back.
pub(super) fn begin(state: &mut State, plan: Plan, effects: &mut Vec<Effect>) {
    if let Some(run) = plan.undoes {
        state.undos.forget(run);
    }
    state.tickets = state.tickets.wrapping_add(1);
    let id = RunId(state.tickets);
    let fleet = &state.fleet;
    let name = |node: NodeId| {
        let known = fleet.get(node);
        known.map_or_else(|| node.to_string(), crate::summary::display_name)
    };
    let run = Run::new(id, plan, state.safety.grace, name, state.now);
    let is_quick = run.quick;
    state.runs.push(run);
    let over = state.runs.iter().filter(|run| run.is_over()).count();
    if over > KEPT
        && let Some(at) = state.runs.iter().position(Run::is_over)
    {
        state.runs.remove(at);
    }
    if !is_quick {
        show(state, id);
    }
    pump(state, effects);
}

/// Shows a run in the place of what led to it.
fn show(state: &mut State, id: RunId) {
    let leads = |screen: &Screen| match screen {
        Screen::Preview(_) | Screen::Deploy(_) | Screen::Steps(_) => true,
        Screen::List
        | Screen::Node(_)
        | Screen::Enroll(_)
        | Screen::Discovery(_)
        | Screen::Board
        | Screen::Dashboard
        | Screen::Compare(_)
        | Screen::Run(_)
        | Screen::Runs(_)
        | Screen::Commands(_)
        | Screen::Serial(_) => false,
    };
    while leads(&state.screen) && state.back() {}
    state.open(Screen::Run(crate::state::screen::RunView::new(id)));
}

/// Sends what is due of all runs.
pub(super) fn pump(state: &mut State, effects: &mut Vec<Effect>) {
    let mut told = Vec::new();
    for run in &mut state.runs {
        if run.is_over() {
            continue;
        }
        let due = run.due(&state.fleet, state.now);
        if run.quick
            && let Some((id, _)) = due.first()
        {
            told.push((run.name, *id));
        }
        if !run.quick && run.is_over() {
            let counts = run.counts();
            let text = format!(
                "{}: {} reached, {} failed",
                run.name, counts.reached, counts.failed
            );
            let severity = if counts.failed > 0 {
                Severity::Warning
            } else {
                Severity::Info
            };
            state.notice = Some(crate::state::Notice { severity, text });
        }
        effects.extend(due.into_iter().map(|(id, action)| Effect::Act(id, action)));
    }
    for (name, id) in told {
        let text = format!("{name}: asked for {}", state.name_of(id));
        state.tell(Severity::Info, text);
    }
}

/// A second has passed.
pub(super) fn tick(state: &mut State, effects: &mut Vec<Effect>) {
    for run in state.runs.iter_mut().filter(|run| !run.is_over()) {
        run.tick(&state.fleet, state.now);
    }
    pump(state, effects);
}

/// Nodes have changed.
pub(super) fn observe(state: &mut State, nodes: &[NodeSummary], gone: &[NodeId]) {
    if state.runs.iter().all(Run::is_over) {
        return;
    }
    let by_id: HashMap<NodeId, &NodeSummary> = nodes.iter().map(|n| (n.uuid, n)).collect();
    for run in state.runs.iter_mut().filter(|run| !run.is_over()) {
        run.observe(&by_id, state.now);
        for id in gone {
            run.gone(*id, state.now);
        }
    }
}

/// An action was accepted or refused.
pub(super) fn answered(
    state: &mut State,
    id: NodeId,
    action: &Action,
    answer: Result<Accepted, Refusal>,
    effects: &mut Vec<Effect>,
) {
    let known = state.fleet.get(id);
    let from = known.map(|node| node.provision_state);
    let outcome = match &answer {
        Ok(accepted) => Ok(accepted.indicator.clone()),
        Err(refusal) => Err(refusal.why.clone()),
    };
    state.commands.answered(id, action, outcome, state.now);
    let plain = answer.as_ref().map(|_| ());
    let now = state.now;
    let meant = state.runs.iter_mut().find_map(|run| {
        let sent_from = run.sent_from(id, action);
        let is_it = run.answered(id, action, plain, known, now);
        is_it.then_some((run.id, run.quick, sent_from))
    });
    let Some((run, quick, sent_from)) = meant else {
        return;
    };
    if let Ok(accepted) = &answer {
        let back = accepted.inverse.clone();
        if let Some(back) = back.or_else(|| undo::inverse(action, sent_from.or(from))) {
            let undo = (id, action.clone(), back);
            state.undos.remember(run, undo, state.now);
        }
    }
    if quick {
        tell_quick(state, id, action, answer);
    }
    pump(state, effects);
}

/// What became of one small thing.
fn tell_quick(state: &mut State, id: NodeId, action: &Action, answer: Result<Accepted, Refusal>) {
    let (name, node) = (action.name(), state.name_of(id));
    let Err(refusal) = answer else {
        let undo = match state.undos.last(state.now) {
            Some(undo) if undo.acts.iter().any(|(it, ..)| *it == id) => "; u undoes it",
            Some(_) | None => "",
        };
        return state.tell(Severity::Info, format!("{name}: accepted for {node}{undo}"));
    };
    let title = if refusal.reached {
        format!("{name}: refused")
    } else {
        format!("{name}: no answer, the service is not reached")
    };
    state.tell(Severity::Error, title.clone());
    state.popup = Some(Popup::Message {
        title,
        lines: vec![format!("{node}: {}", refusal.why)],
        until_connected: !refusal.reached,
    });
}

/// Takes back what was asked for last and was not sent yet; false where there is no such thing.
pub(super) fn take_back(state: &mut State) -> bool {
    let now = state.now;
    let is_held = |run: &&mut Run| matches!(run.phase, Phase::Held(_));
    let Some(run) = state.runs.iter_mut().rev().find(is_held) else {
        return false;
    };
    run.abort(now);
    let count = describe::count(run.entries.len(), "node");
    let text = format!("taken back: {} of {count} was not sent", run.name);
    super::deploy::taken_back(state);
    state.tell(Severity::Info, text);
    true
}

/// Takes back what was not sent yet, else asks whether what was done last is undone.
pub(super) fn undo(state: &mut State) {
    if take_back(state) {
        return;
    }
    let Some(last) = state.undos.last(state.now) else {
        let text = "nothing to undo: only what has an inverse can be, for ten minutes";
        return state.tell(Severity::Info, text);
    };
    let run = last.run;
    let what = last.acts.clone();
    let mut acts = Vec::new();
    let mut left_out = Vec::new();
    for (id, done, back) in what {
        let check = match state.fleet.get(id) {
            Some(node) => undo::is_as_left(&done, node).and_then(|()| state.may(back.act(), node)),
            None => Err("it is gone".to_owned()),
        };
        match check {
            Ok(()) => acts.push((id, back)),
            Err(why) => left_out.push((id, why)),
        }
    }
    let Some((_, back)) = acts.first() else {
        state.undos.forget(run);
        let (id, why) = left_out.remove(0);
        let text = format!("cannot be undone: {}: {why}", state.name_of(id));
        return state.tell(Severity::Warning, text);
    };
    let meaning = act::consequence(back);
    let plan = Plan {
        name: back.name(),
        quick: acts.len() == 1 && left_out.is_empty(),
        acts,
        left_out,
        options: Options::new(&state.safety),
        undoes: Some(run),
    };
    let mut question = act::question(state, meaning, plan);
    question.title = format!("Undo: {}", question.title);
    state.popup = Some(Popup::Confirm(question));
}

/// A run that waits for a word goes on; where it destroys, after a question.
pub(super) fn ask_to_go_on(state: &mut State, id: RunId, effects: &mut Vec<Effect>) {
    let Some(run) = state.runs.iter().find(|run| run.id == id) else {
        return;
    };
    if !run.is_waiting_for_a_word() {
        return state.tell(Severity::Info, "it does not wait for a word");
    }
    if !run.destroys() {
        return go_on(state, id, effects);
    }
    let counts = run.counts();
    let nodes = describe::count(counts.waiting, "node");
    let why = match &run.phase {
        Phase::Stopped(why) => format!("It stopped: {why}."),
        _ => "The canary ended well.".to_owned(),
    };
    state.popup = Some(Popup::Confirm(Confirm {
        title: format!("{}: go on with {nodes}?", run.name),
        lines: vec![why, String::new(), act::consequence_of(run).to_owned()],
        yes: format!("{} {nodes}", run.name),
        challenge: None,
        focus: Focus::Cancel,
        consequence: Consequence::GoOn(id),
    }));
}

/// A run that waits for a word goes on.
pub(super) fn go_on(state: &mut State, id: RunId, effects: &mut Vec<Effect>) {
    let (grace, now) = (state.safety.grace, state.now);
    if let Some(run) = state.runs.iter_mut().find(|run| run.id == id) {
        run.go_on(grace, now);
    }
    pump(state, effects);
}

/// Proposes those of a run that failed once more.
pub(super) fn retry(state: &mut State, id: RunId, effects: &mut Vec<Effect>) {
    let Some(run) = state.runs.iter().find(|run| run.id == id) else {
        return;
    };
    let failed = run.entries.iter().filter(|e| e.outcome.reason().is_some());
    let again: Vec<_> = failed.map(|e| (e.node, e.action.clone())).collect();
    if again.is_empty() {
        return state.tell(Severity::Info, "nothing of it has failed");
    }
    let mut acts = Vec::new();
    let mut left_out = Vec::new();
    for (node, action) in again {
        let may = match state.fleet.get(node) {
            Some(known) => state.may(action.act(), known),
            None => Err("it is gone".to_owned()),
        };
        match may {
            Ok(()) => acts.push((node, action)),
            Err(why) => left_out.push((node, why)),
        }
    }
    act::offer(state, acts, left_out, effects);
}
