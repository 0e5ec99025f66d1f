//! What lies over a screen: questions, menus, help, messages.

use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use cupola_api::resource::BootDevice;
use cupola_api::state::power::PowerTarget;

use super::{deploy, enroll, node, run, run_on};
use crate::command::{self, Act, Command, Flag};
use crate::describe;
use crate::effect::Effect;
use crate::key::Key;
use crate::state::State;
use crate::state::line_edit::LineEdit;
use crate::state::popup::{Confirm, Consequence, Focus, Help, Item, Menu, Popup};

/// More lines than the help ever has.
const HELP_LINES: usize = 1000;

/// Takes a key.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let Some(popup) = state.popup.take() else {
        return;
    };
    state.popup = match popup {
        Popup::Confirm(confirm) => on_confirm(state, confirm, key, effects),
        Popup::Menu(menu) => on_menu(state, menu, key, effects),
        Popup::Help(help) => on_help(help, key),
        Popup::Message { title, .. } if state.is_welcome(&title) => {
            // What is told at the start stands in nobody's way.
            if !closes(key) {
                super::on_key(state, key, effects);
            }
            state.popup.take()
        }
        message @ Popup::Message { .. } => (!closes(key)).then_some(message),
    };
}

const fn closes(key: Key) -> bool {
    matches!(
        key,
        Key::Esc | Key::Enter | Key::Char('q' | ' ') | Key::Ctrl('c')
    )
}

fn on_confirm(
    state: &mut State,
    mut confirm: Confirm,
    key: Key,
    effects: &mut Vec<Effect>,
) -> Option<Popup> {
    let is_typed = confirm.focus == Focus::Field;
    match key {
        Key::Esc | Key::Ctrl('c') => return None,
        Key::Tab | Key::BackTab | Key::Up | Key::Down => confirm.focus = confirm.next(),
        Key::Left | Key::Right if !is_typed => confirm.focus = confirm.next(),
        // What is typed wrong is not lost by an Enter.
        Key::Enter if is_typed && !confirm.is_met() && confirm.has_typed() => {}
        Key::Enter if !confirm.is_armed() => return None,
        Key::Char('n') if confirm.challenge.is_none() => return None,
        Key::Char('y') if confirm.challenge.is_none() && confirm.destroys() => {
            confirm.focus = Focus::Yes;
        }
        Key::Char(_) | Key::Backspace | Key::Left | Key::Right if confirm.challenge.is_some() => {
            if let Some((_, typed)) = &mut confirm.challenge {
                typed.key(key);
            }
            confirm.focus = Focus::Field;
        }
        Key::Enter | Key::Char('y') => {
            match confirm.consequence {
                Consequence::Run(plan) => {
                    deploy::begun(state, &plan);
                    run::begin(state, *plan, effects);
                }
                Consequence::GoOn(id) => run::go_on(state, id, effects),
                Consequence::Quit => effects.push(Effect::Quit),
                Consequence::Resume => enroll::resume(state),
            }
            return None;
        }
        other => {
            if let Some((_, typed)) = &mut confirm.challenge {
                typed.key(other);
            }
        }
    }
    Some(Popup::Confirm(confirm))
}

fn on_menu(
    state: &mut State,
    mut menu: Menu,
    key: Key,
    effects: &mut Vec<Effect>,
) -> Option<Popup> {
    let last = menu.items.len().saturating_sub(1);
    match key {
        Key::Esc | Key::Char('q') | Key::Left | Key::Ctrl('c') => return None,
        Key::Up | Key::Char('k') => menu.at = menu.at.saturating_sub(1),
        Key::Down | Key::Char('j') => menu.at = (menu.at + 1).min(last),
        Key::Home => menu.at = 0,
        Key::End => menu.at = last,
        Key::Enter => {
            let item = menu.items.get(menu.at)?;
            if item.enabled {
                run_on(state, item.command, menu.nodes.clone(), "", effects);
                return state.popup.take();
            }
        }
        _ => {}
    }
    Some(Popup::Menu(menu))
}

fn on_help(mut help: Help, key: Key) -> Option<Popup> {
    let top = help.top;
    help.top = match key {
        Key::Up => top.saturating_sub(1),
        Key::Down => top + 1,
        Key::PageUp => top.saturating_sub(15),
        Key::PageDown => top + 15,
        Key::Esc if help.is_typing => {
            (help.wanted, help.is_typing) = (LineEdit::default(), false);
            0
        }
        Key::Enter if help.is_typing => {
            help.is_typing = false;
            top
        }
        typed if help.is_typing && typed != Key::Ctrl('c') => {
            help.wanted.key(typed);
            0
        }
        Key::Char('/') => {
            help.is_typing = true;
            0
        }
        Key::Char('k') => top.saturating_sub(1),
        Key::Char('j') => top + 1,
        Key::Home => 0,
        Key::F(1) | Key::Char('?') => return None,
        other if closes(other) => return None,
        _ => top,
    };
    help.top = help.top.min(HELP_LINES);
    Some(Popup::Help(help))
}

/// Opens the help.
pub(super) fn help(state: &mut State) {
    state.popup = Some(Popup::Help(Help::default()));
}

/// Opens the menu of provision verbs.
pub(super) fn verbs(state: &mut State, nodes: Vec<NodeId>) {
    let acts = node::VERBS.map(node::act_of);
    open(state, "Provision verbs", &acts, nodes);
}

/// Opens the menu of power requests.
pub(super) fn power(state: &mut State, nodes: Vec<NodeId>) {
    let acts = PowerTarget::ALL.map(Act::Power);
    open(state, "Power", &acts, nodes);
}

/// Opens the menu of everything else.
pub(super) fn more(state: &mut State, nodes: Vec<NodeId>) {
    let boot = |device, persistent| Act::BootDevice(device, persistent);
    let acts = [
        Act::Locate(true),
        Act::Locate(false),
        boot(BootDevice::Pxe, false),
        boot(BootDevice::Disk, false),
        boot(BootDevice::Bios, false),
        boot(BootDevice::Pxe, true),
        boot(BootDevice::Disk, true),
        boot(BootDevice::Bios, true),
        Act::Console(true),
        Act::Console(false),
        Act::Nmi,
        Act::Flag(Flag::Retired, true),
        Act::Flag(Flag::Retired, false),
        Act::Flag(Flag::Protected, true),
        Act::Flag(Flag::Protected, false),
        Act::Delete,
    ];
    open(state, "More", &acts, nodes);
}

fn open(state: &mut State, title: &str, acts: &[Act], targets: Vec<NodeId>) {
    if targets.is_empty() {
        return state.tell(Severity::Warning, "no node is marked or under the cursor");
    }
    if targets.iter().all(|id| state.fleet.get(*id).is_none()) {
        let text = "this node is gone: it was deleted elsewhere. Esc goes back to the list";
        return state.tell(Severity::Warning, text);
    }
    let items: Vec<Item> = acts
        .iter()
        .filter_map(|what| item(state, *what, &targets))
        .collect();
    let at = items.iter().position(|item| item.enabled).unwrap_or(0);
    let whom = match targets.as_slice() {
        [one] => state.name_of(*one),
        many => describe::count(many.len(), "node"),
    };
    state.popup = Some(Popup::Menu(Menu {
        title: format!("{title}: {whom}"),
        items,
        at,
        nodes: targets,
    }));
}

fn item(state: &State, what: Act, targets: &[NodeId]) -> Option<Item> {
    let entry = command::of(Command::Act(what))?;
    let checks: Vec<Result<(), String>> = targets
        .iter()
        .filter_map(|id| state.fleet.get(*id))
        .map(|node| state.may(what, node))
        .collect();
    let able = checks.iter().filter(|c| c.is_ok()).count();
    let why = checks.into_iter().find_map(Result::err);
    let note = match (able, why) {
        (0, why) => why.unwrap_or_default(),
        (_, Some(_)) => format!("{} ({able} of {})", entry.help, targets.len()),
        (_, None) => entry.help.to_owned(),
    };
    Some(Item {
        label: entry
            .names
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
        note,
        enabled: able > 0,
        command: Command::Act(what),
    })
}
