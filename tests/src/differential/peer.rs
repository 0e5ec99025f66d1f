//! One of the two services: sends it a request of the script, and reads its answer into the form in
//! which answers are compared.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::{Body, Request, Version};
use super::{normal, placeholder};

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(90);

/// Headers that clients look at.
const HEADERS: [&str; 8] = [
    "content-type",
    "location",
    "allow",
    "www-authenticate",
    "x-openstack-ironic-api-version",
    "x-openstack-ironic-api-minimum-version",
    "x-openstack-ironic-api-maximum-version",
    "openstack-request-id",
];

/// An answer without what means nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers that clients look at.
    pub headers: BTreeMap<String, String>,
    /// The body; a text when it is no JSON, null when there is none.
    pub body: Value,
    /// The path of what was made, with the identifier that the peer may have given it. Not compared.
    pub made: Option<String>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Peer {
    client: reqwest::Client,
    base: String,
}

impl Peer {
    /// The service at this URL.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(base: &str) -> Result<Self> {
        // Fails only when a provider is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .build()?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { client, base })
    }

    /// Sends a request of a case.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, request: &Request, chapter: &str, case: &str) -> Result<Reply> {
        let url = placeholder::fill(&request.path, chapter, case);
        let url = format!("{}{url}", self.base);
        let mut sent = self
            .client
            .request(Method::from_bytes(request.method.as_bytes())?, url)
            .header("accept", request.accept);
        sent = match &request.version {
            Version::None => sent,
            Version::At(text) => sent.header("x-openstack-ironic-api-version", text),
            Version::Standard(text) => sent.header("openstack-api-version", text),
        };
        sent = match &request.body {
            Body::None => sent,
            Body::Json(value) => sent
                .header("content-type", "application/json")
                .body(placeholder::fill_value(value, chapter, case).to_string()),
            Body::Raw(kind, bytes, _) => sent.header("content-type", *kind).body(bytes.clone()),
        };
        let again = sent.try_clone();
        let response = match (sent.send().await, again) {
            // A connection that was kept was closed at this moment: nobody has seen the request.
            (Err(error), Some(again)) if error.is_request() && !error.is_timeout() => {
                again.send().await
            }
            (sent, _) => sent,
        };
        let response =
            response.with_context(|| format!("no answer from {} to {case}", self.base))?;
        let status = response.status().as_u16();
        let location = response.headers().get("location");
        let location = location.and_then(|value| value.to_str().ok());
        let made = location
            .and_then(|l| l.strip_prefix(self.base.as_str()))
            .filter(|_| status == 201)
            .map(str::to_owned);
        let mut headers = BTreeMap::new();
        for name in HEADERS {
            let Some(value) = response.headers().get(name) else {
                continue;
            };
            let value = value.to_str().unwrap_or("unreadable");
            headers.insert(name.to_owned(), header(name, value, &self.base));
        }
        let bytes = response.bytes().await?;
        Ok(Reply {
            status,
            headers,
            body: body(&bytes, &self.base),
            made,
        })
    }

    /// The body of an answer at the newest version as it came.
    ///
    /// # Errors
    /// When there is no answer, or no JSON in it.
    pub async fn read(&self, path: &str) -> Result<Value> {
        let url = format!("{}{path}", self.base);
        let request = self
            .client
            .get(url)
            .header("x-openstack-ironic-api-version", "latest");
        Ok(request.send().await?.json().await?)
    }
}

fn header(name: &str, value: &str, base: &str) -> String {
    match name {
        "openstack-request-id" if value.starts_with("req-") => "{request}".to_owned(),
        "content-type" => value.to_ascii_lowercase().replace(' ', ""),
        "allow" => {
            let mut methods: Vec<&str> = value.split(',').map(str::trim).collect();
            methods.sort_unstable();
            methods.join(", ")
        }
        _ => normal::text(value, base),
    }
}

fn body(bytes: &[u8], base: &str) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => normal::value(&value, base),
        Err(_) => Value::from(normal::text(&String::from_utf8_lossy(bytes), base)),
    }
}
