//! The transport to a server on another host or in another process, over HTTP(S).

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use url::Url;

use super::{BodyStream, ClientError, Transport};

/// Carries requests over the network with reqwest.
pub struct RemoteTransport {
    /// With user and password, which reqwest sends as HTTP Basic (RFC 7617).
    base: Url,
    shown: String,
    http: reqwest::Client,
}

impl RemoteTransport {
    /// A transport to the API at `base`, such as `http://127.0.0.1:6385`, or
    /// `https://USER:PASSWORD@HOST` where it asks who calls.
    ///
    /// # Errors
    /// When `base` is no HTTP(S) URL, or TLS cannot be set up.
    pub fn new(base: &str) -> Result<Self, ClientError> {
        let bad = |reason: String| ClientError::BadUrl {
            url: without_login(base),
            reason,
        };
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
        // Installing fails only when a provider is there already, which is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(65))
            .build()
            .map_err(|e| bad(e.to_string()))?;
        let shown = without_login(parsed.as_str().trim_end_matches('/'));
        Ok(Self {
            base: parsed,
            shown,
            http,
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            reason = cause.to_string();
            source = cause.source();
        }
        ClientError::Unreachable {
            target: self.shown.clone(),
            reason,
        }
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

#[async_trait::async_trait]
impl Transport for RemoteTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<BodyStream>, ClientError> {
        let (parts, body) = request.into_parts();
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let base = self.base.as_str().trim_end_matches('/');
        let sent = self
            .http
            .request(parts.method, format!("{base}{path}"))
            .headers(parts.headers)
            .body(body)
            .send()
            .await
            .map_err(|e| self.unreachable(&e))?;
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
}
