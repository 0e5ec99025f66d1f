//! Tokens of the identity service (Keystone, Identity API v3), as keystonemiddleware takes them:
//! `X-Auth-Token` says who asks, `X-Service-Token` which service asks for that user.
//!
//! What the identity service says of a token is remembered for a short while, so that not every
//! request asks it; kept is the token's hash, never the token. Requests with the same token at the
//! same time ask once.

mod access;
mod settings;
mod token;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cupola_api::Secret;
use cupola_api::identity::{IdentityError, IdentityService, OwnToken, TOKEN};
use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;
use moka::Expiry;
use moka::future::Cache;
use sha2::{Digest, Sha256};

use super::gate::{Gate, Limits};
use super::{Admitted, Caller, Denied, origin};
use crate::limit::PerAddress;
pub(crate) use settings::KeystoneSettings;
pub use settings::SettingsError;
use token::Holder;

const SERVICE_TOKEN: &str = "x-service-token";

/// The longest token that is asked about. Fernet tokens have some 250 octets, signed ones more.
const LONGEST: usize = 16 << 10;

/// How long a token that is not good is remembered as such, at most: it may be one that another
/// server of the identity service has just issued.
const BAD_FOR: Duration = Duration::from_secs(5);

/// How many tokens are asked about: whoever sends many bad ones must neither flood the identity service
/// nor keep it from those who send good ones. The patience is what is configured.
const LIMITS: Limits = Limits {
    what: "tokens",
    at_once: 32,
    of_one: 8,
    queue: 1024,
    queue_of_one: 256,
    patience: Duration::from_secs(10),
    weight: NonZeroU32::MIN,
};

/// What is known of a token.
#[derive(Clone, Debug)]
enum Verdict {
    Good(Arc<Holder>),
    Bad,
}

/// A hash of a token, and whether it may have expired.
type Fingerprint = [u8; 32];

/// Checks tokens.
pub(crate) struct Keystone {
    own: Arc<OwnToken>,
    known: Cache<Fingerprint, Verdict>,
    gate: Arc<Gate>,
    timeout: Duration,
    challenge: Arc<str>,
    service_roles: Vec<String>,
}

impl std::fmt::Debug for Keystone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keystone").finish_non_exhaustive()
    }
}

impl Keystone {
    /// Nothing is asked before the first request. Reads the file of authorities.
    ///
    /// # Errors
    /// The file of authorities cannot be used.
    pub(crate) fn new(
        settings: KeystoneSettings,
        refusals: Option<PerAddress>,
    ) -> Result<Self, IdentityError> {
        let (url, trust) = (&settings.auth_url, &settings.trust);
        let service = IdentityService::new(url, trust, settings.timeout)?;
        let known = Cache::builder()
            .max_capacity(settings.cache_size)
            .expire_after(Remembered(settings.cache_time))
            .build();
        Ok(Self {
            known,
            gate: Gate::new(
                Limits {
                    patience: settings.timeout,
                    ..LIMITS
                },
                refusals,
            ),
            timeout: settings.timeout,
            challenge: settings.challenge,
            service_roles: settings.service_roles,
            own: Arc::new(OwnToken::new(service, settings.login)),
        })
    }

    /// Who sends a request, and until when that is proved.
    pub(super) async fn admit(&self, request: &Parts) -> Result<Admitted, Denied> {
        let from = origin(request);
        let headers = &request.headers;
        let refused = || Denied::Token(Arc::clone(&self.challenge));
        let service = match token_of(headers, SERVICE_TOKEN) {
            Some(service) => {
                let holder = self.holder(&service, false, from).await?;
                Some(holder.ok_or_else(refused)?)
            }
            None => None,
        };
        // A user's work may take longer than its token is good: services go on with it.
        let is_service = service.is_some();
        let service_ends = service.as_ref().map(|service| service.expires_at);
        let may_serve = service.is_none_or(|service| {
            let roles = &service.credentials.roles;
            roles.iter().any(|role| self.service_roles.contains(role))
        });
        if !may_serve {
            return Err(refused());
        }
        let token = token_of(headers, TOKEN).ok_or_else(refused)?;
        let holder = self.holder(&token, is_service, from).await?;
        let holder = holder.ok_or_else(refused)?;
        let (method, path) = (request.method.as_str(), request.uri.path());
        if let Some(rules) = &holder.access_rules
            && !is_service
            && !rules.iter().any(|rule| rule.allows(method, path))
        {
            tracing::warn!(
                user = holder.credentials.user_name,
                method,
                path,
                "no access rule of the application credential allows this"
            );
            return Err(refused());
        }
        let ends = service_ends.unwrap_or(holder.expires_at);
        Ok((Caller::Token(Arc::clone(&holder.credentials)), Some(ends)))
    }

    /// Whose token this is; `None` where it is not good.
    async fn holder(
        &self,
        token: &Secret,
        allow_expired: bool,
        from: Option<IpAddr>,
    ) -> Result<Option<Arc<Holder>>, Denied> {
        if token.is_empty() || token.expose().len() > LONGEST {
            return Ok(None);
        }
        let key = fingerprint(token, allow_expired);
        let asked = self
            .known
            .try_get_with(key, self.ask(token, allow_expired, from));
        let verdict = asked.await.map_err(|denied| {
            if let Denied::Identity(reason) = &*denied {
                tracing::error!(reason, "tokens cannot be validated");
            }
            Denied::clone(&denied)
        })?;
        match verdict {
            // It may have expired since it was remembered.
            Verdict::Good(holder) if allow_expired || holder.expires_at > Timestamp::now() => {
                Ok(Some(holder))
            }
            Verdict::Good(_) | Verdict::Bad => Ok(None),
        }
    }

    async fn ask(
        &self,
        token: &Secret,
        allow_expired: bool,
        from: Option<IpAddr>,
    ) -> Result<Verdict, Denied> {
        let turn = self.gate.enter(from, None).await?;
        let (own, gate, token) = (Arc::clone(&self.own), Arc::clone(&self.gate), token.clone());
        // Its own login may have to come first, and a second try after it.
        let deadline = self.timeout * 2;
        // Goes on when its sender goes away: what was asked counts.
        let asking = tokio::spawn(async move {
            let answer = own.validate(&token, allow_expired);
            let answer = tokio::time::timeout(deadline, answer).await;
            if matches!(answer, Ok(Ok(None))) {
                gate.refused(from, None);
            }
            drop(turn);
            answer
        });
        let unsaid = |reason: String| Denied::Identity(reason);
        let answer = asking.await.map_err(|error| unsaid(error.to_string()))?;
        let answer = answer.map_err(|_| unsaid("the identity service is too slow".to_owned()))?;
        match answer.map_err(|error| unsaid(error.to_string()))? {
            Some(body) => match Holder::read(body) {
                Ok(holder) => Ok(Verdict::Good(Arc::new(holder))),
                Err(error) => {
                    let reason =
                        "the identity service describes a token in a way that is not known";
                    Err(unsaid(format!("{reason}: {error}")))
                }
            },
            None => Ok(Verdict::Bad),
        }
    }
}

/// How long what is known of a token counts.
struct Remembered(Duration);

impl Expiry<Fingerprint, Verdict> for Remembered {
    fn expire_after_create(
        &self,
        _token: &Fingerprint,
        verdict: &Verdict,
        _created_at: Instant,
    ) -> Option<Duration> {
        Some(match verdict {
            Verdict::Good(_) => self.0,
            Verdict::Bad => self.0.min(BAD_FOR),
        })
    }
}

/// A token in a header, without blanks around it.
fn token_of(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    Some(Secret::new(text)).filter(|token| !token.is_empty())
}

fn fingerprint(token: &Secret, allow_expired: bool) -> Fingerprint {
    let hash = Sha256::new()
        .chain_update([u8::from(allow_expired)])
        .chain_update(token.expose());
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
