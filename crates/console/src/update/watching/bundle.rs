//! The black-box bundle for a ticket: what of it the console itself knows.

use std::fmt::Write as _;

use cupola_api::event::Severity;

use crate::describe;
use crate::effect::Effect;
use crate::state::{Screen, State};
use crate::watching::{Ask, Bundle};

/// Asks for a bundle about the node on the screen, else the one under the cursor.
pub(in crate::update) fn write(state: &mut State, effects: &mut Vec<Effect>) {
    let node = match &state.screen {
        Screen::Node(view) => Some(view.id),
        Screen::Board => state.watching.board.cursor(),
        Screen::Compare(compare) => Some(compare.node),
        _ => state.list.cursor(),
    };
    let name = node.map_or_else(|| "fleet".to_owned(), |id| state.name_of(id));
    let recorder = &state.watching.recorder;
    let about_it = |event: &&cupola_api::event::Event| node.is_none() || event.node == node;
    let error = |(at, text): &(jiff::Timestamp, String)| format!("{at} {text}");
    let bundle = Bundle {
        stem: super::file_name(&format!("cupola-{name}"), state, ""),
        node,
        about: about(state, &name),
        screen: String::new(),
        events: recorder.events.iter().filter(about_it).cloned().collect(),
        errors: recorder.errors.iter().map(error).collect(),
    };
    state.tell(Severity::Info, "collecting what a ticket needs");
    effects.push(Effect::Watch(Ask::Bundle(Box::new(bundle))));
}

fn about(state: &State, name: &str) -> String {
    let mut text = format!(
        "cupola {}\nserver {}\nnode {name}\nwritten at {}\n",
        env!("CARGO_PKG_VERSION"),
        state.link.target,
        state.now
    );
    // Writing to a String cannot fail.
    let _ = writeln!(text, "link {:?}", state.link.status);
    let size = state.size;
    let _ = writeln!(text, "terminal {}x{}", size.width, size.height);
    let counts = state.fleet.counts();
    let _ = writeln!(
        text,
        "nodes {}: {} moving, {} failed, {} in maintenance",
        state.fleet.len(),
        counts.moving,
        counts.failed,
        counts.maintenance
    );
    if let Some(past) = &state.watching.past {
        let clock = describe::clock(past.at, &state.zone);
        let _ = writeln!(text, "the screen is as of {clock} ({})", past.at);
    }
    text
}
