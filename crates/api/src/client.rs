//! The one client: what the console and the command line speak, remote or embedded.
//!
//! [`Client`] turns calls into HTTP requests; a [`Transport`] carries them, either over the
//! network ([`remote::RemoteTransport`]) or to a router in the same process
//! ([`embedded::EmbeddedTransport`]). Nothing above the transport knows which one it is.

mod calls;
mod cause;
pub mod embedded;
pub mod error;
pub mod events;
pub mod query;
pub mod remote;
mod server;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;

pub use error::ClientError;
pub use query::NodeQuery;

/// A streamed answer body.
pub type BodyStream = BoxStream<'static, Result<Bytes, ClientError>>;

/// Carries one request; the body of the answer is streamed.
#[async_trait::async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends the request. Its URI is a path with a query, such as `/v1/nodes?limit=5`.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when no answer came.
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<BodyStream>, ClientError>;

    /// What a person reads in the status line: a URL, or `embedded`.
    fn target(&self) -> &str;
}

/// A client of the Bare Metal API. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("target", &self.transport.target())
            .finish()
    }
}

impl Client {
    /// A client over this transport.
    pub fn new(transport: impl Transport) -> Self {
        Self {
            transport: Arc::new(transport),
        }
    }

    /// What a person reads in the status line.
    #[must_use]
    pub fn target(&self) -> &str {
        self.transport.target()
    }
}
