//! The form of manual cleaning and servicing.

use cupola_api::id::NodeId;
use cupola_api::state::provision::ProvisionVerb;

use super::act;
use crate::effect::Effect;
use crate::key::Key;
use crate::state::form::Outcome;
use crate::state::steps::StepsForm;
use crate::state::{Screen, State};

/// Opens the form for these nodes.
pub(super) fn open(
    state: &mut State,
    verb: ProvisionVerb,
    nodes: Vec<NodeId>,
    effects: &mut Vec<Effect>,
) {
    state.open(Screen::Steps(Box::new(StepsForm::new(verb, nodes))));
    effects.push(Effect::Runbooks);
}

/// Takes a key; false when it means nothing here.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let Screen::Steps(steps) = &mut state.screen else {
        return false;
    };
    if key == Key::Esc {
        state.back();
        return true;
    }
    match steps.form.key(key) {
        Outcome::Submitted => {
            let nodes = steps.nodes.clone();
            if let Some(action) = steps.action() {
                act::propose(state, &action, &nodes, effects);
            }
            true
        }
        Outcome::Taken => true,
        // Letters are text here, never commands.
        Outcome::Ignored => !matches!(key, Key::F(_) | Key::Ctrl(_)),
    }
}

/// The runbooks are known.
pub(super) fn runbooks(state: &mut State, answer: Result<Vec<String>, String>) {
    if let Some(steps) = state.screens_mut().find_map(|screen| match screen {
        Screen::Steps(steps) => Some(steps),
        _ => None,
    }) {
        steps.runbooks = Some(answer);
    }
}
