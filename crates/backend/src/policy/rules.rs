//! All rules that hold at one time: the defaults, and those that a file overrides. A rule that refers
//! to one that does not exist, or in a circle, is passed by nobody, whatever else it says.

use std::collections::{HashMap, HashSet};

use cupola_api::policy::{
    HELPERS, RULES, Rule, SHOW_INSTANCE_SECRETS, SHOW_PASSWORD, STEP_PREFIX, Scopes,
};

use super::evaluate::{Facts, Target};
use super::expression::{self, Expression};
use crate::auth::{Credentials, Scope};

/// The rules, by their names.
#[derive(Debug)]
pub(crate) struct Rules {
    by_name: HashMap<String, Expression>,
}

impl Rules {
    /// The defaults, overridden. Tells `problem` of rules that do not exist, and of those that cannot be
    /// passed by anybody because of what they refer to.
    pub(super) fn new(overrides: &[(String, Expression)], mut problem: impl FnMut(String)) -> Self {
        let guarding = RULES.iter().map(|row| (row.name, row.check));
        let helping = HELPERS.iter().map(|row| (row.name, row.check));
        let mut by_name = HashMap::new();
        for (name, check) in guarding.chain(helping) {
            // That all defaults can be read is tested.
            let read = expression::parse(check).unwrap_or(Expression::Never);
            by_name.insert(name.to_owned(), read);
        }
        let known: HashSet<String> = by_name.keys().cloned().collect();
        for (name, read) in overrides {
            if !known.contains(name) && is_a_mistake(name, overrides) {
                problem(format!(
                    "there is no rule {name}: docs/policy.md lists the rules; one of your own must be \
                     referred to by rule:{name}"
                ));
            }
            by_name.insert(name.clone(), read.clone());
        }
        let mut rules = Self { by_name };
        rules.close_unsound(&mut problem);
        rules
    }

    /// Lets nobody pass what refers to nothing or to itself.
    fn close_unsound(&mut self, problem: &mut impl FnMut(String)) {
        let mut names: Vec<&String> = self.by_name.keys().collect();
        names.sort();
        let unsound: Vec<(String, String)> = names
            .into_iter()
            .filter_map(|name| {
                let why = self.trouble(name, &mut vec![name.as_str()], &mut HashSet::new())?;
                Some((name.clone(), why))
            })
            .collect();
        for (name, why) in unsound {
            problem(format!("nobody passes {name}: {why}"));
            self.by_name.insert(name, Expression::Never);
        }
    }

    /// What is wrong with what a rule refers to, directly or through others.
    fn trouble<'a>(
        &'a self,
        name: &str,
        way: &mut Vec<&'a str>,
        sound: &mut HashSet<&'a str>,
    ) -> Option<String> {
        let mut names = Vec::new();
        references(self.by_name.get(name)?, &mut names);
        for other in names {
            if sound.contains(other) {
                continue;
            }
            if way.contains(&other) {
                let way = way.join(" → ");
                return Some(format!(
                    "its references go round in a circle ({way} → {other}): break it"
                ));
            }
            if !self.by_name.contains_key(other) {
                return Some(format!(
                    "there is no rule {other}: define it or correct its name"
                ));
            }
            way.push(other);
            let why = self.trouble(other, way, sound);
            way.pop();
            if why.is_some() {
                return why;
            }
            sound.insert(other);
        }
        None
    }

    /// Whether the holder of these credentials passes a rule.
    pub(super) fn passes(
        &self,
        rule: Rule,
        who: &Credentials,
        target: Target<'_>,
        service_project: Option<&str>,
    ) -> bool {
        let is_in_scope = match rule.scopes() {
            Scopes::Any => true,
            Scopes::System => matches!(who.scope, Scope::System),
            Scopes::Project => matches!(who.scope, Scope::Project { .. }),
            Scopes::SystemAndProject => matches!(who.scope, Scope::System | Scope::Project { .. }),
        };
        let passes = || self.passes_named(rule.name(), who, target, service_project);
        is_in_scope && passes() == Some(true)
    }

    /// Whether the holder of these credentials passes the rule of this name, with a token of any scope;
    /// none where there is no such rule.
    pub(super) fn passes_named(
        &self,
        name: &str,
        who: &Credentials,
        target: Target<'_>,
        service_project: Option<&str>,
    ) -> Option<bool> {
        let facts = Facts {
            who,
            target,
            service_project,
        };
        let named = |name: &str| self.by_name.get(name);
        named(name).map(|check| facts.pass(check, &named))
    }

    /// Whether somebody may see secrets.
    pub(crate) fn show_secrets(&self) -> bool {
        let shows = |name| {
            self.by_name
                .get(name)
                .is_some_and(|check| *check != Expression::Never)
        };
        shows(SHOW_PASSWORD) || shows(SHOW_INSTANCE_SECRETS)
    }
}

/// Whether a name that is none of ours is not one that the file's own rules refer to either.
fn is_a_mistake(name: &str, overrides: &[(String, Expression)]) -> bool {
    let is_of_step = name
        .strip_prefix(STEP_PREFIX)
        .is_some_and(|step| step.contains('.'));
    !is_of_step
        && !overrides.iter().any(|(_, other)| {
            let mut names = Vec::new();
            references(other, &mut names);
            names.contains(&name)
        })
}

fn references<'a>(expression: &'a Expression, into: &mut Vec<&'a str>) {
    match expression {
        Expression::Rule(name) => into.push(name),
        Expression::Not(inner) => references(inner, into),
        Expression::All(parts) | Expression::Any(parts) => {
            parts.iter().for_each(|part| references(part, into));
        }
        Expression::Always
        | Expression::Never
        | Expression::Role(_)
        | Expression::Attribute(..)
        | Expression::Literal(..) => {}
    }
}
