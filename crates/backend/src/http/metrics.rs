//! What a monitoring system reads: `/metrics` in the format of OpenMetrics, `/healthz` (the process
//! answers) and `/readyz` (it can work).

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use cupola_api::ProvisionState;
use cupola_api::contract::Operation;
use http::{HeaderValue, StatusCode, header};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::answer::{Answer, Failure, json};
use super::call::Call;
use crate::store::{NodeFilter, StoreError};

/// The type of OpenMetrics text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    operation: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    provision_state: &'static str,
}

type Durations = Family<Asked, Histogram, fn() -> Histogram>;

/// The metrics of one service.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Durations,
    nodes: Family<State, Gauge>,
    maintenance: Gauge,
    failed: Gauge,
    told: Counter,
    untold: Counter,
    to_tell: Gauge,
}

/// From half a millisecond to 16 seconds.
fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("cupola"),
            requests: Family::default(),
            durations: Durations::new_with_constructor(buckets),
            nodes: Family::default(),
            maintenance: Gauge::default(),
            failed: Gauge::default(),
            told: Counter::default(),
            untold: Counter::default(),
            to_tell: Gauge::default(),
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        let requests = self.requests.clone();
        registry.register("api_requests", "Requests answered", requests);
        let durations = self.durations.clone();
        let help = "Time from a request to its answer";
        registry.register("api_request_duration_seconds", help, durations);
        let nodes = self.nodes.clone();
        registry.register("nodes", "Nodes by provision state", nodes);
        let maintenance = self.maintenance.clone();
        registry.register("nodes_in_maintenance", "Nodes out of service", maintenance);
        let failed = self.failed.clone();
        registry.register("nodes_failed", "Nodes whose last work failed", failed);
        let told = self.told.clone();
        let help = "Notifications that the message broker has confirmed";
        registry.register("notifications_sent", help, told);
        let untold = self.untold.clone();
        let help = "Notifications given up because the message broker did not take them";
        registry.register("notifications_dropped", help, untold);
        let to_tell = self.to_tell.clone();
        let help = "Notifications that wait for the message broker";
        registry.register("notifications_waiting", help, to_tell);
        self
    }

    /// A request was answered.
    pub(super) fn answered(&self, operation: Operation, status: StatusCode, took: Duration) {
        let operation = operation.name();
        let status = status.as_u16();
        let request = Request { operation, status };
        self.requests.get_or_create(&request).inc();
        let asked = Asked { operation };
        self.durations
            .get_or_create(&asked)
            .observe(took.as_secs_f64());
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(call: &mut Call) -> Answer {
    let mut states: BTreeMap<&'static str, i64> = BTreeMap::new();
    for state in ProvisionState::ALL {
        states.insert(state.as_str(), 0);
    }
    let (mut maintenance, mut failed) = (0, 0);
    let mut batches = call.state.store.batches(NodeFilter::default());
    while let Some(nodes) = batches.next().await? {
        for node in nodes {
            *states.entry(node.provision_state.as_str()).or_default() += 1;
            maintenance += i64::from(node.maintenance);
            failed += i64::from(node.last_error.is_some());
        }
    }
    let metrics = &call.state.metrics;
    for (provision_state, count) in states {
        let state = State { provision_state };
        metrics.nodes.get_or_create(&state).set(count);
    }
    metrics.maintenance.set(maintenance);
    metrics.failed.set(failed);
    let told = call.state.events.notifier().counts();
    metrics.told.inner().store(told.sent, Ordering::Relaxed);
    metrics
        .untold
        .inner()
        .store(told.dropped, Ordering::Relaxed);
    let waiting = i64::try_from(told.waiting).unwrap_or(i64::MAX);
    metrics.to_tell.set(waiting);
    let mut page = String::new();
    text::encode(&mut page, &metrics.registry)
        .map_err(|error| cupola_api::ApiFault::internal(error.to_string()))?;
    let mut response = Response::new(Body::from(page));
    let kind = HeaderValue::from_static(OPEN_METRICS);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

const USERS_KEPT: &str = "the file of api.http_basic_auth_user_file cannot be used; the users known \
                          before are kept, and the log says why";

/// `GET /healthz`: whoever gets an answer knows.
pub(super) fn health() -> Answer {
    json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

/// `GET /readyz`: whether the database answers and takes what is written, and a conductor lives; 503
/// that says which does not.
pub(super) async fn readiness(call: &mut Call) -> Answer {
    let timeout = call.state.options.conductor_timeout;
    let not_ready = |why: String| {
        let body = serde_json::json!({ "status": "not ready", "reason": why });
        json(StatusCode::SERVICE_UNAVAILABLE, &body)
    };
    let conductors = call.state.store.conductors(timeout).await;
    // That it could be read just now does not say that it can be written.
    if let (Ok(_), Some(outage)) = (&conductors, call.state.store.database().outage()) {
        return not_ready(StoreError::Unavailable(outage).to_string());
    }
    match conductors {
        Ok(conductors) if conductors.iter().any(|conductor| conductor.alive) => {
            let body = match call.state.authentication.trouble().await {
                // Nobody is asked for a password here, so where the file is stays in the log.
                Some(_) => serde_json::json!({ "status": "ready", "warning": USERS_KEPT }),
                None => serde_json::json!({ "status": "ready" }),
            };
            json(StatusCode::OK, &body)
        }
        Ok(_) => not_ready("no conductor is alive".to_owned()),
        Err(error) => match Failure::from(error) {
            Failure::Fault(fault) => not_ready(fault.message),
            other => Err(other),
        },
    }
}
