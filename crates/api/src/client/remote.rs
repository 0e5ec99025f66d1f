//! The transport to a server on another host or in another process, over HTTP(S).

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http::{HeaderValue, StatusCode};
use url::Url;

use super::{BodyStream, ClientError, Transport, cause};
use crate::Secret;
use crate::fault::ApiFault;
use crate::identity::{IdentityError, OwnToken, TOKEN};
use crate::trust::{Trust, root_cause};

/// How a client proves who it is.
#[derive(Debug)]
pub enum Credentials {
    /// It does not, or by user and password in the URL.
    None,
    /// By user and password (RFC 7617).
    Basic {
        /// Who.
        user: String,
        /// The password.
        password: Secret,
    },
    /// By a token that somebody else has got.
    Token(Secret),
    /// By a token of the identity service, which is renewed where needed.
    Identity(Box<OwnToken>),
}

/// Carries requests over the network with reqwest.
pub struct RemoteTransport {
    /// With user and password, which reqwest sends as HTTP Basic (RFC 7617).
    base: Url,
    shown: String,
    http: reqwest::Client,
    credentials: Credentials,
}

impl RemoteTransport {
    /// A transport to the API at `base`, such as `http://127.0.0.1:6385`, or
    /// `https://USER:PASSWORD@HOST` where it asks who calls.
    ///
    /// # Errors
    /// When `base` is no HTTP(S) URL, or TLS cannot be set up.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        Self::with(base, &Trust::System, Credentials::None)
    }

    /// The same as somebody, and taking these certificates.
    ///
    /// # Errors
    /// As [`RemoteTransport::new`].
    pub fn with(base: &str, trust: &Trust, credentials: Credentials) -> Result<Self, ClientError> {
        let bad = |reason: String| ClientError::BadUrl {
            url: without_login(base),
            reason,
        };
        if let Some(sign) = sign_in_login(base) {
            let octet = u32::from(sign);
            return Err(bad(format!(
                "user or password before the @ has a {sign}, which means something else in a URL: \
                 write it as %{octet:02X}, or give both in OS_USERNAME and OS_PASSWORD"
            )));
        }
        let mut parsed = Url::parse(base).map_err(|e| bad(e.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad("the scheme is neither http nor https".to_owned()));
        }
        let path = parsed
            .path()
            .trim_end_matches('/')
            .trim_end_matches("/v1")
            .to_owned();
        parsed.set_path(&path);
        let builder = trust.builder().map_err(|error| bad(error.to_string()))?;
        let http = builder
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(65))
            .build()
            .map_err(|e| bad(root_cause(&e)))?;
        let shown = without_login(parsed.as_str().trim_end_matches('/'));
        Ok(Self {
            base: parsed,
            shown,
            http,
            credentials,
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            target: self.shown.clone(),
            reason: cause::told(error),
        }
    }

    /// The token to send: another one than `refused`.
    async fn token(&self, refused: Option<&Secret>) -> Result<Option<Secret>, ClientError> {
        match &self.credentials {
            Credentials::None | Credentials::Basic { .. } => Ok(None),
            Credentials::Token(token) => Ok(Some(token.clone())),
            Credentials::Identity(own) => Ok(Some(own.token(refused).await?)),
        }
    }

    async fn attempt(
        &self,
        parts: &http::request::Parts,
        body: Bytes,
        token: Option<&Secret>,
    ) -> Result<reqwest::Response, ClientError> {
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let base = self.base.as_str().trim_end_matches('/');
        let mut request = self
            .http
            .request(parts.method.clone(), format!("{base}{path}"))
            .headers(parts.headers.clone())
            .body(body);
        if let Credentials::Basic { user, password } = &self.credentials {
            request = request.basic_auth(user, Some(password.expose()));
        }
        if let Some(token) = token {
            let value = HeaderValue::from_str(token.expose());
            let mut value = value.map_err(|_| ApiFault::new(401, "the token is none"))?;
            value.set_sensitive(true);
            request = request.header(TOKEN, value);
        }
        request.send().await.map_err(|e| self.unreachable(&e))
    }
}

/// The text of a URL without what stands before an `@`, however wrong the rest is.
fn without_login(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => text.to_owned(),
    }
}

/// A sign in user or password that ends them too early.
fn sign_in_login(text: &str) -> Option<char> {
    let (_, rest) = text.split_once("://")?;
    let (login, _) = rest.rsplit_once('@')?;
    login.chars().find(|sign| "/#?@".contains(*sign))
}

impl From<IdentityError> for ClientError {
    fn from(error: IdentityError) -> Self {
        let reason = error.to_string();
        match error {
            IdentityError::BadUrl { url, reason } => Self::BadUrl { url, reason },
            IdentityError::Trust(error) => Self::BadUrl {
                url: "the identity service's".to_owned(),
                reason: error.to_string(),
            },
            IdentityError::Unreachable { url, reason } => Self::Unreachable {
                target: format!("the identity service {url}"),
                reason,
            },
            IdentityError::Refused { .. } => Self::Refused(ApiFault::new(
                401,
                format!("{reason}. Check OS_USERNAME, OS_PASSWORD and the project or scope"),
            )),
            IdentityError::BadAnswer { url, reason } => Self::BadAnswer {
                target: format!("the identity service {url}"),
                reason,
            },
        }
    }
}

#[async_trait::async_trait]
impl Transport for RemoteTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<BodyStream>, ClientError> {
        let (parts, body) = request.into_parts();
        let token = self.token(None).await?;
        let mut sent = self.attempt(&parts, body.clone(), token.as_ref()).await?;
        if let (StatusCode::UNAUTHORIZED, Credentials::Identity(_)) =
            (sent.status(), &self.credentials)
        {
            // It was revoked, or the server has just learnt that it has expired.
            let token = self.token(token.as_ref()).await?;
            sent = self.attempt(&parts, body, token.as_ref()).await?;
        }
        let mut answer = http::Response::new(());
        *answer.status_mut() = sent.status();
        *answer.headers_mut() = sent.headers().clone();
        let target = self.shown.clone();
        let body = sent
            .bytes_stream()
            .map_err(move |e| ClientError::Unreachable {
                target: target.clone(),
                reason: e.to_string(),
            })
            .boxed();
        Ok(answer.map(|()| body))
    }

    fn target(&self) -> &str {
        &self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let transport = RemoteTransport::new("http://me:secret@127.0.0.1:6385/v1/").unwrap();
        assert_eq!(transport.target(), "http://127.0.0.1:6385");
        for wrong in [
            "ftp://me:secret@host",
            "http://me:secret@host:port",
            "me:secret@host",
        ] {
            let error = RemoteTransport::new(wrong).err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn signs_in_a_password_are_told() {
        for (password, sign) in [("sec/ret", "%2F"), ("sec#ret", "%23"), ("sec@ret", "%40")] {
            let url = format!("http://me:{password}@host:6385");
            let error = RemoteTransport::new(&url).err().unwrap().to_string();
            assert!(error.contains(sign) && !error.contains("sec"), "{error}");
        }
        assert!(RemoteTransport::new("http://me:sec%2Fret@host:6385").is_ok());
    }
}
