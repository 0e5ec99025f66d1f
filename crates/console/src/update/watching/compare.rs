//! Comparing: which nodes, moving about, writing it down.

use std::fmt::Write as _;

use cupola_api::event::Severity;
use cupola_api::id::NodeId;

use crate::effect::{Effect, Ticket};
use crate::event::Answer;
use crate::key::Key;
use crate::state::watching::compare::{Compare, Sheet, With};
use crate::state::{Screen, State};
use crate::ui;
use crate::watching::Ask;

/// With at most so many of its class a node is compared.
const PEERS: usize = 8;

/// Opens the comparison of two nodes, else of one with its class.
pub(in crate::update) fn open(state: &mut State, nodes: &[NodeId], effects: &mut Vec<Effect>) {
    let (node, with) = match nodes {
        [one] => match class_of(state, *one) {
            Ok(with) => (*one, with),
            Err(why) => return state.tell(Severity::Warning, why),
        },
        [one, other] => (*one, With::Node(*other)),
        [] => return state.tell(Severity::Warning, "no node is marked or under the cursor"),
        many => {
            let text = format!(
                "{} nodes are marked: two are compared, or one with its class",
                many.len()
            );
            return state.tell(Severity::Warning, text);
        }
    };
    state.tickets = state.tickets.wrapping_add(1);
    let ticket = Ticket(state.tickets);
    let mut asked = vec![node];
    match &with {
        With::Node(other) => asked.push(*other),
        With::Class(_, peers) => asked.extend(peers),
    }
    state.open(Screen::Compare(Box::new(Compare::new(node, with, ticket))));
    effects.push(Effect::Watch(Ask::Compare(ticket, asked)));
}

fn class_of(state: &State, id: NodeId) -> Result<With, String> {
    let node = state.fleet.get(id).ok_or("this node is gone")?;
    let name = state.name_of(id);
    let Some(class) = &node.resource_class else {
        return Err(format!(
            "{name} has no resource class to compare it with: mark two nodes"
        ));
    };
    let is_peer = |other: &&cupola_api::cupola::NodeSummary| {
        other.uuid != id
            && other.resource_class == node.resource_class
            && other.driver == node.driver
    };
    let peers = state.fleet.all().filter(is_peer).take(PEERS);
    let peers: Vec<NodeId> = peers.map(|other| other.uuid).collect();
    if peers.is_empty() {
        return Err(format!(
            "{name} is the only node of class {class}: mark two nodes to compare them"
        ));
    }
    Ok(With::Class(class.clone(), peers))
}

/// The facts have come.
pub(super) fn compared(state: &mut State, ticket: Ticket, sheets: Answer<Vec<Sheet>>) {
    let mut found = state.screens_mut().filter_map(|screen| match screen {
        Screen::Compare(compare) if compare.ticket == ticket => Some(compare),
        _ => None,
    });
    if let Some(compare) = found.next() {
        compare.take(sheets);
    }
}

/// Takes a key; false when it means nothing here.
pub(in crate::update) fn on_key(state: &mut State, key: Key, page: isize) -> bool {
    let Screen::Compare(compare) = &mut state.screen else {
        return false;
    };
    let by = match key {
        Key::Up | Key::Char('k') => -1,
        Key::Down | Key::Char('j') => 1,
        Key::PageUp => -page,
        Key::PageDown => page,
        Key::Home | Key::Char('g') => isize::MIN + 1,
        Key::End | Key::Char('G') => isize::MAX,
        _ => return false,
    };
    compare.step(by);
    true
}

/// Shows all facts, or only those that differ.
pub(in crate::update) fn all(state: &mut State) {
    if let Screen::Compare(compare) = &mut state.screen {
        compare.all = !compare.all;
        compare.at = 0;
    }
}

/// Writes what is shown to a file.
pub(in crate::update) fn save(state: &State, effects: &mut Vec<Effect>) {
    let Screen::Compare(compare) = &state.screen else {
        return;
    };
    let left = state.name_of(compare.node);
    let right = ui::screens::compare::right(state, compare);
    let mut text = format!("fact\t{left}\t{right}\n");
    let value =
        |value: &Option<String>| value.clone().unwrap_or_default().replace(['\t', '\n'], " ");
    for row in compare.shown() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{}\t{}\t{}",
            row.path,
            value(&row.left),
            value(&row.right)
        );
    }
    let name = super::file_name(&format!("compare-{left}"), state, "tsv");
    effects.push(Effect::Watch(Ask::Save(name, text)));
}
