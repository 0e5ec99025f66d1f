//! What the service tells, by itself or as an answer.

use cupola_api::cupola::NodeSummary;
use cupola_api::event::{Event, EventKind, Severity};
use cupola_api::id::NodeId;

use super::{act, arrange, deploy, discovery, enroll, logs, run, steps};
use crate::effect::Effect;
use crate::event::{Answer, Changes, Live, NOT_SERVED, Reply};
use crate::state::link::{Link, Server, Status};
use crate::state::node::NodeView;
use crate::state::popup::Popup;
use crate::state::{Screen, State};

/// What Ironic cannot give, and what there is instead.
const NO_LOGS: &str = "it hands out no logs of ramdisks; they are on its conductor, in the directory that \
                       [agent] deploy_logs_local_path of its configuration names";
const NO_IMAGES: &str = "it has no list of them";

/// The service told something by itself.
pub(super) fn on_live(state: &mut State, live: Live, effects: &mut Vec<Effect>) {
    match live {
        Live::Listed { nodes, server } => {
            let was_lost = state.link.is_lost();
            state.link.up(server, state.now);
            enroll::observe(state, &nodes, effects);
            run::observe(state, &nodes, &[]);
            match &mut state.frozen {
                Some(frozen) => frozen.list(nodes),
                None => state.live_fleet().replace(nodes),
            }
            run::pump(state, effects);
            state.list.touch();
            if was_lost {
                connected_again(state);
            }
            // What is polled has no events: the node on the screen is read again.
            if let (Status::Polling, Screen::Node(view)) = (&state.link.status, &state.screen) {
                effects.extend([Effect::Node(view.id), Effect::Timeline(view.id)]);
            }
        }
        // What the service says itself counts more.
        Live::Remembered { .. } if state.link.heard.is_some() => {}
        Live::Remembered { nodes, at } => {
            state.link.remembered = Some(at);
            for node in nodes {
                state.live_fleet().apply(node);
            }
            state.list.touch();
        }
        Live::Connected => {
            if state.link.is_lost() {
                connected_again(state);
            }
            state.link.up(Server::Cupola, state.now);
        }
        Live::Changed(changes) => on_changes(state, changes, effects),
        Live::Lost {
            reason,
            trouble,
            retry,
        } => state.link.lost(trouble, reason, retry, state.now),
    }
}

/// The answer; where the server does not have what was asked for, why not.
fn served<T>(link: &Link, answer: Answer<T>, lack: &str) -> Answer<T> {
    answer.map_err(|why| match link.lacks(lack) {
        Some(lacks) if why == NOT_SERVED => lacks,
        Some(_) | None => why,
    })
}

fn connected_again(state: &mut State) {
    state.tell(Severity::Info, "connected again");
    if let Some(Popup::Message {
        until_connected: true,
        ..
    }) = state.popup
    {
        state.popup = None;
    }
}

fn on_changes(state: &mut State, changes: Changes, effects: &mut Vec<Effect>) {
    let Changes {
        nodes,
        deleted,
        events,
    } = changes;
    state.link.heard = Some(state.now);
    enroll::observe(state, &nodes, effects);
    follow_node(state, &nodes, events, effects);
    run::observe(state, &nodes, &deleted);
    if let Some(frozen) = &mut state.frozen {
        frozen.change(nodes, deleted);
    } else {
        for node in nodes {
            if let Some(before) = state.fleet.get(node.uuid) {
                state.flash.note(before, &node, state.now);
            }
            let now = state.now;
            let fleet = state.live_fleet();
            let before = fleet.get(node.uuid).cloned();
            let place = fleet.place_of(node.uuid).unwrap_or(fleet.len());
            state.list.note(place, before.as_ref(), &node, now);
            state.live_fleet().apply(node);
        }
        for id in deleted {
            state.live_fleet().remove(id);
            state.list.touch();
        }
    }
    run::pump(state, effects);
}

/// The node screen follows its node, wherever in the stack it is.
fn follow_node(
    state: &mut State,
    nodes: &[NodeSummary],
    events: Vec<Event>,
    effects: &mut Vec<Effect>,
) {
    let is_polled = state.link.status == Status::Polling;
    let Some(view) = state.screens_mut().find_map(Screen::node_mut) else {
        return;
    };
    let id = view.id;
    if is_polled && nodes.iter().any(|n| n.uuid == id) {
        // No event tells what else there is to know.
        effects.extend([Effect::Node(id), Effect::Timeline(id)]);
    } else if let Some(changed) = nodes.iter().find(|n| n.uuid == id) {
        // Details are asked for again only when the state moved: progress comes by itself.
        let moved = view.node.as_ref().is_none_or(|known| {
            known.provision_state != changed.provision_state
                || known.power_state != changed.power_state
                || known.maintenance != changed.maintenance
                || known.last_error != changed.last_error
        });
        if moved {
            effects.push(Effect::Node(id));
        }
    }
    let events: Vec<Event> = events.into_iter().filter(|e| e.node == Some(id)).collect();
    if !is_polled && events.iter().any(|event| moves(&event.kind)) {
        ask_why(view, effects);
    }
    view.timeline.extend(events);
}

/// Whether a node may stand elsewhere on the boot ladder after this.
const fn moves(kind: &EventKind) -> bool {
    match kind {
        EventKind::Transition { .. }
        | EventKind::StepStarted { .. }
        | EventKind::StepFinished { .. }
        | EventKind::BootContact { .. }
        | EventKind::BmcCommand { .. }
        | EventKind::Diagnosis(_)
        | EventKind::Maintenance { .. } => true,
        EventKind::NodeChanged { .. }
        | EventKind::NodeDeleted { .. }
        | EventKind::Power { .. }
        | EventKind::StepProgress { .. }
        | EventKind::Log { .. } => false,
    }
}

/// Asks where the node stands, unless the answer is still on its way.
fn ask_why(view: &mut NodeView, effects: &mut Vec<Effect>) {
    if !view.is_asking {
        view.is_asking = true;
        effects.push(Effect::Explain(view.id));
    }
}

/// An effect had this outcome.
pub(super) fn on_reply(state: &mut State, reply: Reply, effects: &mut Vec<Effect>) {
    let height = state.list_height();
    match reply {
        Reply::Node(id, answer) => {
            if let Ok(found) = &answer {
                act::reason_known(state, &found.0);
            }
            if let Some(view) = view_of(state, id) {
                match answer {
                    Ok(found) => {
                        let (node, ports) = *found;
                        view.node = Some(Box::new(node));
                        view.ports = ports;
                        view.error = None;
                    }
                    Err(why) => view.error = Some(why),
                }
            }
        }
        Reply::Timeline(id, answer) => timeline(state, id, answer, effects),
        Reply::Logs(id, answer) => {
            let answer = served(&state.link, answer, NO_LOGS);
            if let Some(view) = view_of(state, id) {
                logs::listed(view, answer);
            }
        }
        Reply::LogLines(id, name, answer) => {
            if let Some(view) = view_of(state, id) {
                logs::read(view, &name, answer, height, effects);
            }
            super::watching::viewer::ended(state);
        }
        Reply::Explained(id, answer) => {
            if let Some(view) = view_of(state, id) {
                view.is_asking = false;
                view.explanation = answer.ok();
            }
        }
        Reply::Acted(id, action, answer) => {
            deploy::answered(state, id, &action, &answer);
            enroll::answered(state, id, &answer);
            run::answered(state, id, &action, answer, effects);
        }
        Reply::Runbooks(answer) => steps::runbooks(state, answer),
        Reply::Saved(Ok(file)) => state.tell(Severity::Info, format!("written to {file}")),
        Reply::Saved(Err(why)) => state.tell(Severity::Error, why),
        Reply::Drivers(answer) => {
            if let (Screen::Enroll(enroll), Ok(drivers)) = (&mut state.screen, answer) {
                enroll.set_drivers(drivers);
            }
        }
        Reply::Images(answer) => {
            let answer = served(&state.link, answer, NO_IMAGES);
            if let Screen::Deploy(deploy) = &mut state.screen {
                deploy.images = Some(answer);
            }
        }
        Reply::Serial(node, told) => super::serial::on_told(state, node, told),
        Reply::Watched(told) => super::watching::on_told(state, told, effects),
        Reply::Conductors(answer) => super::dashboard::told(state, answer),
        Reply::ViewSaved(name, view, answer) => arrange::saved(state, name, *view, answer),
        Reply::Probed(ticket, answer) => enroll::probed(state, ticket, answer),
        Reply::Identified(ticket, on, answer) => enroll::identified(state, ticket, on, answer),
        Reply::UnknownMacs(answer) => enroll::unknown(state, answer),
        Reply::Discovered(ticket, answer) => {
            discovery::discovered(state, ticket, answer, effects);
        }
        Reply::Machines(ticket, answer) => discovery::listed(state, ticket, answer, effects),
        Reply::Enrolled(ticket, answer) => {
            discovery::enrolled(state, ticket, &answer, effects);
            enroll::enrolled(state, ticket, answer, effects);
        }
    }
}

/// More of a node's timeline has come.
fn timeline(state: &mut State, id: NodeId, answer: Answer<Vec<Event>>, effects: &mut Vec<Effect>) {
    let height = state.list_height();
    let is_polled = state.link.status == Status::Polling;
    match (view_of(state, id), answer) {
        (Some(view), Ok(events)) => {
            view.timeline.extend(events);
            if std::mem::take(&mut view.timeline.seek_trouble) {
                view.timeline.go_to_trouble(height);
            }
            if !is_polled {
                ask_why(view, effects);
            }
        }
        (Some(_), Err(why)) => state.tell(Severity::Warning, format!("no timeline: {why}")),
        (None, _) => {}
    }
}

fn view_of(state: &mut State, id: NodeId) -> Option<&mut NodeView> {
    let mut views = state.screens_mut().filter_map(Screen::node_mut);
    views.find(|view| view.id == id)
}
