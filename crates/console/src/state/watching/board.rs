//! The deploy board: what runs on which node since when, by events and by what lists say, and what
//! has ended in the last minutes.

use std::collections::BTreeMap;

use cupola_api::cupola::NodeSummary;
use cupola_api::durations::Phase;
use cupola_api::event::{Event, EventKind, Outcome};
use cupola_api::id::NodeId;
use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;

use crate::event::Changes;

/// What has ended stays for so many seconds.
const STAYS: i64 = 300;
/// Of a run at most so many finished steps are kept.
const STEPS: usize = 256;

/// The step that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    /// `interface.step`.
    pub(crate) step: String,
    /// Its position, from 1.
    pub(crate) index: u32,
    /// How many there are.
    pub(crate) total: u32,
    /// Since when.
    pub(crate) since: Timestamp,
    /// From 0 to 100, when known.
    pub(crate) percent: Option<u8>,
    /// What it says of its progress.
    pub(crate) message: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// When.
    pub(crate) at: Timestamp,
    /// Whether it failed.
    pub(crate) failed: bool,
}

/// A phase of a node, from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The phase.
    pub(crate) phase: Phase,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Whether the beginning was seen; else it is older than that.
    pub(crate) exact: bool,
    /// The steps that are done, and how long each took in milliseconds.
    pub(crate) done: Vec<(String, u64)>,
    /// The step that runs.
    pub(crate) current: Option<Current>,
    /// How it ended.
    pub(crate) ended: Option<Ended>,
}

impl Run {
    /// A phase that begins.
    pub(crate) const fn new(phase: Phase, since: Timestamp, exact: bool) -> Self {
        Self {
            phase,
            since,
            exact,
            done: Vec::new(),
            current: None,
            ended: None,
        }
    }

    /// Whether no step comes after the one that runs.
    pub(crate) fn is_last_step(&self) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|current| current.index >= current.total)
    }

    fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::StepStarted {
                step, index, total, ..
            } => {
                self.current = Some(Current {
                    step: step.clone(),
                    index: *index,
                    total: *total,
                    since: event.at,
                    percent: None,
                    message: String::new(),
                });
            }
            EventKind::StepProgress {
                step,
                percent,
                message,
            } => {
                if let Some(current) = self.current.as_mut().filter(|c| c.step == *step) {
                    current.percent = *percent;
                    current.message.clone_from(message);
                }
            }
            EventKind::StepFinished {
                step,
                outcome: Outcome::Succeeded,
                duration_ms,
                ..
            } => {
                let is_known = self.done.iter().any(|(done, _)| done == step);
                if !is_known && self.done.len() < STEPS {
                    self.done.push((step.clone(), *duration_ms));
                }
                if self.current.as_ref().is_some_and(|c| c.step == *step) {
                    self.current = None;
                }
            }
            EventKind::StepFinished { .. }
            | EventKind::NodeChanged { .. }
            | EventKind::NodeDeleted { .. }
            | EventKind::Transition { .. }
            | EventKind::Power { .. }
            | EventKind::BootContact { .. }
            | EventKind::BmcCommand { .. }
            | EventKind::Diagnosis(_)
            | EventKind::Maintenance { .. }
            | EventKind::Log { .. } => {}
        }
    }

    /// The step as lists show it, where no event told of it.
    fn observe(&mut self, node: &NodeSummary, now: Timestamp) {
        let Some(step) = &node.step else { return };
        match self.current.as_mut().filter(|c| c.step == step.step) {
            Some(current) => {
                current.percent = step.percent.or(current.percent);
                (current.index, current.total) = (step.index, step.total);
            }
            None => {
                self.current = Some(Current {
                    step: step.step.clone(),
                    index: step.index,
                    total: step.total,
                    since: now,
                    percent: step.percent,
                    message: String::new(),
                });
            }
        }
    }
}

/// The board.
#[derive(Debug, Default)]
pub(crate) struct Board {
    runs: BTreeMap<NodeId, Run>,
    order: Vec<NodeId>,
    cursor: Option<NodeId>,
    /// What runs has changed since it was sorted.
    is_unsorted: bool,
    /// Whether something has ended since this was last looked at.
    pub(crate) has_ended: bool,
}

impl Board {
    /// All nodes as they are now.
    pub(crate) fn listed(&mut self, nodes: &[NodeSummary], now: Timestamp) {
        let mut missing: Vec<NodeId> = self.runs.keys().copied().collect();
        for node in nodes {
            self.observe(node, now);
        }
        if !missing.is_empty() {
            let known: std::collections::HashSet<NodeId> = nodes.iter().map(|n| n.uuid).collect();
            missing.retain(|id| !known.contains(id));
            for id in missing {
                self.runs.remove(&id);
            }
        }
        self.is_unsorted = true;
    }

    /// What has changed.
    pub(crate) fn take(&mut self, changes: &Changes, now: Timestamp) {
        for event in &changes.events {
            if let Some(node) = event.node {
                self.see(node, event);
            }
        }
        for node in &changes.nodes {
            self.observe(node, now);
        }
        for id in &changes.deleted {
            self.runs.remove(id);
        }
        self.is_unsorted = true;
    }

    /// What happened to a node before, oldest first: when its run began, and the steps so far.
    pub(crate) fn remember(&mut self, node: NodeId, events: &[Event]) {
        let Some(run) = self.runs.get_mut(&node).filter(|run| run.ended.is_none()) else {
            return;
        };
        if run.exact {
            return;
        }
        let begins = |event: &Event| match &event.kind {
            EventKind::Transition { from, to, .. } => {
                Phase::of(*to) == Some(run.phase) && Phase::of(*from) != Some(run.phase)
            }
            _ => false,
        };
        let Some(first) = events.iter().rposition(begins) else {
            return;
        };
        let progress = run.current.take();
        for event in events.iter().skip(first) {
            run.take(event);
        }
        if let Some(event) = events.get(first) {
            run.since = event.at;
            run.exact = true;
            self.is_unsorted = true;
        }
        match (&mut run.current, progress) {
            (Some(current), Some(known)) if current.step == known.step => {
                current.percent = known.percent;
                current.message = known.message;
            }
            (None, known @ Some(_)) => run.current = known,
            _ => {}
        }
    }

    fn see(&mut self, node: NodeId, event: &Event) {
        if let EventKind::Transition { from, to, .. } = &event.kind {
            return self.move_on(node, *from, *to, event.at);
        }
        if let Some(run) = self.runs.get_mut(&node).filter(|run| run.ended.is_none()) {
            run.take(event);
        }
    }

    fn move_on(&mut self, node: NodeId, from: ProvisionState, to: ProvisionState, at: Timestamp) {
        let open = self.runs.get_mut(&node).filter(|run| run.ended.is_none());
        match (Phase::of(to), open) {
            (Some(phase), Some(run)) if run.phase == phase => {}
            (Some(phase), _) => {
                let exact = Phase::of(from) != Some(phase);
                self.runs.insert(node, Run::new(phase, at, exact));
            }
            (None, Some(run)) => {
                let failed = to.is_failed();
                run.ended = Some(Ended { at, failed });
                self.has_ended = true;
            }
            (None, None) => {}
        }
    }

    fn observe(&mut self, node: &NodeSummary, now: Timestamp) {
        let at = node.provision_updated_at.unwrap_or(now).min(now);
        let open = self.runs.get_mut(&node.uuid);
        let open = open.filter(|run| run.ended.is_none());
        match (Phase::of(node.provision_state), open) {
            (Some(phase), Some(run)) if run.phase == phase => run.observe(node, now),
            (Some(phase), _) => {
                let mut run = Run::new(phase, at, false);
                run.observe(node, now);
                self.runs.insert(node.uuid, run);
            }
            (None, Some(run)) => {
                let failed = node.provision_state.is_failed();
                run.ended = Some(Ended { at, failed });
                self.has_ended = true;
            }
            (None, None) => {}
        }
    }

    /// Brings the rows into line with what has changed; call it before they are looked at.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        if self.is_unsorted {
            self.sort(now);
        }
    }

    /// Lets go of what ended long ago; the oldest that runs first, then what ended last.
    pub(crate) fn sort(&mut self, now: Timestamp) {
        let stays = |_: &NodeId, run: &mut Run| {
            let ended = run.ended.as_ref();
            ended.is_none_or(|ended| now.duration_since(ended.at).as_secs() < STAYS)
        };
        self.is_unsorted = false;
        self.runs.retain(stays);
        let mut order: Vec<(&NodeId, &Run)> = self.runs.iter().collect();
        order.sort_by_key(|(id, run)| {
            let ended = run.ended.map(|ended| std::cmp::Reverse(ended.at));
            (ended.is_some(), ended, run.since, **id)
        });
        self.order = order.into_iter().map(|(id, _)| *id).collect();
    }

    /// All of them in their order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (NodeId, &Run)> {
        let run = |id: &NodeId| Some((*id, self.runs.get(id)?));
        self.order.iter().filter_map(run)
    }

    /// The run of a node.
    pub(crate) fn run(&self, node: NodeId) -> Option<&Run> {
        self.runs.get(&node)
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.order.len()
    }

    /// The line under the cursor, which holds on to its node.
    pub(crate) fn at(&self) -> usize {
        let cursor = self.cursor;
        let found = self.order.iter().position(|id| Some(*id) == cursor);
        found.unwrap_or(0)
    }

    /// The node under the cursor.
    pub(crate) fn cursor(&self) -> Option<NodeId> {
        self.order.get(self.at()).copied()
    }

    /// Moves the cursor by so many lines; it stops at both ends.
    pub(crate) fn step(&mut self, by: isize) {
        let last = self.order.len().saturating_sub(1);
        let at = self.at().saturating_add_signed(by).min(last);
        self.cursor = self.order.get(at).copied();
    }

    /// The nodes whose beginning was not seen, at most so many.
    pub(crate) fn unknown(&self, most: usize) -> Vec<NodeId> {
        let rows = self
            .rows()
            .filter(|(_, run)| !run.exact && run.ended.is_none());
        rows.map(|(id, _)| id).take(most).collect()
    }
}

/// The rate in a progress message such as `312 of 576 MiB, 88 MiB/s`.
pub(crate) fn rate(message: &str) -> Option<&str> {
    let (before, _) = message.split_once("/s")?;
    let unit = before.rfind(' ')?;
    let number = before.get(..unit)?.rfind([' ', ',']).map_or(0, |at| at + 1);
    let value = before.get(number..unit)?;
    let is_number = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_number.then(|| message.get(number..before.len() + 2))?
}

#[cfg(test)]
mod tests;
