//! The router as a client sees it, over a real store and a conductor that does as little as the
//! seam allows.

mod allocations;
mod auth;
mod chassis;
mod conductor;
mod inspection_rules;
mod metrics;
mod nodes;
mod notifications;
mod policy;
mod portgroups;
mod ports;
mod runbooks;
mod sight;
mod socket;
mod stream;
mod volumes;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use cupola_api::client::Client;
use cupola_api::client::embedded::EmbeddedTransport;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{ApiOptions, ApiState, router};
use crate::auth::Authentication;
use crate::config::Config;
use crate::events::EventBus;
use crate::store::{Store, StoreOptions};
use conductor::TestConductor;

/// A service with nothing in it.
struct Api {
    router: Router,
    store: Store,
    events: EventBus,
    shutdown: CancellationToken,
    directory: tempfile::TempDir,
}

/// An answer, read whole.
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("")
    }

    /// The text of Ironic's error body.
    fn fault(&self) -> String {
        let text = self.body["error_message"].as_str().unwrap_or_default();
        let inner: Value = serde_json::from_str(text).unwrap_or_default();
        let text = inner
            .get("faultstring")
            .or_else(|| inner.get("description"));
        text.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Api {
    async fn start() -> Self {
        Self::start_with(Authentication::Open).await
    }

    async fn start_with(authentication: Authentication) -> Self {
        Self::start_as(&Config::default(), authentication).await
    }

    async fn start_configured(config: &Config) -> Self {
        let authentication = Authentication::open(config).await.expect("who calls");
        Self::start_as(config, authentication).await
    }

    async fn start_as(config: &Config, authentication: Authentication) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let options = StoreOptions::new(directory.path());
        Self::start_on(&options, directory, config, authentication).await
    }

    async fn start_on(
        database: &StoreOptions,
        directory: tempfile::TempDir,
        config: &Config,
        authentication: Authentication,
    ) -> Self {
        let store = Store::open(database).await.expect("a store");
        let events = EventBus::start(store.clone()).await.expect("a bus");
        let shutdown = CancellationToken::new();
        let rpc = Arc::new(TestConductor {
            store: store.clone(),
            events: events.clone(),
        });
        let options = ApiOptions::new(config).expect("good options");
        let state = ApiState::new(
            store.clone(),
            events.clone(),
            rpc,
            options,
            authentication,
            shutdown.clone(),
        );
        Self {
            router: router(state),
            store,
            events,
            shutdown,
            directory,
        }
    }

    fn client(&self) -> Client {
        Client::new(EmbeddedTransport::new(self.router.clone()))
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let answer = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("no error");
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    async fn call(&self, method: Method, path: &str, version: &str, body: Option<Value>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "api.test:6385")
            .header("x-openstack-ironic-api-version", version)
            .body(body.map_or_else(Body::empty, |b| Body::from(b.to_string())))
            .expect("a request");
        self.send(request).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, "1.115", None).await
    }

    async fn at(&self, version: &str, path: &str) -> Reply {
        self.call(Method::GET, path, version, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, "1.115", Some(body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, "1.115", Some(body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PATCH, path, "1.115", Some(body)).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, "1.115", None).await
    }

    /// Enrols a node of this name; its UUID.
    async fn node(&self, name: &str) -> String {
        let body = serde_json::json!({ "driver": "fake-hardware", "name": name });
        let reply = self.post("/v1/nodes", body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.body["uuid"].as_str().expect("a UUID").to_owned()
    }
}
