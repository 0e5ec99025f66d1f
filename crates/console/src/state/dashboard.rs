//! The dashboard: how many nodes are in which state, what is stuck, what failed, what was deployed,
//! conductors and BMCs. Every line that counts nodes is a filter: what it counts is what the list
//! shows by it.

use std::collections::BTreeMap;

use cupola_api::resource::Conductor;
use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;

use super::State;
use super::field::Field;
use super::query::Query;
use crate::event::Answer;

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The head of a part.
    Head,
    /// Something to know.
    Plain,
    /// A state, in its own style.
    State(ProvisionState),
    /// Look at this, when it is not zero.
    Warning,
    /// Wrong, when it is not zero.
    Failed,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What it says.
    pub(crate) label: String,
    /// How many nodes.
    pub(crate) count: Option<usize>,
    /// The longest bar of its part.
    pub(crate) most: usize,
    /// How it is meant.
    pub(crate) tone: Tone,
    /// The filter that shows them.
    pub(crate) filter: Option<String>,
}

/// What the dashboard shows.
#[derive(Debug, Default)]
pub(crate) struct Dashboard {
    /// The lines.
    pub(crate) lines: Vec<Line>,
    /// The line under the cursor.
    pub(crate) at: usize,
    /// The conductors, as far as the server tells.
    pub(crate) conductors: Option<Answer<Vec<Conductor>>>,
}

const TROUBLE: [(&str, &str, Tone); 7] = [
    (
        "in work for over 30 minutes",
        "moving:yes since:>30m",
        Tone::Warning,
    ),
    (
        "failed in the last hour",
        "failed:yes since:<1h",
        Tone::Failed,
    ),
    ("failed", "failed:yes", Tone::Failed),
    (
        "power state not known",
        "power:unknown|error",
        Tone::Warning,
    ),
    (
        "BMC does not answer",
        "fault:\"power failure\"",
        Tone::Failed,
    ),
    ("in maintenance", "maint:yes", Tone::Warning),
    ("locked by a conductor", "!locked:\"\"", Tone::Plain),
];

const DEPLOYED: [(&str, &str); 5] = [
    ("in the last hour", "state:=active since:<1h"),
    ("1 to 2 hours ago", "state:=active since:1h..2h"),
    ("2 to 3 hours ago", "state:=active since:2h..3h"),
    ("3 to 4 hours ago", "state:=active since:3h..4h"),
    ("in the last day", "state:=active since:<1d"),
];

fn head(label: &str) -> Line {
    Line {
        label: label.to_owned(),
        count: None,
        most: 0,
        tone: Tone::Head,
        filter: None,
    }
}

fn plain(label: String, tone: Tone) -> Line {
    Line {
        label,
        count: None,
        most: 0,
        tone,
        filter: None,
    }
}

impl State {
    /// Works the lines of the dashboard out anew.
    pub(crate) fn work_dashboard_out(&mut self) {
        let mut lines = vec![head("States")];
        lines.extend(self.by_state());
        lines.push(head("To look at"));
        let now = self.now;
        let trouble = TROUBLE
            .iter()
            .map(|(label, filter, tone)| self.counted(label, filter, *tone, now));
        lines.extend(with_bars(trouble.collect()));
        lines.push(head("Became active, and still are"));
        let deployed = DEPLOYED
            .iter()
            .map(|(label, filter)| self.counted(label, filter, Tone::Plain, now));
        lines.extend(with_bars(deployed.collect()));
        lines.push(head("Conductors"));
        lines.extend(self.conductors(now));
        let dashboard = &mut self.dashboard;
        dashboard.at = dashboard.at.min(lines.len().saturating_sub(1));
        dashboard.lines = lines;
    }

    fn by_state(&self) -> Vec<Line> {
        let mut counts: BTreeMap<ProvisionState, usize> = BTreeMap::new();
        for node in self.fleet.nodes() {
            *counts.entry(node.provision_state).or_default() += 1;
        }
        let lines = counts.into_iter().map(|(state, count)| Line {
            label: state.as_str().to_owned(),
            count: Some(count),
            most: 0,
            tone: Tone::State(state),
            filter: Some(format!("{}:=\"{state}\"", Field::State.name())),
        });
        with_bars(lines.collect())
    }

    fn counted(&self, label: &str, filter: &str, tone: Tone, now: Timestamp) -> Line {
        let query = Query::parse(filter);
        let nodes = self.fleet.nodes().iter();
        let count = nodes.filter(|node| query.matches(node, now)).count();
        Line {
            label: label.to_owned(),
            count: Some(count),
            most: 0,
            tone,
            filter: Some(filter.to_owned()),
        }
    }

    fn conductors(&self, now: Timestamp) -> Vec<Line> {
        let all = match &self.dashboard.conductors {
            None => return vec![plain("asking the server ...".to_owned(), Tone::Plain)],
            Some(Err(why)) => return vec![plain(format!("not told: {why}"), Tone::Warning)],
            Some(Ok(all)) => all,
        };
        let line = |conductor: &Conductor| {
            let heard = conductor
                .updated_at
                .map(|at| crate::describe::since(at, now));
            let heard = heard.map(|age| format!(", heard of {age} ago"));
            let group = match conductor.conductor_group.as_str() {
                "" => String::new(),
                group => format!(" in group {group}"),
            };
            let (word, tone) = match conductor.alive {
                true => ("alive", Tone::Plain),
                false => ("NOT ALIVE", Tone::Failed),
            };
            let heard = heard.unwrap_or_default();
            plain(format!("{} {word}{group}{heard}", conductor.hostname), tone)
        };
        all.iter().map(line).collect()
    }
}

fn with_bars(mut lines: Vec<Line>) -> Vec<Line> {
    let most = lines.iter().filter_map(|line| line.count).max();
    for line in &mut lines {
        line.most = most.unwrap_or(0);
    }
    lines
}
