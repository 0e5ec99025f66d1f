//! Moving about: the cursor, screens, sorting, marks, leaving.

use cupola_api::client::embedded;
use cupola_api::event::Severity;

use super::{node, preview};
use crate::describe;
use crate::effect::Effect;
use crate::key::Key;
use crate::state::popup::{Confirm, Consequence, Focus, Popup};
use crate::state::sort::Sort;
use crate::state::{Screen, State};

/// Takes a key that moves; false when it does not.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let page = isize::try_from(state.list_height().saturating_sub(1)).unwrap_or(1);
    match &state.screen {
        Screen::Node(_) => return node::on_key(state, key, page, effects),
        Screen::Dashboard => return super::dashboard::on_key(state, key, page),
        Screen::Board => return super::watching::board::on_key(state, key, page, effects),
        Screen::Compare(_) => return super::watching::compare::on_key(state, key, page),
        Screen::Enroll(_)
        | Screen::Discovery(_)
        | Screen::Deploy(_)
        | Screen::Preview(_)
        | Screen::Run(_)
        | Screen::Runs(_)
        | Screen::Commands(_)
        | Screen::Steps(_)
        | Screen::Serial(_) => return false,
        Screen::List => {}
    }
    let by = match key {
        Key::Up | Key::Char('k') => -1,
        Key::Down | Key::Char('j') => 1,
        Key::PageUp | Key::Ctrl('b') => -page,
        Key::PageDown | Key::Ctrl('f') => page,
        Key::Home | Key::Char('g') => isize::MIN,
        Key::End | Key::Char('G') => isize::MAX,
        _ => return false,
    };
    state.list.step(&state.fleet, by);
    true
}

/// Back to the screen below; on the list the filter and the marks go.
pub(super) fn back(state: &mut State) {
    if super::watching::recorder::now(state) {
        state.tell(Severity::Info, "this is now again");
    } else if state.drawer {
        state.drawer = false;
    } else if state.back() {
        // The screen below has all it needs.
    } else if state.list.is_filtered() {
        state.list.set_filter("");
    } else if !state.list.marks.is_empty() {
        state.list.marks.clear();
    }
}

/// Leaves; asks first when the service in this process would be stopped amid its work.
pub(super) fn quit(state: &mut State, effects: &mut Vec<Effect>) {
    if let Screen::Enroll(enroll) = &state.screen
        && enroll.is_filled()
    {
        return ask_discard(state);
    }
    let open = preview::open_runs(state);
    if !open.is_empty() {
        return ask_runs(state, open);
    }
    let moving = state.fleet.counts().moving;
    if state.link.target != embedded::TARGET || moving == 0 {
        return effects.push(Effect::Quit);
    }
    // Only the demo greets.
    let what_then = if state.welcome.is_some() {
        "It stops with the console. The demo's rack is new at the next start: what was done with \
         this one is gone then."
    } else {
        "It stops with the console, and goes on where it was at the next start."
    };
    state.popup = Some(Popup::Confirm(Confirm {
        title: "Leave?".to_owned(),
        lines: vec![
            format!(
                "The service in this process is working on {}.",
                describe::count(moving, "node")
            ),
            what_then.to_owned(),
        ],
        yes: "leave".to_owned(),
        challenge: None,
        focus: Focus::Cancel,
        consequence: Consequence::Quit,
    }));
}

/// Asks whether what was not sent yet is to be forgotten.
fn ask_runs(state: &mut State, mut lines: Vec<String>) {
    lines.truncate(8);
    lines.push(String::new());
    lines.push(
        "What was not sent is forgotten; what was sent goes on at the service. :runs shows each."
            .to_owned(),
    );
    state.popup = Some(Popup::Confirm(Confirm {
        title: "Leave?".to_owned(),
        lines,
        yes: "leave".to_owned(),
        challenge: None,
        focus: Focus::Cancel,
        consequence: Consequence::Quit,
    }));
}

/// Asks whether what was typed into the enrolment wizard may be lost.
fn ask_discard(state: &mut State) {
    state.popup = Some(Popup::Confirm(Confirm {
        title: "Leave the wizard?".to_owned(),
        lines: vec!["Nothing is enrolled yet: what was typed is lost.".to_owned()],
        yes: "leave".to_owned(),
        challenge: None,
        focus: Focus::Cancel,
        consequence: Consequence::Quit,
    }));
}

/// Asks the server for everything again.
pub(super) fn refresh(state: &mut State, effects: &mut Vec<Effect>) {
    effects.push(Effect::Refresh);
    if let Screen::Node(view) = &state.screen {
        effects.extend([Effect::Node(view.id), Effect::Timeline(view.id)]);
    }
    state.tell(Severity::Info, "asking the server again");
}

/// Opens the node that is named, or the one under the cursor.
pub(super) fn open(state: &mut State, name: &str, effects: &mut Vec<Effect>) {
    if name.is_empty() && state.list.toggle_fold() {
        return;
    }
    let id = if name.is_empty() {
        state.list.cursor()
    } else {
        state.fleet.find(name).map(|n| n.uuid)
    };
    match id {
        Some(id) => {
            state.list.go_to(id);
            node::show(state, id, effects);
        }
        None if name.is_empty() => state.tell(Severity::Warning, "there is no node here"),
        None => state.tell(Severity::Warning, format!("there is no node {name:?}")),
    }
}

/// Turns the order round.
pub(super) fn reverse(state: &mut State) {
    let Sort { column, reversed } = state.list.sort;
    state.list.set_sort(Sort {
        column,
        reversed: !reversed,
    });
}

/// Marks all from the node that was marked last to the cursor.
pub(super) fn mark_range(state: &mut State) {
    if !state.list.mark_range(&state.fleet) {
        let text = "mark one end of the range with Space, then press V at its other end";
        state.tell(Severity::Info, text);
    }
}

/// Marks the node under the cursor and goes on to the next.
pub(super) fn mark(state: &mut State) {
    state.list.toggle_mark(&state.fleet);
    state.list.step(&state.fleet, 1);
}
