//! The enrolment wizard.

use cupola_api::cupola::{NodeSummary, UnknownMac};
use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use cupola_api::probe::ProbeReport;
use cupola_api::state::provision::ProvisionVerb;

use super::{discovery, node};
use crate::effect::{Action, Effect, Ticket};
use crate::event::{Accepted, Answer, NOT_SERVED, Refusal};
use crate::key::Key;
use crate::state::enroll::{Enroll, Probe, Step};
use crate::state::form::{Form, Outcome};
use crate::state::journey::{Journey, Status};
use crate::state::popup::{Confirm, Consequence, Focus, Popup};
use crate::state::{Screen, State};

/// Opens the wizard, or looks for BMCs at these addresses, or for those of a file of machines.
pub(super) fn open(state: &mut State, many: &str, effects: &mut Vec<Effect>) {
    if let Some(why) = state.safety.refusal() {
        return state.tell(Severity::Warning, why);
    }
    if !many.is_empty() {
        return discovery::open(state, many, effects);
    }
    state.open(Screen::Enroll(Box::new(Enroll::new())));
    effects.push(Effect::Drivers);
    if let Some(kept) = &state.kept_enroll {
        state.popup = Some(Popup::Confirm(Confirm {
            title: format!("Go on with {}?", kept.title()),
            lines: vec![
                "The wizard was left before it was enrolled; nothing of it was lost.".to_owned(),
                "Cancel begins with an empty form.".to_owned(),
            ],
            yes: "go on".to_owned(),
            challenge: None,
            focus: Focus::Yes,
            consequence: Consequence::Resume,
        }));
    }
}

/// Goes on with the wizard that was left before.
pub(super) fn resume(state: &mut State) {
    if let (Screen::Enroll(enroll), Some(kept)) = (&mut state.screen, state.kept_enroll.take()) {
        *enroll = kept;
    }
}

/// Leaves the wizard, and keeps what was typed.
fn keep(state: &mut State) {
    if let Screen::Enroll(enroll) = std::mem::replace(&mut state.screen, Screen::List) {
        let title = enroll.title();
        state.kept_enroll = Some(enroll);
        state.back();
        state.tell(
            Severity::Info,
            format!("{title} is kept: e goes on with it"),
        );
    }
}

/// Takes the burst of a barcode scanner, which was typed already, and its Enter; false where it is
/// nothing but an Enter.
pub(super) fn on_scanned(state: &mut State, text: &str, fresh: bool) -> bool {
    let Screen::Enroll(enroll) = &mut state.screen else {
        return false;
    };
    match form_of(enroll).map(|form| form.scanned(text, fresh)) {
        Some(None) => return false,
        Some(Some(false)) => state.notice = None,
        Some(Some(true)) => {
            state.tell(Severity::Info, "scanned; F8 goes on to the next step");
        }
        None => {
            let text = "no field takes a scan here; the Enter at its end was left out";
            state.tell(Severity::Warning, text);
        }
    }
    true
}

/// Takes a pasted text, or what a barcode scanner types at once.
pub(super) fn paste(enroll: &mut Enroll, text: &str) {
    if let Some(form) = form_of(enroll) {
        form.paste(text);
    }
}

const fn form_of(enroll: &mut Enroll) -> Option<&mut Form> {
    match enroll.step {
        Step::Bmc => Some(&mut enroll.bmc),
        Step::Labels => Some(&mut enroll.labels),
        Step::Properties => Some(&mut enroll.properties),
        Step::Test | Step::Review | Step::Progress => None,
    }
}

/// Takes a key; false when it means nothing here.
pub(super) fn on_key(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    let Screen::Enroll(enroll) = &mut state.screen else {
        return false;
    };
    if key == Key::Esc {
        back(state);
        return true;
    }
    if key == Key::F(3) && enroll.step == Step::Labels {
        if !enroll.take_unknown() {
            state.tell(Severity::Info, "no other unknown machine has asked DHCP");
        }
        return true;
    }
    if let Some(form) = form_of(enroll) {
        return match form.key(key) {
            Outcome::Submitted => {
                forward(state, effects);
                true
            }
            Outcome::Taken => true,
            // Letters are text here, never commands.
            Outcome::Ignored => !matches!(key, Key::F(_) | Key::Ctrl(_)),
        };
    }
    match (enroll.step, key) {
        (Step::Progress, Key::Enter | Key::Char('r')) if enroll.refused().is_some() => {
            correct(state);
        }
        (Step::Progress, Key::Enter | Key::Char('o')) => show_node(state, effects),
        (Step::Progress, Key::Char('r')) => retry(state, effects),
        (Step::Test, Key::Char('r')) => test(state, effects),
        (Step::Test, Key::Char('l')) => locate(state, effects),
        (Step::Test | Step::Review, Key::Enter | Key::F(8)) => forward(state, effects),
        _ => return false,
    }
    true
}

fn back(state: &mut State) {
    let Screen::Enroll(enroll) = &mut state.screen else {
        return;
    };
    let has_bmc = enroll.has_bmc();
    enroll.step = match enroll.step {
        // Nothing was enrolled: what was typed is not thrown away.
        Step::Progress if enroll.refused().is_some() => Step::Review,
        Step::Bmc if enroll.is_filled() => return keep(state),
        Step::Bmc | Step::Progress => {
            state.back();
            return;
        }
        Step::Test => Step::Bmc,
        Step::Labels if has_bmc => Step::Test,
        Step::Labels => Step::Bmc,
        Step::Properties => Step::Labels,
        Step::Review => Step::Properties,
    };
}

fn forward(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Enroll(enroll) = &mut state.screen else {
        return;
    };
    let fleet = &state.fleet;
    match enroll.step {
        Step::Bmc => {
            if enroll.name_is_taken(|name| fleet.find(name).cloned()) {
                enroll
                    .bmc
                    .complain("Name", "there is a node of this name already");
            } else if enroll.check_bmc() {
                if enroll.has_bmc() {
                    enroll.step = Step::Test;
                    test(state, effects);
                } else {
                    enroll.step = Step::Labels;
                }
            }
        }
        Step::Test => match &enroll.probe {
            Probe::Done(report) if report.passed() => to_labels(state, effects),
            Probe::NotServed(_) => to_labels(state, effects),
            Probe::Done(_) | Probe::Failed(_) => {
                let text = "the test must pass first: Esc goes back to the form, r tests again";
                state.tell(Severity::Warning, text);
            }
            Probe::Idle | Probe::Running(_) => {}
        },
        Step::Labels => {
            if enroll.check_labels() {
                enroll.step = Step::Properties;
            }
        }
        Step::Properties => {
            if enroll.check_properties() {
                enroll.step = Step::Review;
            }
        }
        Step::Review => begin(state, effects),
        Step::Progress => {}
    }
}

/// What is asked on the card of the MACs: its addresses are offered by who asks DHCP.
fn to_labels(state: &mut State, effects: &mut Vec<Effect>) {
    if let Screen::Enroll(enroll) = &mut state.screen {
        enroll.step = Step::Labels;
    }
    ask_unknown(state, effects);
}

const fn ticket(tickets: &mut u32) -> Ticket {
    *tickets = tickets.wrapping_add(1);
    Ticket(*tickets)
}

fn test(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Enroll(enroll) = &mut state.screen else {
        return;
    };
    enroll.ticket = ticket(&mut state.tickets);
    enroll.probe = Probe::Running(state.now);
    effects.push(Effect::Probe(enroll.ticket, enroll.probe_request()));
}

/// Why there is no test, and when it is made.
const NO_TEST: &str = "it tests no BMC before the node is enrolled. Enter goes on; the BMC is tested when \
                       the node is managed.";

/// Lights the locate LED, or puts it out.
fn locate(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Enroll(enroll) = &mut state.screen else {
        return;
    };
    // The test that may be under way has the ticket: the LED is the same BMC's.
    let request = enroll.identify_request(!enroll.is_lit);
    effects.push(Effect::Identify(enroll.ticket, request));
}

/// The LED was switched, or was not.
pub(super) fn identified(state: &mut State, ticket: Ticket, on: bool, answer: Answer<()>) {
    let Screen::Enroll(enroll) = &mut state.screen else {
        return;
    };
    if enroll.ticket != ticket {
        return;
    }
    match answer {
        Ok(()) => {
            enroll.is_lit = on;
            let text = match on {
                true => "the locate LED is lit: l puts it out, else it goes out by itself",
                false => "the locate LED is out",
            };
            state.tell(Severity::Info, text);
        }
        Err(why) => state.tell(Severity::Warning, format!("the locate LED: {why}")),
    }
}

/// Asks who asks DHCP, now and then while that is of use.
pub(super) fn ask_unknown(state: &mut State, effects: &mut Vec<Effect>) {
    let now = state.now;
    if let Screen::Enroll(enroll) = &mut state.screen
        && enroll.is_unknown_due(now)
    {
        effects.push(Effect::UnknownMacs);
    }
}

/// Who asked DHCP is known.
pub(super) fn unknown(state: &mut State, answer: Answer<Vec<UnknownMac>>) {
    if let Some(enroll) = wizard(state) {
        enroll.unknown = Some(answer);
    }
}

/// The BMC was tested.
pub(super) fn probed(state: &mut State, ticket: Ticket, answer: Answer<ProbeReport>) {
    let lacks = state.link.lacks(NO_TEST);
    if let Screen::Enroll(enroll) = &mut state.screen
        && enroll.ticket == ticket
    {
        enroll.probe = match (answer, lacks) {
            (Ok(report), _) => Probe::Done(report),
            (Err(why), Some(lacks)) if why == NOT_SERVED => Probe::NotServed(lacks),
            (Err(why), _) => Probe::Failed(why),
        };
    }
}

fn begin(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Enroll(enroll) = &mut state.screen else {
        return;
    };
    enroll.step = Step::Progress;
    enroll.journey = Journey::begin(enroll.goals());
    enroll.ticket = ticket(&mut state.tickets);
    let body = Box::new(enroll.body());
    effects.push(Effect::Enroll(enroll.ticket, body, enroll.addresses()));
}

/// The node exists, or does not.
pub(super) fn enrolled(
    state: &mut State,
    ticket: Ticket,
    answer: Answer<NodeId>,
    effects: &mut Vec<Effect>,
) {
    let known = answer.as_ref().ok().and_then(|id| state.fleet.get(*id));
    let known = known.cloned();
    let Some(enroll) = wizard(state) else {
        return;
    };
    if enroll.ticket != ticket {
        return;
    }
    match answer {
        Ok(id) => {
            enroll.journey.node = Some(id);
            let verb = enroll.journey.advance(known.as_ref());
            state.list.go_to(id);
            send(verb, id, effects);
        }
        Err(why) => enroll.journey.fail(why),
    }
}

fn send(verb: Option<ProvisionVerb>, id: NodeId, effects: &mut Vec<Effect>) {
    effects.extend(verb.map(|verb| Effect::Act(id, Action::Provision(verb))));
}

/// Nodes have changed: the one of the wizard may be due for its next verb.
pub(super) fn observe(state: &mut State, nodes: &[NodeSummary], effects: &mut Vec<Effect>) {
    let Some(enroll) = wizard(state) else {
        return;
    };
    let Some(id) = enroll.node() else {
        return;
    };
    for node in nodes.iter().filter(|n| n.uuid == id) {
        send(enroll.journey.observe(node), id, effects);
    }
}

/// A verb was accepted or refused.
pub(super) fn answered(state: &mut State, id: NodeId, answer: &Result<Accepted, Refusal>) {
    if let Some(enroll) = wizard(state)
        && enroll.node() == Some(id)
        && let Err(refusal) = answer
    {
        enroll.journey.fail(refusal.why.clone());
    }
}

/// The wizard, wherever in the stack it is.
fn wizard(state: &mut State) -> Option<&mut Enroll> {
    state.screens_mut().find_map(Screen::enroll_mut)
}

fn correct(state: &mut State) {
    if let Screen::Enroll(enroll) = &mut state.screen
        && let Some(why) = enroll.refused().map(ToOwned::to_owned)
    {
        enroll.correct(&why);
    }
}

fn retry(state: &mut State, effects: &mut Vec<Effect>) {
    let Screen::Enroll(enroll) = &mut state.screen else {
        return;
    };
    if let (Some((_, Status::Failed(_))), Some(id)) = (enroll.journey.current(), enroll.node()) {
        let verb = enroll.journey.retry(state.fleet.get(id));
        send(verb, id, effects);
    }
}

fn show_node(state: &mut State, effects: &mut Vec<Effect>) {
    if let Screen::Enroll(enroll) = &state.screen
        && let Some(id) = enroll.node()
    {
        let done = enroll.journey.is_done();
        if done {
            state.back();
        }
        node::show(state, id, effects);
    }
}
