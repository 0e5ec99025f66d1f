//! The filter language of the node list.
//!
//! Words are separated by blanks and all must hold. `!word` must not hold. `field:value` looks at
//! one field; `*` at the end of the value matches any rest. A word without a field is looked for in
//! name, UUID, state, driver and resource class. Upper and lower case are the same.

use cupola_api::cupola::NodeSummary;

use crate::summary::power_word;

/// A parsed filter. The empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    negated: bool,
    field: Option<Field>,
    value: String,
    prefix: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Uuid,
    Provision,
    Power,
    Driver,
    Class,
    Maintenance,
    Fault,
    Error,
    Waiting,
    Step,
}

/// The names of fields, the first one of each kind is the one that help shows.
const FIELDS: &[(&str, Field)] = &[
    ("name", Field::Name),
    ("uuid", Field::Uuid),
    ("state", Field::Provision),
    ("prov", Field::Provision),
    ("provision", Field::Provision),
    ("power", Field::Power),
    ("driver", Field::Driver),
    ("class", Field::Class),
    ("maint", Field::Maintenance),
    ("maintenance", Field::Maintenance),
    ("fault", Field::Fault),
    ("error", Field::Error),
    ("wait", Field::Waiting),
    ("waits", Field::Waiting),
    ("step", Field::Step),
];

/// What the filter prompt says about a word that looks like a field and is none.
pub(crate) fn unknown_field(text: &str) -> Option<String> {
    let word = |w: &&str| w.contains(':');
    let field = |w: &str| {
        let (name, _) = w.trim_start_matches('!').split_once(':')?;
        (!name.is_empty() && find_field(name).is_none()).then(|| name.to_owned())
    };
    let name = text.split_whitespace().filter(word).find_map(field)?;
    Some(format!(
        "no field {name:?}: name uuid state power driver class maint fault error wait step"
    ))
}

fn find_field(name: &str) -> Option<Field> {
    let same = |(text, _): &&(&str, Field)| text.eq_ignore_ascii_case(name);
    FIELDS.iter().find(same).map(|(_, field)| *field)
}

impl Query {
    /// Reads a filter. Every text is one: a word with an unknown field is looked for as it is.
    pub(crate) fn parse(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(Term::parse).collect();
        Self { terms }
    }

    /// Whether it matches everything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether this node is shown.
    pub(crate) fn matches(&self, node: &NodeSummary) -> bool {
        self.terms
            .iter()
            .all(|term| term.holds(node) != term.negated)
    }
}

impl Term {
    fn parse(word: &str) -> Option<Self> {
        let negated = word.starts_with('!');
        let word = word.strip_prefix('!').unwrap_or(word);
        let split = word.split_once(':');
        let found = split.and_then(|(name, value)| Some((find_field(name)?, value)));
        let (field, value) = match found {
            Some((field, value)) => (Some(field), value),
            None => (None, word),
        };
        let prefix = value.ends_with('*');
        let value = value.trim_end_matches('*').to_ascii_lowercase();
        (!value.is_empty() || field.is_some()).then_some(Self {
            negated,
            field,
            value,
            prefix,
        })
    }

    fn holds(&self, node: &NodeSummary) -> bool {
        let Some(field) = self.field else {
            return self.anywhere(node);
        };
        match field {
            Field::Name => self.text(node.name.as_deref().unwrap_or_default()),
            Field::Uuid => self.text(&node.uuid.to_string()),
            Field::Provision => self.text(node.provision_state.as_str()),
            Field::Power => self.text(power_word(node.power_state)),
            Field::Driver => self.text(&node.driver),
            Field::Class => self.text(node.resource_class.as_deref().unwrap_or_default()),
            Field::Maintenance => {
                let wanted = !matches!(self.value.as_str(), "false" | "no" | "off" | "0");
                node.maintenance == wanted
            }
            Field::Fault => node.fault.is_some_and(|f| self.text(f.as_str())),
            Field::Error => node.last_error.as_deref().is_some_and(|e| self.text(e)),
            Field::Waiting => node.waiting.as_ref().is_some_and(|w| self.text(&w.what)),
            Field::Step => node.step.as_ref().is_some_and(|s| self.text(&s.step)),
        }
    }

    fn text(&self, text: &str) -> bool {
        if self.prefix {
            let start = text.as_bytes().get(..self.value.len());
            start.is_some_and(|s| s.eq_ignore_ascii_case(self.value.as_bytes()))
        } else {
            contains(text, &self.value)
        }
    }

    fn anywhere(&self, node: &NodeSummary) -> bool {
        node.name.as_deref().is_some_and(|name| self.text(name))
            || self.text(node.provision_state.as_str())
            || self.text(&node.driver)
            || node
                .resource_class
                .as_deref()
                .is_some_and(|class| self.text(class))
            || (self.value.len() > 3 && self.text(&node.uuid.to_string()))
            || (node.maintenance && self.text("maintenance"))
    }
}

/// Whether `text` contains `word`, which is in lower case; ASCII letters of either case are equal.
fn contains(text: &str, word: &str) -> bool {
    let word = word.as_bytes();
    word.is_empty()
        || text
            .as_bytes()
            .windows(word.len())
            .any(|w| w.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;
    use cupola_api::state::provision::ProvisionState;
    use proptest::prelude::*;

    #[test]
    fn filters() {
        let mut node = summary(7, "rack1-u07", ProvisionState::DeployFailed);
        node.maintenance = true;
        node.last_error = Some("BMC does not answer".to_owned());
        let cases = [
            ("", true),
            ("rack1", true),
            ("RACK1 u07", true),
            ("!rack1", false),
            ("state:deploy*", true),
            ("prov:failed", true),
            ("state:failed*", false),
            ("maint:true", true),
            ("maint:no", false),
            ("!maint:yes", false),
            ("error:answer power:off", false),
            ("error:answer power:unknown", true),
            ("nosuch:thing", false),
            ("step:write", false),
        ];
        for (text, want) in cases {
            assert_eq!(Query::parse(text).matches(&node), want, "{text:?}");
        }
    }

    #[test]
    fn an_unknown_field_is_named() {
        assert!(unknown_field("rack:12").is_some_and(|t| t.contains("\"rack\"")));
        assert_eq!(unknown_field("state:active x"), None);
    }

    proptest! {
        #[test]
        fn every_text_is_a_filter(text in "\\PC{0,40}") {
            Query::parse(&text).matches(&summary(1, "näme", ProvisionState::Active));
        }
    }
}
