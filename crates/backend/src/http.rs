//! The API over HTTP: the Bare Metal API under `/v1` (and without that prefix), and what it has no
//! word for under `/cupola/v1`.
//!
//! A request goes through [`dispatch`](self::dispatch): version negotiation, routing, headers; then
//! to one handler, which reads its arguments and body, checks their form and asks the store or the
//! conductor. No handler moves a provision state or talks to hardware.

mod access;
mod activity;
mod allocations;
mod announce;
mod answer;
mod arguments;
mod body;
mod call;
mod chassis;
mod chunks;
mod collection;
mod cupola;
mod deploy_templates;
mod dispatch;
mod external_events;
mod handlers;
mod inspection_rules;
mod metrics;
mod name;
mod nodes;
mod options;
mod paging;
mod patch;
mod permit;
mod portgroups;
mod ports;
mod proof;
mod ramdisk;
mod rendered;
mod repr;
mod root;
mod route;
mod runbooks;
mod schema;
mod serve;
mod service;
mod shape;
#[cfg(test)]
mod tests;
mod text;
mod tls;
mod volumes;

use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::auth::{Authentication, SameProcess};
use crate::events::EventBus;
use crate::rpc::Rpc;
use crate::store::Store;
#[cfg(fuzzing)]
pub use nodes::fuzzing;
pub use options::{ApiOptions, OptionsError};
pub(crate) use serve::{Connection, ServeOptions, serve};
pub(crate) use tls::advice as tls_advice;
pub use tls::{Tls, TlsError};

/// Whether a node can have a trait of this name.
pub(crate) fn is_trait(name: &str) -> bool {
    nodes::traits::check(name).is_ok()
}

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    store: Store,
    events: EventBus,
    rpc: Arc<dyn Rpc>,
    options: Arc<ApiOptions>,
    authentication: Authentication,
    shutdown: CancellationToken,
    rendered: Arc<rendered::Rendered>,
    metrics: Arc<metrics::Metrics>,
}

impl std::fmt::Debug for ApiState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiState")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl ApiState {
    /// Puts together what handlers need. Event streams end when `shutdown` is cancelled.
    #[must_use]
    pub(crate) fn new(
        store: Store,
        events: EventBus,
        rpc: Arc<dyn Rpc>,
        options: ApiOptions,
        authentication: Authentication,
        shutdown: CancellationToken,
    ) -> Self {
        let rendered = Arc::default();
        Self {
            store,
            events,
            rpc,
            options: Arc::new(options),
            authentication,
            shutdown,
            rendered,
            metrics: Arc::default(),
        }
    }
}

/// The whole API. Serve it with [`serve`], or hand requests to it in the same process.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .fallback(dispatch::dispatch)
        .layer(CatchPanicLayer::custom(dispatch::panicked))
        .with_state(state)
}

/// The API for requests of this process: nobody is asked who they are.
pub fn in_process(router: Router) -> Router {
    router.layer(axum::Extension(SameProcess))
}
