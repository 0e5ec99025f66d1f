//! One download into the cache: taken up again where it broke, checked as a whole, and only then
//! given its name.

use std::io;
use std::path::Path;
use std::time::Duration;

use cupola_api::agent::Checksum;
use futures_util::StreamExt;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED, RANGE};
use reqwest::{Client, Response, StatusCode};
use tokio::io::AsyncWriteExt;
use url::Url;

use super::{CacheError, Inner, RemoteFile, disk, is_there, room, show};
use crate::digest;

/// How often a broken download is taken up again.
const RETRIES: u32 = 9;
/// Between two attempts, but for the first two.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// How long a server may send nothing.
const IDLE: Duration = Duration::from_secs(60);
/// A text file of more than this is none.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// Why an attempt failed, and whether another one makes sense.
enum Failure {
    /// The connection broke, or the server is in trouble.
    Again(String),
    /// This host's disk is full: other files may go. With the length of the whole, if it is known.
    Full(Option<u64>),
    /// What is there already does not fit what comes.
    Afresh,
    Final(CacheError),
}

/// Downloads the file under its key, unless it is there.
pub(super) async fn run(inner: &Inner, key: &str, file: &RemoteFile) -> Result<(), CacheError> {
    let path = inner.files.join(key);
    if is_there(&path).await {
        return Ok(());
    }
    let part = inner.files.join(format!("{key}.part"));
    tokio::fs::create_dir_all(&inner.files)
        .await
        .map_err(|error| disk(&inner.files, &error))?;
    let failed = |reason: String| CacheError::Download {
        url: show(&file.url),
        reason,
    };
    let mut retries = 0;
    loop {
        let failure = match attempt(inner, key, file, &part).await {
            Ok(()) => match finish(file, &part, &path).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        match failure {
            Failure::Final(error) => {
                let _ = tokio::fs::remove_file(&part).await;
                return Err(error);
            }
            Failure::Afresh => {
                let _ = tokio::fs::remove_file(&part).await;
            }
            Failure::Full(total) => {
                let have = tokio::fs::metadata(&part).await.map_or(0, |it| it.len());
                let missing = total.map_or(u64::MAX, |total| total.saturating_sub(have).max(1));
                if room::free(inner, key, missing).await > 0 {
                    continue;
                }
                let _ = tokio::fs::remove_file(&part).await;
                return Err(inner.full(&file.url));
            }
            // What came stays, for the next who asks.
            Failure::Again(reason) if retries == RETRIES => return Err(failed(reason)),
            Failure::Again(reason) => {
                tracing::warn!(url = show(&file.url), reason, "the download broke");
                tokio::time::sleep(RETRY_INTERVAL * retries.min(1)).await;
            }
        }
        retries += 1;
        if retries > RETRIES {
            return Err(failed("the file changes while it is downloaded".to_owned()));
        }
    }
}

/// Downloads what is missing.
async fn attempt(inner: &Inner, key: &str, file: &RemoteFile, part: &Path) -> Result<(), Failure> {
    let have = match tokio::fs::metadata(part).await {
        // Only a checksum can tell that two parts belong together.
        Ok(metadata) if file.checksum.is_some() => metadata.len(),
        Ok(_) | Err(_) => 0,
    };
    let mut request = inner.client.get(file.url.clone());
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
    }
    let response = send(request).await?;
    let have = match response.status() {
        StatusCode::PARTIAL_CONTENT if starts_at(response.headers()) == Some(have) => have,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            return Err(Failure::Afresh);
        }
        status if status.is_success() => 0,
        status if status.is_server_error() => return Err(Failure::Again(format!("HTTP {status}"))),
        status => {
            return Err(Failure::Final(CacheError::Download {
                url: show(&file.url),
                reason: format!("HTTP {status}"),
            }));
        }
    };
    let total = response.content_length().map(|rest| have + rest);
    if let Some(total) = total {
        reserve(inner, key, file, total).await?;
    }
    store(inner, key, file, part, have, response)
        .await
        .map_err(|failure| match failure {
            Failure::Full(_) => Failure::Full(total),
            other => other,
        })?;
    match (total, tokio::fs::metadata(part).await) {
        (Some(total), Ok(metadata)) if metadata.len() < total => Err(Failure::Again(format!(
            "the server ended after {} of {total} bytes",
            metadata.len()
        ))),
        _ => Ok(()),
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<Response, Failure> {
    tokio::time::timeout(IDLE, request.send())
        .await
        .map_err(|_| Failure::Again("the server does not answer".to_owned()))?
        .map_err(|error| Failure::Again(error_text(error)))
}

/// The first byte of a partial answer (RFC 9110, section 14.4).
fn starts_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split_once('-')?
        .0
        .trim()
        .parse()
        .ok()
}

async fn reserve(inner: &Inner, key: &str, file: &RemoteFile, total: u64) -> Result<(), Failure> {
    let free = room::make(inner, key, total).await;
    if free >= total {
        return Ok(());
    }
    Err(Failure::Final(CacheError::NoRoom {
        url: show(&file.url),
        needed: total.div_ceil(1 << 20),
        room: free >> 20,
        limit: inner.limits.size >> 20,
    }))
}

async fn store(
    inner: &Inner,
    key: &str,
    file: &RemoteFile,
    part: &Path,
    have: u64,
    response: Response,
) -> Result<(), Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::Full(None),
        _ => Failure::Final(disk(part, &error)),
    };
    let mut options = tokio::fs::OpenOptions::new();
    options.create(true).write(true);
    let mut target = if have > 0 {
        options.append(true).open(part).await.map_err(failed)?
    } else {
        options.truncate(true).open(part).await.map_err(failed)?
    };
    let is_unannounced = response.content_length().is_none();
    let mut length = have;
    let mut stream = response.bytes_stream();
    loop {
        let chunk = match tokio::time::timeout(IDLE, stream.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                target.flush().await.map_err(failed)?;
                return Err(Failure::Again(error_text(error)));
            }
            Err(_) => return Err(Failure::Again(format!("no byte for {} s", IDLE.as_secs()))),
        };
        length += chunk.len() as u64;
        if is_unannounced && length > inner.limits.size {
            reserve(inner, key, file, length).await?;
        }
        target.write_all(&chunk).await.map_err(failed)?;
    }
    target.flush().await.map_err(failed)?;
    target.sync_all().await.map_err(failed)
}

/// Checks the whole file as it lies on the disk, and gives it its name.
async fn finish(file: &RemoteFile, part: &Path, path: &Path) -> Result<(), Failure> {
    if let Some(expected) = &file.checksum {
        let actual = digest::of_file(part.to_owned(), expected.algorithm())
            .await
            .map_err(|error| Failure::Final(disk(part, &error)))?;
        if actual != expected.expected() {
            return Err(Failure::Final(mismatch(file, expected, actual)));
        }
    }
    tokio::fs::rename(part, path)
        .await
        .map_err(|error| Failure::Final(disk(path, &error)))
}

fn mismatch(file: &RemoteFile, expected: &Checksum, actual: String) -> CacheError {
    CacheError::Checksum {
        url: show(&file.url),
        algorithm: expected.algorithm().name(),
        actual,
        expected: expected.expected().to_owned(),
    }
}

/// The server's word for the version of a file: its entity tag, or when it was modified and how long
/// it is. Without any of them it is always another version.
pub(super) async fn version(client: &Client, url: &Url) -> Result<String, CacheError> {
    let failed = |reason: String| CacheError::Download {
        url: show(url),
        reason,
    };
    let response = match send(client.head(url.clone())).await {
        Ok(response) if response.status().is_success() => response,
        Ok(response) => return Err(failed(format!("HTTP {}", response.status()))),
        Err(Failure::Again(reason)) => return Err(failed(reason)),
        Err(Failure::Full(_) | Failure::Afresh) => return Err(failed("no answer".to_owned())),
        Err(Failure::Final(error)) => return Err(error),
    };
    let header = |name| response.headers().get(name).and_then(|it| it.to_str().ok());
    Ok(match (header(ETAG), header(LAST_MODIFIED)) {
        (Some(tag), _) => tag.to_owned(),
        (None, Some(modified)) => format!("{modified} {:?}", response.content_length()),
        (None, None) => NO_VERSION.to_string() + &jiff::Timestamp::now().to_string(),
    })
}

const NO_VERSION: &str = "unknown, asked at ";

/// A small text file.
pub(super) async fn text(client: &Client, url: &Url) -> Result<String, CacheError> {
    let failed = |reason: String| CacheError::Download {
        url: show(url),
        reason,
    };
    let response = client
        .get(url.clone())
        .timeout(IDLE)
        .send()
        .await
        .map_err(|error| failed(error_text(error)))?;
    if !response.status().is_success() {
        return Err(failed(format!("HTTP {}", response.status())));
    }
    let mut stream = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| failed(error_text(error)))?);
        if bytes.len() > MAX_TEXT {
            return Err(failed("it is too large for a checksum file".to_owned()));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A request's error with its causes, but without the URL, which can hold secrets.
fn error_text(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
