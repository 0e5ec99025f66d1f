//! The router on a socket, until it is told to stop.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long requests that run may take after the service was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `cancel`; then no connection is accepted any more, and requests that run have ten
/// seconds to end.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    cancel: CancellationToken,
) -> io::Result<()> {
    // Small answers must not wait for more to come.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
    });
    let stop = cancel.clone();
    let serving = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .into_future();
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = cancel.cancelled() => {}
    }
    match tokio::time::timeout(GRACE, serving).await {
        Ok(ended) => ended,
        Err(_) => {
            tracing::warn!(
                seconds = GRACE.as_secs(),
                "requests did not end in time; stopping anyway"
            );
            Ok(())
        }
    }
}
