//! The mouse: the wheel moves as the arrows do, a press goes to a row of the list, and a second one
//! there opens it. In forms, prompts, questions and serial consoles it does nothing.

use crate::command::Command;
use crate::effect::Effect;
use crate::key::Key;
use crate::mouse::{Did, Mouse};
use crate::state::popup::Popup;
use crate::state::{Screen, State};

/// So many rows the wheel moves at once.
const ROWS: usize = 3;
/// The first row of the list: below the title and the heads of the columns.
const FIRST: u16 = 2;

/// Takes what was done with it.
pub(super) fn on_mouse(state: &mut State, mouse: Mouse, effects: &mut Vec<Effect>) {
    match mouse.did {
        Did::WheelUp => turn(state, Key::Up, effects),
        Did::WheelDown => turn(state, Key::Down, effects),
        Did::Pressed => press(state, mouse, effects),
    }
}

fn turn(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    if !moves(state) {
        return;
    }
    for _ in 0..ROWS {
        super::on_key(state, key, effects);
    }
}

/// Whether arrows do nothing but move here.
const fn moves(state: &State) -> bool {
    if state.prompt.is_some() {
        return false;
    }
    match &state.popup {
        Some(Popup::Menu(_) | Popup::Help(_)) => return true,
        Some(Popup::Confirm(_) | Popup::Message { .. }) => return false,
        None => {}
    }
    match state.screen {
        Screen::List
        | Screen::Node(_)
        | Screen::Board
        | Screen::Dashboard
        | Screen::Compare(_)
        | Screen::Preview(_)
        | Screen::Run(_)
        | Screen::Runs(_)
        | Screen::Commands(_) => true,
        Screen::Enroll(_)
        | Screen::Discovery(_)
        | Screen::Deploy(_)
        | Screen::Steps(_)
        | Screen::Serial(_) => false,
    }
}

fn press(state: &mut State, mouse: Mouse, effects: &mut Vec<Effect>) {
    let is_list = matches!(state.screen, Screen::List);
    if !is_list || state.prompt.is_some() || state.popup.is_some() {
        return;
    }
    let lens = state.watching.lens.width(state.size);
    let is_inside = mouse.column < state.size.width.saturating_sub(lens);
    state.settle();
    let line = mouse.row.checked_sub(FIRST).map(usize::from);
    let Some(line) = line.filter(|line| is_inside && *line < state.list_height()) else {
        return;
    };
    if state.list.point(&state.fleet, line) {
        super::run(state, Command::Open, "", effects);
    }
}
