//! The agent's side of the Bare Metal API: which version it has, which node this machine is, and the
//! heartbeat. When to call what is in `runner.rs`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cupola_api::agent::{
    HEARTBEAT_MICROVERSION, Heartbeat, InspectionAnswer, InspectionData, LOOKUP_MICROVERSION,
    LookupAnswer,
};
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::config::AgentConfig;

const VERSION_HEADER: &str = "X-OpenStack-Ironic-API-Version";
/// What a server that does not say is taken for.
const ASSUMED_VERSION: u16 = 31;
/// No answer to an agent is larger; a stranger on the port could be.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Why the API did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("no URL of the API is configured")]
    NoUrl,
    #[error("cannot reach {url}: {reason}")]
    Unreachable { url: Url, reason: String },
    #[error("{url} answered HTTP {status}: {text}")]
    Status {
        url: Url,
        status: StatusCode,
        text: String,
    },
    #[error("{url} answered something that is not understood: {reason}")]
    Answer { url: Url, reason: String },
}

impl CallError {
    /// The HTTP status, where there was one.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::NoUrl | Self::Unreachable { .. } | Self::Answer { .. } => None,
        }
    }
}

/// Makes an HTTP client for these URLs. The system's certificates are loaded only where one of them
/// needs them: a ramdisk may have none, and a hundred simulated machines would each have a copy.
pub(crate) fn http_client<'u>(
    config: &AgentConfig,
    urls: impl IntoIterator<Item = &'u str>,
) -> Result<Client, String> {
    // The client takes the process's provider; another part of the program may have set it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("cupola-agent/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(30))
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(1);
    if let Some(path) = &config.ca_file {
        let show = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let pem = std::fs::read(path).map_err(|error| show(&error))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| show(&error))?;
        builder = builder.tls_certs_only(certificates);
    } else if config.insecure || urls.into_iter().all(|url| !url.starts_with("https://")) {
        builder = builder.tls_certs_only(std::iter::empty());
    }
    if let Some(proxy) = &config.http_proxy {
        let proxy = reqwest::Proxy::http(proxy.as_str()).map_err(|error| error.to_string())?;
        builder = builder.proxy(proxy);
    }
    if config.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder.build().map_err(|error| {
        format!(
            "{}; where the ramdisk has no certificates, give ipa-cafile=FILE or ipa-insecure=1",
            crate::error::with_causes(&error)
        )
    })
}

/// The API at one of the configured URLs.
pub(crate) struct IronicApi {
    client: Client,
    urls: Vec<Url>,
    /// Which of them answered last.
    current: usize,
    timeout: Duration,
    version: Option<u16>,
}

impl IronicApi {
    pub(crate) fn new(client: Client, config: &AgentConfig) -> Self {
        Self {
            client,
            urls: config.api_urls.clone(),
            current: 0,
            timeout: config.request_timeout,
            version: config.api_version,
        }
    }

    /// The API's newest microversion minor, as far as known.
    pub(crate) fn version(&self) -> u16 {
        self.version.unwrap_or(ASSUMED_VERSION)
    }

    /// Goes on to the next of several URLs.
    pub(crate) fn try_next_url(&mut self) {
        self.current = self.current.wrapping_add(1);
    }

    fn url(&self, path: &str) -> Result<Url, CallError> {
        let index = self.current % self.urls.len().max(1);
        let base = self.urls.get(index).ok_or(CallError::NoUrl)?;
        let text = format!("{}/{path}", base.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|error| CallError::Answer {
            url: base.clone(),
            reason: error.to_string(),
        })
    }

    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Response, CallError> {
        let response = request
            .header("Accept", "application/json")
            .timeout(self.timeout)
            .send()
            .await
            .map_err(|error| CallError::Unreachable {
                url: url.clone(),
                reason: crate::error::with_causes(&error.without_url()),
            })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = read_answer(url, response).await.unwrap_or_default();
        Err(CallError::Status {
            url: url.clone(),
            status,
            text: fault_text(&body),
        })
    }

    /// Asks for the newest microversion, unless it is known.
    pub(crate) async fn discover(&mut self) -> Result<(), CallError> {
        if self.version.is_some() {
            return Ok(());
        }
        let url = self.url("")?;
        let response = self.send(&url, self.client.get(url.clone())).await?;
        let body = read_answer(&url, response).await?;
        let root: Value = serde_json::from_slice(&body).unwrap_or_default();
        let version = root
            .pointer("/default_version/version")
            .and_then(Value::as_str)
            .and_then(|text| text.strip_prefix("1."))
            .and_then(|minor| minor.parse().ok());
        self.version = version;
        if version.is_none() {
            tracing::warn!(%url, "no microversion in its answer, taking it for 1.{ASSUMED_VERSION}");
        }
        Ok(())
    }

    fn header(&self, wanted: u16) -> String {
        format!("1.{}", self.version().min(wanted))
    }

    /// Which node has these addresses.
    pub(crate) async fn lookup(
        &self,
        addresses: &[String],
        node: Option<Uuid>,
    ) -> Result<LookupAnswer, CallError> {
        let mut url = self.url("v1/lookup")?;
        url.query_pairs_mut()
            .append_pair("addresses", &addresses.join(","));
        if let Some(node) = node {
            url.query_pairs_mut()
                .append_pair("node_uuid", &node.to_string());
        }
        let request = self
            .client
            .get(url.clone())
            .header(VERSION_HEADER, self.header(LOOKUP_MICROVERSION));
        let response = self.send(&url, request).await?;
        let body = read_answer(&url, response).await?;
        serde_json::from_slice(&body).map_err(|error| CallError::Answer {
            url,
            reason: error.to_string(),
        })
    }

    /// Says that the agent lives.
    pub(crate) async fn heartbeat(&self, node: Uuid, body: &Heartbeat) -> Result<(), CallError> {
        let url = self.url(&format!("v1/heartbeat/{node}"))?;
        let request = self
            .client
            .post(url.clone())
            .header(VERSION_HEADER, self.header(HEARTBEAT_MICROVERSION))
            .json(body);
        self.send(&url, request).await.map(|_| ())
    }

    /// Hands in the inventory, at the URL of the kernel command line. No version header: the answer is
    /// the node's UUID then, and the token comes with the lookup.
    pub(crate) async fn inspect(
        &self,
        url: &Url,
        data: &InspectionData,
    ) -> Result<Option<Uuid>, CallError> {
        let request = self.client.post(url.clone()).json(data);
        let response = self.send(url, request).await?;
        let body = read_answer(url, response).await?;
        // Some servers answer nothing: the node is then found by its addresses.
        Ok(serde_json::from_slice(&body)
            .ok()
            .map(|answer: InspectionAnswer| answer.node_uuid()))
    }

    /// Our own address on the way to the API.
    pub(crate) async fn local_address(&self) -> Result<IpAddr, CallError> {
        let url = self.url("")?;
        let unreachable = |reason: String| CallError::Unreachable {
            url: url.clone(),
            reason,
        };
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or(80);
        let targets: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|error| unreachable(error.to_string()))?
            .collect();
        let mut reason = "its name has no address".to_owned();
        for target in targets {
            // Connecting a UDP socket sends nothing: it only asks the routing table.
            let any: SocketAddr = if target.is_ipv4() {
                ([0; 4], 0).into()
            } else {
                ([0_u16; 8], 0).into()
            };
            let found = match tokio::net::UdpSocket::bind(any).await {
                Ok(socket) => match socket.connect(target).await {
                    Ok(()) => socket.local_addr(),
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            match found {
                Ok(address) => return Ok(address.ip()),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(unreachable(reason))
    }
}

async fn read_answer(url: &Url, mut response: Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| CallError::Unreachable {
                url: url.clone(),
                reason: crate::error::with_causes(&error.without_url()),
            })?;
        let Some(chunk) = chunk else { return Ok(body) };
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err(CallError::Answer {
                url: url.clone(),
                reason: "the answer is too large".to_owned(),
            });
        }
    }
}

/// The text of an API fault: a JSON object in `error_message`, as text or as an object.
fn fault_text(body: &[u8]) -> String {
    let plain = || String::from_utf8_lossy(body).chars().take(200).collect();
    let Ok(fault) = serde_json::from_slice::<Value>(body) else {
        return plain();
    };
    let inner = match fault.get("error_message") {
        Some(Value::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
        }
        Some(other) => other.clone(),
        None => return plain(),
    };
    match inner
        .get("faultstring")
        .and_then(Value::as_str)
        .or(inner.as_str())
    {
        Some(text) => text.to_owned(),
        None => plain(),
    }
}
