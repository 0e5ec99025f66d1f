//! The pane of a serial console: keys go to the machine; Ctrl-] makes the next one the pane's own.

use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use cupola_api::serial::{Characters, LONGEST_INPUT, SerialSend};

use super::popup;
use crate::effect::Effect;
use crate::key::Key;
use crate::serial::{Ask, Told};
use crate::state::line_edit::LineEdit;
use crate::state::serial::{HEAD, Mode, SerialView, Standing, keys};
use crate::state::watching::viewer::Pattern;
use crate::state::{Prompt, Screen, State};

/// The key that makes the next one the pane's own; pressed twice it detaches.
const ESCAPE: Key = Key::Ctrl(']');

/// The rows and columns that are left for the terminal.
fn room(state: &State) -> (u16, u16) {
    let rows = state
        .size
        .height
        .saturating_sub(3 + HEAD + state.drawer_height());
    (rows.max(1), state.size.width.max(1))
}

/// Opens the console of a node.
pub(super) fn open(state: &mut State, nodes: &[NodeId], effects: &mut Vec<Effect>) {
    let [node] = nodes else {
        let text = match nodes {
            [] => "there is no node here",
            _ => "a serial console is of one node: unmark the others, or name one after :serial",
        };
        return state.tell(Severity::Warning, text);
    };
    let (rows, columns) = room(state);
    let view = SerialView::follow(*node, rows, columns);
    state.open(Screen::Serial(Box::new(view)));
    effects.push(Effect::Serial(Ask::Follow {
        node: *node,
        after: None,
        take_over: false,
    }));
}

/// Opens a recording.
pub(super) fn open_recording(
    state: &mut State,
    node: NodeId,
    name: String,
    effects: &mut Vec<Effect>,
) {
    let (rows, columns) = room(state);
    let view = SerialView::recording(node, name.clone(), rows, columns);
    state.open(Screen::Serial(Box::new(view)));
    effects.push(Effect::Serial(Ask::Recording(node, name)));
}

/// The terminal has another size.
pub(super) fn resized(state: &mut State) {
    let (rows, columns) = room(state);
    for screen in state.screens_mut() {
        if let Screen::Serial(view) = screen {
            view.terminal.resize(rows, columns);
        }
    }
}

/// Takes a key. All of them are taken: none of the console's own commands is reached from here.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let page = isize::try_from(room(state).0.saturating_sub(1)).unwrap_or(1);
    let Screen::Serial(view) = &mut state.screen else {
        return;
    };
    if let Standing::Refused(_) = view.standing {
        // There is nothing to type into.
        if matches!(key, ESCAPE | Key::Esc | Key::Char('q') | Key::Left) {
            detach(state, effects);
        }
        return;
    }
    match view.mode {
        Mode::Menu => menu(state, key, effects),
        Mode::Scrolled => scrolled(state, key, page, effects),
        Mode::Typing if key == ESCAPE => view.mode = Mode::Menu,
        Mode::Typing if key == Key::PageUp => view.scroll(-page),
        Mode::Typing => {
            let typed = keys::characters(key, view.terminal.application_cursor());
            send(typed.unwrap_or_default(), effects);
        }
    }
}

/// After Ctrl-].
fn menu(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let Screen::Serial(view) = &mut state.screen else {
        return;
    };
    view.mode = if view.terminal.is_scrolled() {
        Mode::Scrolled
    } else {
        Mode::Typing
    };
    match key {
        Key::Char('d' | 'q' | '.') | ESCAPE => detach(state, effects),
        Key::Char('b') => {
            let send = SerialSend {
                data: None,
                send_break: true,
            };
            effects.push(Effect::Serial(Ask::Send(send)));
            state.tell(Severity::Info, "a break is sent");
        }
        Key::Char('t') => {
            effects.push(Effect::Serial(Ask::Follow {
                node: view.node,
                after: view.cursor,
                take_over: true,
            }));
            state.tell(
                Severity::Info,
                "the console is taken from its other session",
            );
        }
        Key::Char('/') => state.prompt = Some(Prompt::Lines(LineEdit::default(), false)),
        Key::Char('?') | Key::F(1) => popup::help(state),
        Key::Char(']') => send(vec![0x1d], effects),
        // Those that the pane keeps for itself.
        Key::PageUp | Key::PageDown => {
            let typed = keys::characters(key, view.terminal.application_cursor());
            send(typed.unwrap_or_default(), effects);
        }
        Key::Up => view.scroll(-1),
        // Anything else goes back to typing, and is not typed.
        _ => {}
    }
}

/// In what has scrolled away, and in a recording.
fn scrolled(state: &mut State, key: Key, page: isize, effects: &mut Vec<Effect>) {
    let Screen::Serial(view) = &mut state.screen else {
        return;
    };
    match key {
        Key::Up | Key::Char('k') => view.scroll(-1),
        Key::Down | Key::Char('j') => view.scroll(1),
        Key::PageUp => view.scroll(-page),
        Key::PageDown | Key::Char(' ') => view.scroll(page),
        Key::Home | Key::Char('g') => view.scroll(isize::MIN + 1),
        Key::End | Key::Char('G') => view.scroll(isize::MAX),
        Key::Char('/') => state.prompt = Some(Prompt::Lines(LineEdit::default(), false)),
        Key::Char('n') => again(state, true),
        Key::Char('N') => again(state, false),
        Key::Char('?') | Key::F(1) => popup::help(state),
        Key::Esc | Key::Char('q') | Key::Left if view.is_recording() => detach(state, effects),
        ESCAPE if view.is_recording() => detach(state, effects),
        ESCAPE => view.mode = Mode::Menu,
        Key::Esc | Key::Char('q') => view.scroll(isize::MAX),
        _ if view.is_recording() => {}
        _ => state.tell(
            Severity::Info,
            "not typed: this has scrolled away; Esc goes back to the machine",
        ),
    }
}

/// Leaves the pane.
fn detach(state: &mut State, effects: &mut Vec<Effect>) {
    effects.push(Effect::Serial(Ask::Leave));
    state.back();
}

/// Something was pasted: it is typed.
pub(super) fn paste(state: &State, text: &str, effects: &mut Vec<Effect>) {
    let Screen::Serial(view) = &state.screen else {
        return;
    };
    if view.mode == Mode::Typing {
        // A terminal sends a paste as keys: lines end as Enter does.
        let typed = text.replace("\r\n", "\r").replace('\n', "\r");
        send(typed.into_bytes(), effects);
    }
}

fn send(characters: Vec<u8>, effects: &mut Vec<Effect>) {
    for part in characters.chunks(LONGEST_INPUT) {
        let send = SerialSend {
            data: Some(Characters(part.to_vec())),
            send_break: false,
        };
        effects.push(Effect::Serial(Ask::Send(send)));
    }
}

/// A text to search for was typed.
pub(super) fn search(state: &mut State, text: &str) {
    if let Screen::Serial(view) = &mut state.screen {
        view.search = Pattern::new(text);
        // What is searched for was written before, and may be on the screen.
        if !view.is_on_screen() {
            again(state, false);
        }
    }
}

fn again(state: &mut State, down: bool) {
    let Screen::Serial(view) = &mut state.screen else {
        return;
    };
    if view.search.is_none() {
        return state.tell(Severity::Info, "nothing is searched for: / asks what");
    }
    if !view.seek(down) {
        let text = if down {
            "no further line below; N looks above"
        } else {
            "no further line above; n looks below"
        };
        state.tell(Severity::Info, text);
    }
}

/// The worker told something of this node's console.
pub(super) fn on_told(state: &mut State, node: NodeId, told: Told) {
    let now = state.now;
    let view = state.screens_mut().find_map(|screen| match screen {
        Screen::Serial(view) if view.node == node => Some(view),
        _ => None,
    });
    if let Some(text) = view.and_then(|view| view.take(told, now)) {
        state.tell(Severity::Warning, text);
    }
}
