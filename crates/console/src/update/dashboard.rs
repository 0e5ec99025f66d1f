//! The dashboard: opening it, moving on it, going to the nodes that a line counts.

use crate::effect::Effect;
use crate::event::Answer;
use crate::key::Key;
use crate::state::view::View;
use crate::state::{Screen, State};
use cupola_api::resource::Conductor;

/// Opens it.
pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    if matches!(state.screen, Screen::Dashboard) {
        return;
    }
    state.open(Screen::Dashboard);
    effects.push(Effect::Conductors);
    state.work_dashboard_out();
    state.dashboard.at = state.dashboard.at.max(1);
}

/// Takes a key; false when it means nothing here.
pub(super) fn on_key(state: &mut State, key: Key, page: isize) -> bool {
    let dashboard = &mut state.dashboard;
    let by = match key {
        Key::Up | Key::Char('k') => -1,
        Key::Down | Key::Char('j') => 1,
        Key::PageUp => -page,
        Key::PageDown => page,
        Key::Home | Key::Char('g') => isize::MIN,
        Key::End | Key::Char('G') => isize::MAX,
        Key::Enter | Key::Right => {
            enter(state);
            return true;
        }
        _ => return false,
    };
    let last = dashboard.lines.len().saturating_sub(1);
    dashboard.at = dashboard.at.saturating_add_signed(by).min(last);
    true
}

/// Shows the nodes that the line counts.
fn enter(state: &mut State) {
    let line = state.dashboard.lines.get(state.dashboard.at);
    let Some(filter) = line.and_then(|line| line.filter.clone()) else {
        return;
    };
    while state.back() {}
    state.look(&View {
        filter,
        ..state.list.view()
    });
}

/// The conductors are told.
pub(super) fn told(state: &mut State, conductors: Answer<Vec<Conductor>>) {
    state.dashboard.conductors = Some(conductors);
    tick(state);
}

/// Time has passed: what is shown is worked out anew.
pub(super) fn tick(state: &mut State) {
    if matches!(state.screen, Screen::Dashboard) {
        state.work_dashboard_out();
    }
}
