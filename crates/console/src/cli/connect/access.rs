//! Who a command is to the API: from settings named as the OpenStack clients name them.

use cupola_api::Secret;
use cupola_api::client::remote::Credentials;
use cupola_api::identity::{Domain, IdentityService, Login, Named, OwnToken, Target};
use cupola_api::trust::Trust;
use url::Url;

use super::{IDENTITY_DEADLINE, Settings};
use crate::cli::Failure;
use crate::state::commands::shell;

/// How somebody proves who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    Basic,
    Token,
    Password,
    Application,
}

/// The credentials that the settings give.
pub(super) fn credentials(settings: &Settings, trust: &Trust) -> Result<Credentials, Failure> {
    let settings = Given(settings);
    match settings.kind()? {
        Kind::None => Ok(Credentials::None),
        Kind::Basic => Ok(Credentials::Basic {
            user: settings.need("username")?,
            password: settings.secret("password")?,
        }),
        Kind::Token => Ok(Credentials::Token(settings.secret("token")?)),
        Kind::Password | Kind::Application => {
            let found = identity(settings.0, trust)?;
            Ok(found.map_or(Credentials::None, |(service, login)| {
                Credentials::Identity(Box::new(OwnToken::new(service, login)))
            }))
        }
    }
}

/// Who asks, as far as a command for a shell has to say so.
pub(super) fn login(settings: &Settings, cloud: Option<String>) -> Result<shell::Login, Failure> {
    Ok(match Given(settings).kind()? {
        Kind::None => shell::Login::None,
        Kind::Basic => shell::Login::Basic,
        Kind::Token | Kind::Password | Kind::Application => shell::Login::Keystone(cloud),
    })
}

/// The identity service and the login there, where the settings name one.
pub(super) fn identity(
    settings: &Settings,
    trust: &Trust,
) -> Result<Option<(IdentityService, Login)>, Failure> {
    let settings = Given(settings);
    let login = match settings.kind()? {
        Kind::Password => settings.password()?,
        Kind::Application => settings.application()?,
        Kind::None | Kind::Basic | Kind::Token => return Ok(None),
    };
    Ok(Some((settings.service(trust)?, login)))
}

struct Given<'a>(&'a Settings);

impl Given<'_> {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn need(&self, name: &str) -> Result<String, Failure> {
        self.get(name).ok_or_else(|| {
            let variable = name.to_ascii_uppercase();
            Failure::usage(format!(
                "the login lacks {name}: set OS_{variable}, or give it in clouds.yaml"
            ))
        })
    }

    fn secret(&self, name: &str) -> Result<Secret, Failure> {
        self.need(name).map(Secret::new)
    }

    fn kind(&self) -> Result<Kind, Failure> {
        if let Some(kind) = self.get("auth_type") {
            return match kind.as_str() {
                "none" => Ok(Kind::None),
                "http_basic" => Ok(Kind::Basic),
                "token" | "v3token" | "admin_token" => Ok(Kind::Token),
                "password" | "v3password" => Ok(Kind::Password),
                "v3applicationcredential" | "application_credential" => Ok(Kind::Application),
                other => Err(Failure::usage(format!(
                    "OS_AUTH_TYPE is {other}; known are none, http_basic, password, \
                     v3applicationcredential and token"
                ))),
            };
        }
        let has = |name: &str| self.0.contains_key(name);
        let has_application =
            has("application_credential_id") || has("application_credential_name");
        Ok(match (has("auth_url"), has("username")) {
            (true, _) if has_application => Kind::Application,
            (true, true) => Kind::Password,
            (false, true) if has("password") => Kind::Basic,
            (_, _) if has("token") => Kind::Token,
            (_, _) => Kind::None,
        })
    }

    fn service(&self, trust: &Trust) -> Result<IdentityService, Failure> {
        let url = self.need("auth_url")?;
        let parsed = Url::parse(&url).map_err(|error| {
            Failure::usage(format!(
                "auth_url is no URL: {error}; give it as https://HOST:5000/v3"
            ))
        })?;
        IdentityService::new(&parsed, trust, IDENTITY_DEADLINE)
            .map_err(|error| Failure::usage(error.to_string()))
    }

    /// A domain by the settings `{of}_domain_id` and `{of}_domain_name`.
    fn domain(&self, of: &str) -> Domain {
        let named = |name: &str| {
            let own = self.get(&format!("{of}_domain_{name}"));
            own.or_else(|| self.get(&format!("default_domain_{name}")))
        };
        match (named("id"), named("name")) {
            (Some(id), _) => Domain::Id(id),
            (None, Some(name)) => Domain::Name(name),
            (None, None) => Domain::Id("default".to_owned()),
        }
    }

    fn user(&self) -> Result<Named, Failure> {
        match self.get("user_id") {
            Some(id) => Ok(Named::Id(id)),
            None => Ok(Named::Name(self.need("username")?, self.domain("user"))),
        }
    }

    fn password(&self) -> Result<Login, Failure> {
        let project = self.get("project_id").or_else(|| self.get("tenant_id"));
        let name = self.get("project_name").or_else(|| self.get("tenant_name"));
        let target = if self.0.contains_key("system_scope") {
            Target::System
        } else if let Some(id) = project {
            Target::Project(Named::Id(id))
        } else if let Some(name) = name {
            Target::Project(Named::Name(name, self.domain("project")))
        } else if let Some(id) = self.get("domain_id") {
            Target::Domain(Domain::Id(id))
        } else if let Some(name) = self.get("domain_name") {
            Target::Domain(Domain::Name(name))
        } else {
            Target::Unsaid
        };
        Ok(Login::Password {
            user: self.user()?,
            password: self.secret("password")?,
            target,
        })
    }

    fn application(&self) -> Result<Login, Failure> {
        let secret = self.secret("application_credential_secret")?;
        match self.get("application_credential_id") {
            Some(id) => Ok(Login::ApplicationCredential { id, secret }),
            None => Ok(Login::NamedCredential {
                name: self.need("application_credential_name")?,
                user: self.user()?,
                secret,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn kind(pairs: &[(&str, &str)]) -> Option<Kind> {
        Given(&settings(pairs)).kind().ok()
    }

    #[test]
    fn what_is_given_tells_the_kind() {
        assert_eq!(kind(&[]), Some(Kind::None));
        let user = [("username", "me"), ("password", "geheim")];
        assert_eq!(kind(&user), Some(Kind::Basic));
        let [name, password] = user;
        let url = ("auth_url", "http://h:5000");
        assert_eq!(kind(&[name, password, url]), Some(Kind::Password));
        let application = ("application_credential_id", "c");
        assert_eq!(kind(&[url, application]), Some(Kind::Application));
        assert_eq!(kind(&[url, name, ("auth_type", "none")]), Some(Kind::None));
        assert_eq!(kind(&[("auth_type", "v2password")]), None);
        assert_eq!(kind(&[("token", "t")]), Some(Kind::Token));
    }

    #[test]
    fn what_is_missing_is_named() {
        let given = settings(&[("username", "me"), ("auth_type", "password")]);
        let error = credentials(&given, &Trust::System).unwrap_err();
        assert!(error.to_string().contains("OS_PASSWORD"), "{error}");
    }

    #[test]
    fn scopes_are_told_apart() {
        let target = |more: &[(&str, &str)]| {
            let mut all = settings(&[("username", "me"), ("password", "geheim")]);
            all.extend(settings(more));
            match Given(&all).password().unwrap() {
                Login::Password { target, .. } => target,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(target(&[("system_scope", "all")]), Target::System);
        assert_eq!(target(&[]), Target::Unsaid);
        let domain = Domain::Name("d".to_owned());
        let project = Target::Project(Named::Name("p".to_owned(), domain));
        let given = [("project_name", "p"), ("project_domain_name", "d")];
        assert_eq!(target(&given), project);
    }
}
