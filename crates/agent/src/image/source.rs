//! Fetching an image over HTTP: its head, parts of it, and all of it in order, taken up again where a
//! connection broke. What the bytes mean is not known here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use cupola_api::agent::ImageInfo;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::header::{AUTHORIZATION, CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::{ImageError, ProgressCell, WriteContext};

/// Where an image is.
pub(crate) struct Source {
    client: Client,
    progress: Arc<ProgressCell>,
    url: Url,
    headers: HeaderMap,
    retries: u32,
    retry_interval: Duration,
    idle_timeout: Duration,
    length: Option<u64>,
    has_ranges: bool,
}

/// A URL as it may be shown: without credentials and query, which hold secrets in signed URLs.
fn show(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// The text with `%20` and the like as the characters they stand for (RFC 3986, section 2.1).
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| hex::decode(digits).ok());
        match code {
            Some(code) => {
                bytes.extend(code);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A failed attempt, and whether another one makes sense.
struct Attempt {
    reason: String,
    retryable: bool,
}

impl Attempt {
    fn again(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            retryable: true,
        }
    }
}

impl Source {
    pub(super) fn new(
        context: &WriteContext<'_>,
        info: &ImageInfo,
        url: &str,
    ) -> Result<Self, ImageError> {
        let config = context.config;
        let url = Url::parse(url)
            .map_err(|error| ImageError::Refused(format!("image {}: its URL: {error}", info.id)))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ImageError::Refused(format!(
                "image {}: the agent fetches http and https URLs, not {}",
                info.id,
                url.scheme()
            )));
        }
        Ok(Self {
            client: context.client.clone(),
            progress: Arc::clone(context.progress),
            url,
            headers: authorization(info)?,
            retries: config.download_retries,
            retry_interval: config.download_retry_interval,
            idle_timeout: config.download_idle_timeout,
            length: None,
            has_ranges: false,
        })
    }

    /// The bytes of the file, when the server said so at the probe.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether the server sends parts of the file when asked to, as the probe found.
    pub(super) fn has_ranges(&self) -> bool {
        self.has_ranges
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The last part of the path, as the file is called on its server.
    pub(super) fn file_name(&self) -> String {
        let last = self.url.path().rsplit('/').next().unwrap_or_default();
        percent_decoded(last)
    }

    fn error(&self, reason: impl Into<String>) -> ImageError {
        ImageError::Download {
            url: show(&self.url),
            reason: reason.into(),
        }
    }

    /// Asks for the first bytes, and learns the length and whether the server has ranges.
    pub(super) async fn probe(&mut self, length: u64) -> Result<Vec<u8>, ImageError> {
        let mut attempt = 0;
        loop {
            match self.try_probe(length).await {
                Ok(head) => {
                    self.progress.stumble(None);
                    return Ok(head);
                }
                Err(failure) if failure.retryable && attempt < self.retries => {
                    attempt += 1;
                    self.stumbles(&failure, attempt);
                    tracing::warn!(url = show(&self.url), reason = failure.reason, "download");
                    tokio::time::sleep(self.retry_interval).await;
                }
                Err(failure) => return Err(self.error(failure.reason)),
            }
        }
    }

    /// Tells whoever asks for the command of an attempt that failed.
    fn stumbles(&self, failure: &Attempt, number: u32) {
        self.progress.stumble(Some(format!(
            "downloading {}: {}, attempt {number} of {}",
            show(&self.url),
            failure.reason,
            self.retries + 1
        )));
    }

    /// Why a request failed; a refusal with the address that refused.
    fn request_error(&self, error: reqwest::Error) -> String {
        match (is_refusal(&error), self.url.host_str()) {
            (true, Some(host)) => {
                let port = self.url.port_or_known_default().unwrap_or_default();
                format!("connection refused by {host}:{port}")
            }
            _ => error_text(error),
        }
    }

    async fn try_probe(&mut self, length: u64) -> Result<Vec<u8>, Attempt> {
        let response = self.get(Some((0, Some(length - 1)))).await?;
        self.has_ranges = response.status() == StatusCode::PARTIAL_CONTENT;
        self.length = if self.has_ranges {
            let range = response
                .headers()
                .get(CONTENT_RANGE)
                .and_then(|it| it.to_str().ok());
            range.and_then(|range| range.rsplit_once('/')?.1.parse().ok())
        } else {
            response.content_length()
        };
        let mut stream = self.body(response);
        let mut head = Vec::new();
        while (head.len() as u64) < length {
            match stream.next().await {
                Some(chunk) => head.extend_from_slice(&chunk?),
                None => break,
            }
        }
        head.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(head)
    }

    async fn get(&self, range: Option<(u64, Option<u64>)>) -> Result<Response, Attempt> {
        let mut request = self
            .client
            .get(self.url.clone())
            .headers(self.headers.clone());
        if let Some((first, last)) = range {
            let last = last.map_or_else(String::new, |last| last.to_string());
            request = request.header(RANGE, format!("bytes={first}-{last}"));
        }
        let response = tokio::time::timeout(self.idle_timeout, request.send())
            .await
            .map_err(|_| Attempt::again("the server does not answer"))?
            .map_err(|error| Attempt::again(self.request_error(error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(Attempt {
            reason: format!("HTTP {status}"),
            retryable: status.is_server_error(),
        })
    }

    fn body(&self, response: Response) -> BoxStream<'static, Result<Bytes, Attempt>> {
        let idle = self.idle_timeout;
        let stream = response.bytes_stream();
        futures_util::stream::unfold(stream, move |mut stream| async move {
            let chunk = match tokio::time::timeout(idle, stream.next()).await {
                Ok(None) => return None,
                Ok(Some(Ok(chunk))) => Ok(chunk),
                Ok(Some(Err(error))) => Err(Attempt::again(error_text(error))),
                Err(_) => Err(Attempt::again(format!("no byte for {} s", idle.as_secs()))),
            };
            Some((chunk, stream))
        })
        .boxed()
    }

    /// The file from its first byte to its last.
    pub(super) fn stream(&self) -> ImageStream<'_> {
        ImageStream {
            source: self,
            position: 0,
            body: None,
            failures: 0,
            stumbled: false,
        }
    }

    /// Fetches parts of the file, given as offset and length in ascending order. A part that reaches
    /// beyond the end of the file comes short. Without ranges at the server, one pass over the
    /// file up to the last part collects them all.
    pub(super) async fn parts(&self, parts: &[(u64, usize)]) -> Result<Vec<Vec<u8>>, ImageError> {
        let mut found = Vec::with_capacity(parts.len());
        if self.has_ranges {
            for (offset, length) in parts {
                found.push(self.range(*offset, *length).await?);
            }
            return Ok(found);
        }
        let Some(end) = parts
            .iter()
            .map(|(offset, length)| offset + *length as u64)
            .max()
        else {
            return Ok(found);
        };
        found.extend(parts.iter().map(|_| Vec::new()));
        let mut stream = self.stream();
        let mut position = 0;
        while position < end {
            let Some(chunk) = stream.next().await? else {
                break;
            };
            for ((offset, length), part) in parts.iter().zip(&mut found) {
                let from = offset.saturating_sub(position).min(chunk.len() as u64);
                let to = (offset + *length as u64)
                    .saturating_sub(position)
                    .min(chunk.len() as u64);
                // Both are bounded by the length of the chunk.
                part.extend_from_slice(chunk.get(from as usize..to as usize).unwrap_or_default());
            }
            position += chunk.len() as u64;
        }
        Ok(found)
    }

    async fn range(&self, offset: u64, length: usize) -> Result<Vec<u8>, ImageError> {
        let mut stream = ImageStream {
            source: self,
            position: offset,
            body: None,
            failures: 0,
            stumbled: false,
        };
        let last = offset + length as u64 - 1;
        let mut part = Vec::with_capacity(length);
        while part.len() < length {
            match stream.next_until(Some(last)).await? {
                Some(chunk) => part.extend_from_slice(&chunk),
                None => break,
            }
        }
        part.truncate(length);
        Ok(part)
    }
}

/// The file from some byte on, in order and without gaps.
pub(super) struct ImageStream<'s> {
    source: &'s Source,
    position: u64,
    body: Option<BoxStream<'static, Result<Bytes, Attempt>>>,
    failures: u32,
    /// Whether the last attempt failed.
    stumbled: bool,
}

impl ImageStream<'_> {
    /// The next bytes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ImageError> {
        self.next_until(None).await
    }

    async fn next_until(&mut self, last: Option<u64>) -> Result<Option<Bytes>, ImageError> {
        loop {
            match self.try_next(last).await {
                Ok(Some(chunk)) => {
                    self.position += chunk.len() as u64;
                    if std::mem::take(&mut self.stumbled) {
                        self.source.progress.stumble(None);
                    }
                    return Ok(Some(chunk));
                }
                Ok(None) => return Ok(None),
                Err(failure) if failure.retryable && self.failures < self.source.retries => {
                    self.failures += 1;
                    self.stumbled = true;
                    self.source.stumbles(&failure, self.failures);
                    self.body = None;
                    tracing::warn!(
                        position = self.position,
                        reason = failure.reason,
                        "the download broke; going on from there"
                    );
                    tokio::time::sleep(self.source.retry_interval).await;
                }
                Err(failure) => {
                    return Err(self.source.error(format!(
                        "{} (after {} bytes)",
                        failure.reason, self.position
                    )));
                }
            }
        }
    }

    async fn try_next(&mut self, last: Option<u64>) -> Result<Option<Bytes>, Attempt> {
        if self.body.is_none() {
            self.body = Some(open(self.source, self.position, last).await?);
        }
        let Some(body) = self.body.as_mut() else {
            return Ok(None);
        };
        match body.next().await {
            Some(chunk) => chunk.map(Some),
            // A connection that closes early looks like the end to some servers' clients.
            None => match self.source.length {
                Some(length) if last.is_none() && self.position < length => Err(Attempt::again(
                    format!("the server ended early, {length} bytes expected"),
                )),
                Some(_) | None => Ok(None),
            },
        }
    }
}

/// Opens the file at a position. Where the server ignores ranges, the bytes before it are read and
/// dropped: the checksum decides whether they were the same.
async fn open(
    source: &Source,
    position: u64,
    last: Option<u64>,
) -> Result<BoxStream<'static, Result<Bytes, Attempt>>, Attempt> {
    let range = (position > 0 || last.is_some()).then_some((position, last));
    let response = source.get(range).await?;
    let mut skip = if response.status() == StatusCode::PARTIAL_CONTENT {
        0
    } else {
        position
    };
    let trimmed = source.body(response).map(move |chunk| {
        chunk.map(|mut chunk| {
            let drop = skip.min(chunk.len() as u64);
            skip -= drop;
            // Bounded by the length of the chunk.
            chunk.split_off(drop as usize)
        })
    });
    Ok(trimmed.boxed())
}

fn authorization(info: &ImageInfo) -> Result<HeaderMap, ImageError> {
    let refused = |what: &str| ImageError::Refused(format!("image {}: {what}", info.id));
    let value = if let Some(encoded) = &info.image_request_authorization {
        base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .map_err(|_| refused("image_request_authorization is not base64"))?
    } else if info.image_server_auth_strategy.as_deref() == Some("http_basic") {
        let user = info.image_server_user.as_deref().unwrap_or_default();
        let password = info.image_server_password.as_deref().unwrap_or_default();
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        format!("Basic {pair}").into_bytes()
    } else {
        return Ok(HeaderMap::new());
    };
    let mut value = HeaderValue::from_bytes(&value)
        .map_err(|_| refused("its authorization is no header value"))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

/// Fetches a small file.
pub(crate) async fn bounded_get(
    client: &Client,
    url: &str,
    limit: usize,
) -> Result<Vec<u8>, ImageError> {
    let url = Url::parse(url).map_err(|error| ImageError::Refused(format!("URL: {error}")))?;
    let error = |reason: String| ImageError::Download {
        url: show(&url),
        reason,
    };
    let response = client
        .get(url.clone())
        .timeout(Duration::from_secs(60))
        .send()
        .await
        .map_err(|cause| error(error_text(cause)))?;
    if !response.status().is_success() {
        return Err(error(format!("HTTP {}", response.status())));
    }
    let mut stream = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|cause| error(error_text(cause)))?);
        if bytes.len() > limit {
            return Err(error(format!("it is larger than {limit} bytes")));
        }
    }
    Ok(bytes)
}

/// A request's error with its causes, but without the URL, which can hold secrets.
fn is_refusal(error: &reqwest::Error) -> bool {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
}

fn error_text(error: reqwest::Error) -> String {
    crate::error::with_causes(&error.without_url())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use cupola_api::agent::ImageInfo;
    use tokio_util::sync::CancellationToken;
    use url::Url;

    use super::super::{ImagePolicy, ProgressCell, WriteContext};
    use super::{Source, percent_decoded};
    use crate::config::AgentConfig;

    #[tokio::test]
    async fn a_refusal_is_told_with_its_address_while_it_is_tried_again() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let mut config = AgentConfig::new(Url::parse("http://127.0.0.1:1").unwrap());
        config.download_retries = 1;
        config.download_retry_interval = Duration::from_millis(1);
        let progress = Arc::<ProgressCell>::default();
        let url = format!("http://{address}/image");
        let client = crate::ironic::http_client(&config, [url.as_str()]).unwrap();
        let context = WriteContext {
            client: &client,
            config: &config,
            policy: &ImagePolicy::default(),
            device: "the disk",
            progress: &progress,
            report: &|_| {},
            cancel: &CancellationToken::new(),
        };
        let mut source = Source::new(&context, &ImageInfo::default(), &url).unwrap();
        let error = source.probe(1).await.unwrap_err().to_string();
        let refused = format!("downloading {url}: connection refused by {address}");
        assert_eq!(error, refused);
        assert_eq!(
            progress.trouble(),
            Some(format!("{refused}, attempt 1 of 2"))
        );
    }

    #[test]
    fn file_names_are_read_as_their_server_has_them() {
        assert_eq!(percent_decoded("my%20image%2B1.raw"), "my image+1.raw");
        assert_eq!(percent_decoded("100%.raw%4"), "100%.raw%4");
    }
}
