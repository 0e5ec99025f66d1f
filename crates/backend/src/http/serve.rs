//! The router on a socket, until it is told to stop: connections, with TLS or without, bounded in
//! number, each with a deadline for whatever its client owes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::activity::Activity;
use super::tls::Tls;
use crate::config::Api;
use crate::limit::source;

/// How long requests that run may take after the service was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long a handshake of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a connection that is closed for its idleness may take to end in order.
const GOODBYE: Duration = Duration::from_secs(2);

/// How long sent octets may go unacknowledged: a client that was switched off says no goodbye.
const PEER_DEADLINE: Duration = Duration::from_secs(60);

/// How long a client may leave a piece of an answer (64 KiB of a list) before it takes the next one.
/// What follows events is let go of by [`PEER_DEADLINE`] alone.
const UNTAKEN: Duration = Duration::from_secs(60);

/// How often a client with HTTP/2 is asked whether it is there.
const PING: Duration = Duration::from_secs(20);

/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 100;

/// The media type of streams of events (WHATWG HTML, section 9.2).
const EVENT_STREAM: &str = "text/event-stream";

/// Pause after a failed accept. The reason is that file descriptors have run out, and nothing
/// tells when there are some again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections are taken.
#[derive(Clone, Debug)]
pub(crate) struct ServeOptions {
    /// None: without TLS.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Connections at once. Further ones wait in the kernel's queue.
    pub(crate) max_connections: usize,
    /// Connections at once of one address; 0 for no limit. Further ones are closed.
    pub(crate) max_of_address: usize,
    /// How long a request's head may take, and how long a connection without requests is kept.
    pub(crate) idle: Duration,
    /// How long a piece of an answer may wait for its client.
    pub(crate) untaken: Duration,
}

impl ServeOptions {
    /// As configured.
    pub(crate) fn new(api: &Api, tls: Option<Arc<Tls>>) -> Self {
        Self {
            tls,
            max_connections: api.max_connections.min(Semaphore::MAX_PERMITS),
            max_of_address: api.max_connections_per_address,
            idle: api.keep_alive_timeout,
            untaken: UNTAKEN,
        }
    }
}

/// Where a request came in, as a request extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    /// Who is at the other end: the client, or a proxy.
    pub(crate) peer: SocketAddr,
    /// Whether TLS was spoken.
    pub(crate) is_secure: bool,
}

/// Serves until `cancel`; then no connection is accepted any more, and requests that run have ten
/// seconds to end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    cancel: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(options.max_connections));
    let crowd = Arc::new(Crowd::new(options.max_of_address));
    let tracker = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((slot, stream, peer)) = accepted else {
            continue;
        };
        let Some(place) = Crowd::enter(&crowd, peer.ip()) else {
            continue;
        };
        let (router, options, cancel) = (router.clone(), options.clone(), cancel.clone());
        tracker.spawn(async move {
            Box::pin(connection(stream, peer, router, options, cancel)).await;
            drop((slot, place));
        });
    }
    drop(listener);
    tracker.close();
    if timeout(GRACE, tracker.wait()).await.is_err() {
        tracing::warn!(
            seconds = GRACE.as_secs(),
            "requests did not end in time; stopping anyway"
        );
    }
}

/// How many connections each address has.
#[derive(Debug)]
struct Crowd {
    most: usize,
    addresses: Mutex<HashMap<IpAddr, Connections>>,
}

/// Those of one address.
#[derive(Debug, Default)]
struct Connections {
    count: usize,
    /// Whether the log tells that there are too many.
    is_told: bool,
}

/// A connection that counts, until this is dropped.
#[derive(Debug)]
struct Place(Arc<Crowd>, IpAddr);

impl Crowd {
    fn new(most: usize) -> Self {
        Self {
            most: if most == 0 { usize::MAX } else { most },
            addresses: Mutex::default(),
        }
    }

    /// Counts a connection; `None` where its address has as many as it may.
    fn enter(this: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = source(address);
        let mut addresses = this.addresses.lock();
        let here = addresses.entry(address).or_default();
        if here.count < this.most {
            here.count += 1;
            return Some(Place(Arc::clone(this), address));
        }
        if !here.is_told {
            here.is_told = true;
            let most = this.most;
            tracing::warn!(
                %address,
                most,
                "an address has as many connections as it may; further ones are closed. Where many \
                 clients share it, raise api.max_connections_per_address"
            );
        }
        None
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.0.addresses.lock();
        if let Some(here) = addresses.get_mut(&self.1) {
            here.count -= 1;
            if here.count == 0 {
                addresses.remove(&self.1);
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((slot, stream, peer)),
        Err(error) => {
            tracing::warn!(%error, "the API cannot accept connections");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    options: ServeOptions,
    cancel: CancellationToken,
) {
    // Small answers must not wait for more to come.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(PEER_DEADLINE));
    let (idle, untaken) = (options.idle, options.untaken);
    let Some(tls) = options.tls else {
        let Some(is_h2) = begins_with_h2(&stream, idle).await else {
            return;
        };
        let secure = false;
        let at = Connection {
            peer,
            is_secure: secure,
        };
        return requests(stream, at, is_h2, router, [idle, untaken], cancel).await;
    };
    let acceptor = TlsAcceptor::from(tls.config().await);
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
            let at = Connection {
                peer,
                is_secure: true,
            };
            requests(stream, at, is_h2, router, [idle, untaken], cancel).await;
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS handshake"),
        Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
    }
}

/// Whether a client without TLS begins with the preface of HTTP/2 (RFC 9113, section 3.4), as no
/// request of HTTP/1 does; `None` when nothing comes.
async fn begins_with_h2(stream: &TcpStream, deadline: Duration) -> Option<bool> {
    let mut first = [0; 4];
    let count = timeout(deadline, stream.peek(&mut first))
        .await
        .ok()?
        .ok()?;
    let first = first.get(..count)?;
    (count > 0).then(|| first.starts_with(b"PRI"))
}

/// Answers what comes over one connection, until it ends, idles too long, or the service stops.
async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    at: Connection,
    is_h2: bool,
    router: Router,
    [idle, untaken]: [Duration; 2],
    cancel: CancellationToken,
) {
    let activity = Arc::new(Activity::new());
    let service = service_fn({
        let activity = Arc::clone(&activity);
        move |request: http::Request<Incoming>| {
            let (router, busy) = (router.clone(), Activity::begin(&activity));
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(at);
                let Ok(response) = router.oneshot(request).await;
                let kind = response.headers().get(header::CONTENT_TYPE);
                let is_stream = kind.is_some_and(|kind| kind == EVENT_STREAM);
                Ok::<_, Infallible>(response.map(|body| busy.until_end_of(body, is_stream)))
            }
        }
    });
    let io = TokioIo::new(stream);
    let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(idle);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS);
    let builder = if is_h2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    };
    let mut serving = std::pin::pin!(builder.serve_connection(io, service));
    let last = tokio::select! {
        ended = serving.as_mut() => return note(at, ended),
        () = activity.untaken_for(untaken) => {
            tracing::info!(
                peer = %at.peer,
                seconds = untaken.as_secs(),
                "a connection was cut: its client did not take the answer"
            );
            return;
        }
        () = cancel.cancelled() => None,
        () = activity.idle_for(idle) => Some(Instant::now() + GOODBYE),
    };
    serving.as_mut().graceful_shutdown();
    match last {
        // Of those who idle nothing is worth waiting for.
        Some(last) => match tokio::time::timeout_at(last, serving.as_mut()).await {
            Ok(ended) => note(at, ended),
            Err(_) => tracing::trace!(peer = %at.peer, "an idle connection was cut"),
        },
        None => note(at, serving.as_mut().await),
    }
}

fn note<E: std::fmt::Display>(at: Connection, ended: Result<(), E>) {
    if let Err(error) = ended {
        tracing::trace!(peer = %at.peer, %error, "a connection ended");
    }
}
