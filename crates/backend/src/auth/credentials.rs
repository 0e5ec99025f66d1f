//! What the identity service says of the holder of a token. Not how a token is checked, and not what
//! its holder may do.

use std::fmt;

/// The holder of a token, as the identity service describes it (Keystone v3, `GET /v3/auth/tokens`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user's id.
    pub(crate) user_id: String,
    /// The user's name.
    pub(crate) user_name: String,
    /// The id of the domain that the user belongs to.
    pub(crate) user_domain_id: String,
    /// The names of the roles it has in the scope, as the identity service spells them. Implied roles
    /// are among them.
    pub(crate) roles: Vec<String>,
    /// Where it has them.
    pub(crate) scope: Scope,
    /// Whether the scope is the project of administrators (`is_admin_project`). True where the
    /// identity service does not tell.
    pub(crate) is_admin_project: bool,
}

/// Where the roles of a token count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The whole system (`system_scope:all`).
    System,
    /// A project.
    Project {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// The id of the domain that it belongs to.
        domain_id: String,
    },
    /// A domain, by its id. No rule lets it do anything.
    Domain(String),
    /// Nowhere: an unscoped token.
    Unscoped,
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => write!(out, "system"),
            Self::Project { name, id, .. } => write!(out, "project {name} ({id})"),
            Self::Domain(id) => write!(out, "domain {id}"),
            Self::Unscoped => write!(out, "no scope"),
        }
    }
}
