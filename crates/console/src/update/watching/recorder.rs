//! Time travel: stepping through what was recorded. What is looked at then is read-only.

use cupola_api::event::{Event, Severity};
use cupola_api::id::NodeId;
use jiff::{Timestamp, ToSpan as _};

use crate::command::Command;
use crate::describe;
use crate::effect::Effect;
use crate::event::{Answer, Live, Reply};
use crate::serial::Ask;
use crate::state::watching::recorder::{Past, as_of, moves};
use crate::state::{Screen, State};

/// Why a command is not for the past; none where it is.
pub(crate) fn forbids(state: &State, what: Command) -> Option<String> {
    let past = state.watching.past.as_ref()?;
    let is_for_now = matches!(
        what,
        Command::Act(_)
            | Command::Verbs
            | Command::PowerMenu
            | Command::MoreMenu
            | Command::Undo
            | Command::Runs
            | Command::Enroll
            | Command::Board
            | Command::Compare
            | Command::Refresh
            | Command::Logs
            | Command::Serial
    );
    is_for_now.then(|| {
        let clock = describe::clock(past.at, &state.zone);
        format!("this is as of {clock}, to be read alone: Esc returns to now")
    })
}

/// Whether an effect would change something: none may while the past is looked at.
pub(in crate::update) const fn changes(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Act(..) | Effect::Enroll(..) | Effect::Serial(Ask::Send(_))
    )
}

/// Where one is: the moment, and the node when its screen is shown.
fn here(state: &State) -> (Timestamp, Option<NodeId>) {
    let past = state.watching.past.as_ref();
    let node = match &state.screen {
        Screen::Node(view) => Some(view.id),
        _ => None,
    };
    (past.map_or(state.now, |past| past.at), node)
}

/// The events of the node on the screen that say how it looked.
fn told(state: &State) -> Vec<&Event> {
    match &state.screen {
        Screen::Node(view) => view
            .timeline
            .events()
            .filter(|event| moves(&event.kind))
            .collect(),
        _ => Vec::new(),
    }
}

/// Steps to what was before.
pub(in crate::update) fn back(state: &mut State) {
    let (at, node) = here(state);
    let recorder = &state.watching.recorder;
    let recorded = recorder.before(at, node);
    let since = recorder.since();
    let earlier = told(state)
        .into_iter()
        .rev()
        .map(|event| event.at)
        .find(|moment| *moment < at);
    // Where both know something, the later one is the next step back.
    match recorded.max(earlier) {
        Some(moment) => go_to(state, moment),
        None => {
            let since = since.map(|since| describe::clock(since, &state.zone));
            let since = since.unwrap_or_else(|| "now".to_owned());
            let text = if node.is_some() {
                "nothing is known of it before this".to_owned()
            } else {
                format!(
                    "the console records since {since}; on the screen of a node < goes further \
                     back, where the server keeps a timeline"
                )
            };
            state.tell(Severity::Info, text);
        }
    }
}

/// Steps to what was after that; after the last change to now.
pub(in crate::update) fn forth(state: &mut State) {
    if state.watching.past.is_none() {
        return state.tell(Severity::Info, "this is now; < goes back in time");
    }
    let (at, node) = here(state);
    let recorded = state.watching.recorder.after(at, node);
    let later = told(state)
        .into_iter()
        .map(|event| event.at)
        .find(|moment| *moment > at);
    let next = match (recorded, later) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let recorder = &state.watching.recorder;
    let is_last = next
        .is_none_or(|next| recorder.after(next, node).is_none() && recorder.since() <= Some(next));
    match next {
        Some(next) if !is_last => go_to(state, next),
        // After the last change everything is as it is now.
        _ => {
            now(state);
        }
    }
}

/// Goes to the last moment at which the clock showed this: `02:14` or `02:14:07`.
pub(in crate::update) fn at(state: &mut State, text: &str) {
    let Some(moment) = time_of_day(state, text) else {
        return state.tell(Severity::Warning, "when? `:at 02:14` or `:at 02:14:07`");
    };
    let (_, node) = here(state);
    if node.is_none() && Some(moment) < state.watching.recorder.since() {
        back_to_start(state);
    } else {
        go_to(state, moment);
    }
}

/// The last moment at which the clock showed this; none where that is no time of day.
pub(super) fn time_of_day(state: &State, text: &str) -> Option<Timestamp> {
    let parts: Vec<Option<i8>> = text.split(':').map(|part| part.parse().ok()).collect();
    let (hour, minute, second) = match parts.as_slice() {
        [Some(hour), Some(minute)] => (*hour, *minute, 0),
        [Some(hour), Some(minute), Some(second)] => (*hour, *minute, *second),
        _ => return None,
    };
    let real = state.watching.real_now.unwrap_or(state.now);
    let real = real.to_zoned(state.zone.clone());
    let time = real.with().hour(hour).minute(minute).second(second);
    let today = time.subsec_nanosecond(0).build().ok()?;
    let moment = if today > real {
        today.checked_sub(1.day()).unwrap_or(today)
    } else {
        today
    };
    Some(moment.timestamp())
}

fn back_to_start(state: &mut State) {
    if let Some(since) = state.watching.recorder.since() {
        go_to(state, since);
        let clock = describe::clock(since, &state.zone);
        state.tell(
            Severity::Info,
            format!("the console records since {clock}: this is as far back as the list goes"),
        );
    }
}

fn go_to(state: &mut State, moment: Timestamp) {
    if state.runs.iter().any(|run| !run.is_over()) {
        // What is sent next is judged by the nodes as they are.
        let text = "actions are under way (:runs): the past can be seen when they have ended";
        return state.tell(Severity::Warning, text);
    }
    let live = match state.watching.past.take() {
        Some(past) => past.live,
        None => std::mem::take(&mut state.fleet),
    };
    let recorder = &state.watching.recorder;
    let mut fleet = recorder.fleet_at(&live, moment);
    if recorder.since().is_none_or(|since| moment < since)
        && let Screen::Node(view) = &state.screen
        && let Some(first) = fleet.get(view.id)
    {
        let node = as_of(first, &told(state), moment);
        fleet.apply(node);
    }
    state.fleet = fleet;
    state.watching.past = Some(Box::new(Past { at: moment, live }));
    state.list.touch();
}

/// Returns to now; false when it is now.
pub(in crate::update) fn now(state: &mut State) -> bool {
    let Some(past) = state.watching.past.take() else {
        return false;
    };
    state.fleet = past.live;
    state.now = state.watching.real_now.unwrap_or(state.now);
    state.list.touch();
    true
}

/// Records an error that the service answered, or that it did not answer.
pub(super) fn record_live(state: &mut State, live: &Live, real: Timestamp) {
    let watching = &mut state.watching;
    let fleet = match &watching.past {
        Some(past) => &past.live,
        None => &state.fleet,
    };
    match live {
        Live::Listed { nodes, .. } => watching.recorder.listed(fleet, nodes, real),
        Live::Changed(changes) => watching.recorder.take(fleet, changes, real),
        Live::Lost { reason, .. } => watching.recorder.error(real, reason.clone()),
        Live::Remembered { .. } | Live::Connected => {}
    }
}

/// Records an error that the service answered.
pub(super) fn record_reply(state: &mut State, reply: &Reply, real: Timestamp) {
    fn of<T>(answer: &Answer<T>) -> Option<&String> {
        answer.as_ref().err()
    }
    let (what, why) = match reply {
        Reply::Node(id, answer) => (format!("node {id}"), of(answer)),
        Reply::Timeline(id, answer) => (format!("timeline of {id}"), of(answer)),
        Reply::Logs(id, answer) => (format!("logs of {id}"), of(answer)),
        Reply::LogLines(id, name, answer) => (format!("log {name} of {id}"), of(answer)),
        Reply::Explained(id, answer) => (format!("explanation of {id}"), of(answer)),
        Reply::Acted(id, action, answer) => {
            let why = answer.as_ref().err().map(|refusal| &refusal.why);
            (format!("{} of {id}", action.name()), why)
        }
        Reply::Drivers(answer) => ("drivers".to_owned(), of(answer)),
        Reply::Images(answer) => ("images".to_owned(), of(answer)),
        Reply::Probed(_, answer) => ("probe".to_owned(), of(answer)),
        Reply::Identified(_, _, answer) => ("locate LED".to_owned(), of(answer)),
        Reply::Discovered(_, answer) => ("discovery".to_owned(), of(answer)),
        Reply::Machines(_, answer) => ("file of machines".to_owned(), of(answer)),
        Reply::Enrolled(_, answer) => ("enrolment".to_owned(), of(answer)),
        Reply::Runbooks(answer) => ("runbooks".to_owned(), of(answer)),
        Reply::Conductors(answer) => ("conductors".to_owned(), of(answer)),
        Reply::ViewSaved(name, _, answer) => (format!("view {name}"), of(answer)),
        Reply::Saved(answer) => ("file".to_owned(), of(answer)),
        // Asked again and again, and on the screen.
        Reply::UnknownMacs(_) | Reply::Watched(_) | Reply::Serial(..) => return,
    };
    if let Some(why) = why {
        let text = format!("{what}: {why}");
        state.watching.recorder.error(real, text);
    }
}
