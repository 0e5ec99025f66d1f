//! The orders of the node list.

use std::cmp::Ordering;

use cupola_api::cupola::NodeSummary;
use cupola_api::state::provision::ProvisionState;

use crate::summary::power_word;

/// What the list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Column {
    /// The name, numbers in it by their value.
    #[default]
    Name,
    /// The provision state: what failed first, then what moves, then what rests.
    State,
    /// The power state.
    Power,
    /// How long it has been in its state: the latest change first.
    Since,
    /// The hardware type.
    Driver,
    /// The resource class.
    Class,
}

impl Column {
    /// All of them, in the order in which the sort key goes through them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Name,
        Self::State,
        Self::Power,
        Self::Since,
        Self::Driver,
        Self::Class,
    ];

    /// Its name in the title bar and in `:sort`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Power => "power",
            Self::Since => "since",
            Self::Driver => "driver",
            Self::Class => "class",
        }
    }

    /// The column with this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == text)
    }

    /// The next one.
    pub(crate) fn next(self) -> Self {
        let after = Self::ALL.iter().skip_while(|c| **c != self).nth(1);
        after.copied().unwrap_or_default()
    }
}

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sort {
    /// By what.
    pub(crate) column: Column,
    /// Whether the last comes first.
    pub(crate) reversed: bool,
}

impl Sort {
    /// Which of two nodes comes first; nodes that are alike come by name, then by UUID.
    pub(crate) fn compare(self, a: &NodeSummary, b: &NodeSummary) -> Ordering {
        let names = || natural(label(a), label(b)).then_with(|| a.uuid.cmp(&b.uuid));
        let order = match self.column {
            Column::Name => Ordering::Equal,
            Column::State => {
                let key = |n: &NodeSummary| (urgency(n.provision_state), n.provision_state);
                key(a).cmp(&key(b))
            }
            Column::Power => power_word(a.power_state).cmp(power_word(b.power_state)),
            Column::Since => b.provision_updated_at.cmp(&a.provision_updated_at),
            Column::Driver => a.driver.cmp(&b.driver),
            Column::Class => a.resource_class.cmp(&b.resource_class),
        };
        let order = if self.column == Column::Name {
            names()
        } else {
            order
        };
        let order = if self.reversed {
            order.reverse()
        } else {
            order
        };
        order.then_with(names)
    }
}

fn label(node: &NodeSummary) -> &str {
    node.name.as_deref().unwrap_or_default()
}

const fn urgency(state: ProvisionState) -> u8 {
    if state.is_failed() {
        0
    } else if state.is_working() || state.is_waiting() {
        1
    } else {
        2
    }
}

/// Compares texts so that `u2` comes before `u10`. A text without a name comes last.
fn natural(a: &str, b: &str) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.is_empty().cmp(&b.is_empty());
    }
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (Some(x), Some(y)) = (a.first(), b.first()) else {
            return a.len().cmp(&b.len());
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((x, rest_a), (y, rest_b)) = (number(a), number(b));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (rest_a, rest_b);
        } else {
            match x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()) {
                Ordering::Equal => {
                    a = a.get(1..).unwrap_or_default();
                    b = b.get(1..).unwrap_or_default();
                }
                order => return order,
            }
        }
    }
}

/// The digits at the start without leading zeros, and the rest.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|c| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    let zeros = digits.iter().take_while(|c| **c == b'0').count();
    (digits.get(zeros..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_by_their_value() {
        let mut names = ["u10", "u2", "u02b", "U1", "rack2-u1", "rack10-u1", ""];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            ["rack2-u1", "rack10-u1", "U1", "u2", "u02b", "u10", ""]
        );
    }

    proptest! {
        #[test]
        fn the_order_is_total(mut names in proptest::collection::vec("[a0-2]{0,5}", 0..12)) {
            // Sorting panics on an order that contradicts itself.
            names.sort_by(|a, b| natural(a, b));
            for pair in names.windows(2) {
                prop_assert_ne!(natural(&pair[0], &pair[1]), Ordering::Greater);
            }
        }
    }
}
