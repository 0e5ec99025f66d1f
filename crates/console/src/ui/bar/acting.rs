//! What the bars say of acting: titles and keys of its screens, what waits and can be taken back, what
//! has no answer yet, what a person must never forget.

use super::hints::{Hint, fixed};
use crate::describe;
use crate::state::run::{Phase, Run};
use crate::state::screen::RunView;
use crate::state::{Screen, State};

/// The title of a screen of this room.
pub(super) fn title(state: &State) -> String {
    match &state.screen {
        Screen::Preview(preview) => format!("{}: preview", preview.plan.name),
        Screen::Run(view) => run_title(state, view),
        Screen::Runs(_) => describe::count(state.runs.len(), "run"),
        Screen::Commands(_) => describe::count(state.commands.len(), "command"),
        Screen::Steps(steps) => {
            let nodes = describe::count(steps.nodes.len(), "node");
            format!("{} {nodes}", steps.verb)
        }
        Screen::List
        | Screen::Node(_)
        | Screen::Enroll(_)
        | Screen::Discovery(_)
        | Screen::Deploy(_)
        | Screen::Board
        | Screen::Dashboard
        | Screen::Compare(_)
        | Screen::Serial(_) => String::new(),
    }
}

/// The keys of a screen of this room.
pub(super) fn hints(state: &State) -> Vec<Hint> {
    match &state.screen {
        Screen::Preview(preview) => {
            let go = if preview.plan.destroys() {
                "ask, then do it"
            } else {
                "do it"
            };
            fixed(&[
                ("Enter", go),
                ("c", "canary"),
                ("p", "at once"),
                ("s", "stop"),
                ("Up/Down", "scroll"),
                ("Esc", "leave"),
            ])
        }
        Screen::Run(view) => run_hints(state, view),
        Screen::Runs(_) => fixed(&[("Enter", "open"), ("Up/Down", "move"), ("Esc", "back")]),
        Screen::Commands(_) => fixed(&[
            ("y", "copy"),
            ("Tab", "openstack or curl"),
            ("Up/Down", "move"),
            ("Esc", "back"),
        ]),
        Screen::Steps(_) => fixed(&[
            ("Tab", "next field"),
            ("F8", "go on"),
            ("Esc", "leave"),
            ("F1", "Help"),
        ]),
        Screen::List
        | Screen::Node(_)
        | Screen::Enroll(_)
        | Screen::Discovery(_)
        | Screen::Deploy(_)
        | Screen::Board
        | Screen::Dashboard
        | Screen::Compare(_)
        | Screen::Serial(_) => Vec::new(),
    }
}

fn run_hints(state: &State, view: &RunView) -> Vec<Hint> {
    let run = state.runs.iter().find(|run| run.id == view.run);
    let asks = run.is_some_and(|run| matches!(run.phase, Phase::Asking | Phase::Stopped(_)));
    let counts = run.map(Run::counts).unwrap_or_default();
    let hint = |key: &str, label: &str, enabled| (key.to_owned(), label.to_owned(), enabled);
    vec![
        hint("Enter", "node", true),
        hint("x", "abort", counts.waiting > 0),
        hint("c", "go on", asks),
        hint("r", "retry", counts.failed > 0),
        hint("n", "next failed", counts.failed > 0),
        hint("s", "save", true),
        hint("+ -", "at once", counts.waiting > 0),
        hint("Esc", "leave", true),
    ]
}

fn run_title(state: &State, view: &RunView) -> String {
    match state.runs.iter().find(|run| run.id == view.run) {
        Some(run) => {
            let nodes = describe::count(run.entries.len(), "node");
            format!("{} {nodes}", run.name)
        }
        None => "run".to_owned(),
    }
}

/// What a person must never forget about this console.
pub(super) fn banner(state: &State) -> Option<String> {
    let guarded = state.safety.guarded.as_ref();
    match (guarded, state.safety.read_only.is_some()) {
        (Some(name), true) => Some(format!("GUARDED: {name}, READ-ONLY")),
        (Some(name), false) => Some(format!("GUARDED: {name}")),
        (None, true) => Some("READ-ONLY".to_owned()),
        (None, false) => None,
    }
}

/// What is not sent yet and can be taken back, with the time that is left.
pub(super) fn held(state: &State) -> Option<String> {
    let mut held = state.runs.iter().rev().filter_map(|run| match run.phase {
        Phase::Held(until) => Some((run, until)),
        _ => None,
    });
    let (run, until) = held.next()?;
    let whom = match run.entries.as_slice() {
        [one] => one.name.clone(),
        many => describe::count(many.len(), "node"),
    };
    let left = describe::since(state.now, until);
    let more = match held.count() {
        0 => String::new(),
        more => format!(" ({more} more wait)"),
    };
    Some(format!(
        "{} {whom}: sent in {left}. Esc or u takes it back{more}",
        run.name
    ))
}

/// What was sent and has no answer yet.
pub(super) fn unanswered(state: &State) -> Option<String> {
    let open = state.runs.iter().rev().filter(|run| !run.is_over());
    let mut open = open.map(|run| (run.name, run.counts()));
    let (name, counts) = open.find(|(_, counts)| counts.unanswered > 0)?;
    Some(format!(
        "{name}: {} without an answer yet",
        counts.unanswered
    ))
}
