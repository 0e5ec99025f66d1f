//! The filter language of the node list: what a filter means. How it is read is in `parse`.
//!
//! Terms are separated by blanks and all must hold. `!term` must not hold. `field:value` looks at
//! one field, a term without a field at all of them. `a|b` is this or that; `*` stands for anything
//! at the start, the end or in the middle; `~text` is fuzzy; `=text` is the whole value; `"text"` is
//! taken as it is; `>a`, `>=a`, `<a`, `<=a` and `a..b` compare, numbers in names by their value,
//! times by their age. `field:""` has no value. Upper and lower case are the same.

mod fuzzy;
mod parse;
mod values;

use std::cmp::Ordering;

use cupola_api::cupola::NodeSummary;
use jiff::Timestamp;

use super::field::{self, Field, Kind};
use super::natural::natural;
use fuzzy::Fuzzy;
pub(crate) use parse::pieces;
use values::contains;

/// A parsed filter. The empty one matches everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    terms: Vec<Term>,
    /// What of it makes no sense, for the person who types it.
    problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    negated: bool,
    field: Option<Field>,
    any: Vec<Test>,
}

/// What a value must be like.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// It contains this, which is in lower case.
    Contains(String),
    /// It is this, whole.
    Is(String),
    /// It is like this, pieces between stars.
    Like(Vec<String>),
    /// It has the letters of this in this order.
    Fuzzy(Fuzzy),
    /// It is between these.
    Between(Bound, Bound),
    /// The moment is so long ago.
    Aged(Option<Limit>, Option<Limit>),
    /// The flag is so.
    Flag(bool),
    /// Nothing is typed yet: nothing is hidden by it.
    Open,
    /// What is typed makes no sense: everything is hidden by it, so that nobody marks all nodes who
    /// mistyped what was to choose some.
    Wrong,
}

/// One end of a range of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    Open,
    Including(String),
    Excluding(String),
}

/// One end of a range of ages, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// Seconds.
    Age(i64),
    /// A moment; later is younger.
    At(Timestamp),
}

impl Limit {
    fn seconds(self, now: Timestamp) -> i64 {
        match self {
            Self::Age(seconds) => seconds,
            Self::At(moment) => now.duration_since(moment).as_secs(),
        }
    }
}

impl Query {
    /// Whether it matches everything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// What of it makes no sense.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether what it matches changes with the time alone.
    pub(crate) fn is_timed(&self) -> bool {
        let aged = |test: &Test| matches!(test, Test::Aged(..));
        self.terms.iter().any(|term| term.any.iter().any(aged))
    }

    /// Whether it can only show what `other` shows, as when one more letter is typed.
    pub(crate) fn narrows(&self, other: &Self) -> bool {
        let pairs = self.terms.iter().zip(&other.terms);
        self.terms.len() >= other.terms.len()
            && !self.is_timed()
            && !other.is_timed()
            && pairs.into_iter().all(|(new, old)| new.narrows(old))
    }

    /// Whether this node is shown.
    pub(crate) fn matches(&self, node: &NodeSummary, now: Timestamp) -> bool {
        self.terms
            .iter()
            .all(|term| term.any.iter().any(|t| term.holds(t, node, now)) != term.negated)
    }
}

impl Term {
    fn narrows(&self, other: &Self) -> bool {
        let longer = match (self.any.as_slice(), other.any.as_slice()) {
            ([Test::Contains(new)], [Test::Contains(old)]) => {
                let is_same_kind = self.field.is_some() || is_short(new) == is_short(old);
                new.contains(old.as_str()) && is_same_kind
            }
            _ => false,
        };
        let is_like = self.field == other.field && !self.negated && !other.negated;
        self == other || (is_like && longer)
    }

    fn holds(&self, test: &Test, node: &NodeSummary, now: Timestamp) -> bool {
        // These are the same turned round.
        match test {
            Test::Open => return !self.negated,
            Test::Wrong => return self.negated,
            _ => {}
        }
        match self.field {
            Some(field) => test.holds(field, node, now),
            None => field::TABLE
                .iter()
                .any(|row| test.holds_anywhere(row.field, row.kind, node)),
        }
    }
}

impl Test {
    fn holds(&self, field: Field, node: &NodeSummary, now: Timestamp) -> bool {
        match self {
            Self::Flag(wanted) => field.flag(node) == *wanted,
            Self::Aged(least, most) => field.time(node).is_some_and(|moment| {
                let age = now.duration_since(moment).as_secs();
                least.is_none_or(|limit| age >= limit.seconds(now))
                    && most.is_none_or(|limit| age <= limit.seconds(now))
            }),
            Self::Open => true,
            Self::Wrong => false,
            other if field.kind() == Kind::Time => {
                // A time has no text; only whether it is there can be asked for.
                matches!(other, Self::Is(text) if text.is_empty()) && field.time(node).is_none()
            }
            other => match field.plain(node) {
                "" => other.fits(&field.text(node)),
                text => other.fits(text),
            },
        }
    }

    /// Whether any text of the node fits; what is made for a column alone is not looked at.
    fn holds_anywhere(&self, field: Field, kind: Kind, node: &NodeSummary) -> bool {
        match (field, kind) {
            (Field::Does, _) | (_, Kind::Time) => false,
            (Field::Maintenance | Field::Retired | Field::Protected, _) => {
                field.flag(node) && self.fits(field.row().names.last().unwrap_or(&""))
            }
            (_, Kind::Flag) => false,
            (Field::Uuid, _) => {
                let mut buffer = [0; 36];
                let text = node.uuid.0.hyphenated().encode_lower(&mut buffer);
                self.fits_identifier(text)
            }
            (Field::InstanceUuid, _) => node.instance_uuid.is_some_and(|id| {
                let mut buffer = [0; 36];
                self.fits_identifier(id.hyphenated().encode_lower(&mut buffer))
            }),
            (Field::Traits, _) => node.traits.iter().any(|text| self.fits(text)),
            _ => match field.plain(node) {
                "" => false,
                text => self.fits(text),
            },
        }
    }

    fn fits_identifier(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => !is_short(part) && contains(text, part),
            Self::Fuzzy(_) => false,
            other => other.fits(text),
        }
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => contains(text, part),
            Self::Is(whole) => text.eq_ignore_ascii_case(whole),
            Self::Like(parts) => values::is_like(text, parts),
            Self::Fuzzy(fuzzy) => fuzzy.matches(text),
            Self::Between(from, to) => {
                !text.is_empty()
                    && from.admits(text, Ordering::Greater)
                    && to.admits(text, Ordering::Less)
            }
            Self::Open => true,
            Self::Aged(..) | Self::Flag(_) | Self::Wrong => false,
        }
    }
}

/// A few letters would be in nearly every identifier.
const fn is_short(part: &str) -> bool {
    part.len() <= 3
}

impl Bound {
    /// Whether a text is on this side of it.
    fn admits(&self, text: &str, side: Ordering) -> bool {
        match self {
            Self::Open => true,
            Self::Including(limit) => natural(text, limit) != side.reverse(),
            Self::Excluding(limit) => natural(text, limit) == side,
        }
    }
}

#[cfg(test)]
mod tests;
