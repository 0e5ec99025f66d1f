//! Looking for many BMCs: the form, the search, and what is done with what was found.

use cupola_api::discovery::{DiscoveryReport, Target};
use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use cupola_api::state::provision::ProvisionVerb;

use super::node;
use crate::effect::{Action, Effect, Ticket};
use crate::event::Answer;
use crate::key::Key;
use crate::machine::Machine;
use crate::state::discovery::{Discovery, Fate, Source, Stage};
use crate::state::form::Outcome;
use crate::state::{Screen, State};

/// Opens the form with these addresses, or reads this file of machines.
pub(super) fn open(state: &mut State, of: &str, effects: &mut Vec<Effect>) {
    let of = of.trim();
    if !is_file(of) {
        return state.open(Screen::Discovery(Box::new(Discovery::new(of))));
    }
    if state.safety.captive {
        return state.tell(Severity::Warning, "this console reads no files of its host");
    }
    let ticket = ticket(&mut state.tickets);
    let discovery = Discovery::of_file(of.to_owned(), ticket);
    state.open(Screen::Discovery(Box::new(discovery)));
    effects.push(Effect::Machines(ticket, of.to_owned()));
}

/// Whether somebody names a file, and no addresses.
fn is_file(text: &str) -> bool {
    let ends = [".csv", ".yaml", ".yml", ".json"];
    let text = text.to_ascii_lowercase();
    ends.iter().any(|end| text.ends_with(end))
}

/// The file was read.
pub(super) fn listed(
    state: &mut State,
    ticket: Ticket,
    answer: Answer<Vec<(Machine, Option<Target>)>>,
    effects: &mut Vec<Effect>,
) {
    let now = state.now;
    let Some(discovery) = discovery(state).filter(|it| it.ticket == ticket) else {
        return;
    };
    match answer {
        Ok(machines) => {
            discovery.list(machines, now);
            go_on(state, effects);
        }
        Err(why) => {
            discovery.problem = Some(why);
            discovery.stop();
        }
    }
}

fn discovery(state: &mut State) -> Option<&mut Discovery> {
    match &mut state.screen {
        Screen::Discovery(discovery) => Some(discovery),
        _ => None,
    }
}

/// Takes a key; false when it means nothing here.
pub(super) fn on_key(state: &mut State, key: Key, page: isize, effects: &mut Vec<Effect>) -> bool {
    let Some(discovery) = discovery(state) else {
        return false;
    };
    match (discovery.stage, key) {
        (Stage::Form, Key::Esc) => {
            state.back();
        }
        (Stage::Form, _) => match discovery.form.key(key) {
            Outcome::Submitted => begin(state, effects),
            Outcome::Taken => {}
            Outcome::Ignored => return !matches!(key, Key::F(_) | Key::Ctrl(_)),
        },
        (Stage::Reading, Key::Esc) => {
            state.back();
        }
        (Stage::Reading, _) => return false,
        (Stage::Looking(_), Key::Esc) => {
            discovery.stop();
            state.tell(Severity::Info, "stopped; what was found stays");
        }
        (Stage::Found, Key::Esc) => match discovery.source {
            Source::Form => discovery.stage = Stage::Form,
            Source::File(_) => {
                state.back();
            }
        },
        (Stage::Found, Key::Char('r')) => begin(state, effects),
        (Stage::Looking(_) | Stage::Found, _) => return on_table(state, key, page, effects),
    }
    true
}

fn on_table(state: &mut State, key: Key, page: isize, effects: &mut Vec<Effect>) -> bool {
    let Some(discovery) = discovery(state) else {
        return false;
    };
    let by = match key {
        Key::Up | Key::Char('k') => -1,
        Key::Down | Key::Char('j') => 1,
        Key::PageUp => -page,
        Key::PageDown => page,
        Key::Home | Key::Char('g') => isize::MIN,
        Key::End | Key::Char('G') => isize::MAX,
        Key::Char(' ') | Key::Insert => {
            choose(state);
            1
        }
        Key::Char('*') => {
            choose_all(discovery);
            0
        }
        Key::Enter => {
            enter(state, effects);
            return true;
        }
        Key::F(8) => {
            enrol(state, effects);
            return true;
        }
        _ => return false,
    };
    if let Screen::Discovery(discovery) = &mut state.screen {
        let last = discovery.rows.len().saturating_sub(1);
        discovery.at = discovery.at.saturating_add_signed(by).min(last);
    }
    true
}

const fn ticket(tickets: &mut u32) -> Ticket {
    *tickets = tickets.wrapping_add(1);
    Ticket(*tickets)
}

fn begin(state: &mut State, effects: &mut Vec<Effect>) {
    let now = state.now;
    let next = ticket(&mut state.tickets);
    let Some(discovery) = discovery(state) else {
        return;
    };
    if let Source::File(path) = &discovery.source {
        effects.push(Effect::Machines(next, path.clone()));
        discovery.read_again(next);
    } else if discovery.begin(now) {
        go_on(state, effects);
    }
}

/// Asks for the next addresses, or ends.
fn go_on(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Discovery(discovery) = &mut state.screen else {
        return;
    };
    match discovery.next() {
        Some(request) => {
            discovery.ticket = ticket(&mut state.tickets);
            effects.push(Effect::Discover(discovery.ticket, Box::new(request)));
        }
        None => discovery.stop(),
    }
}

/// Some addresses were asked.
pub(super) fn discovered(
    state: &mut State,
    ticket: Ticket,
    answer: Answer<DiscoveryReport>,
    effects: &mut Vec<Effect>,
) {
    let Some(discovery) = discovery(state) else {
        return;
    };
    if discovery.ticket != ticket {
        return;
    }
    let goes_on = matches!(discovery.stage, Stage::Looking(_));
    match answer {
        Ok(report) => discovery.take(report),
        Err(why) => {
            discovery.problem = Some(why);
            discovery.stop();
        }
    }
    if goes_on {
        go_on(state, effects);
    }
}

fn choose(state: &mut State) {
    let Some(discovery) = discovery(state) else {
        return;
    };
    let Some(row) = discovery.rows.get_mut(discovery.at) else {
        return;
    };
    match row.why_not() {
        Some(why) => {
            let address = row.address();
            state.tell(Severity::Warning, format!("{address}: {why}"));
        }
        None => row.chosen = !row.chosen,
    }
}

/// All that can be enrolled; none when all of them are.
fn choose_all(discovery: &mut Discovery) {
    let can = |row: &crate::state::discovery::Row| row.why_not().is_none();
    let all = discovery
        .rows
        .iter()
        .filter(|row| can(row))
        .all(|row| row.chosen);
    for row in discovery.rows.iter_mut().filter(|row| can(row)) {
        row.chosen = !all;
    }
}

/// Opens the node, or the wizard with what is known of the machine.
fn enter(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Discovery(discovery) = &state.screen else {
        return;
    };
    let Some(row) = discovery.row() else {
        return;
    };
    match (row.node(), &row.fate) {
        (Some(id), _) => node::show(state, id, effects),
        (None, Fate::Sent(_)) => state.tell(Severity::Info, "it is being enrolled"),
        (None, _) => {
            if let Some(why) = state.safety.refusal() {
                return state.tell(Severity::Warning, why);
            }
            let wizard = Box::new(discovery.wizard(row));
            state.open(Screen::Enroll(wizard));
            effects.push(Effect::Drivers);
        }
    }
}

/// Enrols all that are chosen.
fn enrol(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(why) = state.refusal() {
        return state.tell(Severity::Warning, why);
    }
    let Screen::Discovery(discovery) = &mut state.screen else {
        return;
    };
    if discovery.chosen() == 0 {
        let text = "nothing is chosen: Space chooses one, * all that can be enrolled";
        return state.tell(Severity::Warning, text);
    }
    let chosen = discovery.rows.iter().enumerate();
    let chosen = chosen.filter(|(_, row)| row.chosen && row.why_not().is_none());
    let bodies: Vec<_> = chosen.map(|(at, row)| (at, discovery.body(row))).collect();
    for (at, (body, macs)) in bodies {
        let ticket = ticket(&mut state.tickets);
        if let Some(row) = discovery.rows.get_mut(at) {
            row.chosen = false;
            row.fate = Fate::Sent(ticket);
            effects.push(Effect::Enroll(ticket, Box::new(body), macs));
        }
    }
}

/// A node exists, or does not: one that was chosen here is managed next, which tests it.
pub(super) fn enrolled(
    state: &mut State,
    ticket: Ticket,
    answer: &Answer<NodeId>,
    effects: &mut Vec<Effect>,
) {
    let screens = state.screens_mut();
    let rows = screens.filter_map(|screen| match screen {
        Screen::Discovery(discovery) => Some(&mut discovery.rows),
        _ => None,
    });
    let row = rows.flatten().find(|row| row.fate == Fate::Sent(ticket));
    let Some(row) = row else {
        return;
    };
    match answer {
        Ok(id) => {
            row.fate = Fate::Enrolled(*id);
            let manage = Action::Provision(ProvisionVerb::Manage);
            effects.push(Effect::Act(*id, manage));
        }
        Err(why) => row.fate = Fate::Failed(why.clone()),
    }
}
