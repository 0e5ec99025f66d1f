//! From a request to its handler and back: version negotiation, routing, and the headers that every
//! answer carries (wire reference §1.2, §1.3).

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::Response;
use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::microversion::{HEADER, MAX_HEADER, MIN_HEADER, STANDARD_HEADER, VersionError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use parking_lot::Mutex;
use uuid::Uuid;

use super::answer::{Answer, Failure, empty};
use super::arguments::Arguments;
use super::call::Call;
use super::route::{Resource, segments};
use super::{ApiState, cupola, deploy_templates, nodes, ports, ramdisk, root, service};

const MIN: HeaderName = HeaderName::from_static(MIN_HEADER);
const MAX: HeaderName = HeaderName::from_static(MAX_HEADER);
const VERSION: HeaderName = HeaderName::from_static(HEADER);
const REQUEST_ID: HeaderName = HeaderName::from_static("openstack-request-id");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// Answers any request.
pub(super) async fn dispatch(State(state): State<ApiState>, request: Request) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let (version, response) = Box::pin(answer(state, request)).await;
    let response = finish(response, version);
    let status = response.status().as_u16();
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(%method, path, status, micros, "request failed");
    } else if method == Method::GET {
        tracing::trace!(%method, path, status, micros, "request");
    } else {
        tracing::debug!(%method, path, status, micros, "request");
    }
    response
}

/// The answer without its common headers, and the version to show, if one was agreed upon.
async fn answer(state: ApiState, request: Request) -> (Option<Microversion>, Response) {
    let (parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS {
        return (None, settle(empty(StatusCode::OK)));
    }
    let version = match negotiate(&parts.headers) {
        Ok(version) => version,
        Err(error) => {
            let fault = ApiFault::routing(406, error.to_string());
            return (None, Failure::Fault(fault).into_response());
        }
    };
    let Some(path) = segments(parts.uri.path()) else {
        return (Some(version), not_found());
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let Some(resource) = Resource::find(&path) else {
        return (Some(version), not_found());
    };
    if !resource.methods().contains(&parts.method) {
        return (
            Some(version),
            Failure::Method(resource.methods()).into_response(),
        );
    }
    if !accepts_json(&parts.headers, resource) {
        let fault = ApiFault::routing(406, "Only application/json is served.");
        return (Some(version), Failure::Fault(fault).into_response());
    }
    if let Err(fault) = resource.gate(&parts.method, version) {
        return (Some(version), Failure::Fault(fault).into_response());
    }
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let mut call = Call {
        base: base(&state, &parts.headers, &parts.uri),
        state,
        version,
        has_version: [HEADER, STANDARD_HEADER]
            .iter()
            .any(|h| parts.headers.contains_key(*h)),
        method: parts.method,
        headers: parts.headers,
        arguments: Arguments::parse(Some(&query)),
        query,
        body: Mutex::new(Some(body)),
    };
    let answer = Box::pin(handle(resource, &mut call)).await;
    (Some(version), settle(answer))
}

/// Calls the handler of a resource.
async fn handle(resource: Resource<'_>, call: &mut Call) -> Answer {
    use Resource as R;
    match resource {
        R::Root => root::discovery(call),
        R::V1 => root::v1(call),
        R::Nodes if call.method == Method::POST => nodes::create::create(call).await,
        R::Nodes => nodes::list::list(call, false).await,
        R::NodesDetail => nodes::list::list(call, true).await,
        R::Node(n) if call.method == Method::PATCH => nodes::update::update(call, n).await,
        R::Node(n) if call.method == Method::DELETE => nodes::delete::delete(call, n).await,
        R::Node(n) => nodes::list::show(call, n).await,
        R::NodesValidate => nodes::actions::validate_by_argument(call).await,
        R::NodeValidate(n) => nodes::actions::validate(call, n).await,
        R::NodeMaintenance(n) => nodes::actions::maintenance(call, n).await,
        R::NodeStates(n) => nodes::states::show(call, n).await,
        R::NodePower(n) => nodes::power::change(call, n).await,
        R::NodeProvision(n) => nodes::provision::change(call, n).await,
        R::NodeBootDevice(n) => nodes::actions::boot_device(call, n).await,
        R::NodeSupportedBootDevices(n) => nodes::actions::supported_boot_devices(call, n).await,
        R::NodeTraits(n) => nodes::traits::all(call, n).await,
        R::NodeTrait(n, t) => nodes::traits::one(call, n, t).await,
        R::NodeHistory(n) => nodes::history::list(call, n).await,
        R::NodeHistoryEntry(n, entry) => nodes::history::show(call, n, entry).await,
        R::NodeInventory(n) => nodes::actions::inventory(call, n).await,
        R::NodeChildren(n) => nodes::parts::children(call, n).await,
        R::NodePorts(n) => ports::list::of_node(call, n, false).await,
        R::NodePortsDetail(n) => ports::list::of_node(call, n, true).await,
        R::NodePort(_) => Err(ApiFault::bad_request("Malformed request URI.").into()),
        R::NodePortgroups(n) => nodes::parts::none(call, n, "portgroups").await,
        R::NodeVolumeConnectors(n) => nodes::parts::none(call, n, "connectors").await,
        R::NodeVolumeTargets(n) => nodes::parts::none(call, n, "targets").await,
        R::NodeBios(n) => nodes::parts::none(call, n, "bios").await,
        R::NodeFirmware(n) => nodes::parts::none(call, n, "firmware").await,
        R::NodeVolume(n) => nodes::parts::volume(call, n).await,
        R::NodeVifs(n) => nodes::parts::vifs(call, n).await,
        R::NodeVif(n, vif) => nodes::parts::detach_vif(call, n, vif).await,
        R::NodeAllocation(n) => nodes::parts::allocation(call, n).await,
        R::Ports if call.method == Method::POST => ports::create::create(call).await,
        R::Ports => ports::list::list(call, false).await,
        R::PortsDetail => ports::list::list(call, true).await,
        R::Port(p) if call.method == Method::PATCH => ports::update::update(call, p).await,
        R::Port(p) if call.method == Method::DELETE => ports::update::delete(call, p).await,
        R::Port(p) => ports::list::show(call, p).await,
        R::Drivers => service::drivers(call).await,
        R::Driver(name) => service::driver(call, name).await,
        R::DriverProperties(name) => service::driver_properties(call, name).await,
        R::Conductors => service::conductors(call).await,
        R::Conductor(host) => service::conductor(call, host).await,
        R::Chassis => service::no_chassis(call),
        R::ChassisItem(chassis) => {
            Err(ApiFault::not_found(format!("Chassis {chassis} could not be found.")).into())
        }
        R::DeployTemplates if call.method == Method::POST => deploy_templates::create(call).await,
        R::DeployTemplates => deploy_templates::list(call).await,
        R::DeployTemplate(t) if call.method == Method::PATCH => {
            deploy_templates::update(call, t).await
        }
        R::DeployTemplate(t) if call.method == Method::DELETE => {
            deploy_templates::delete(call, t).await
        }
        R::DeployTemplate(t) => deploy_templates::show(call, t).await,
        R::Lookup => ramdisk::lookup(call).await,
        R::Heartbeat(n) => ramdisk::heartbeat(call, n).await,
        R::ContinueInspection => ramdisk::continue_inspection(call).await,
        R::CupolaEvents => cupola::events::follow(call).await,
        R::CupolaNodes => cupola::nodes(call).await,
        R::CupolaTimeline(n) => cupola::timeline(call, n).await,
        R::CupolaExplain(n) => cupola::explain(call, n).await,
        R::CupolaLogs(n) => cupola::logs::list(call, n).await,
        R::CupolaLog(n, name) => cupola::logs::archive(call, n, name).await,
        R::CupolaLogLines(n, name) => cupola::logs::lines(call, n, name).await,
        R::CupolaImages => cupola::images(call),
        R::CupolaProbe => cupola::probe(call).await,
    }
}

fn settle(answer: Answer) -> Response {
    answer.unwrap_or_else(Failure::into_response)
}

fn not_found() -> Response {
    Failure::Fault(ApiFault::routing(404, "")).into_response()
}

fn negotiate(headers: &HeaderMap) -> Result<Microversion, VersionError> {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|v| v.to_str().unwrap_or("unreadable"))
    };
    Microversion::negotiate(text(STANDARD_HEADER), text(HEADER))
}

/// Whether the client takes what the resource answers with.
fn accepts_json(headers: &HeaderMap, resource: Resource<'_>) -> bool {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) else {
        return true;
    };
    let mut types = accept
        .split(',')
        .map(|t| t.split(';').next().unwrap_or(t).trim());
    accept.trim().is_empty()
        || types.any(|t| {
            matches!(t, "application/json" | "application/*" | "*/*")
                || (resource == Resource::CupolaEvents && t == "text/event-stream")
                || (matches!(resource, Resource::CupolaLog(..)) && t == "application/gzip")
        })
}

/// Where links point to: the configured endpoint, else where the request came in.
fn base(state: &ApiState, headers: &HeaderMap, uri: &Uri) -> Arc<str> {
    if let Some(endpoint) = &state.options.public_endpoint {
        return endpoint.clone();
    }
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok());
    let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
    // The host goes into JSON and links: a client that sends anything else gets a name of ours.
    let is_host = |h: &&str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b);
        (1..=255).contains(&h.len()) && h.bytes().all(known)
    };
    format!("http://{}", host.filter(is_host).unwrap_or("localhost")).into()
}

/// Adds the headers that every answer carries.
fn finish(mut response: Response, version: Option<Microversion>) -> Response {
    let headers = response.headers_mut();
    for (name, version) in [(MIN, Microversion::MIN), (MAX, Microversion::MAX)] {
        if let Ok(value) = HeaderValue::from_str(&version.to_string()) {
            headers.insert(name, value);
        }
    }
    if let Some(value) = version.and_then(|v| HeaderValue::from_str(&v.to_string()).ok()) {
        headers.insert(VERSION, value);
    }
    if let Ok(id) = HeaderValue::from_str(&format!("req-{}", Uuid::new_v4())) {
        headers.insert(REQUEST_ID, id.clone());
        headers.insert(X_REQUEST_ID, id);
    }
    response
}

/// The answer when a handler panicked.
pub(super) fn panicked(payload: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(
        panic = text,
        "a handler panicked; this is a defect of the service"
    );
    let fault = ApiFault::internal("The service failed on this request; its log says why.");
    finish(Failure::Fault(fault).into_response(), None)
}
