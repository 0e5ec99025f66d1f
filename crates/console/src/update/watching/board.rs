//! The deploy board: moving in it, and from a line to its node.

use crate::effect::Effect;
use crate::key::Key;
use crate::state::node::Part;
use crate::state::{Screen, State};
use crate::update::node;

/// So many runs that began unseen are asked about when the board is opened.
const ASKED: usize = 32;

/// Opens the board.
pub(in crate::update) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    if matches!(state.screen, Screen::Board) {
        return;
    }
    state.watching.board.settle(state.now);
    state.open(Screen::Board);
    let unknown = state.watching.board.unknown(ASKED);
    effects.extend(unknown.into_iter().map(Effect::Timeline));
}

/// Takes a key; false when it means nothing here.
pub(in crate::update) fn on_key(
    state: &mut State,
    key: Key,
    page: isize,
    effects: &mut Vec<Effect>,
) -> bool {
    let by = match key {
        Key::Up | Key::Char('k') => -1,
        Key::Down | Key::Char('j') => 1,
        Key::PageUp => -page,
        Key::PageDown => page,
        Key::Home | Key::Char('g') => isize::MIN + 1,
        Key::End | Key::Char('G') => isize::MAX,
        Key::Enter | Key::Right => {
            if let Some(id) = state.watching.board.cursor() {
                state.list.go_to(id);
                node::show(state, id, effects);
            }
            return true;
        }
        _ => return false,
    };
    state.watching.board.step(by);
    true
}

/// Opens the node of the line at the event that tells of its trouble, else at its last one.
pub(in crate::update) fn trouble(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(id) = state.watching.board.cursor() else {
        return;
    };
    state.list.go_to(id);
    node::show(state, id, effects);
    if let Screen::Node(view) = &mut state.screen {
        view.part = Part::Timeline;
        view.timeline.seek_trouble = true;
    }
}
