//! The differences that are meant, each with its reason. `docs/differences.md` is made from this
//! table; the first rule that fits a difference explains it.

use super::compare::{Difference, Kind};
use super::glob::fits;

mod failures;
mod methods;
mod refusals;
mod table;
mod values;

/// All of them, in the order in which they are tried.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let tables = [
        table::RULES,
        failures::RULES,
        methods::RULES,
        refusals::RULES,
        values::RULES,
    ];
    tables.into_iter().flatten()
}

/// A difference that is meant.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// What it is about, each its own.
    pub topic: &'static str,
    /// What upstream does.
    pub upstream: &'static str,
    /// What Cupola does.
    pub cupola: &'static str,
    /// Why.
    pub reason: &'static str,
    /// What it explains: any of these.
    pub matches: &'static [Match],
}

/// Patterns that all have to fit.
#[derive(Clone, Copy, Debug)]
pub struct Match {
    /// The kind of difference; any when none.
    pub kind: Option<Kind>,
    /// The name of the case.
    pub case: &'static str,
    /// The place in the answer.
    pub place: &'static str,
    /// What upstream has there.
    pub upstream: &'static str,
    /// What Cupola has there.
    pub cupola: &'static str,
}

impl Match {
    /// Fits everything.
    pub const ANY: Self = Self {
        kind: None,
        case: "*",
        place: "*",
        upstream: "*",
        cupola: "*",
    };

    fn fits(&self, case: &str, difference: &Difference) -> bool {
        self.kind.is_none_or(|kind| kind == difference.kind)
            && fits(self.case, case)
            && fits(self.place, &difference.place)
            && fits(self.upstream, &difference.upstream)
            && fits(self.cupola, &difference.cupola)
    }
}

/// Another status; both with the text of the error, if there is one.
const fn status(case: &'static str, upstream: &'static str, cupola: &'static str) -> Match {
    Match {
        kind: Some(Kind::Status),
        case,
        place: "*",
        upstream,
        cupola,
    }
}

/// Another wording of an error; both in quotes.
const fn text(case: &'static str, upstream: &'static str, cupola: &'static str) -> Match {
    Match {
        kind: Some(Kind::Text),
        case,
        place: "*",
        upstream,
        cupola,
    }
}

/// The rule that explains a difference.
#[must_use]
pub fn find(case: &str, difference: &Difference) -> Option<&'static Rule> {
    rules().find(|rule| rule.matches.iter().any(|m| m.fits(case, difference)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_each_rules_own() {
        let mut topics: Vec<&str> = rules().map(|rule| rule.topic).collect();
        topics.sort_unstable();
        let all = topics.len();
        topics.dedup();
        assert_eq!(topics.len(), all);
    }
}
