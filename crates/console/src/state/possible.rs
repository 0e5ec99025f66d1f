//! Why a command does nothing now: for the key bar, which shows it dimmed, and for the help, which
//! says why.

use crate::command::{Act, Command};
use crate::state::State;
use crate::update::watching::recorder;

/// Why this command does nothing now, or nothing where it does something.
pub(crate) fn why_not(state: &State, what: Command) -> Option<String> {
    if let Some(why) = recorder::forbids(state, what) {
        return Some(why);
    }
    let wants_nodes = matches!(
        what,
        Command::Open | Command::Mark | Command::Verbs | Command::PowerMenu | Command::MoreMenu
    );
    match what {
        Command::Act(act) => why_none(state, act),
        _ if wants_nodes => is_empty(state).then(nobody),
        _ => None,
    }
}

fn nobody() -> String {
    "no node is marked or under the cursor".to_owned()
}

fn is_empty(state: &State) -> bool {
    let targets = state.targets();
    !targets.iter().any(|id| state.fleet.get(*id).is_some())
}

/// Why none of the nodes that an action takes can take it.
fn why_none(state: &State, act: Act) -> Option<String> {
    let targets = state.targets();
    let nodes = targets.iter().filter_map(|id| state.fleet.get(*id));
    let mut why = None;
    for node in nodes {
        match state.may(act, node) {
            Ok(()) => return None,
            Err(reason) => why = why.or(Some(reason)),
        }
    }
    Some(why.unwrap_or_else(nobody))
}
