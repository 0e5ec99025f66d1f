//! What a run found: counted by chapter, and what is open grouped by what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::compare::{Difference, Kind};
use super::explained;
use super::known;
use super::run::Outcome;

/// How many examples a group of open differences shows.
const EXAMPLES: usize = 4;

/// The differences of a run, sorted by what is known of them.
#[derive(Debug, Default)]
pub struct Findings {
    /// Requests compared.
    pub requests: usize,
    /// Requests answered the same.
    pub identical: usize,
    /// Requests all of whose differences are explained.
    pub explained: usize,
    /// Requests with open differences.
    pub open: usize,
    /// Open differences, as the list of open ones names them.
    pub lines: BTreeSet<String>,
    /// How often each rule explained something.
    pub used: BTreeMap<&'static str, usize>,
    chapters: BTreeMap<String, [usize; 3]>,
    groups: BTreeMap<(Kind, String), Vec<(String, Difference)>>,
}

impl Findings {
    /// Sorts the outcomes.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut findings = Self::default();
        for outcome in outcomes {
            findings.add(outcome);
        }
        findings
    }

    fn add(&mut self, outcome: &Outcome) {
        let chapter = outcome.name.split(" | ").next().unwrap_or_default();
        let (mut explained, mut open) = (0, 0);
        for difference in &outcome.differences {
            match explained::find(&outcome.name, difference) {
                Some(rule) => {
                    explained += 1;
                    *self.used.entry(rule.topic).or_default() += 1;
                }
                None => {
                    open += 1;
                    self.lines.insert(known::line(&outcome.name, difference));
                    let group = (difference.kind, difference.key());
                    let example = (outcome.name.clone(), difference.clone());
                    self.groups.entry(group).or_default().push(example);
                }
            }
        }
        self.requests += 1;
        let column = match (explained, open) {
            (0, 0) => 0,
            (_, 0) => 1,
            _ => 2,
        };
        let total = [&mut self.identical, &mut self.explained, &mut self.open];
        if let Some(total) = total.into_iter().nth(column) {
            *total += 1;
        }
        let row = self.chapters.entry(chapter.to_owned()).or_default();
        if let Some(cell) = row.get_mut(column) {
            *cell += 1;
        }
    }

    /// The table of all chapters.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = format!(
            "{:<24} {:>8} {:>10} {:>10} {:>6}\n",
            "chapter", "requests", "identical", "explained", "open"
        );
        let total = [self.identical, self.explained, self.open];
        let total = ("together".to_owned(), total);
        let rows = self.chapters.iter().map(|(name, row)| (name.clone(), *row));
        for (name, [identical, explained, open]) in rows.chain([total]) {
            let requests = identical + explained + open;
            let _ = writeln!(
                out,
                "{name:<24} {requests:>8} {identical:>10} {explained:>10} {open:>6}"
            );
        }
        out
    }

    /// Open differences by what they are, with examples; only those of these lines.
    #[must_use]
    pub fn open(&self, only: Option<&BTreeSet<String>>) -> String {
        let mut out = String::new();
        for ((_, key), found) in &self.groups {
            let found: Vec<_> = found
                .iter()
                .filter(|(name, d)| only.is_none_or(|o| o.contains(&known::line(name, d))))
                .collect();
            if found.is_empty() {
                continue;
            }
            let _ = writeln!(out, "\n{key}: {}", found.len());
            let shown = if only.is_some() { usize::MAX } else { EXAMPLES };
            for (name, difference) in found.into_iter().take(shown) {
                let _ = writeln!(
                    out,
                    "  {name}\n    upstream {}\n    cupola   {}",
                    difference.upstream, difference.cupola
                );
            }
        }
        out
    }

    /// How often each rule explained something.
    #[must_use]
    pub fn rules(&self) -> String {
        let mut out = String::new();
        for (topic, count) in &self.used {
            let _ = writeln!(out, "{count:>8}  {topic}");
        }
        out
    }

    /// Rules that explained nothing.
    #[must_use]
    pub fn idle(&self) -> Vec<&'static str> {
        let topics = explained::rules().map(|rule| rule.topic);
        topics.filter(|t| !self.used.contains_key(t)).collect()
    }
}
