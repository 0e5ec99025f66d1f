//! A run: actions on nodes that were asked for together, and what became of each. Pure: time and
//! nodes come in, what is to be sent goes out.

pub(crate) mod goal;
pub(crate) mod report;

use std::collections::HashMap;
use std::time::Duration;

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;

use super::fleet::Fleet;
use super::safety::Safety;
use crate::effect::Action;
use crate::event::Refusal;
use goal::{Progress, Seen};

/// Tells runs apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunId(pub(crate) u32);

/// Whether one node goes before the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Canary {
    /// No.
    #[default]
    No,
    /// One goes first; when it has ended well, a person says whether the others follow.
    Ask,
    /// One goes first; when it has ended well, the others follow.
    First,
}

/// When a run stops by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    /// When more than so many of a hundred failed.
    pub(crate) percent: u8,
    /// And at least so many.
    pub(crate) least: usize,
}

/// How a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Whether one node goes first.
    pub(crate) canary: Canary,
    /// So many nodes at once.
    pub(crate) parallel: usize,
    /// When it stops by itself.
    pub(crate) stop: Option<Stop>,
}

impl Options {
    /// As it is set.
    pub(crate) const fn new(safety: &Safety) -> Self {
        Self {
            canary: Canary::No,
            parallel: safety.parallel,
            stop: Some(Stop {
                percent: safety.stop_percent,
                least: safety.stop_least,
            }),
        }
    }
}

/// What became of an action on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Not sent yet.
    Waiting,
    /// Sent, without an answer yet.
    Sent,
    /// Accepted; the node is on its way.
    Accepted,
    /// The node is where it should be.
    Reached,
    /// The node did not get there.
    Failed(String),
    /// The service did not take it.
    Refused(String),
    /// Not sent any more.
    Skipped,
}

impl Outcome {
    /// In one word.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Reached => "reached",
            Self::Failed(_) => "FAILED",
            Self::Refused(_) => "REFUSED",
            Self::Skipped => "not sent",
        }
    }

    /// Why not, where it went wrong.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed(why) | Self::Refused(why) => Some(why),
            Self::Waiting | Self::Sent | Self::Accepted | Self::Reached | Self::Skipped => None,
        }
    }
}

/// One node of a run.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Which one.
    pub(crate) node: NodeId,
    /// Its name when the run began.
    pub(crate) name: String,
    /// What is done.
    pub(crate) action: Action,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// When it was sent.
    pub(crate) sent: Option<Timestamp>,
    /// When it was over.
    pub(crate) ended: Option<Timestamp>,
    from: Option<Seen>,
    accepted: Option<Timestamp>,
    changed: bool,
}

impl Entry {
    /// How long it took, or takes until now.
    pub(crate) fn took(&self, now: Timestamp) -> Option<Duration> {
        let until = self.ended.unwrap_or(now);
        until.duration_since(self.sent?).try_into().ok()
    }
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It can be taken back until then.
    Held(Timestamp),
    /// Actions are sent, or followed.
    Running,
    /// The canary has ended well: a person says whether the others follow.
    Asking,
    /// It stopped by itself, for this reason; a person says whether it goes on.
    Stopped(String),
    /// It is over.
    Done,
    /// It was taken back before anything was sent.
    TakenBack,
}

/// How many nodes of a run are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Not sent yet.
    pub(crate) waiting: usize,
    /// Sent or accepted, and not over.
    pub(crate) moving: usize,
    /// Of these those without an answer.
    pub(crate) unanswered: usize,
    /// Where they should be.
    pub(crate) reached: usize,
    /// Failed or refused.
    pub(crate) failed: usize,
    /// Not sent any more.
    pub(crate) skipped: usize,
}

/// What is to be done, before it is a run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What is sent to which node.
    pub(crate) acts: Vec<(NodeId, Action)>,
    /// Those that cannot take it, and why.
    pub(crate) left_out: Vec<(NodeId, String)>,
    /// How it goes.
    pub(crate) options: Options,
    /// Whether it is one small thing that needs no screen of its own.
    pub(crate) quick: bool,
    /// The run that it undoes.
    pub(crate) undoes: Option<RunId>,
}

impl Plan {
    /// Whether anything of it destroys.
    pub(crate) fn destroys(&self) -> bool {
        self.acts.iter().any(|(_, action)| action.destroys())
    }
}

/// A run.
#[derive(Debug)]
pub(crate) struct Run {
    /// Which one.
    pub(crate) id: RunId,
    /// What it is called.
    pub(crate) name: &'static str,
    /// Its nodes.
    pub(crate) entries: Vec<Entry>,
    /// Those that could not take it, by name, and why.
    pub(crate) left_out: Vec<(String, String)>,
    /// How it goes.
    pub(crate) options: Options,
    /// Where it stands.
    pub(crate) phase: Phase,
    /// When it was asked for.
    pub(crate) begun: Timestamp,
    /// When it was over.
    pub(crate) ended: Option<Timestamp>,
    /// Whether it is one small thing that needs no screen of its own.
    pub(crate) quick: bool,
    /// Whether the service was not reached for one of them.
    pub(crate) unreached: bool,
    canary_passed: bool,
}

impl Run {
    /// A run of this plan, which may wait so long before anything is sent.
    pub(crate) fn new(
        id: RunId,
        plan: Plan,
        grace: Duration,
        name: impl Fn(NodeId) -> String,
        now: Timestamp,
    ) -> Self {
        let entry = |(node, action): (NodeId, Action)| Entry {
            node,
            name: name(node),
            action,
            outcome: Outcome::Waiting,
            sent: None,
            ended: None,
            from: None,
            accepted: None,
            changed: false,
        };
        let left_out = plan.left_out.into_iter();
        let mut run = Self {
            id,
            name: plan.name,
            left_out: left_out.map(|(id, why)| (name(id), why)).collect(),
            entries: plan.acts.into_iter().map(entry).collect(),
            options: plan.options,
            phase: Phase::Running,
            begun: now,
            ended: None,
            quick: plan.quick,
            unreached: false,
            canary_passed: false,
        };
        run.phase = run.start(grace, now);
        run
    }

    /// How many nodes are where.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for entry in &self.entries {
            match entry.outcome {
                Outcome::Waiting => counts.waiting += 1,
                Outcome::Sent => {
                    counts.moving += 1;
                    counts.unanswered += 1;
                }
                Outcome::Accepted => counts.moving += 1,
                Outcome::Reached => counts.reached += 1,
                Outcome::Failed(_) | Outcome::Refused(_) => counts.failed += 1,
                Outcome::Skipped => counts.skipped += 1,
            }
        }
        counts
    }

    /// Whether it is over.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::TakenBack)
    }

    /// Whether it would be lost if the console were left: what was not sent would never be.
    pub(crate) fn is_open(&self) -> bool {
        let counts = self.counts();
        let unsent = counts.waiting + counts.unanswered > 0;
        !self.is_over() && (unsent || !self.quick)
    }

    /// What is to be sent now. It also tells whether the run has stopped or is over.
    pub(crate) fn due(&mut self, fleet: &Fleet, now: Timestamp) -> Vec<(NodeId, Action)> {
        if matches!(self.phase, Phase::Held(until) if now >= until) {
            self.phase = Phase::Running;
        }
        if self.phase != Phase::Running {
            return Vec::new();
        }
        let counts = self.counts();
        if counts.waiting + counts.moving == 0 {
            self.end(now);
            return Vec::new();
        }
        if counts.waiting > 0
            && let Some(why) = self.wants_to_stop(counts)
        {
            self.phase = Phase::Stopped(why);
            return Vec::new();
        }
        let room = match self.canary_room(counts) {
            Some(room) => room,
            None => self.options.parallel.max(1).saturating_sub(counts.moving),
        };
        let waiting = |entry: &&mut Entry| entry.outcome == Outcome::Waiting;
        let chosen = self.entries.iter_mut().filter(waiting).take(room);
        chosen
            .map(|entry| {
                entry.outcome = Outcome::Sent;
                entry.sent = Some(now);
                entry.from = fleet.get(entry.node).map(Seen::of);
                (entry.node, entry.action.clone())
            })
            .collect()
    }

    /// While the canary is under way: how many more may be sent.
    fn canary_room(&mut self, counts: Counts) -> Option<usize> {
        let wanted = self.options.canary != Canary::No && self.entries.len() > 1;
        if !wanted || self.canary_passed {
            return None;
        }
        match self.entries.first().map(|entry| &entry.outcome) {
            Some(Outcome::Reached) => {
                self.canary_passed = true;
                if self.options.canary == Canary::Ask && counts.waiting > 0 {
                    self.phase = Phase::Asking;
                    return Some(0);
                }
                None
            }
            Some(Outcome::Waiting) => Some(1),
            Some(_) => Some(0),
            None => None,
        }
    }

    fn wants_to_stop(&self, counts: Counts) -> Option<String> {
        let canary = self.entries.first().filter(|_| {
            self.options.canary != Canary::No && !self.canary_passed && self.entries.len() > 1
        });
        if let Some(entry) = canary
            && let Some(why) = entry.outcome.reason()
        {
            return Some(format!("the canary {} failed: {why}", entry.name));
        }
        let stop = self.options.stop?;
        let ended = counts.reached + counts.failed;
        let is_too_many = counts.failed * 100 > usize::from(stop.percent) * ended;
        (counts.failed >= stop.least.max(1) && is_too_many)
            .then(|| format!("{} of {ended} failed", counts.failed))
    }

    fn end(&mut self, now: Timestamp) {
        self.phase = Phase::Done;
        self.ended = Some(now);
    }

    /// Goes on after the canary, or although too many failed; what destroys can be taken back again
    /// for so long.
    pub(crate) fn go_on(&mut self, grace: Duration, now: Timestamp) {
        if !self.is_waiting_for_a_word() {
            return;
        }
        if matches!(self.phase, Phase::Stopped(_)) {
            self.options.stop = None;
        }
        self.canary_passed = true;
        self.phase = self.start(grace, now);
    }

    /// Whether it goes on only when a person says so.
    pub(crate) const fn is_waiting_for_a_word(&self) -> bool {
        matches!(self.phase, Phase::Asking | Phase::Stopped(_))
    }

    /// Whether anything of it destroys.
    pub(crate) fn destroys(&self) -> bool {
        self.entries.iter().any(|entry| entry.action.destroys())
    }

    fn start(&self, grace: Duration, now: Timestamp) -> Phase {
        let is_held = self.destroys() && !grace.is_zero();
        match is_held.then(|| now.checked_add(grace).ok()).flatten() {
            Some(until) => Phase::Held(until),
            None => Phase::Running,
        }
    }

    /// Sends nothing more; what was sent is followed on.
    pub(crate) fn abort(&mut self, now: Timestamp) -> usize {
        let mut skipped = 0;
        for entry in &mut self.entries {
            if entry.outcome == Outcome::Waiting {
                entry.outcome = Outcome::Skipped;
                skipped += 1;
            }
        }
        match self.phase {
            Phase::Held(_) if self.entries.iter().all(|entry| entry.sent.is_none()) => {
                self.phase = Phase::TakenBack;
                self.ended = Some(now);
            }
            Phase::Held(_) | Phase::Asking | Phase::Stopped(_) => self.phase = Phase::Running,
            Phase::Running | Phase::Done | Phase::TakenBack => {}
        }
        skipped
    }

    /// The provision state of a node when this action was sent to it, while that has no answer.
    pub(crate) fn sent_from(&self, node: NodeId, action: &Action) -> Option<ProvisionState> {
        let sent = |e: &&Entry| e.node == node && e.outcome == Outcome::Sent && e.action == *action;
        let entry = self.entries.iter().find(sent)?;
        entry.from.as_ref().map(|seen| seen.state)
    }

    /// The service took an action, or did not; whether this run was meant.
    pub(crate) fn answered(
        &mut self,
        node: NodeId,
        action: &Action,
        answer: Result<(), &Refusal>,
        known: Option<&NodeSummary>,
        now: Timestamp,
    ) -> bool {
        let meant =
            |e: &&mut Entry| e.node == node && e.outcome == Outcome::Sent && e.action == *action;
        let Some(entry) = self.entries.iter_mut().find(meant) else {
            return false;
        };
        match answer {
            Ok(()) if goal::is_done_at_once(action) => {
                entry.outcome = Outcome::Reached;
                entry.ended = Some(now);
            }
            Ok(()) => {
                entry.outcome = Outcome::Accepted;
                entry.accepted = Some(now);
                if let Some(known) = known {
                    look(entry, known, now);
                }
            }
            Err(refusal) => {
                self.unreached |= !refusal.reached;
                entry.outcome = Outcome::Refused(refusal.why.clone());
                entry.ended = Some(now);
            }
        }
        true
    }

    /// Something of these nodes was heard.
    pub(crate) fn observe(&mut self, nodes: &HashMap<NodeId, &NodeSummary>, now: Timestamp) {
        for entry in &mut self.entries {
            if let (Outcome::Accepted, Some(node)) = (&entry.outcome, nodes.get(&entry.node)) {
                entry.changed = true;
                look(entry, node, now);
            }
        }
    }

    /// A second has passed: nodes of which nothing was heard may be there all the same.
    pub(crate) fn tick(&mut self, fleet: &Fleet, now: Timestamp) {
        for entry in &mut self.entries {
            if let (Outcome::Accepted, Some(node)) = (&entry.outcome, fleet.get(entry.node)) {
                look(entry, node, now);
            }
        }
    }

    /// A node is gone.
    pub(crate) fn gone(&mut self, node: NodeId, now: Timestamp) {
        for entry in self.entries.iter_mut().filter(|e| e.node == node) {
            if entry.outcome == Outcome::Accepted {
                entry.outcome = Outcome::Failed("it was deleted".to_owned());
                entry.ended = Some(now);
            }
        }
    }
}

fn look(entry: &mut Entry, node: &NodeSummary, now: Timestamp) {
    if entry.outcome != Outcome::Accepted {
        return;
    }
    let Some(from) = &entry.from else {
        return;
    };
    let since = entry
        .accepted
        .map_or(0, |at| now.duration_since(at).as_secs());
    match goal::progress(&entry.action, from, node, entry.changed, since) {
        Progress::Moving => return,
        Progress::Reached => entry.outcome = Outcome::Reached,
        Progress::Failed(why) => entry.outcome = Outcome::Failed(why),
    }
    entry.ended = Some(now);
}

#[cfg(test)]
mod tests;
