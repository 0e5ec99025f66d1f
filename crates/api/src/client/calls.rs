//! The calls of the API, one method each: those of Ironic here, those that only Cupola answers in `own`.

mod own;

use std::fmt::Display;

use bytes::Bytes;
use futures_util::stream::TryStreamExt;
use http::Method;
use percent::encode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{BodyStream, Client, ClientError, NodeQuery};
use crate::fault::ApiFault;
use crate::id::{NodeId, NodeIdent, PortId};
use crate::mac::MacAddress;
use crate::microversion;
use crate::node::Node;
use crate::patch::PatchOperation;
use crate::port::Port;
use crate::resource::{
    BootDevice, BootDeviceSetting, Conductor, Driver, HistoryEntry, NodeInventory,
    ProvisionRequest, Validations,
};
use crate::state::power::PowerTarget;

/// The largest answer that is read whole, in bytes.
const MAX_ANSWER: usize = 256 << 20;

impl Client {
    /// All nodes that match, page after page.
    ///
    /// # Errors
    /// As every call: not reachable, refused, or an answer that cannot be read.
    pub async fn nodes(&self, query: &NodeQuery) -> Result<Vec<Node>, ClientError> {
        let mut query = query.clone();
        let mut all = Vec::new();
        loop {
            let path = format!("/v1/nodes{}", query.to_query());
            let mut page: Value = self.json(Method::GET, &path, None::<&()>).await?;
            let nodes: Vec<Node> = self.read(take(&mut page, "nodes"))?;
            query.marker = nodes.last().map(|n| n.uuid.to_string());
            let full = query
                .limit
                .is_some_and(|l| all.len() + nodes.len() >= l as usize);
            all.extend(nodes);
            if full || page.get("next").is_none() || query.marker.is_none() {
                return Ok(all);
            }
        }
    }

    /// One node with all its fields.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn node(&self, node: &NodeIdent) -> Result<Node, ClientError> {
        self.json(Method::GET, &node_path(node, ""), None::<&()>)
            .await
    }

    /// Enrols a node; `body` holds the fields that are given.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn create_node(&self, body: &Value) -> Result<Node, ClientError> {
        self.json(Method::POST, "/v1/nodes", Some(body)).await
    }

    /// Changes fields of a node.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn patch_node(
        &self,
        node: &NodeIdent,
        patch: &[PatchOperation],
    ) -> Result<Node, ClientError> {
        self.json(Method::PATCH, &node_path(node, ""), Some(patch))
            .await
    }

    /// Deletes a node.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn delete_node(&self, node: &NodeIdent) -> Result<(), ClientError> {
        self.empty(Method::DELETE, &node_path(node, ""), None::<&()>)
            .await
    }

    /// Sends a provision verb.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn provision(
        &self,
        node: &NodeIdent,
        request: &ProvisionRequest,
    ) -> Result<(), ClientError> {
        self.empty(
            Method::PUT,
            &node_path(node, "/states/provision"),
            Some(request),
        )
        .await
    }

    /// Sends a power request.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn power(&self, node: &NodeIdent, target: PowerTarget) -> Result<(), ClientError> {
        let body = json!({ "target": target });
        self.empty(Method::PUT, &node_path(node, "/states/power"), Some(&body))
            .await
    }

    /// Puts a node into maintenance, or takes it out.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn maintenance(
        &self,
        node: &NodeIdent,
        on: bool,
        reason: Option<&str>,
    ) -> Result<(), ClientError> {
        let path = node_path(node, "/maintenance");
        if on {
            self.empty(Method::PUT, &path, Some(&json!({ "reason": reason })))
                .await
        } else {
            self.empty(Method::DELETE, &path, None::<&()>).await
        }
    }

    /// Asks each interface of a node whether it has what it needs.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn validate(&self, node: &NodeIdent) -> Result<Validations, ClientError> {
        self.json(Method::GET, &node_path(node, "/validate"), None::<&()>)
            .await
    }

    /// The boot device that the BMC has set.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn boot_device(&self, node: &NodeIdent) -> Result<BootDeviceSetting, ClientError> {
        self.json(
            Method::GET,
            &node_path(node, "/management/boot_device"),
            None::<&()>,
        )
        .await
    }

    /// Sets the boot device at the BMC.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn set_boot_device(
        &self,
        node: &NodeIdent,
        device: BootDevice,
        persistent: bool,
    ) -> Result<(), ClientError> {
        let body = json!({ "boot_device": device, "persistent": persistent });
        self.empty(
            Method::PUT,
            &node_path(node, "/management/boot_device"),
            Some(&body),
        )
        .await
    }

    /// The records of a node's history, oldest first.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn history(&self, node: &NodeIdent) -> Result<Vec<HistoryEntry>, ClientError> {
        let path = node_path(node, "/history?detail=true");
        self.member(&path, "history").await
    }

    /// What inspection found.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn inventory(&self, node: &NodeIdent) -> Result<NodeInventory, ClientError> {
        self.json(Method::GET, &node_path(node, "/inventory"), None::<&()>)
            .await
    }

    /// A part of a node as the server writes it, such as `inventory`; the node itself for no name.
    ///
    /// # Errors
    /// As [`Client::nodes`]; 404 where the server does not have that part.
    pub async fn node_part(&self, node: &NodeIdent, part: &str) -> Result<Value, ClientError> {
        let rest = match part {
            "" => String::new(),
            part => format!("/{part}"),
        };
        self.json(Method::GET, &node_path(node, &rest), None::<&()>)
            .await
    }

    /// The ports of a node.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn ports(&self, node: &NodeIdent) -> Result<Vec<Port>, ClientError> {
        self.member(&node_path(node, "/ports/detail"), "ports")
            .await
    }

    /// Adds a port to a node.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn create_port(&self, node: NodeId, mac: MacAddress) -> Result<Port, ClientError> {
        let body = json!({ "node_uuid": node, "address": mac });
        self.json(Method::POST, "/v1/ports", Some(&body)).await
    }

    /// Deletes a port.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn delete_port(&self, port: PortId) -> Result<(), ClientError> {
        self.empty(Method::DELETE, &format!("/v1/ports/{port}"), None::<&()>)
            .await
    }

    /// The hardware types that are served.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn drivers(&self) -> Result<Vec<Driver>, ClientError> {
        self.member("/v1/drivers", "drivers").await
    }

    /// The conductors.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn conductors(&self) -> Result<Vec<Conductor>, ClientError> {
        self.member("/v1/conductors?detail=true", "conductors")
            .await
    }

    /// How a node's console is reached by Ironic's own means: `console_enabled`, `console_info`.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn console(&self, node: &NodeIdent) -> Result<Value, ClientError> {
        let path = node_path(node, "/states/console");
        self.json(Method::GET, &path, None::<&()>).await
    }

    /// Sends a request that the caller has put together, and whose answer has nothing to read.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(), ClientError> {
        self.empty(method, path, body).await
    }

    /// The names of the indicators of a node that can be set, such as `led@chassis`.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn indicators(&self, node: &NodeIdent) -> Result<Vec<String>, ClientError> {
        let path = node_path(node, "/management/indicators");
        let found: Vec<Value> = self.member(&path, "indicators").await?;
        let can_be_set = |it: &&Value| it.get("readonly") != Some(&Value::Bool(true));
        let name = |it: &Value| it.get("name").and_then(Value::as_str).map(str::to_owned);
        Ok(found.iter().filter(can_be_set).filter_map(name).collect())
    }

    /// The names of the runbooks.
    ///
    /// # Errors
    /// As [`Client::nodes`].
    pub async fn runbook_names(&self) -> Result<Vec<String>, ClientError> {
        let found: Vec<Value> = self.member("/v1/runbooks", "runbooks").await?;
        let name = |it: &Value| it.get("name").and_then(Value::as_str).map(str::to_owned);
        Ok(found.iter().filter_map(name).collect())
    }

    fn request(&self, method: Method, path: &str) -> Result<http::Request<Bytes>, ClientError> {
        http::Request::builder()
            .method(method)
            .uri(path)
            .header(microversion::HEADER, "latest")
            .header("accept", "application/json, text/event-stream")
            .body(Bytes::new())
            .map_err(|e| ClientError::BadUrl {
                url: path.to_owned(),
                reason: e.to_string(),
            })
    }

    async fn member<T: DeserializeOwned>(&self, path: &str, name: &str) -> Result<T, ClientError> {
        let mut answer: Value = self.json(Method::GET, path, None::<&()>).await?;
        self.read(take(&mut answer, name))
    }

    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<T, ClientError> {
        let bytes = self.whole(method, path, body).await?;
        serde_json::from_slice(&bytes).map_err(|e| self.bad_answer(&e))
    }

    async fn empty(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<(), ClientError> {
        self.whole(method, path, body).await.map(drop)
    }

    async fn whole(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<Vec<u8>, ClientError> {
        let mut request = self.request(method, path)?;
        if let Some(body) = body {
            let text = serde_json::to_vec(body).map_err(|e| self.bad_answer(&e))?;
            let json = http::HeaderValue::from_static("application/json");
            request
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, json);
            *request.body_mut() = text.into();
        }
        let body = self.checked(request).await?;
        self.collect(body).await
    }

    async fn checked(&self, request: http::Request<Bytes>) -> Result<BodyStream, ClientError> {
        let answer = self.transport.send(request).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let challenge = answer
            .headers()
            .get(http::header::WWW_AUTHENTICATE)
            .cloned();
        let body = self.collect(answer.into_body()).await?;
        let mut fault = ApiFault::from_body(status.as_u16(), &body);
        if status == http::StatusCode::UNAUTHORIZED {
            let challenge = challenge.as_ref().and_then(|value| value.to_str().ok());
            let remedy = remedy(challenge.unwrap_or_default());
            let (target, said) = (self.target(), fault.message.trim_end_matches('.'));
            fault.message = format!("{target} does not let you in: {said}. {remedy}");
        }
        Err(fault.into())
    }

    async fn collect(&self, mut body: BodyStream) -> Result<Vec<u8>, ClientError> {
        let mut all = Vec::new();
        while let Some(chunk) = body.try_next().await? {
            if all.len() + chunk.len() > MAX_ANSWER {
                return Err(self.bad_answer(&"it is too long"));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    fn read<T: DeserializeOwned>(&self, value: Value) -> Result<T, ClientError> {
        serde_json::from_value(value).map_err(|e| self.bad_answer(&e))
    }

    fn bad_answer(&self, reason: &dyn Display) -> ClientError {
        let target = self.target().to_owned();
        ClientError::BadAnswer {
            target,
            reason: reason.to_string(),
        }
    }
}

/// What somebody does who is not let in, by how the server wants to be told who it is.
fn remedy(challenge: &str) -> &'static str {
    if challenge.starts_with("Keystone") {
        "It takes tokens of Keystone: set OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME \
         (or OS_SYSTEM_SCOPE=all), or name a cloud of clouds.yaml in OS_CLOUD; where OS_TOKEN is set, \
         that token has expired"
    } else if challenge.starts_with("Basic") {
        "Set OS_USERNAME and OS_PASSWORD to a user that it knows and that user's password"
    } else {
        "Check the user and the password"
    }
}

fn take(answer: &mut Value, member: &str) -> Value {
    answer.get_mut(member).map(Value::take).unwrap_or_default()
}

fn node_path(node: &NodeIdent, rest: &str) -> String {
    format!("/v1/nodes/{}{rest}", encode(node))
}

/// Percent-encoding of one path segment.
mod percent {
    use std::fmt::Write;

    pub(super) fn encode(segment: &impl std::fmt::Display) -> String {
        let mut out = String::new();
        for byte in segment.to_string().bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    }
}
