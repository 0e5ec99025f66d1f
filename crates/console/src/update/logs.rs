//! The logs part of the node screen: the list of collected logs, and the one that is read.

use cupola_api::cupola::{AgentLog, LogPage};
use cupola_api::id::NodeId;

use crate::effect::Effect;
use crate::event::Answer;
use crate::key::Key;
use crate::state::logs::Open;
use crate::state::node::{NodeView, Part};
use crate::state::{Screen, State};

/// Lines above the text of a log: its name.
const HEAD: usize = 1;

/// Shows the logs of the node on the screen.
pub(super) fn show(state: &mut State, effects: &mut Vec<Effect>) {
    if let Screen::Node(view) = &mut state.screen {
        view.part = Part::Logs;
        view.logs.open = None;
        effects.push(Effect::Logs(view.id));
    }
}

/// Moves in the list, or in the log that is read.
pub(super) fn scroll(view: &mut NodeView, by: isize, height: usize, effects: &mut Vec<Effect>) {
    let id = view.id;
    match &mut view.logs.open {
        Some(open) => {
            let wanted = open.scroll(by, height.saturating_sub(HEAD));
            ask(id, open, wanted, effects);
        }
        None => {
            let count = match &view.logs.list {
                Some(Ok(list)) => list.len(),
                Some(Err(_)) | None => 0,
            };
            let last = count.saturating_sub(1);
            view.logs.at = view.logs.at.saturating_add_signed(by).min(last);
        }
    }
}

/// The log under the cursor, where that is a recorded serial console.
pub(super) fn recording(view: &NodeView) -> Option<(NodeId, String)> {
    let Some(Ok(list)) = &view.logs.list else {
        return None;
    };
    let log = list.get(view.logs.at).filter(|log| log.is_recording())?;
    view.logs
        .open
        .is_none()
        .then(|| (view.id, log.name.clone()))
}

/// Opens the log under the cursor.
pub(super) fn open(view: &mut NodeView, effects: &mut Vec<Effect>) {
    let Some(Ok(list)) = &view.logs.list else {
        return;
    };
    if let (None, Some(log)) = (&view.logs.open, list.get(view.logs.at)) {
        let open = view.logs.open.insert(Open::new(log.name.clone()));
        ask(view.id, open, Some(0), effects);
    }
}

/// Whether the key left the log that was read.
pub(super) fn leave(view: &mut NodeView, key: Key) -> bool {
    let leaves = view.part == Part::Logs && matches!(key, Key::Esc | Key::Left | Key::Backspace);
    leaves && view.logs.open.take().is_some()
}

/// The list has come.
pub(super) fn listed(view: &mut NodeView, answer: Answer<Vec<AgentLog>>) {
    view.logs.at = 0;
    view.logs.list = Some(answer);
}

/// Lines have come.
pub(super) fn read(
    view: &mut NodeView,
    name: &str,
    answer: Answer<LogPage>,
    height: usize,
    effects: &mut Vec<Effect>,
) {
    let id = view.id;
    if let Some(open) = view.logs.open.as_mut().filter(|open| open.name == name) {
        let wanted = open.take(answer, height.saturating_sub(HEAD));
        ask(id, open, wanted, effects);
    }
}

fn ask(id: NodeId, open: &Open, wanted: Option<u64>, effects: &mut Vec<Effect>) {
    effects.extend(wanted.map(|from| Effect::LogLines(id, open.name.clone(), from)));
}
