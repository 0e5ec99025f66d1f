//! The screen of one node.

use cupola_api::id::NodeId;
use cupola_api::state::provision::ProvisionVerb;

use super::{logs, run, serial};
use crate::command::{Act, Command, Scope};
use crate::effect::Effect;
use crate::key::Key;
use crate::state::node::{NodeView, Part};
use crate::state::{Screen, State};

/// The verbs of the node screen, in the order of a node's life.
pub(crate) const VERBS: [ProvisionVerb; 13] = [
    ProvisionVerb::Manage,
    ProvisionVerb::Inspect,
    ProvisionVerb::Provide,
    ProvisionVerb::Active,
    ProvisionVerb::Rebuild,
    ProvisionVerb::Deleted,
    ProvisionVerb::Clean,
    ProvisionVerb::Service,
    ProvisionVerb::Rescue,
    ProvisionVerb::Unrescue,
    ProvisionVerb::Abort,
    ProvisionVerb::Unhold,
    ProvisionVerb::Adopt,
];

/// What a verb does to nodes: deploying asks for an image first.
pub(crate) fn act_of(verb: ProvisionVerb) -> Act {
    if verb == ProvisionVerb::Active {
        Act::Deploy
    } else {
        Act::Verb(verb)
    }
}

/// Opens the screen of a node.
pub(in crate::update) fn show(state: &mut State, id: NodeId, effects: &mut Vec<Effect>) {
    state.open(Screen::Node(Box::new(NodeView::new(id))));
    effects.extend([Effect::Node(id), Effect::Timeline(id)]);
}

/// Takes a key; false when it means nothing here.
pub(super) fn on_key(state: &mut State, key: Key, page: isize, effects: &mut Vec<Effect>) -> bool {
    let height = state.list_height();
    let is_maintenance = state
        .settings
        .keymap
        .is(Command::Act(Act::Maintenance), key, Scope::NODE);
    let Screen::Node(view) = &mut state.screen else {
        return false;
    };
    if let Key::Char(digit @ '1'..='5') = key {
        let at = digit as usize - '1' as usize;
        go_to(
            state,
            Part::ALL.get(at).copied().unwrap_or_default(),
            effects,
        );
        return true;
    }
    if logs::leave(view, key) {
        return true;
    }
    let has_lines = view.part == Part::Timeline || view.logs.open.is_some();
    let is_letter = matches!(key, Key::Char(_));
    if is_maintenance && is_letter && has_lines && matches!(view.part, Part::Timeline | Part::Logs)
    {
        // Maintenance keeps its other keys here.
        run(state, Command::MarkLine, "", effects);
        return true;
    }
    let by = match key {
        Key::Up | Key::Char('k') => -1,
        Key::Down | Key::Char('j') => 1,
        Key::PageUp => -page,
        Key::PageDown => page,
        Key::Home | Key::Char('g') => isize::MIN + 1,
        Key::End | Key::Char('G') => isize::MAX,
        Key::Enter if view.part == Part::Verbs => {
            if let Some(verb) = VERBS.get(view.verb) {
                run(state, Command::Act(act_of(*verb)), "", effects);
            }
            return true;
        }
        Key::Enter if view.part == Part::Logs => {
            if let Some((node, name)) = logs::recording(view) {
                serial::open_recording(state, node, name, effects);
                return true;
            }
            logs::open(view, effects);
            return true;
        }
        _ => return false,
    };
    match view.part {
        Part::Summary => view.top = view.top.saturating_add_signed(by).min(200),
        Part::Verbs => view.verb = view.verb.saturating_add_signed(by).min(VERBS.len() - 1),
        Part::Timeline => view.timeline.scroll(by, height),
        Part::Logs => logs::scroll(view, by, height, effects),
        Part::Json => {
            let last = view.json().len().saturating_sub(height);
            view.json_top = view.json_top.saturating_add_signed(by).min(last);
        }
    }
    true
}

/// The next part of the screen.
pub(super) fn next_part(state: &mut State, effects: &mut Vec<Effect>) {
    if let Screen::Node(view) = &state.screen {
        go_to(state, view.part.next(), effects);
    }
}

fn go_to(state: &mut State, part: Part, effects: &mut Vec<Effect>) {
    if part == Part::Logs {
        return logs::show(state, effects);
    }
    if let Screen::Node(view) = &mut state.screen {
        view.part = part;
    }
}

/// Follows the end of the timeline, or stops.
pub(super) fn follow(state: &mut State) {
    if let Screen::Node(view) = &mut state.screen {
        view.timeline.toggle_follow();
    }
}
