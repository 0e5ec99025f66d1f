//! The transport to a service in the same process: requests go to its router, with no socket.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::{BodyDataStream, Full};
use tower::{Service, ServiceExt};

use super::{BodyStream, ClientError, Transport};

/// What a person reads of a service in the same process.
pub const TARGET: &str = "embedded";

/// Hands requests to a tower service, such as the router of the embedded conductor.
pub struct EmbeddedTransport<S> {
    service: S,
}

impl<S> EmbeddedTransport<S> {
    /// A transport to this service.
    pub const fn new(service: S) -> Self {
        Self { service }
    }
}

#[async_trait::async_trait]
impl<S, B> Transport for EmbeddedTransport<S>
where
    S: Service<http::Request<Full<Bytes>>, Response = http::Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display + Send,
{
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<BodyStream>, ClientError> {
        let service = self.service.clone();
        let answer = match service.oneshot(request.map(Full::new)).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        Ok(answer.map(|body| {
            BodyDataStream::new(body)
                .map_err(|e| ClientError::Unreachable {
                    target: "the embedded service".to_owned(),
                    reason: e.to_string(),
                })
                .boxed()
        }))
    }

    fn target(&self) -> &str {
        TARGET
    }
}
