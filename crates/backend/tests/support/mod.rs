//! A service with fake hardware, as tests of the whole service drive it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test binary uses its own part of this module"
)]

use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use cupola_api::client::embedded::EmbeddedTransport;
use cupola_api::client::{Client, ClientError};
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use cupola_api::patch::PatchOperation;
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::ProvisionState as S;
use cupola_backend::config::Config;
use cupola_backend::service::Service;
use futures_util::StreamExt;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::ServiceExt;

pub const DEADLINE: Duration = Duration::from_secs(30);

/// The service and a client of it.
pub struct Bench {
    pub service: Service,
    pub client: Client,
}

impl Bench {
    pub async fn start(directory: &Path, sets: &[&str]) -> Self {
        let mut all = vec!["drivers.enabled=[\"fake-hardware\"]".to_owned()];
        all.extend(sets.iter().map(ToString::to_string));
        let config = Config::load(None, Vec::new(), &all).unwrap();
        let service = Box::pin(Service::start(config, directory, None))
            .await
            .unwrap();
        let client = Client::new(EmbeddedTransport::new(service.router()));
        Self { service, client }
    }

    pub async fn enrol(&self, name: &str, driver_info: Value) -> NodeIdent {
        let body = json!({"driver": "fake-hardware", "name": name, "driver_info": driver_info});
        self.client.create_node(&body).await.unwrap().uuid.into()
    }

    pub async fn verb(&self, node: &NodeIdent, target: &str) -> Result<(), ClientError> {
        let request = ProvisionRequest {
            target: target.to_owned(),
            ..ProvisionRequest::default()
        };
        self.client.provision(node, &request).await
    }

    pub async fn bring(&self, node: &NodeIdent, target: &str, goal: S) -> Node {
        self.verb(node, target).await.unwrap();
        self.reach(node, goal).await
    }

    /// Waits until the node is in this state, and nobody holds it.
    pub async fn reach(&self, node: &NodeIdent, goal: S) -> Node {
        let id = self.client.node(node).await.unwrap().uuid;
        let mut events = self.client.events(None, Some(id)).await.unwrap();
        let wait = async {
            loop {
                let now = self.client.node(node).await.unwrap();
                if now.provision_state == goal && now.reservation.is_none() {
                    return now;
                }
                events.next().await.unwrap().unwrap();
            }
        };
        let reached = timeout(DEADLINE, wait).await;
        let Ok(reached) = reached else {
            let now = self.client.node(node).await.unwrap();
            let timeline = self.client.timeline(node, None).await.unwrap();
            panic!("wanted {goal}: {now:#?} {timeline:#?}");
        };
        reached
    }

    pub async fn set(&self, node: &NodeIdent, key: &str, value: Value) {
        let patch = [PatchOperation::add(format!("/driver_info/{key}"), value)];
        self.client.patch_node(node, &patch).await.unwrap();
    }

    /// A call that the client has no method for: status and body, null when it has none.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("x-openstack-ironic-api-version", "latest")
            .body(body)
            .unwrap();
        let answer = self.service.router().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub async fn call_ok(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }
}
