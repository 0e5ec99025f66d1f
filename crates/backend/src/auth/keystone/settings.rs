//! What of the configuration tells how tokens are validated, checked as a whole.

use std::sync::Arc;
use std::time::Duration;

use cupola_api::Secret;
use cupola_api::identity::{Domain, Login, Named, Target};
use cupola_api::trust::Trust;
use url::Url;

use crate::config;

/// The configuration lacks something, or contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {reason}")]
pub struct SettingsError {
    /// The key to set.
    pub key: &'static str,
    /// What is wrong, and what to do.
    pub reason: &'static str,
}

/// How tokens are validated.
#[derive(Debug)]
pub(crate) struct KeystoneSettings {
    pub(super) auth_url: Url,
    /// Where clients are told to get a token.
    pub(super) challenge: Arc<str>,
    pub(super) login: Login,
    pub(super) trust: Trust,
    pub(super) timeout: Duration,
    pub(super) cache_time: Duration,
    pub(super) cache_size: u64,
    pub(super) service_roles: Vec<String>,
}

impl KeystoneSettings {
    /// Reads the section.
    ///
    /// # Errors
    /// Which key is missing, or does not fit the others.
    pub(crate) fn of(keystone: &config::Keystone) -> Result<Self, SettingsError> {
        let auth_url = keystone.auth_url.clone().ok_or(SettingsError {
            key: "keystone.auth_url",
            reason: "is not set, and api.auth is keystone; set it to the URL of the identity \
                     service, such as https://HOST:5000/v3",
        })?;
        if !matches!(auth_url.scheme(), "http" | "https") || auth_url.password().is_some() {
            return Err(SettingsError {
                key: "keystone.auth_url",
                reason: "must be http://HOST:PORT/v3 or https://…, without user and password",
            });
        }
        if keystone.timeout.is_zero() {
            return Err(SettingsError {
                key: "keystone.timeout",
                reason: "must be more than 0: no answer comes in no time",
            });
        }
        let challenge = keystone.www_authenticate_uri.as_ref().unwrap_or(&auth_url);
        Ok(Self {
            challenge: challenge.as_str().trim_end_matches('/').into(),
            login: login(keystone)?,
            trust: trust(keystone),
            timeout: keystone.timeout,
            cache_time: keystone.token_cache_time,
            cache_size: u64::try_from(keystone.token_cache_size).unwrap_or(u64::MAX),
            service_roles: keystone.service_token_roles.clone(),
            auth_url,
        })
    }
}

fn trust(keystone: &config::Keystone) -> Trust {
    match (&keystone.cafile, keystone.insecure) {
        (_, true) => Trust::Anybody,
        (Some(path), false) => Trust::File(path.clone()),
        (None, false) => Trust::System,
    }
}

/// The service's own login.
fn login(keystone: &config::Keystone) -> Result<Login, SettingsError> {
    let domain = |name: &str| Domain::Name(name.to_owned());
    let user = keystone.username.as_ref().map(|name| {
        let domain = domain(&keystone.user_domain_name);
        Named::Name(name.clone(), domain)
    });
    let secret = || keystone.application_credential_secret.clone();
    if let Some(id) = &keystone.application_credential_id {
        let secret = secret().ok_or(NO_SECRET)?;
        let id = id.clone();
        return Ok(Login::ApplicationCredential { id, secret });
    }
    if let Some(name) = &keystone.application_credential_name {
        return Ok(Login::NamedCredential {
            name: name.clone(),
            user: user.ok_or(NO_USER)?,
            secret: secret().ok_or(NO_SECRET)?,
        });
    }
    let password: Secret = keystone.password.clone().ok_or(SettingsError {
        key: "keystone.password",
        reason: "is not set, and api.auth is keystone; set it to the password of keystone.username, \
                 or set keystone.application_credential_id and its secret",
    })?;
    let target = match &keystone.project_name {
        Some(name) => Target::Project(Named::Name(
            name.clone(),
            domain(&keystone.project_domain_name),
        )),
        None => Target::System,
    };
    Ok(Login::Password {
        user: user.ok_or(NO_USER)?,
        password,
        target,
    })
}

const NO_USER: SettingsError = SettingsError {
    key: "keystone.username",
    reason: "is not set, and api.auth is keystone; set it to the user that this service is at the \
             identity service, such as ironic",
};

const NO_SECRET: SettingsError = SettingsError {
    key: "keystone.application_credential_secret",
    reason: "is not set, but an application credential is named; set it to its secret",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Keystone;

    fn given() -> Keystone {
        Keystone {
            auth_url: Url::parse("http://h:5000/v3/").ok(),
            username: Some("ironic".to_owned()),
            password: Some(Secret::new("geheim")),
            ..Keystone::default()
        }
    }

    fn wrong(keystone: &Keystone) -> &'static str {
        KeystoneSettings::of(keystone).unwrap_err().key
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(wrong(&Keystone::default()), "keystone.auth_url");
        let with = Keystone {
            password: None,
            ..given()
        };
        assert_eq!(wrong(&with), "keystone.password");
        let with = Keystone {
            username: None,
            ..given()
        };
        assert_eq!(wrong(&with), "keystone.username");
        let id = || Some("c1".to_owned());
        let with = Keystone {
            application_credential_id: id(),
            ..given()
        };
        assert_eq!(wrong(&with), "keystone.application_credential_secret");
        let with = Keystone {
            auth_url: Url::parse("http://me:geheim@h").ok(),
            ..given()
        };
        assert_eq!(wrong(&with), "keystone.auth_url");
    }

    #[test]
    fn the_login_is_for_a_project_or_for_the_system() {
        let settings = KeystoneSettings::of(&given()).unwrap();
        assert_eq!(&*settings.challenge, "http://h:5000/v3");
        let Login::Password { target, .. } = settings.login else {
            panic!("a password");
        };
        assert_eq!(target, Target::System);
        let with = Keystone {
            project_name: Some("service".to_owned()),
            ..given()
        };
        let settings = KeystoneSettings::of(&with).unwrap();
        assert!(matches!(
            settings.login,
            Login::Password {
                target: Target::Project(_),
                ..
            }
        ));
        assert!(!format!("{settings:?}").contains("geheim"));
    }
}
