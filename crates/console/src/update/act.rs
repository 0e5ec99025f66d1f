//! Actions on nodes: who can take it, the question where it destroys, the answers.

use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use cupola_api::node::Node;

use super::prompt;
use crate::command::{self, Command};
use crate::describe;
use crate::effect::{Action, Effect};
use crate::event::Refusal;
use crate::state::line_edit::LineEdit;
use crate::state::popup::{Confirm, Consequence, Popup};
use crate::state::{Bulk, State, allowed};
use crate::summary;

/// From so many nodes on, what destroys wants their number typed.
const CHALLENGE_FROM: usize = 4;
/// A question lists at most so many nodes by name.
const LISTED: usize = 6;

/// Acts on these nodes, or asks first where it destroys.
pub(super) fn ask(
    state: &mut State,
    what: Command,
    targets: &[NodeId],
    reason: &str,
    effects: &mut Vec<Effect>,
) {
    if targets.is_empty() {
        return state.tell(Severity::Warning, "no node is marked or under the cursor");
    }
    let (able, unable) = divide(state, what, targets);
    let Some((first, _)) = able.first() else {
        let reason = unable
            .first()
            .map(|(id, why)| format!("{}: {why}", state.name_of(*id)));
        return state.tell(Severity::Warning, reason.unwrap_or_default());
    };
    let first = *first;
    if what == Command::Maintenance {
        return ask_maintenance(state, first, targets, reason, effects);
    }
    let acts: Vec<(NodeId, Action)> = able
        .iter()
        .filter_map(|(id, _)| Some((*id, action(what)?)))
        .collect();
    if command::of(what).is_some_and(|entry| entry.destroys) {
        let popup = question(state, what, acts, unable.len());
        state.popup = Some(Popup::Confirm(popup));
    } else {
        send(state, acts, unable.len(), effects);
    }
}

/// Asks for the reason where nodes go into maintenance, and for a yes where they leave it.
fn ask_maintenance(
    state: &mut State,
    first: NodeId,
    targets: &[NodeId],
    reason: &str,
    effects: &mut Vec<Effect>,
) {
    // Of a mixed selection all go the way of the first; the others are there already.
    let is_in = |id: NodeId| state.fleet.get(id).map(|node| node.maintenance);
    let leave = is_in(first) == Some(true);
    let ids = targets.iter().copied();
    let nodes: Vec<NodeId> = ids.filter(|id| is_in(*id) == Some(leave)).collect();
    if !leave {
        if reason.is_empty() {
            return prompt::open_reason(state, nodes);
        }
        return maintain(state, &nodes, reason, effects);
    }
    // The list does not know the reasons: they come while the question is open.
    effects.extend(nodes.iter().take(LISTED).map(|id| Effect::Node(*id)));
    let off = |id: &NodeId| (*id, Action::Maintenance(false, None));
    let acts = nodes.iter().map(off).collect();
    let popup = question(state, Command::Maintenance, acts, 0);
    state.popup = Some(Popup::Confirm(popup));
}

/// Puts nodes into maintenance.
pub(super) fn maintain(
    state: &mut State,
    nodes: &[NodeId],
    reason: &str,
    effects: &mut Vec<Effect>,
) {
    let reason = (!reason.is_empty()).then(|| reason.to_owned());
    let on = |id: &NodeId| (*id, Action::Maintenance(true, reason.clone()));
    send(state, nodes.iter().map(on).collect(), 0, effects);
}

/// A node was read: an open question whether it leaves maintenance names the reason.
pub(super) fn reason_known(state: &mut State, node: &Node) {
    let name = state.name_of(node.uuid);
    let Some(Popup::Confirm(confirm)) = &mut state.popup else {
        return;
    };
    let Consequence::Act(acts) = &confirm.consequence else {
        return;
    };
    let leaves = |(id, action): &(NodeId, Action)| {
        *id == node.uuid && matches!(action, Action::Maintenance(false, _))
    };
    let at = acts.iter().take(LISTED).position(leaves);
    if let Some(line) = at.and_then(|at| confirm.lines.get_mut(at)) {
        *line = format!("{name}  {}", why_in_maintenance(node));
    }
}

fn why_in_maintenance(node: &Node) -> String {
    let reason = node
        .maintenance_reason
        .as_deref()
        .unwrap_or("no reason given");
    match node.fault {
        Some(fault) => format!("set by the service after a {}: {reason}", fault.as_str()),
        None => format!("set by a person: {reason}"),
    }
}

type Reasons = Vec<(NodeId, String)>;

/// Those that can take it, and those that cannot with the reason.
fn divide(state: &State, what: Command, targets: &[NodeId]) -> (Reasons, Reasons) {
    let mut able = Vec::new();
    let mut unable = Vec::new();
    for id in targets {
        match state.fleet.get(*id).map(|node| allowed::check(what, node)) {
            Some(Ok(())) => able.push((*id, String::new())),
            Some(Err(why)) => unable.push((*id, why)),
            None => unable.push((*id, "it is gone".to_owned())),
        }
    }
    (able, unable)
}

fn action(what: Command) -> Option<Action> {
    match what {
        Command::Verb(verb) => Some(Action::Provision(verb)),
        Command::Power(target) => Some(Action::Power(target)),
        Command::Delete => Some(Action::Delete),
        // It is asked for on a way of its own: it has a reason.
        Command::Maintenance
        | Command::Quit
        | Command::Back
        | Command::Help
        | Command::Prompt
        | Command::Diagnostics
        | Command::Refresh
        | Command::Suspend
        | Command::Theme
        | Command::Open
        | Command::Filter
        | Command::Sort
        | Command::SortReverse
        | Command::Mark
        | Command::MarkAll
        | Command::Verbs
        | Command::PowerMenu
        | Command::Enroll
        | Command::Deploy
        | Command::NextPart
        | Command::Follow
        | Command::Logs => None,
        #[cfg(debug_assertions)]
        Command::Panic => None,
    }
}

fn question(state: &State, what: Command, acts: Vec<(NodeId, Action)>, left_out: usize) -> Confirm {
    let name = acts.first().map_or("act", |(_, action)| action.name());
    let count = acts.len();
    let nodes = describe::count(count, "node");
    let mut lines: Vec<String> = acts
        .iter()
        .take(LISTED)
        .filter_map(|(id, _)| state.fleet.get(*id))
        .map(|node| {
            let power = summary::power_word(node.power_state);
            let state = node.provision_state;
            format!("{}  {state}, power {power}", summary::display_name(node))
        })
        .collect();
    if count > LISTED {
        lines.push(format!("and {} more", count - LISTED));
    }
    if left_out > 0 {
        lines.push(format!(
            "{left_out} more cannot take it now and are left out"
        ));
    }
    lines.push(String::new());
    lines.push(consequence(what).to_owned());
    Confirm {
        title: format!("{name} {nodes}?"),
        lines,
        yes: format!("{name} {nodes}"),
        challenge: (count >= CHALLENGE_FROM && what != Command::Maintenance)
            .then(|| (count.to_string(), LineEdit::default())),
        on_yes: false,
        consequence: Consequence::Act(acts),
    }
}

/// What it means, in words.
fn consequence(what: Command) -> &'static str {
    use cupola_api::state::power::PowerTarget;
    use cupola_api::state::provision::ProvisionVerb;
    match what {
        Command::Maintenance => {
            "The service acts on it by itself again: power states, cleaning, deploys."
        }
        Command::Delete => "The service forgets it and its ports. The machine is not touched.",
        Command::Verb(ProvisionVerb::Deleted | ProvisionVerb::Undeploy) => {
            "Its instance is torn down and its disks are cleaned. There is no way back."
        }
        Command::Verb(ProvisionVerb::Rebuild) => "What is on its disk is overwritten.",
        Command::Verb(ProvisionVerb::Abort) => "What it waits for is given up.",
        Command::Power(PowerTarget::Off | PowerTarget::Reboot) => {
            "What runs on it is cut off without warning."
        }
        _ => "What runs on it is interrupted.",
    }
}

/// Sends actions.
pub(super) fn send(
    state: &mut State,
    acts: Vec<(NodeId, Action)>,
    left_out: usize,
    effects: &mut Vec<Effect>,
) {
    let Some((_, first)) = acts.first() else {
        return;
    };
    let name = first.name();
    let but = if left_out > 0 {
        format!("; {left_out} cannot take it now")
    } else {
        String::new()
    };
    let text = match acts.as_slice() {
        [(id, _)] => format!("{name}: asked for {}{but}", state.name_of(*id)),
        _ => format!("{name}: asked for {} nodes{but}", acts.len()),
    };
    state.tell(Severity::Info, text);
    state.bulk = Some(Bulk {
        name,
        open: acts.len(),
        accepted: 0,
        refused: Vec::new(),
        unreached: false,
    });
    effects.extend(acts.into_iter().map(|(id, action)| Effect::Act(id, action)));
}

/// An action was accepted or refused.
pub(super) fn answered(
    state: &mut State,
    id: NodeId,
    action: &Action,
    answer: Result<(), Refusal>,
) {
    let Some(mut bulk) = state.bulk.take().filter(|b| b.name == action.name()) else {
        return;
    };
    bulk.open = bulk.open.saturating_sub(1);
    match answer {
        Ok(()) => bulk.accepted += 1,
        Err(refusal) => {
            bulk.unreached |= !refusal.reached;
            bulk.refused.push((id, refusal.why));
        }
    }
    if bulk.open > 0 {
        state.bulk = Some(bulk);
        return;
    }
    match bulk.refused.as_slice() {
        [] => {
            let text = match bulk.accepted {
                1 => format!("{}: accepted for {}", bulk.name, state.name_of(id)),
                many => format!("{}: accepted for {many} nodes", bulk.name),
            };
            state.tell(Severity::Info, text);
        }
        refused => {
            let count = refused.len();
            let title = if bulk.unreached {
                format!(
                    "{}: {count} without an answer, the service is not reached",
                    bulk.name
                )
            } else {
                format!("{}: {count} refused", bulk.name)
            };
            let mut lines = vec![format!("accepted: {}", bulk.accepted), String::new()];
            let refused = refused.iter().take(20);
            lines.extend(refused.map(|(id, why)| format!("{}: {why}", state.name_of(*id))));
            state.tell(Severity::Error, title.clone());
            state.popup = Some(Popup::Message {
                title,
                lines,
                until_connected: bulk.unreached,
            });
        }
    }
}
