//! Moving about: the cursor, screens, sorting, marks, leaving.

use cupola_api::event::Severity;

use super::node;
use crate::describe;
use crate::effect::Effect;
use crate::key::Key;
use crate::state::popup::{Confirm, Consequence, Popup};
use crate::state::sort::{Column, Sort};
use crate::state::{Screen, State};

/// Takes a key that moves; false when it does not.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let page = isize::try_from(state.list_height().saturating_sub(1)).unwrap_or(1);
    match &state.screen {
        Screen::Node(_) => return node::on_key(state, key, page, effects),
        Screen::Enroll(_) | Screen::Deploy(_) => return false,
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
    if state.drawer {
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
        return ask_discard(state, Consequence::Quit);
    }
    let moving = state.fleet.counts().moving;
    if state.link.target != "embedded" || moving == 0 {
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
        on_yes: false,
        consequence: Consequence::Quit,
    }));
}

/// Asks whether what was typed into the enrolment wizard may be lost.
pub(super) fn ask_discard(state: &mut State, consequence: Consequence) {
    state.popup = Some(Popup::Confirm(Confirm {
        title: "Leave the wizard?".to_owned(),
        lines: vec!["Nothing is enrolled yet: what was typed is lost.".to_owned()],
        yes: "leave".to_owned(),
        challenge: None,
        on_yes: false,
        consequence,
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

/// Sorts by the column that is named, else by the next one.
pub(super) fn sort(state: &mut State, name: &str) {
    let current = state.list.sort;
    let column = if name.is_empty() {
        current.column.next()
    } else if let Some(column) = Column::parse(name) {
        column
    } else {
        let text = format!("no column {name:?}: name state power since driver class");
        return state.tell(Severity::Warning, text);
    };
    state.list.set_sort(Sort {
        column,
        reversed: current.column == column && !name.is_empty() && !current.reversed,
    });
}

/// Turns the order round.
pub(super) fn reverse(state: &mut State) {
    let Sort { column, reversed } = state.list.sort;
    state.list.set_sort(Sort {
        column,
        reversed: !reversed,
    });
}

/// Marks the node under the cursor and goes on to the next.
pub(super) fn mark(state: &mut State) {
    state.list.toggle_mark();
    state.list.step(&state.fleet, 1);
}
