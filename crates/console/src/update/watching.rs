//! What the screens that watch take from everything that happens, and what they ask for by
//! themselves. Keys are taken by the file of each screen.

pub(super) mod board;
pub(super) mod bundle;
pub(super) mod compare;
pub(super) mod lens;
pub(crate) mod recorder;
pub(super) mod viewer;

use cupola_api::event::Severity;

use crate::effect::Effect;
use crate::event::{Event, Live, Reply};
use crate::state::link::{Server, Status};
use crate::state::{Screen, State};
use crate::watching::{Ask, Told};

/// Looks at an event before anything else takes it.
pub(super) fn before(state: &mut State, event: &Event) {
    // The loop sets the time before each event; a moment of the past takes its place for drawing.
    let now = state
        .watching
        .real_now
        .map_or(state.now, |real| real.max(state.now));
    state.watching.real_now = Some(now);
    if state.link.remembered.is_some() && matches!(event, Event::Live(Live::Listed { .. })) {
        // What has changed since the console was left is no change that was seen.
        state.live_fleet().replace(Vec::new());
    }
    match event {
        Event::Live(live) => recorder::record_live(state, live, now),
        Event::Reply(reply) => recorder::record_reply(state, reply, now),
        _ => {}
    }
    match event {
        Event::Live(Live::Listed { nodes, server }) => {
            state.watching.board.listed(nodes, now);
            if matches!(server, Server::Ironic { .. }) {
                state.watching.usual.take(None);
            }
        }
        Event::Live(Live::Changed(changes)) => state.watching.board.take(changes, now),
        Event::Reply(Reply::Timeline(id, Ok(events))) => {
            state.watching.board.remember(*id, events);
        }
        Event::Reply(Reply::Explained(id, answer)) if state.watching.lens.node == Some(*id) => {
            state.watching.lens.explanation = Some(answer.clone());
        }
        Event::Tick => state.watching.board.sort(now),
        Event::Key(_)
        | Event::Scanned { .. }
        | Event::Mouse(_)
        | Event::Paste(_)
        | Event::Resized(_)
        | Event::Live(Live::Remembered { .. } | Live::Connected | Live::Lost { .. })
        | Event::Reply(_) => {}
    }
    if std::mem::take(&mut state.watching.board.has_ended) {
        state.watching.usual.touch();
    }
}

/// Asks for what is to be known after an event, and shows no screen more than the moment it is of.
pub(super) fn after(state: &mut State, effects: &mut Vec<Effect>) {
    let until = state.watching.past.as_ref().map(|past| past.at);
    for view in state.screens_mut().filter_map(Screen::node_mut) {
        view.timeline.until = until;
    }
    if until.is_some() && effects.iter().any(recorder::changes) {
        // Nothing comes to this: no command that acts is let through while the past is shown.
        effects.retain(|effect| !recorder::changes(effect));
        state.tell(Severity::Warning, "nothing is sent while the past is shown");
    }
    if state.link.status == Status::Live && state.watching.usual.is_due(state.now) {
        effects.push(Effect::Watch(Ask::Durations));
    }
    lens::follow(state, effects);
}

/// Takes an answer.
pub(super) fn on_told(state: &mut State, told: Told, effects: &mut Vec<Effect>) {
    match told {
        Told::Durations(Ok(durations)) => state.watching.usual.take(durations),
        // It is asked again when something has ended.
        Told::Durations(Err(_)) => {}
        Told::Compared(ticket, sheets) => compare::compared(state, ticket, sheets),
        Told::Saved(Ok(path)) => {
            state.tell(Severity::Info, format!("written to {}", path.display()));
        }
        Told::Saved(Err(why)) => state.tell(Severity::Warning, format!("not written: {why}")),
        Told::Rested(ticket) => lens::rested(state, ticket, effects),
    }
}

/// Whether something on the screen changes with the time alone.
pub(crate) fn needs_clock(state: &State) -> bool {
    let is_board = matches!(state.screen, Screen::Board);
    (is_board && state.watching.board.len() > 0) || state.watching.lens.open
}

/// Writes what is on the screen to a file.
pub(super) fn save(state: &mut State, effects: &mut Vec<Effect>) {
    match &state.screen {
        Screen::Compare(_) => compare::save(state, effects),
        _ => viewer::save(state, effects),
    }
}

/// The name of a file that is written now.
fn file_name(stem: &str, state: &State, suffix: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let stem = stem.replace(|c| !is_plain(c), "_");
    let now = state.watching.real_now.unwrap_or(state.now);
    let time = now.to_zoned(state.zone.clone()).strftime("%Y%m%d-%H%M%S");
    match suffix {
        "" => format!("{stem}-{time}"),
        suffix => format!("{stem}-{time}.{suffix}"),
    }
}
