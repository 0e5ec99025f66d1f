//! How somebody proves to the identity service who they are: the body of `POST /v3/auth/tokens`.

use serde_json::{Value, json};

use crate::Secret;

/// Something that is named by its id, or by its name within a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By its id.
    Id(String),
    /// By its name, in a domain.
    Name(String, Domain),
}

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// By its id.
    Id(String),
    /// By its name.
    Name(String),
}

/// What a token is to be good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A project.
    Project(Named),
    /// A domain.
    Domain(Domain),
    /// The whole system.
    System,
    /// What the identity service takes where nothing is said: the user's default project.
    Unsaid,
}

/// A proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A user's password.
    Password {
        /// Who.
        user: Named,
        /// The password.
        password: Secret,
        /// What for.
        target: Target,
    },
    /// An application credential, which has its scope in itself.
    ApplicationCredential {
        /// Its id.
        id: String,
        /// Its secret.
        secret: Secret,
    },
    /// An application credential by its name, which is one only with its user.
    NamedCredential {
        /// Its name.
        name: String,
        /// Whose it is.
        user: Named,
        /// Its secret.
        secret: Secret,
    },
}

impl Login {
    /// The body of the request. It holds the secret: it goes to the identity service only.
    pub(super) fn body(&self) -> Value {
        match self {
            Self::Password {
                user,
                password,
                target,
            } => {
                let mut user = user.to_json();
                put(&mut user, "password", json!(password.expose()));
                let password = json!({ "user": user });
                let identity = json!({ "methods": ["password"], "password": password });
                match target.to_json() {
                    Some(scope) => json!({ "auth": { "identity": identity, "scope": scope } }),
                    None => json!({ "auth": { "identity": identity } }),
                }
            }
            Self::ApplicationCredential { id, secret } => {
                credential(&json!({ "id": id, "secret": secret.expose() }))
            }
            Self::NamedCredential { name, user, secret } => credential(&json!({
                "name": name,
                "user": user.to_json(),
                "secret": secret.expose(),
            })),
        }
    }
}

fn credential(credential: &Value) -> Value {
    const METHOD: &str = "application_credential";
    json!({ "auth": { "identity": { "methods": [METHOD], METHOD: credential } } })
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

impl Named {
    fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => json!({ "id": id }),
            Self::Name(name, domain) => json!({ "name": name, "domain": domain.to_json() }),
        }
    }
}

impl Domain {
    fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => json!({ "id": id }),
            Self::Name(name) => json!({ "name": name }),
        }
    }
}

impl Target {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::Project(project) => Some(json!({ "project": project.to_json() })),
            Self::Domain(domain) => Some(json!({ "domain": domain.to_json() })),
            Self::System => Some(json!({ "system": { "all": true } })),
            Self::Unsaid => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_keystones() {
        let domain = || Domain::Name("Default".to_owned());
        let named = |name: &str| Named::Name(name.to_owned(), domain());
        let login = Login::Password {
            user: named("ironic"),
            password: Secret::new("geheim"),
            target: Target::Project(named("service")),
        };
        assert_eq!(
            login.body(),
            json!({"auth": {
                "identity": {"methods": ["password"], "password": {"user":
                    {"name": "ironic", "domain": {"name": "Default"}, "password": "geheim"}}},
                "scope": {"project": {"name": "service", "domain": {"name": "Default"}}},
            }})
        );
        assert!(!format!("{login:?}").contains("geheim"));
        let login = Login::ApplicationCredential {
            id: "c1".to_owned(),
            secret: Secret::new("geheim"),
        };
        assert_eq!(
            login.body(),
            json!({"auth": {"identity": {"methods": ["application_credential"],
                "application_credential": {"id": "c1", "secret": "geheim"}}}})
        );
        let system = Target::System.to_json();
        assert_eq!(system, Some(json!({"system": {"all": true}})));
    }
}
