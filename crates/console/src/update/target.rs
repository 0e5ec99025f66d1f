//! Whom a command acts on: the nodes that it names, else the marked ones, else the one under the
//! cursor or of the screen. What then happens to them is not decided here.

use cupola_api::id::NodeId;

use crate::command::{self, Command, Takes};
use crate::state::State;

/// The nodes that a command acts on, and the text that stands after them.
///
/// # Errors
/// A text for the person who typed it: never is a node guessed where one was named.
pub(super) fn parse<'a>(
    state: &State,
    what: Command,
    argument: &'a str,
) -> Result<(Vec<NodeId>, &'a str), String> {
    let entry = command::of(what);
    match entry.map_or(Takes::Nothing, |e| e.takes) {
        Takes::Nothing if !argument.is_empty() => {
            let name = entry.and_then(|e| e.names.first()).unwrap_or(&"this");
            Err(format!(":{name} takes nothing after it"))
        }
        Takes::Nothing | Takes::Text => Ok((Vec::new(), argument)),
        Takes::Nodes if argument.is_empty() => Ok((chosen(state), "")),
        Takes::Nodes => {
            let mut nodes = Vec::new();
            for name in argument.split_whitespace() {
                let id = find(state, name).ok_or_else(|| unknown(name))?;
                if !nodes.contains(&id) {
                    nodes.push(id);
                }
            }
            Ok((nodes, ""))
        }
        Takes::Reason => with_reason(state, argument),
    }
}

/// A node and a reason, either of which may be left out.
fn with_reason<'a>(state: &State, argument: &'a str) -> Result<(Vec<NodeId>, &'a str), String> {
    let first = argument.split_whitespace().next().unwrap_or_default();
    if let Some(id) = find(state, first) {
        let reason = argument.strip_prefix(first).unwrap_or_default();
        return Ok((vec![id], reason.trim()));
    }
    match argument
        .split_whitespace()
        .find(|word| find(state, word).is_some())
    {
        Some(name) => Err(format!(
            "is {name} meant, or the node under the cursor? :maint NAME REASON says it"
        )),
        None => Ok((chosen(state), argument)),
    }
}

fn find(state: &State, name: &str) -> Option<NodeId> {
    (!name.is_empty())
        .then(|| state.fleet.find(name))?
        .map(|node| node.uuid)
}

fn unknown(name: &str) -> String {
    format!("there is no node {name:?}; / finds nodes by a part of their name")
}

/// What is marked, else under the cursor or on the screen, in the order of the node list.
fn chosen(state: &State) -> Vec<NodeId> {
    let mut nodes = state.targets();
    let sort = state.list.sort;
    nodes.sort_by(|a, b| match (state.fleet.get(*a), state.fleet.get(*b)) {
        (Some(a), Some(b)) => sort.compare(a, b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
    nodes
}
