//! What actions on several nodes would do, before any of them is sent: who can take it, who cannot
//! and why, and what is hit.

use std::collections::BTreeMap;

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;

use super::fleet::Fleet;
use super::run::{Canary, Plan, Stop};
use super::safety::Safety;
use crate::command::Act;
use crate::summary;

/// What can be chosen for how many at once; more than any fleet means all.
const PARALLEL: [usize; 8] = [1, 2, 5, 10, 20, 50, 100, usize::MAX];
/// What can be chosen for the rate of failures, in percent.
const PERCENT: [u8; 4] = [5, 10, 20, 50];

/// A line of the preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Over what follows.
    Head(String),
    /// A fact.
    Text(String),
    /// Something to look at.
    Warning(String),
}

/// The screen before a run.
#[derive(Debug)]
pub(crate) struct Preview {
    /// What is done, to look again who can take it.
    pub(crate) what: Act,
    /// What would be sent.
    pub(crate) plan: Plan,
    /// What it means, in words.
    pub(crate) meaning: &'static str,
    /// What is hit, who cannot take it, who can.
    pub(crate) lines: Vec<Line>,
    /// The first line that is shown.
    pub(crate) top: usize,
}

impl Preview {
    /// A preview of this plan.
    pub(crate) fn new(what: Act, plan: Plan, meaning: &'static str, fleet: &Fleet) -> Self {
        let mut preview = Self {
            what,
            plan,
            meaning,
            lines: Vec::new(),
            top: 0,
        };
        preview.work_out(fleet);
        preview
    }

    /// Works the lines out; once per change of the plan.
    pub(crate) fn work_out(&mut self, fleet: &Fleet) {
        let acts = self.plan.acts.iter();
        let nodes: Vec<&NodeSummary> = acts.filter_map(|(id, _)| fleet.get(*id)).collect();
        let mut lines = hit(&nodes, self.plan.destroys());
        lines.extend(refused(&self.plan.left_out, fleet));
        lines.push(Line::Head(format!("Can do it: {}", nodes.len())));
        lines.extend(nodes.iter().map(|node| {
            let power = summary::power_word(node.power_state);
            let instance = node.instance_uuid.map(|id| format!(", instance {id}"));
            Line::Text(format!(
                "  {}  {}, power {power}{}",
                summary::display_name(node),
                node.provision_state,
                instance.unwrap_or_default()
            ))
        }));
        self.lines = lines;
        self.top = self.top.min(self.lines.len().saturating_sub(1));
    }

    /// The next choice of how many at once.
    pub(crate) fn next_parallel(&mut self) {
        let now = self.plan.options.parallel;
        let next = PARALLEL.iter().find(|choice| **choice > now);
        self.plan.options.parallel = next.copied().unwrap_or(1);
    }

    /// The next choice of whether one goes first.
    pub(crate) const fn next_canary(&mut self) {
        self.plan.options.canary = match self.plan.options.canary {
            Canary::No => Canary::Ask,
            Canary::Ask => Canary::First,
            Canary::First => Canary::No,
        };
    }

    /// The next choice of when it stops by itself.
    pub(crate) fn next_stop(&mut self, safety: &Safety) {
        let now = self.plan.options.stop.map_or(0, |stop| stop.percent);
        let next = PERCENT.iter().find(|choice| **choice > now);
        self.plan.options.stop = next.map(|percent| Stop {
            percent: *percent,
            least: safety.stop_least,
        });
    }
}

/// The rack of a node by its name, where names are `RACK-u07` or `RACK-7`.
fn rack(node: &NodeSummary) -> Option<&str> {
    let (rack, unit) = node.name.as_deref()?.rsplit_once('-')?;
    let digits = unit.trim_start_matches(['u', 'U']);
    let is_unit = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    (is_unit && !rack.is_empty()).then_some(rack)
}

/// `active 30, deploy failed 7`, the most frequent first, a few to a line.
fn tally(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let parts: Vec<String> = counts
        .iter()
        .map(|(word, n)| format!("{word} {n}"))
        .collect();
    parts.chunks(4).map(|some| some.join(", ")).collect()
}

fn hit(nodes: &[&NodeSummary], destroys: bool) -> Vec<Line> {
    let of = |word: fn(&NodeSummary) -> String| tally(nodes.iter().map(|node| word(node)));
    let states = of(|node| node.provision_state.to_string());
    let power = of(|node| summary::power_word(node.power_state).to_owned());
    let racks = tally(
        nodes
            .iter()
            .filter_map(|node| rack(node))
            .map(str::to_owned),
    );
    let mut lines = vec![Line::Head("What is hit".to_owned())];
    for (label, texts) in [("State", states), ("Power", power), ("Rack", racks)] {
        for (at, text) in texts.into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            lines.push(Line::Text(format!("  {label:<7} {text}")));
        }
    }
    let instances = nodes
        .iter()
        .filter(|node| node.instance_uuid.is_some())
        .count();
    if destroys && instances > 0 {
        let what = crate::describe::count(instances, "instance");
        lines.push(Line::Warning(format!("  {what} would be cut off")));
    }
    let maintenance = nodes.iter().filter(|node| node.maintenance).count();
    if maintenance > 0 {
        lines.push(Line::Warning(format!("  {maintenance} in maintenance")));
    }
    lines.push(Line::Text(String::new()));
    lines
}

/// Those that cannot take it, those with the same reason together.
fn refused(left_out: &[(NodeId, String)], fleet: &Fleet) -> Vec<Line> {
    if left_out.is_empty() {
        return Vec::new();
    }
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (id, why) in left_out {
        let name = fleet.get(*id).map(summary::display_name);
        let name = name.unwrap_or_else(|| id.to_string());
        reasons.entry(why).or_default().push(name);
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let mut lines = vec![Line::Head(format!("Cannot do it: {}", left_out.len()))];
    for (why, names) in reasons {
        lines.push(Line::Warning(format!("  {}: {why}", names.len())));
        lines.extend(
            names
                .chunks(4)
                .map(|some| Line::Text(format!("    {}", some.join(", ")))),
        );
    }
    lines.push(Line::Text(String::new()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;
    use cupola_api::state::provision::ProvisionState as S;

    #[test]
    fn racks_are_told_from_names() {
        let of = |name: &str| rack(&summary(1, name, S::Active)).map(str::to_owned);
        assert_eq!(of("rack1-u07").as_deref(), Some("rack1"));
        assert_eq!(of("dc2-r4-12").as_deref(), Some("dc2-r4"));
        assert_eq!(of("web-server"), None);
        assert_eq!(of("n1"), None);
    }

    #[test]
    fn those_that_cannot_are_grouped_by_reason() {
        let mut fleet = Fleet::default();
        fleet.replace(
            (1..=3)
                .map(|n| summary(n, &format!("n{n}"), S::Active))
                .collect(),
        );
        let out: Vec<_> = (1..=3)
            .map(|n| (summary(n, "", S::Active).uuid, "locked".to_owned()))
            .collect();
        let lines = refused(&out, &fleet);
        assert_eq!(lines[1], Line::Warning("  3: locked".to_owned()));
        assert_eq!(lines[2], Line::Text("    n1, n2, n3".to_owned()));
    }
}
