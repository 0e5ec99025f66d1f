//! Back and forward on the way that somebody came, and the list that stands still.

use cupola_api::event::Severity;

use super::{dashboard, node};
use crate::effect::Effect;
use crate::state::freeze::Frozen;
use crate::state::{Screen, State};

/// Back to the screen below, or to the view of the list before.
pub(super) fn back(state: &mut State) {
    if !state.back() && !state.view_back() {
        state.tell(Severity::Info, "this is where the way began");
    }
}

/// Forward to what was gone back from.
pub(super) fn forward(state: &mut State, effects: &mut Vec<Effect>) {
    match state.trail.next_screen() {
        Some(Screen::Node(view)) => {
            let ahead = std::mem::take(&mut state.trail);
            node::show(state, view.id, effects);
            state.trail = ahead;
        }
        Some(Screen::Dashboard) => dashboard::open(state, effects),
        Some(other) => state.open_again(other),
        None if matches!(state.screen, Screen::List) && state.view_forward() => {}
        None => state.tell(Severity::Info, "nothing is ahead"),
    }
}

/// To the last view and back again.
pub(super) fn last(state: &mut State, effects: &mut Vec<Effect>) {
    if state.has_ahead() {
        forward(state, effects);
    } else {
        back(state);
    }
}

/// The list stands still, or goes on with all that was told meanwhile.
pub(super) fn freeze(state: &mut State) {
    if state.frozen.is_some() {
        return thaw(state);
    }
    state.frozen = Some(Frozen::new(state.now));
    state.tell(Severity::Info, "the list stands still; z goes on");
}

/// The list goes on, where it stands still: nobody acts on what is no more.
pub(super) fn thaw(state: &mut State) {
    if let Some(frozen) = state.frozen.take() {
        let updates = frozen.updates;
        frozen.thaw(&mut state.fleet);
        state.list.touch();
        state.tell(
            Severity::Info,
            format!("the list goes on: {updates} updates"),
        );
    }
}
