//! The firmware's HTTP client: one plain request per connection, as iPXE has it.
//!
//! No TLS and no connection pool: a rack has thousands of these, each used a few times.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

/// A script is text of some lines.
const MAX_TEXT: usize = 64 << 10;

/// Why a download failed, in iPXE's words where it has some.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("{0}: Invalid argument")]
    BadUrl(String),
    #[error("Connection timed out")]
    TimedOut,
    #[error("No such file or directory (HTTP status {0})")]
    NotFound(StatusCode),
    #[error("Input/output error (HTTP status {0})")]
    Status(StatusCode),
    #[error("The file is too large for a script")]
    TooLarge,
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Protocol(#[from] hyper::Error),
    #[error("the connection ended after {received} of {expected} bytes")]
    Truncated { received: u64, expected: u64 },
}

/// Fetches a text.
pub(super) async fn text(url: &str, source: Ipv4Addr, wait: Duration) -> Result<String, HttpError> {
    let mut body = open(Method::GET, url, source, wait).await?;
    let mut text = Vec::new();
    while let Some(data) = next(&mut body, wait).await? {
        if text.len() + data.len() > MAX_TEXT {
            return Err(HttpError::TooLarge);
        }
        text.extend_from_slice(&data);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Fetches a file and throws it away; returns its octets.
pub(super) async fn discard(url: &str, source: Ipv4Addr, wait: Duration) -> Result<u64, HttpError> {
    let mut body = open(Method::GET, url, source, wait).await?;
    let expected = body.size_hint().exact();
    let mut received = 0;
    while let Some(data) = next(&mut body, wait).await? {
        received += data.len() as u64;
    }
    match expected {
        Some(expected) if expected != received => Err(HttpError::Truncated { received, expected }),
        Some(_) | None => Ok(received),
    }
}

/// Asks whether a file is there; nothing is fetched.
pub(super) async fn head(url: &str, source: Ipv4Addr, wait: Duration) -> Result<(), HttpError> {
    open(Method::HEAD, url, source, wait).await.map(|_| ())
}

async fn open(
    method: Method,
    url: &str,
    source: Ipv4Addr,
    wait: Duration,
) -> Result<Incoming, HttpError> {
    timeout(wait, send(method, url, source))
        .await
        .map_err(|_| HttpError::TimedOut)?
}

async fn send(method: Method, url: &str, source: Ipv4Addr) -> Result<Incoming, HttpError> {
    let bad = || HttpError::BadUrl(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| bad())?;
    if uri.scheme_str() != Some("http") {
        return Err(bad());
    }
    let authority = uri.authority().ok_or_else(bad)?.clone();
    let stream = connect(authority.host(), authority.port_u16().unwrap_or(80), source).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends by itself: when the body has been read, or is dropped.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(
            uri.path_and_query()
                .map_or("/", http::uri::PathAndQuery::as_str),
        )
        .header(header::HOST, authority.as_str())
        .header(header::USER_AGENT, "iPXE/1.21.1 (simulated)")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| bad())?;
    let response = sender.send_request(request).await?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => Err(HttpError::NotFound(status)),
        status => Err(HttpError::Status(status)),
    }
}

async fn connect(host: &str, port: u16, source: Ipv4Addr) -> Result<TcpStream, HttpError> {
    let address = lookup_host((host, port))
        .await?
        .find(SocketAddr::is_ipv4)
        .ok_or_else(|| HttpError::BadUrl(host.to_owned()))?;
    let socket = TcpSocket::new_v4()?;
    if !source.is_unspecified() {
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
    }
    Ok(socket.connect(address).await?)
}

async fn next(body: &mut Incoming, wait: Duration) -> Result<Option<Bytes>, HttpError> {
    loop {
        let frame = timeout(wait, body.frame())
            .await
            .map_err(|_| HttpError::TimedOut)?;
        match frame {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(data) = frame?.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
