//! Whether the holder of a token passes a rule. What is not set equals nothing: a node without an owner
//! belongs to no project, a token without a project to no node.

use std::borrow::Cow;

use super::expression::{Attribute, Expression, Piece, Text};
use crate::auth::{Credentials, Scope};

/// What a request is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Target<'a> {
    /// The project that owns the node.
    pub(crate) node_owner: Option<&'a str>,
    /// The project that leases the node.
    pub(crate) node_lessee: Option<&'a str>,
    /// The project that owns the allocation.
    pub(crate) allocation_owner: Option<&'a str>,
    /// The project that owns the runbook.
    pub(crate) runbook_owner: Option<&'a str>,
}

/// All that a rule can ask about.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) who: &'a Credentials,
    pub(super) target: Target<'a>,
    /// The project whose services are as good as those of the system.
    pub(super) service_project: Option<&'a str>,
}

impl Facts<'_> {
    /// Whether this is passed; `rule` tells what another rule says.
    pub(super) fn pass<'r>(
        &self,
        expression: &'r Expression,
        rule: &impl Fn(&str) -> Option<&'r Expression>,
    ) -> bool {
        match expression {
            Expression::Always => true,
            Expression::Never => false,
            Expression::Not(inner) => !self.pass(inner, rule),
            Expression::All(parts) => parts.iter().all(|part| self.pass(part, rule)),
            Expression::Any(parts) => parts.iter().any(|part| self.pass(part, rule)),
            Expression::Rule(name) => rule(name).is_some_and(|other| self.pass(other, rule)),
            Expression::Role(role) => self.filled(role).is_some_and(|role| {
                let mut roles = self.who.roles.iter();
                roles.any(|has| has.eq_ignore_ascii_case(&role) || has.to_lowercase() == *role)
            }),
            Expression::Attribute(attribute, text) => match self.attribute(*attribute) {
                Some(is) => self.filled(text).is_some_and(|want| is == want),
                // As upstream writes that something is not set.
                None => matches!(text.0.as_slice(), [Piece::Plain(none)] if none == "None"),
            },
            Expression::Literal(literal, text) => {
                self.filled(text).is_some_and(|want| *literal == want)
            }
        }
    }

    /// The text with its places filled; none where one is not set.
    fn filled<'t>(&self, text: &'t Text) -> Option<Cow<'t, str>> {
        match text.0.as_slice() {
            [] => Some(Cow::Borrowed("")),
            [Piece::Plain(plain)] => Some(Cow::Borrowed(plain)),
            pieces => {
                let mut out = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Plain(plain) => out.push_str(plain),
                        Piece::Place(key) => out.push_str(self.place(key)?),
                    }
                }
                Some(Cow::Owned(out))
            }
        }
    }

    fn place(&self, key: &str) -> Option<&str> {
        match key {
            "node.owner" => self.target.node_owner,
            "node.lessee" => self.target.node_lessee,
            "allocation.owner" => self.target.allocation_owner,
            "runbook.owner" => self.target.runbook_owner,
            "config.service_project_name" => self.service_project,
            own => self.attribute(Attribute::named(own)?),
        }
    }

    fn attribute(&self, attribute: Attribute) -> Option<&str> {
        let who = self.who;
        let truth = |is: bool| Some(if is { "True" } else { "False" });
        match (attribute, &who.scope) {
            (Attribute::UserId, _) => Some(&who.user_id),
            (Attribute::UserName, _) => Some(&who.user_name),
            (Attribute::UserDomainId, _) => Some(&who.user_domain_id),
            (Attribute::ProjectId, Scope::Project { id, .. }) => Some(id),
            (Attribute::ProjectName, Scope::Project { name, .. }) => Some(name),
            (Attribute::ProjectDomainId, Scope::Project { domain_id, .. }) => Some(domain_id),
            (Attribute::DomainId, Scope::Domain(id)) => Some(id),
            (Attribute::SystemScope, Scope::System) => Some("all"),
            (Attribute::IsAdmin, _) => truth(
                who.roles
                    .iter()
                    .any(|role| role.eq_ignore_ascii_case("admin")),
            ),
            (Attribute::IsAdminProject, _) => truth(who.is_admin_project),
            (Attribute::IsPublicApi, _) => truth(false),
            (
                Attribute::ProjectId
                | Attribute::ProjectName
                | Attribute::ProjectDomainId
                | Attribute::DomainId
                | Attribute::SystemScope,
                Scope::System | Scope::Project { .. } | Scope::Domain(_) | Scope::Unscoped,
            ) => None,
        }
    }
}
