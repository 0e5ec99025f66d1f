//! The state lens follows the cursor, and asks the server when the cursor has rested.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use cupola_api::cupola::NodeSummary;
use jiff::SignedDuration;

use crate::effect::{Effect, Ticket};
use crate::state::{Screen, State};
use crate::watching::Ask;

/// How long the cursor rests before the server is asked.
const REST: Duration = Duration::from_millis(300);

/// How old an explanation of a node that is on its way may be.
const AGAIN: SignedDuration = SignedDuration::from_secs(3);

/// Opens the pane, or closes it.
pub(in crate::update) fn toggle(state: &mut State) {
    let lens = &mut state.watching.lens;
    lens.open = !lens.open;
    lens.node = None;
    lens.rest = None;
    lens.explanation = None;
}

/// The cursor may be on another node, or the node elsewhere.
pub(super) fn follow(state: &mut State, effects: &mut Vec<Effect>) {
    if !state.watching.lens.open || !matches!(state.screen, Screen::List) {
        return;
    }
    let here = state.list.cursor();
    let node = here.and_then(|id| state.fleet.get(id));
    let stand = node.map(stand_of).unwrap_or_default();
    let moves =
        node.is_some_and(|n| n.provision_state.is_working() || n.provision_state.is_waiting());
    let now = state.now;
    let lens = &mut state.watching.lens;
    if here != lens.node {
        lens.node = here;
        lens.stand = stand;
        lens.asked = None;
        lens.explanation = None;
        ask(state, effects);
        return;
    }
    // The boot ladder is climbed without a change of the node.
    let is_old = lens.asked.is_some_and(|at| now.duration_since(at) >= AGAIN);
    // Who moves the cursor or changes often must not put off what is waited for already.
    if lens.rest.is_none() && (stand != lens.stand || (moves && is_old)) {
        lens.stand = stand;
        ask(state, effects);
    }
}

/// What an explanation depends on.
fn stand_of(node: &NodeSummary) -> u64 {
    let mut hasher = DefaultHasher::new();
    let waiting = node.waiting.as_ref().map(|waiting| &waiting.what);
    let step = node.step.as_ref().map(|step| (&step.step, step.index));
    (node.provision_state, node.provision_updated_at).hash(&mut hasher);
    (node.maintenance, node.fault, &node.last_error).hash(&mut hasher);
    (waiting, step).hash(&mut hasher);
    hasher.finish()
}

/// Asks when nothing has happened for a while.
pub(in crate::update) fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    state.tickets = state.tickets.wrapping_add(1);
    let ticket = Ticket(state.tickets);
    state.watching.lens.rest = Some(ticket);
    effects.push(Effect::Watch(Ask::Rest(ticket, REST)));
}

/// The pause is over.
pub(super) fn rested(state: &mut State, ticket: Ticket, effects: &mut Vec<Effect>) {
    let now = state.now;
    let lens = &mut state.watching.lens;
    if lens.rest == Some(ticket) {
        lens.rest = None;
        lens.asked = Some(now);
        effects.extend(lens.node.map(Effect::Explain));
    }
}
