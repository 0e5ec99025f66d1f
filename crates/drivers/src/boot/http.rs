//! The HTTP boot server: node scripts, kernels, ramdisks, loaders, and images for the agent.
//!
//! This file is the connections: bounded in number, with a deadline for each request's head, and
//! closed when a machine has gone away. What is served is in [`routes`].

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use url::Url;

mod answer;
mod counted;
mod file_body;
mod range;
pub(crate) mod routes;

/// How long a request's head may take, and how long an idle connection is kept.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// How long sent octets may go unacknowledged: a machine that was switched off while it downloads
/// says no goodbye.
const PEER_DEADLINE: Duration = Duration::from_secs(60);

/// How long connections may take to end when the service stops.
const STOP_DEADLINE: Duration = Duration::from_secs(2);

/// Pause after a failed accept. The reason is that file descriptors have run out, and nothing
/// tells when there are some again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How the HTTP boot server is set up.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The server's base URL as machines see it, where it is not the bound address (a proxy).
    pub url: Option<Url>,
    /// A directory served below `/images/`: what agents download.
    pub image_directory: Option<PathBuf>,
    /// Connections at once. Further ones wait in the kernel's queue.
    pub max_connections: usize,
}

impl HttpConfig {
    /// The usual values, at this address.
    #[must_use]
    pub const fn new(bind: SocketAddr) -> Self {
        Self {
            bind,
            url: None,
            image_directory: None,
            max_connections: 2048,
        }
    }
}

/// The peer of a request's connection, as a request extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The server, bound and not yet running.
pub(crate) struct HttpServer {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    stop: CancellationToken,
}

impl HttpServer {
    pub(crate) async fn bind(config: &HttpConfig, stop: CancellationToken) -> io::Result<Self> {
        let listener = TcpListener::bind(config.bind).await?;
        Ok(Self {
            listener,
            slots: Arc::new(Semaphore::new(config.max_connections)),
            stop,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop, and then until the connections have ended.
    pub(crate) async fn run(self, router: Router) {
        let tracker = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => break,
                accepted = self.accept() => accepted,
            };
            let Some((slot, stream, peer)) = accepted else {
                continue;
            };
            let (router, stop) = (router.clone(), self.stop.clone());
            tracker.spawn(async move {
                connection(stream, peer, router, stop).await;
                drop(slot);
            });
        }
        tracker.close();
        tracker.wait().await;
    }

    async fn accept(&self) -> Option<(tokio::sync::OwnedSemaphorePermit, TcpStream, SocketAddr)> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, peer)) => Some((slot, stream, peer)),
            Err(error) => {
                tracing::warn!(%error, "boot server cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(PEER_DEADLINE));
    let service = service_fn(move |request: http::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            let Ok(response) = router.oneshot(request).await;
            Ok::<_, Infallible>(response)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(STOP_DEADLINE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "boot server connection");
    }
}
