//! Who passes a rule of the policy, by a reading of the rules' texts that shares nothing with the
//! service's: what the tests expect of it.

use cupola_api::policy::{HELPERS, PREFIX, RULES, Scopes};

/// Where somebody stands to what a request is about: a node, an allocation or a runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the whole system.
    System,
    /// In the project that owns it.
    Owner,
    /// In the project that leases the node.
    Lessee,
    /// In another project.
    Other,
}

/// Whether who has these roles there passes the rule `baremetal:NAME`; false where there is none.
#[must_use]
pub fn passes(name: &str, roles: &[&str], place: Place) -> bool {
    let named = |full: &str| full.strip_prefix(PREFIX) == Some(name);
    let Some(rule) = RULES.iter().find(|row| named(row.name)) else {
        return false;
    };
    let is_in_scope = match rule.scopes {
        Scopes::Any | Scopes::SystemAndProject => true,
        Scopes::System => place == Place::System,
        Scopes::Project => place != Place::System,
    };
    is_in_scope && holds(rule.check, roles, place)
}

/// Whether there is a rule of this name.
#[must_use]
pub fn is_rule(name: &str) -> bool {
    RULES
        .iter()
        .any(|row| row.name.strip_prefix(PREFIX) == Some(name))
}

fn holds(text: &str, roles: &[&str], place: Place) -> bool {
    let words = words(text);
    let mut reader = Reader {
        words: &words,
        roles,
        place,
    };
    reader.any()
}

/// Words and brackets; a bracket in `%(name)s` belongs to its word.
fn words(text: &str) -> Vec<String> {
    let spaced = text.replace("%(", "%<").replace(")s", ">s");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

struct Reader<'a> {
    words: &'a [String],
    roles: &'a [&'a str],
    place: Place,
}

impl Reader<'_> {
    fn take(&mut self, wanted: &str) -> bool {
        match self.words.split_first() {
            Some((word, rest)) if word == wanted => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.take("or") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.one();
        while self.take("and") {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        if self.take("not") {
            return !self.one();
        }
        if self.take("(") {
            let holds = self.any();
            self.take(")");
            return holds;
        }
        let Some((word, rest)) = self.words.split_first() else {
            return false;
        };
        self.words = rest;
        match word.split_once(':') {
            Some(("role", role)) => self.roles.contains(&role),
            Some(("system_scope", _)) => self.place == Place::System,
            Some(("project_id", of)) if of != "%<node.lessee>s" => {
                of.ends_with(".owner>s") && self.place == Place::Owner
            }
            Some(("project_id", "%<node.lessee>s")) => self.place == Place::Lessee,
            Some(("rule", name)) => {
                let helper = HELPERS.iter().find(|helper| helper.name == name);
                helper.is_some_and(|helper| holds(helper.check, self.roles, self.place))
            }
            // No project here is called as that of services; nothing else belongs to a project.
            _ => word == "@",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let text = "(role:a and project_id:%(node.owner)s) or not role:b";
        assert!(holds(text, &["a", "b"], Place::Owner));
        assert!(!holds(text, &["a", "b"], Place::Lessee));
        assert!(holds(text, &[], Place::Other));
        assert!(passes("node:delete", &["admin"], Place::System));
        assert!(!passes("node:delete", &["admin"], Place::Owner));
        assert!(!passes("no:such", &["admin"], Place::System));
    }
}
