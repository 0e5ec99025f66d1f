//! The calls that only Cupola answers, below `/cupola/v1`: 404 from any other server.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::Method;

use super::percent::encode;
use crate::client::{Client, ClientError, events};
use crate::cupola::{
    AgentLogs, IdentifyRequest, Images, LogPage, NodeSummaries, ProbeRequest, Timeline, UnknownMacs,
};
use crate::diagnosis::Explanation;
use crate::discovery::{DiscoveryReport, DiscoveryRequest};
use crate::durations::Durations;
use crate::event::{EventId, StreamItem};
use crate::id::{NodeId, NodeIdent};
use crate::probe::ProbeReport;
use crate::serial::{SerialCursor, SerialItem, SerialSend};

impl Client {
    /// All nodes in short, with what they wait for. 404 from a server that is not Cupola.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn summaries(&self) -> Result<NodeSummaries, ClientError> {
        self.json(Method::GET, "/cupola/v1/nodes", None::<&()>)
            .await
    }

    /// What happened to a node after `after`, oldest first.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn timeline(
        &self,
        node: &NodeIdent,
        after: Option<EventId>,
    ) -> Result<Timeline, ClientError> {
        let after = after
            .map(|id| format!("?after={}", id.0))
            .unwrap_or_default();
        let path = format!("/cupola/v1/nodes/{}/timeline{after}", encode(node));
        self.json(Method::GET, &path, None::<&()>).await
    }

    /// Where a node stands, what it waits for, and what may be wrong. 404 from a server that is not
    /// Cupola.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn explain(&self, node: &NodeIdent) -> Result<Explanation, ClientError> {
        let path = format!("/cupola/v1/nodes/{}/explain", encode(node));
        self.json(Method::GET, &path, None::<&()>).await
    }

    /// The logs that were collected of a node's ramdisks, the newest first.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn agent_logs(&self, node: &NodeIdent) -> Result<AgentLogs, ClientError> {
        let path = format!("/cupola/v1/nodes/{}/logs", encode(node));
        self.json(Method::GET, &path, None::<&()>).await
    }

    /// Lines of such a log from number `from` on, counted from 0: as many as the server gives.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn agent_log_lines(
        &self,
        node: &NodeIdent,
        name: &str,
        from: u64,
    ) -> Result<LogPage, ClientError> {
        let path = format!(
            "/cupola/v1/nodes/{}/logs/{}/lines?from={from}",
            encode(node),
            encode(&name)
        );
        self.json(Method::GET, &path, None::<&()>).await
    }

    /// Such a log as it is, a gzipped tar archive, chunk after chunk.
    ///
    /// # Errors
    /// As [`Client::nodes`]; later ones come as items of the stream, which then ends.
    pub async fn agent_log(
        &self,
        node: &NodeIdent,
        name: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, ClientError>>, ClientError> {
        let path = format!("/cupola/v1/nodes/{}/logs/{}", encode(node), encode(&name));
        let request = self.request(Method::GET, &path)?;
        Ok(Box::pin(self.checked(request).await?))
    }

    /// How long phases and steps usually take on that server.
    ///
    /// # Errors
    /// As [`Client::nodes`]; 404 where the server is not Cupola.
    pub async fn durations(&self) -> Result<Durations, ClientError> {
        self.json(Method::GET, "/cupola/v1/durations", None::<&()>)
            .await
    }

    /// The images that are configured for deployment.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn images(&self) -> Result<Images, ClientError> {
        self.json(Method::GET, "/cupola/v1/images", None::<&()>)
            .await
    }

    /// Tests a BMC before its node exists.
    ///
    /// # Errors
    /// As [`Client::nodes`]; a BMC that fails the test is a report, not an error.
    pub async fn probe(&self, request: &ProbeRequest) -> Result<ProbeReport, ClientError> {
        self.json(Method::POST, "/cupola/v1/probe", Some(request))
            .await
    }

    /// Lights the locate LED of a machine that has no node yet, or puts it out.
    ///
    /// # Errors
    /// As [`Client::nodes`]; also when the BMC does not answer or refuses.
    pub async fn identify(&self, request: &IdentifyRequest) -> Result<(), ClientError> {
        self.empty(Method::POST, "/cupola/v1/identify", Some(request))
            .await
    }

    /// Looks which BMCs there are at these addresses.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn discover(
        &self,
        request: &DiscoveryRequest,
    ) -> Result<DiscoveryReport, ClientError> {
        self.json(Method::POST, "/cupola/v1/discovery", Some(&request.body()))
            .await
    }

    /// Who asked DHCP lately and belongs to no port.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn unknown_macs(&self) -> Result<UnknownMacs, ClientError> {
        self.json(Method::GET, "/cupola/v1/unknown-macs", None::<&()>)
            .await
    }

    /// Follows the events after `after`, of one node or of all.
    ///
    /// # Errors
    /// As [`Client::nodes`]; later ones come as items of the stream, which then ends.
    pub async fn events(
        &self,
        after: Option<EventId>,
        node: Option<NodeId>,
    ) -> Result<BoxStream<'static, Result<StreamItem, ClientError>>, ClientError> {
        let filter = node.map(|id| format!("?node={id}")).unwrap_or_default();
        let mut request = self.request(Method::GET, &format!("/cupola/v1/events{filter}"))?;
        if let Some(id) = after {
            request
                .headers_mut()
                .insert("last-event-id", http::HeaderValue::from(id.0));
        }
        Ok(events::decode(self.checked(request).await?))
    }

    /// Follows a node's serial console, behind a place where one is given; with `take_over` another
    /// session of the BMC loses it.
    ///
    /// # Errors
    /// As [`Client::nodes`]; later ones come as items of the stream, which then ends.
    pub async fn serial(
        &self,
        node: &NodeIdent,
        after: Option<SerialCursor>,
        take_over: bool,
    ) -> Result<BoxStream<'static, Result<SerialItem, ClientError>>, ClientError> {
        let query = if take_over { "?take_over=true" } else { "" };
        let path = format!("/cupola/v1/nodes/{}/serial{query}", encode(node));
        let mut request = self.request(Method::GET, &path)?;
        let place = after.and_then(|at| http::HeaderValue::from_str(&at.to_string()).ok());
        if let Some(place) = place {
            request.headers_mut().insert("last-event-id", place);
        }
        Ok(events::decode_serial(self.checked(request).await?))
    }

    /// Types into a node's serial console, or sends it a break.
    ///
    /// # Errors
    /// As [`Client::nodes`]; 409 where nobody follows it, or the BMC does not answer.
    pub async fn serial_send(
        &self,
        node: &NodeIdent,
        send: &SerialSend,
    ) -> Result<(), ClientError> {
        let path = format!("/cupola/v1/nodes/{}/serial", encode(node));
        self.empty(Method::POST, &path, Some(send)).await
    }
}
