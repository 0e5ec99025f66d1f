//! The body of a token as the identity service gives it (Identity API v3, `GET /v3/auth/tokens`),
//! read into what is kept of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::{Credentials, Scope};
use super::access::AccessRule;

/// What is kept of a good token.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) credentials: Arc<Credentials>,
    /// Until when the token is good.
    pub(super) expires_at: Timestamp,
    /// What an application credential limits its token to; `None` where it limits nothing.
    pub(super) access_rules: Option<Vec<AccessRule>>,
}

impl Holder {
    /// Reads it.
    ///
    /// # Errors
    /// Which member is missing or is something else than expected. Values are not told.
    pub(super) fn read(token: Value) -> Result<Self, serde_json::Error> {
        let token: Token = serde_json::from_value(token)?;
        let scope = match (token.system, token.project, token.domain) {
            (Some(system), _, _) if system.all => Scope::System,
            (_, Some(project), _) => Scope::Project {
                id: project.id,
                name: project.name,
                domain_id: project.domain.id,
            },
            (_, None, Some(domain)) => Scope::Domain(domain.id),
            (_, None, None) => Scope::Unscoped,
        };
        let credentials = Credentials {
            user_id: token.user.id,
            user_name: token.user.name,
            user_domain_id: token.user.domain.id,
            roles: token.roles.into_iter().map(|role| role.name).collect(),
            scope,
            is_admin_project: token.is_admin_project.unwrap_or(true),
        };
        let application = token.application_credential;
        Ok(Self {
            credentials: Arc::new(credentials),
            expires_at: token.expires_at,
            access_rules: application.and_then(|application| application.access_rules),
        })
    }
}

#[derive(Deserialize)]
struct Token {
    user: InDomain,
    expires_at: Timestamp,
    #[serde(default)]
    roles: Vec<Role>,
    project: Option<InDomain>,
    domain: Option<Id>,
    system: Option<System>,
    is_admin_project: Option<bool>,
    application_credential: Option<Application>,
}

#[derive(Deserialize)]
struct InDomain {
    id: String,
    name: String,
    domain: Id,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

#[derive(Deserialize)]
struct System {
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize)]
struct Application {
    access_rules: Option<Vec<AccessRule>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(more: Value) -> Value {
        let mut token = json!({
            "methods": ["password"],
            "user": {"id": "u1", "name": "me", "domain": {"id": "default", "name": "Default"},
                "password_expires_at": null},
            "audit_ids": ["a"],
            "expires_at": "2026-01-02T03:04:05.000000Z",
            "issued_at": "2026-01-02T02:04:05.000000Z",
        });
        let members = token.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        token
    }

    fn scope(more: Value) -> Scope {
        let holder = Holder::read(body(more)).unwrap();
        holder.credentials.scope.clone()
    }

    #[test]
    fn scopes_are_told_apart() {
        let domain = json!({"id": "default", "name": "Default"});
        let project = json!({"id": "p1", "name": "demo", "domain": domain});
        assert_eq!(scope(json!({})), Scope::Unscoped);
        assert_eq!(scope(json!({"system": {"all": true}})), Scope::System);
        assert_eq!(
            scope(json!({"domain": domain})),
            Scope::Domain("default".to_owned())
        );
        let Scope::Project {
            id,
            name,
            domain_id,
        } = scope(json!({"project": project}))
        else {
            panic!("a project");
        };
        assert_eq!([id, name, domain_id], ["p1", "demo", "default"]);
        // Nobody gets the whole system by a word that is not there.
        assert_eq!(scope(json!({"system": {}})), Scope::Unscoped);
    }

    #[test]
    fn roles_and_the_project_of_administrators_are_read() {
        let roles = json!([{"id": "1", "name": "admin"}, {"id": "2", "name": "reader"}]);
        let holder = Holder::read(body(json!({"roles": roles}))).unwrap();
        assert_eq!(holder.credentials.roles, ["admin", "reader"]);
        assert!(holder.credentials.is_admin_project && holder.access_rules.is_none());
        let holder = Holder::read(body(json!({"is_admin_project": false}))).unwrap();
        assert!(!holder.credentials.is_admin_project);
        let rules = json!([{"id": "r", "service": "baremetal", "method": "GET", "path": "/v1/**"}]);
        let limited = json!({"application_credential": {"id": "c", "access_rules": rules}});
        let holder = Holder::read(body(limited)).unwrap();
        assert_eq!(holder.access_rules.map(|rules| rules.len()), Some(1));
    }

    #[test]
    fn something_else_is_no_token() {
        for wrong in [
            json!({}),
            json!([]),
            json!({"user": "me"}),
            body(json!({"user": null})),
        ] {
            assert!(Holder::read(wrong).is_err());
        }
    }
}
