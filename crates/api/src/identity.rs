//! A thin client of the identity service (Keystone, Identity API v3): getting a token, and asking
//! what somebody else's token is worth. It keeps nothing; who uses it renews and caches.

mod login;
mod own;

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::Secret;
use crate::trust::{Trust, TrustError, root_cause};
pub use login::{Domain, Login, Named, Target};
pub use own::OwnToken;

const SUBJECT: &str = "x-subject-token";
/// The header of a token that proves who asks.
pub const TOKEN: &str = "x-auth-token";
/// Says that rules of access in application credentials are kept; without it tokens that have some
/// are not validated.
const ACCESS_RULES: (&str, &str) = ("openstack-identity-access-rules", "1.0");
/// The longest answer that is read. A catalog of services may be in it.
const LARGEST: usize = 1 << 20;

/// Why the identity service gave no answer that can be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IdentityError {
    /// The address is no URL that can be used.
    #[error("{url} is no URL of an identity service: {reason}; give it as https://HOST:5000/v3")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of authorities cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No answer came.
    #[error("the identity service {url} does not answer: {reason}")]
    Unreachable {
        /// Where it was asked.
        url: String,
        /// The cause.
        reason: String,
    },
    /// It does not take who asked.
    #[error("the identity service {url} refuses the login ({status}): {message}")]
    Refused {
        /// Where it was asked.
        url: String,
        /// The status of its answer.
        status: u16,
        /// What it says.
        message: String,
    },
    /// It answered something else than the Identity API says.
    #[error("the identity service {url} sent an answer that cannot be read: {reason}")]
    BadAnswer {
        /// Where it was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A token of one's own.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// What goes into `X-Auth-Token`.
    pub token: Secret,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// The identity service at one address.
#[derive(Clone, Debug)]
pub struct IdentityService {
    http: reqwest::Client,
    /// Ends in `/v3`.
    base: String,
}

impl IdentityService {
    /// The service at this URL, with or without `/v3`. Each request may take `timeout`. Reads the
    /// file of authorities.
    ///
    /// # Errors
    /// The URL or the file cannot be used.
    pub fn new(url: &Url, trust: &Trust, timeout: Duration) -> Result<Self, IdentityError> {
        let bad = |reason: String| IdentityError::BadUrl {
            url: shown(url),
            reason,
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("the scheme is neither http nor https".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("user and password do not belong into it".to_owned()));
        }
        let http = trust
            .builder()?
            .connect_timeout(timeout)
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| bad(root_cause(&error)))?;
        let base = shown(url);
        let base = base.trim_end_matches('/').trim_end_matches("/v3");
        Ok(Self {
            http,
            base: format!("{base}/v3"),
        })
    }

    /// Where it is, ending in `/v3`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Gets a token.
    ///
    /// # Errors
    /// The service cannot be asked, or does not take the proof.
    pub async fn authenticate(&self, login: &Login) -> Result<IssuedToken, IdentityError> {
        let (token, issued): (_, Expiry) = self.issue(login, &[("nocatalog", "")]).await?;
        Ok(IssuedToken {
            token: token.ok_or_else(|| self.bad_answer("it names no token"))?,
            expires_at: issued.expires_at,
        })
    }

    /// Where the catalog says that a service of this type is for everybody; in this region, where
    /// one is named.
    ///
    /// # Errors
    /// As [`IdentityService::authenticate`].
    pub async fn endpoint(
        &self,
        login: &Login,
        kind: &str,
        region: Option<&str>,
    ) -> Result<Option<String>, IdentityError> {
        let (_, issued): (_, Catalog) = self.issue(login, &[]).await?;
        let services = issued.catalog.into_iter();
        let endpoints = services.filter(|service| service.kind == kind);
        let mut endpoints = endpoints.flat_map(|service| service.endpoints);
        let is_there = |place: &Endpoint| {
            place.interface == "public"
                && region.is_none_or(|region| place.region.as_deref() == Some(region))
        };
        Ok(endpoints.find(is_there).map(|place| place.url))
    }

    /// Gets a token, and what is said of it.
    async fn issue<T: DeserializeOwned>(
        &self,
        login: &Login,
        query: &[(&str, &str)],
    ) -> Result<(Option<Secret>, T), IdentityError> {
        let request = self.http.post(format!("{}/auth/tokens", self.base));
        let request = request.query(query).json(&login.body());
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        let token = answer.headers().get(SUBJECT);
        let token = token.and_then(|value| value.to_str().ok()).map(Secret::new);
        let status = answer.status();
        let body = self.body(answer).await?;
        if status != StatusCode::CREATED {
            return Err(self.refused(status, &body));
        }
        let body: Body<T> =
            serde_json::from_slice(&body).map_err(|error| self.bad_answer(&error.to_string()))?;
        Ok((token, body.token))
    }

    /// What a token is worth: its body, or `None` where it is not good. `own` must be a token of a
    /// user who may validate tokens. An expired token is good only where `allow_expired` says so,
    /// and only for as long as the service allows.
    ///
    /// # Errors
    /// The service cannot be asked, or `own` is not good: [`IdentityError::Refused`] with 401.
    pub async fn validate(
        &self,
        own: &Secret,
        token: &Secret,
        allow_expired: bool,
    ) -> Result<Option<Value>, IdentityError> {
        let (Some(own), Some(token)) = (header(own), header(token)) else {
            return Ok(None);
        };
        let mut request = self
            .http
            .get(format!("{}/auth/tokens", self.base))
            .header(TOKEN, own)
            .header(SUBJECT, token)
            .header(ACCESS_RULES.0, ACCESS_RULES.1);
        if allow_expired {
            request = request.query(&[("allow_expired", "1")]);
        }
        let request = request.query(&[("nocatalog", "")]);
        let answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        let status = answer.status();
        let body = self.body(answer).await?;
        match status {
            StatusCode::OK => {
                let body: Body<Value> = serde_json::from_slice(&body)
                    .map_err(|error| self.bad_answer(&error.to_string()))?;
                Ok(Some(body.token))
            }
            // The others tell of a token that no server of it, or before it, can even read.
            StatusCode::NOT_FOUND
            | StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Ok(None),
            _ => Err(self.refused(status, &body)),
        }
    }

    async fn body(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, IdentityError> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| self.unreachable(&e))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(self.bad_answer("it is longer than 1 MiB"));
            }
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> IdentityError {
        let reason = match error.is_timeout() {
            true => "it took too long".to_owned(),
            false => root_cause(error),
        };
        IdentityError::Unreachable {
            url: self.base.clone(),
            reason,
        }
    }

    fn bad_answer(&self, reason: &str) -> IdentityError {
        IdentityError::BadAnswer {
            url: self.base.clone(),
            reason: reason.to_owned(),
        }
    }

    /// A status that is no answer: a refusal of the caller, or a failure of the service.
    fn refused(&self, status: StatusCode, body: &[u8]) -> IdentityError {
        let text = serde_json::from_slice::<Value>(body).ok();
        let text = text.as_ref().and_then(|body| {
            let message = body.pointer("/error/message");
            message.and_then(Value::as_str)
        });
        let message: String = text
            .unwrap_or("no reason given")
            .chars()
            .take(300)
            .collect();
        let url = self.base.clone();
        if status.is_client_error() {
            IdentityError::Refused {
                url,
                status: status.as_u16(),
                message,
            }
        } else {
            let reason = format!("status {}: {message}", status.as_u16());
            IdentityError::Unreachable { url, reason }
        }
    }
}

#[derive(Deserialize)]
struct Body<T> {
    token: T,
}

#[derive(Deserialize)]
struct Expiry {
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Catalog {
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    region: Option<String>,
    url: String,
}

/// A header that no log shows; `None` for what no header can hold.
fn header(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(token.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A URL without user, password, query and fragment.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs that can have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(url: &str) -> Result<IdentityService, IdentityError> {
        let url = Url::parse(url).unwrap();
        IdentityService::new(&url, &Trust::System, Duration::from_secs(1))
    }

    #[test]
    fn urls_with_and_without_the_version_are_the_same() {
        for url in [
            "http://h:5000",
            "http://h:5000/",
            "http://h:5000/v3",
            "http://h:5000/v3/",
        ] {
            assert_eq!(service(url).unwrap().url(), "http://h:5000/v3");
        }
        let below = service("https://h/identity/v3").unwrap();
        assert_eq!(below.url(), "https://h/identity/v3");
        assert!(service("ftp://h").is_err());
        let error = service("http://me:geheim@h").unwrap_err().to_string();
        assert!(!error.contains("geheim"), "{error}");
    }
}
