//! How a row of the table of rules is written, and what is made of all of them. The rows are in
//! [`super::table`].

use super::Rule;
use crate::contract::{Operation, ROUTES};

/// The scopes of tokens that a rule can be passed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// Any.
    Any,
    /// The whole system.
    System,
    /// A project.
    Project,
    /// The whole system, or a project.
    SystemAndProject,
}

impl Scopes {
    /// What the documents call them.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::System => "system",
            Self::Project => "project",
            Self::SystemAndProject => "system, project",
        }
    }
}

/// A rule that guards operations.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Which one.
    pub rule: Rule,
    /// Its name in a policy file, such as `baremetal:node:get`.
    pub name: &'static str,
    /// What it says unless a file says something else, in the language of oslo.policy.
    pub check: &'static str,
    /// The scopes of tokens that pass it at all.
    pub scopes: Scopes,
    /// The operations that ask it beside the rule of their route.
    pub beside: &'static [Operation],
    /// What it allows.
    pub summary: &'static str,
}

impl Definition {
    /// The operations that ask it.
    pub fn operations(&self) -> impl Iterator<Item = Operation> {
        let name = self.rule.short();
        let guarded = ROUTES.iter().filter(move |route| route.policy == name);
        let beside = self.beside.iter().copied();
        guarded.map(|route| route.operation).chain(beside)
    }
}

/// An expression that others refer to by `rule:`, and that guards nothing itself.
#[derive(Clone, Copy, Debug)]
pub struct Helper {
    /// Its name.
    pub name: &'static str,
    /// What it says unless a file says something else.
    pub check: &'static str,
    /// Who passes it.
    pub summary: &'static str,
}

/// Makes the rules and their definitions of one table. A row is the rule, its name, what it says, its
/// scopes, the operations that ask it beside the rule of their route, and what it allows.
macro_rules! rules {
    ($($rule:ident: $name:literal, $check:expr, $scopes:ident, [$($operation:ident),*],
       $summary:literal;)*) => {
        /// A rule that guards operations.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $(#[doc = $summary] $rule,)*
        }

        /// All of them, in the order of [`Rule`].
        pub const RULES: &[Definition] = &[
            $(Definition {
                rule: Rule::$rule,
                name: $name,
                check: $check,
                scopes: Scopes::$scopes,
                beside: &[$(Operation::$operation),*],
                summary: $summary,
            },)*
        ];

        impl Rule {
            /// Its name in a policy file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }

            /// The scopes of tokens that pass it at all.
            #[must_use]
            pub const fn scopes(self) -> Scopes {
                match self {
                    $(Self::$rule => Scopes::$scopes,)*
                }
            }
        }
    };
}

pub(super) use rules;

impl Rule {
    /// Its name without `baremetal:`, as routes name it.
    #[must_use]
    pub fn short(self) -> &'static str {
        let name = self.name();
        name.strip_prefix(super::PREFIX).unwrap_or(name)
    }

    /// The rule that a route names.
    #[must_use]
    pub fn of_route(policy: &str) -> Option<Self> {
        let found = super::RULES.iter().find(|row| row.rule.short() == policy);
        found.map(|row| row.rule)
    }
}
