//! One request on its way through a handler: the version it was made at, where it came in, what is
//! left of its arguments, and its body.

use std::sync::Arc;

use axum::body::Body;
use cupola_api::contract::Route;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeIdent;
use cupola_api::{Microversion, NodeId};
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::ApiState;
use super::answer::Failure;
use super::arguments::Arguments;
use super::body::{self, Size};
use super::name;
use super::permit::Permit;
use super::proof::Proof;
use crate::store::{Conflict, StoreError, StoredNode};

/// A request.
pub(super) struct Call {
    pub(super) state: ApiState,
    /// The row of the contract that was asked for.
    pub(super) route: &'static Route,
    pub(super) version: Microversion,
    /// Whether the client named a version.
    pub(super) has_version: bool,
    /// Whether the path itself ends in `.json`, which older versions take for a file's suffix.
    pub(super) has_suffix: bool,
    /// Scheme and authority of absolute links, without a slash at the end.
    pub(super) base: Arc<str>,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) query: String,
    pub(super) arguments: Arguments,
    /// Behind a lock that nobody ever takes: a body may not be shared between threads, a call is.
    pub(super) body: Mutex<Option<Body>>,
    /// What the body of a request without credentials takes of the memory for all of them.
    pub(super) memory: Option<OwnedSemaphorePermit>,
    /// The name of who calls; none where nobody was asked.
    pub(super) user: Option<Arc<str>>,
    /// What proved who calls, where that must go on holding.
    pub(super) proof: Option<Proof>,
    /// What its sender may do.
    pub(super) permit: Permit,
    /// The node that it changes, once it is found.
    pub(super) changes: Mutex<Option<NodeId>>,
}

impl Call {
    /// An absolute link to a path below `/v1`.
    pub(super) fn url(&self, path: std::fmt::Arguments<'_>) -> String {
        format!("{}/v1/{path}", self.base)
    }

    /// Whether the version is at least 1.`minor`.
    pub(super) fn is_since(&self, minor: u16) -> bool {
        self.version >= Microversion::new(minor)
    }

    /// Refuses with 406 below 1.`minor`.
    pub(super) fn require(&self, minor: u16) -> Result<(), ApiFault> {
        if self.is_since(minor) {
            Ok(())
        } else {
            Err(ApiFault::not_acceptable())
        }
    }

    /// The body as JSON; an empty object when there is none.
    pub(super) async fn json(&mut self, size: Size) -> Result<Value, Failure> {
        let Some(body) = self.body.get_mut().take() else {
            return Ok(Value::Object(Map::new()));
        };
        let options = &self.state.options;
        let memory = size.is_strangers().then_some(&options.stranger_memory);
        let (bytes, memory) = body::gather(body, options.limits.bytes(size), memory).await?;
        self.memory = memory;
        let read = body::read(&bytes, &self.headers, options.limits.depth)?;
        // What a ramdisk has found is taken as it is: nothing of it is lost for one number.
        if !size.is_strangers() {
            body::exact(&bytes)?;
        }
        Ok(read)
    }

    /// The body as an object whose members are arguments: unknown ones are refused as such.
    pub(super) async fn members(
        &mut self,
        known: &[&str],
        size: Size,
    ) -> Result<Map<String, Value>, Failure> {
        // A body that is no object has no members, as upstream reads it.
        let members = match self.json(size).await? {
            Value::Object(members) => members,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        };
        let mut unknown: Vec<&str> = members
            .keys()
            .map(String::as_str)
            .filter(|name| !known.contains(name))
            .collect();
        if unknown.is_empty() {
            return Ok(members);
        }
        unknown.sort_unstable();
        let unknown = unknown.join(", ");
        Err(ApiFault::bad_request(format!("Unexpected arguments: {unknown}")).into())
    }

    /// Reads an identifier of a path.
    pub(super) fn ident(&self, text: &str) -> Result<NodeIdent, ApiFault> {
        if let Ok(id) = text.parse::<NodeId>() {
            return Ok(NodeIdent::Id(id));
        }
        if !name::is_logical(text) {
            return Err(self.route.bad_node(text));
        }
        if !self.is_since(5) {
            return Err(ApiFault::node_not_found(text));
        }
        Ok(NodeIdent::Name(text.to_owned()))
    }

    /// The node of a path: the caller may see it, and passes the route's rule on it.
    ///
    /// Below 1.91 a client that names its version may put `.json` behind the identifier.
    pub(super) async fn node(&self, text: &str) -> Result<Arc<StoredNode>, Failure> {
        let ident = self.ident(text)?;
        let found = self.linked(&ident).await;
        if let (Err(StoreError::NotFound { .. }), Some(short)) = (&found, self.without_json(text)) {
            let short = self.ident(short)?;
            return self.target(&short).await;
        }
        let found = found?;
        self.ask_route(&found)?;
        Ok(found)
    }

    /// What stands before a suffix that older versions may put behind an identifier.
    pub(super) fn without_json<'a>(&self, text: &'a str) -> Option<&'a str> {
        text.strip_suffix(".json")
            .filter(|_| self.has_suffix && self.has_version && !self.is_since(91))
    }
}

/// What belongs to a node (its ports, its traits) does not change while somebody works on it.
pub(super) fn refuse_locked(holder: &Option<String>, node: NodeId) -> Result<(), ApiFault> {
    match holder {
        Some(host) => Err(ApiFault::node_locked(node, host)),
        None => Ok(()),
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        Self::Fault(match error {
            StoreError::NotFound { .. } => ApiFault::not_found(message),
            StoreError::Conflict(Conflict::NotEmpty { .. }) => ApiFault::bad_request(message),
            StoreError::Conflict(_) => ApiFault::conflict(message),
            StoreError::Unavailable(_) => {
                tracing::error!(error = %message, "the store is not available");
                ApiFault::unavailable(message)
            }
            StoreError::Corrupt { .. }
            | StoreError::Refused(_)
            | StoreError::Key(_)
            | StoreError::Migration(_)
            | StoreError::Url { .. }
            | StoreError::Open { .. } => {
                tracing::error!(error = %message, "the store failed");
                ApiFault::internal(message)
            }
        })
    }
}
