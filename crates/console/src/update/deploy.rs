//! The deploy wizard.

use cupola_api::event::Severity;
use cupola_api::id::NodeId;

use super::{act, node};
use crate::command::Act;
use crate::effect::{Action, Effect};
use crate::event::{Accepted, Refusal};
use crate::key::Key;
use crate::state::deploy::{Deploy, Step};
use crate::state::form::Outcome;
use crate::state::run::Plan;
use crate::state::{Screen, State};

/// Opens the wizard for these nodes.
pub(super) fn open(state: &mut State, targets: Vec<NodeId>, effects: &mut Vec<Effect>) {
    if targets.is_empty() {
        return state.tell(Severity::Warning, "no node is marked or under the cursor");
    }
    let unable = |id: &NodeId| match state.fleet.get(*id) {
        Some(node) => state.may(Act::Deploy, node).err(),
        None => Some("it is gone".to_owned()),
    };
    let refused: Vec<_> = targets
        .iter()
        .map_while(|id| Some((*id, unable(id)?)))
        .collect();
    if let (true, Some((first, why))) = (refused.len() == targets.len(), refused.first()) {
        let mut text = format!("{}: cannot be deployed: {why}", state.name_of(*first));
        if targets.len() > 1 {
            text = format!("none of {} nodes can be deployed; {text}", targets.len());
        }
        return state.tell(Severity::Warning, text);
    }
    state.open(Screen::Deploy(Box::new(Deploy::new(targets))));
    effects.push(Effect::Images);
}

/// Takes a key; false when it means nothing here.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let Screen::Deploy(deploy) = &mut state.screen else {
        return false;
    };
    match deploy.step {
        Step::Image => on_image(state, key),
        Step::Other => on_other(state, key),
        Step::Preview => on_preview(state, key, effects),
        Step::Progress => on_progress(state, key, effects),
    }
}

fn on_image(state: &mut State, key: Key) -> bool {
    let Screen::Deploy(deploy) = &mut state.screen else {
        return false;
    };
    let count = deploy.configured().len();
    match key {
        Key::Up | Key::Char('k') => deploy.at = deploy.at.saturating_sub(1),
        Key::Down | Key::Char('j') => deploy.at = (deploy.at + 1).min(count),
        Key::Enter if deploy.images.is_none() => {}
        Key::Enter if deploy.at < count => deploy.step = Step::Preview,
        Key::Enter => deploy.step = Step::Other,
        _ => return false,
    }
    true
}

fn on_other(state: &mut State, key: Key) -> bool {
    let Screen::Deploy(deploy) = &mut state.screen else {
        return false;
    };
    if key == Key::Esc {
        deploy.step = Step::Image;
        return true;
    }
    match deploy.other.key(key) {
        Outcome::Submitted => {
            if deploy.check_other() {
                deploy.step = Step::Preview;
            }
            true
        }
        Outcome::Taken => true,
        // Letters are text here, never commands.
        Outcome::Ignored => !matches!(key, Key::F(_) | Key::Ctrl(_)),
    }
}

fn on_preview(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let Screen::Deploy(deploy) = &mut state.screen else {
        return false;
    };
    match key {
        Key::Esc => deploy.step = Step::Image,
        Key::Char('c') => deploy.config_drive = !deploy.config_drive,
        Key::Up | Key::Char('k') => deploy.top = deploy.top.saturating_sub(1),
        Key::Down | Key::Char('j') => {
            deploy.top = (deploy.top + 1).min(deploy.nodes.len().saturating_sub(1));
        }
        Key::Enter => go(state, effects),
        _ => return false,
    }
    true
}

fn go(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Deploy(deploy) = &mut state.screen else {
        return;
    };
    let Some(image) = deploy.image() else {
        return;
    };
    let nodes = deploy.nodes.clone();
    let (able, left_out) = act::divide(state, Act::Deploy, &nodes);
    let Screen::Deploy(deploy) = &state.screen else {
        return;
    };
    let acts: Vec<(NodeId, Action)> = able
        .iter()
        .filter_map(|id| Some((*id, deploy.action(&image, state.fleet.get(*id)?))))
        .collect();
    if acts.is_empty() {
        return state.tell(Severity::Warning, "none of these nodes can be deployed now");
    }
    act::offer(state, acts, left_out, effects);
}

/// A plan was agreed to: where it deploys one node, its progress is shown here.
pub(super) fn begun(state: &mut State, plan: &Plan) {
    let is_deploy = |(_, action): &(NodeId, Action)| matches!(action, Action::Deploy { .. });
    if !plan.acts.iter().any(is_deploy) {
        return;
    }
    state.list.marks.clear();
    if let Screen::Deploy(deploy) = &mut state.screen
        && plan.quick
    {
        deploy.asked = plan.acts.iter().map(|(id, _)| *id).collect();
        deploy.step = Step::Progress;
        deploy.top = 0;
    }
}

/// What was asked for last was taken back: the wizard is where it was before.
pub(super) fn taken_back(state: &mut State) {
    if let Screen::Deploy(deploy) = &mut state.screen
        && deploy.step == Step::Progress
    {
        deploy.step = Step::Preview;
        deploy.asked.clear();
    }
}

fn on_progress(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let Screen::Deploy(deploy) = &mut state.screen else {
        return false;
    };
    let last = deploy.asked.len().saturating_sub(1);
    match key {
        Key::Up | Key::Char('k') => deploy.top = deploy.top.saturating_sub(1),
        Key::Down | Key::Char('j') => deploy.top = (deploy.top + 1).min(last),
        Key::Enter => {
            if let Some(id) = deploy.asked.get(deploy.top).copied() {
                node::show(state, id, effects);
            }
        }
        _ => return false,
    }
    true
}

/// A deploy was accepted or refused.
pub(super) fn answered(
    state: &mut State,
    id: NodeId,
    action: &Action,
    answer: &Result<Accepted, Refusal>,
) {
    let below = state.below.iter_mut();
    for screen in below.chain([&mut state.screen]) {
        if let (Screen::Deploy(deploy), Action::Deploy { .. }, Err(refusal)) =
            (screen, action, answer)
        {
            deploy.refused.insert(id, refusal.why.clone());
        }
    }
}
