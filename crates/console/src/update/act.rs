//! Actions on nodes: who can take it, what is asked first, the question where it destroys.

use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::state::provision::ProvisionVerb;

use super::{prompt, run, steps};
use crate::command::Act;
use crate::describe;
use crate::effect::{Action, Effect};
use crate::state::line_edit::LineEdit;
use crate::state::popup::{Confirm, Consequence, Focus, Popup};
use crate::state::preview::Preview;
use crate::state::run::{Options, Plan, Run};
use crate::state::{Screen, State};
use crate::summary;

/// A question lists at most so many nodes by name.
const LISTED: usize = 6;

/// Acts on these nodes, or asks first where it destroys or needs to know more.
pub(super) fn ask(
    state: &mut State,
    what: Act,
    targets: &[NodeId],
    text: &str,
    effects: &mut Vec<Effect>,
) {
    if targets.is_empty() {
        return state.tell(Severity::Warning, "no node is marked or under the cursor");
    }
    let (able, unable) = divide(state, what, targets);
    let Some(first) = able.first().copied() else {
        let reason = unable
            .first()
            .map(|(id, why)| format!("{}: {why}", state.name_of(*id)));
        return state.tell(Severity::Warning, reason.unwrap_or_default());
    };
    match what {
        Act::Maintenance => ask_maintenance(state, first, targets, text, effects),
        Act::Verb(verb @ (ProvisionVerb::Clean | ProvisionVerb::Service)) => {
            steps::open(state, verb, targets.to_vec(), effects);
        }
        Act::Verb(ProvisionVerb::Rescue) => prompt::open_password(state, targets.to_vec()),
        Act::Verb(_)
        | Act::Power(_)
        | Act::Deploy
        | Act::BootDevice(..)
        | Act::Nmi
        | Act::Locate(_)
        | Act::Console(_)
        | Act::Flag(..)
        | Act::Delete => {
            if let Some(action) = action(what) {
                propose(state, &action, targets, effects);
            }
        }
    }
}

/// Proposes the same action for these nodes: to those that can take it.
pub(super) fn propose(
    state: &mut State,
    action: &Action,
    targets: &[NodeId],
    effects: &mut Vec<Effect>,
) {
    let (able, left_out) = divide(state, action.act(), targets);
    let acts = able.into_iter().map(|id| (id, action.clone())).collect();
    offer(state, acts, left_out, effects);
}

/// Proposes these actions: on one node at once, or with a question where it destroys; on several
/// with a preview.
pub(super) fn offer(
    state: &mut State,
    acts: Vec<(NodeId, Action)>,
    left_out: Vec<(NodeId, String)>,
    effects: &mut Vec<Effect>,
) {
    let Some((_, action)) = acts.first() else {
        let reason = left_out.first();
        let reason = reason.map(|(id, why)| format!("{}: {why}", state.name_of(*id)));
        return state.tell(Severity::Warning, reason.unwrap_or_default());
    };
    let (what, meaning) = (action.act(), consequence(action));
    let leaves_maintenance = matches!(action, Action::Maintenance(false, _));
    let plan = Plan {
        name: action.name(),
        quick: acts.len() + left_out.len() == 1,
        acts,
        left_out,
        options: Options::new(&state.safety),
        undoes: None,
    };
    if !plan.quick {
        let preview = Preview::new(what, plan, meaning, &state.fleet);
        return state.open(Screen::Preview(Box::new(preview)));
    }
    if plan.destroys() || leaves_maintenance {
        let question = question(state, meaning, plan);
        state.popup = Some(Popup::Confirm(question));
    } else {
        run::begin(state, plan, effects);
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
    propose(state, &Action::Maintenance(false, None), &nodes, effects);
}

/// Puts nodes into maintenance.
pub(super) fn maintain(
    state: &mut State,
    nodes: &[NodeId],
    reason: &str,
    effects: &mut Vec<Effect>,
) {
    let reason = (!reason.is_empty()).then(|| reason.to_owned());
    propose(state, &Action::Maintenance(true, reason), nodes, effects);
}

/// A node was read: an open question whether it leaves maintenance names the reason.
pub(super) fn reason_known(state: &mut State, node: &Node) {
    let name = state.name_of(node.uuid);
    let Some(Popup::Confirm(confirm)) = &mut state.popup else {
        return;
    };
    let Consequence::Run(plan) = &confirm.consequence else {
        return;
    };
    let leaves = |(id, action): &(NodeId, Action)| {
        *id == node.uuid && matches!(action, Action::Maintenance(false, _))
    };
    let at = plan.acts.iter().take(LISTED).position(leaves);
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

/// Those that can take it, and those that cannot with the reason.
pub(super) fn divide(
    state: &State,
    what: Act,
    targets: &[NodeId],
) -> (Vec<NodeId>, Vec<(NodeId, String)>) {
    let mut able = Vec::new();
    let mut unable = Vec::new();
    for id in targets {
        match state.fleet.get(*id).map(|node| state.may(what, node)) {
            Some(Ok(())) => able.push(*id),
            Some(Err(why)) => unable.push((*id, why)),
            None => unable.push((*id, "it is gone".to_owned())),
        }
    }
    (able, unable)
}

/// What is sent for it as it stands. What has to be asked for first is sent on ways of its own.
const fn action(what: Act) -> Option<Action> {
    match what {
        Act::Verb(verb) => Some(Action::Provision(verb)),
        Act::Power(target) => Some(Action::Power(target)),
        Act::BootDevice(device, persistent) => Some(Action::BootDevice(device, persistent)),
        Act::Nmi => Some(Action::Nmi),
        Act::Locate(on) => Some(Action::Locate(on)),
        Act::Console(on) => Some(Action::Console(on)),
        Act::Flag(flag, on) => Some(Action::Flag(flag, on)),
        Act::Delete => Some(Action::Delete),
        Act::Maintenance | Act::Deploy => None,
    }
}

/// The question before a plan is carried out.
pub(super) fn question(state: &State, meaning: &str, plan: Plan) -> Confirm {
    let count = plan.acts.len();
    let name = plan.name;
    let nodes = describe::count(count, "node");
    let mut lines: Vec<String> = plan
        .acts
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
    match plan.left_out.len() {
        0 => {}
        more => lines.push(format!("{more} more cannot take it now and are left out")),
    }
    lines.push(String::new());
    lines.push(meaning.to_owned());
    let destroys = plan.destroys();
    let grace = state.safety.grace.as_secs();
    if destroys && grace > 0 {
        lines.push(format!(
            "It is sent {grace} s later: u takes it back until then."
        ));
    }
    let challenge = destroys
        .then(|| state.safety.challenge(count))
        .flatten()
        .map(|want| (want, LineEdit::default()));
    Confirm {
        title: format!("{name} {nodes}?"),
        lines,
        yes: format!("{name} {nodes}"),
        focus: match challenge {
            Some(_) => Focus::Field,
            None => Focus::Cancel,
        },
        challenge,
        consequence: Consequence::Run(Box::new(plan)),
    }
}

/// What a run means, in words.
pub(super) fn consequence_of(run: &Run) -> &'static str {
    let first = run.entries.first();
    first.map_or("", |entry| consequence(&entry.action))
}

/// What it means, in words.
pub(crate) const fn consequence(action: &Action) -> &'static str {
    use cupola_api::state::power::PowerTarget as P;
    use cupola_api::state::provision::ProvisionVerb as V;
    match action {
        Action::Maintenance(true, _) => "The service leaves it alone: no power sync, no cleaning.",
        Action::Maintenance(false, _) => {
            "The service acts on it by itself again: power states, cleaning, deploys."
        }
        Action::Delete => "The service forgets it and its ports. The machine is not touched.",
        Action::Provision(V::Deleted | V::Undeploy) => {
            "Its instance is torn down and its disks are cleaned. There is no way back."
        }
        Action::Provision(V::Rebuild | V::Active | V::Deploy) | Action::Deploy { .. } => {
            "What is on its disk is overwritten."
        }
        Action::Provision(V::Abort) => "What it waits for is given up.",
        Action::Provision(V::Provide) => "It is cleaned, then offered for deployment.",
        Action::Provision(V::Manage) => "Its BMC is verified, and it is under management.",
        Action::Provision(V::Inspect) => "It is booted, and its hardware is looked at.",
        Action::Provision(V::Adopt) => "It is taken as active, as it is.",
        Action::Provision(V::Unhold) => "It goes on with its steps.",
        Action::Provision(V::Unrescue | V::Rescue) | Action::Rescue(_) => {
            "What runs on it is interrupted: it boots."
        }
        Action::Provision(V::Clean | V::Service) | Action::Steps { .. } => {
            "What runs on it is interrupted; steps can erase its disks."
        }
        Action::Power(P::Off | P::Reboot) => "What runs on it is cut off without warning.",
        Action::Power(P::SoftOff | P::SoftReboot) => "What runs on it is interrupted.",
        Action::Power(P::On) => "It is powered on.",
        Action::BootDevice(_, true) => "It boots from there from now on.",
        Action::BootDevice(_, false) => "It boots from there the next time.",
        Action::Nmi => "Its operating system writes a dump, or crashes.",
        Action::Locate(_) => "The LED for finding it in the rack is switched.",
        Action::Console(_) => "Its serial console is switched.",
        Action::Flag(..) => "The flag is set at the service; the machine is not touched.",
    }
}
