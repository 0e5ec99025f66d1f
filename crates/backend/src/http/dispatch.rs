//! From a request to its handler and back: version negotiation, routing, and the headers that every
//! answer carries (wire reference §1.2, §1.3).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use cupola_api::Microversion;
use cupola_api::contract::{Operation, Route, openapi};
use cupola_api::fault::ApiFault;
use cupola_api::microversion::{HEADER, MAX_HEADER, MIN_HEADER, STANDARD_HEADER, VersionError};
use cupola_api::volume_connector::VolumeConnector;
use cupola_api::volume_target::VolumeTarget;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use parking_lot::Mutex;

use super::access::{Arrival, RequestId, audit};
use super::answer::{self, Answer, Failure, empty};
use super::arguments::Arguments;
use super::call::Call;
use super::permit::Permit;
use super::route::Found;
use super::serve::Connection;
use super::{
    ApiState, allocations, chassis, cupola, deploy_templates, external_events, inspection_rules,
    metrics, nodes, portgroups, ports, ramdisk, root, runbooks, service, volumes,
};
use crate::auth::{Caller, Denied, Proof, SameProcess};

const MIN: HeaderName = HeaderName::from_static(MIN_HEADER);
const MAX: HeaderName = HeaderName::from_static(MAX_HEADER);
const VERSION: HeaderName = HeaderName::from_static(HEADER);

/// Answers any request.
pub(super) async fn dispatch(State(state): State<ApiState>, request: Request) -> Response {
    let arrival = Arrival::of(&request);
    let metrics = Arc::clone(&state.metrics);
    let (version, response) = Box::pin(answer(state, request, &arrival)).await;
    let response = finish(response, version, arrival.id);
    if let Some(operation) = response.extensions().get::<Operation>() {
        metrics.answered(*operation, response.status(), arrival.elapsed());
    }
    arrival.log(&response, version);
    response
}

/// The answer without its common headers, and the version to show, if one was agreed upon.
async fn answer(
    state: ApiState,
    request: Request,
    arrival: &Arrival,
) -> (Option<Microversion>, Response) {
    if request.method() == Method::OPTIONS {
        return (None, settle(empty(StatusCode::OK)));
    }
    let (parts, body) = request.into_parts();
    let found = Found::at(parts.uri.path());
    if let Err(failure) = admit_stranger(&state, &parts, found.as_ref()) {
        return (None, failure.into_response());
    }
    match admit(&state, &parts, found.as_ref()).await {
        Ok(caller) => {
            let (version, mut response) =
                serve(state, parts, body, found, &caller, arrival.id).await;
            response.extensions_mut().insert(caller);
            (version, response)
        }
        Err(denied) => {
            arrival.log_denied(&denied);
            (None, Failure::Denied(denied).into_response())
        }
    }
}

/// Finds out who sends a request. What is public is answered to anybody; of what is not there
/// nobody is told before.
async fn admit(state: &ApiState, request: &Parts, found: Option<&Found>) -> Result<Caller, Denied> {
    let is_public = found
        .and_then(|found| found.route(&request.method))
        .is_some_and(|route| route.policy.is_empty());
    if is_public || request.extensions.get::<SameProcess>().is_some() {
        return Ok(Caller::Anybody);
    }
    #[cfg(test)]
    if let Some(caller) = request.extensions.get::<Caller>() {
        return Ok(caller.clone());
    }
    state.authentication.caller(request).await
}

/// Counts what anybody may ask, by the address that it comes from.
fn admit_stranger(state: &ApiState, parts: &Parts, found: Option<&Found>) -> Result<(), Failure> {
    use Operation as O;
    let route = found.and_then(|found| found.route(&parts.method));
    let is_counted = route.is_some_and(|route| {
        matches!(
            route.operation,
            O::Lookup | O::Heartbeat | O::ContinueInspection
        )
    });
    let at = parts.extensions.get::<Connection>().filter(|_| is_counted);
    let (Some(at), Some(strangers)) = (at, &state.options.strangers) else {
        return Ok(());
    };
    let address = at.peer.ip();
    strangers.admit(address).map_err(|seconds| {
        tracing::warn!(%address, "too many requests without credentials from one address");
        let text = format!(
            "Too many requests without credentials come from {address}; try again in {seconds} \
             seconds. Where many machines share this address, raise \
             api.ramdisk_requests_per_second."
        );
        Failure::TooMany(seconds, text)
    })
}

/// The answer to who may come in.
async fn serve(
    state: ApiState,
    parts: Parts,
    body: Body,
    found: Option<Found>,
    caller: &Caller,
    id: RequestId,
) -> (Option<Microversion>, Response) {
    let version = match negotiate(&parts.headers) {
        Ok(version) => version,
        Err(error) => {
            let fault = ApiFault::routing(406, error.to_string());
            return (None, Failure::Fault(fault).into_response());
        }
    };
    let Some(found) = found else {
        return (Some(version), not_found());
    };
    let Some(route) = found.route(&parts.method) else {
        return (
            Some(version),
            Failure::Method(found.methods()).into_response(),
        );
    };
    if !accepts_json(&parts.headers, route.operation) {
        let fault = ApiFault::routing(406, "Only application/json is served.");
        return (Some(version), Failure::Fault(fault).into_response());
    }
    let arguments = Arguments::parse(parts.uri.query());
    if let Err(fault) = check(route, &arguments, version) {
        return (Some(version), Failure::Fault(fault).into_response());
    }
    let mut permit = Permit::of(caller, route, &state.options.policy).await;
    if let Err(fault) = permit.enter(parts.uri.path()) {
        return (Some(version), Failure::Fault(fault).into_response());
    }
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let proof = match (route.operation, caller) {
        (Operation::FollowEvents, Caller::User(_) | Caller::Token(_)) => {
            Some(Proof::new(state.authentication.clone(), parts.clone()))
        }
        _ => None,
    };
    let mut call = Call {
        base: base(&state, &parts),
        proof,
        memory: None,
        state,
        route,
        version,
        has_version: [HEADER, STANDARD_HEADER]
            .iter()
            .any(|h| parts.headers.contains_key(*h)),
        has_suffix: parts.uri.path().ends_with(".json"),
        method: parts.method,
        headers: parts.headers,
        arguments,
        query,
        body: Mutex::new(Some(body)),
        permit,
        changes: Mutex::new(None),
    };
    let mut answer = Box::pin(handle(route.operation, &found, &mut call)).await;
    if answer.is_ok() && !call.permit.is_through() {
        // A handler that forgets to ask tells nobody anything.
        tracing::error!(
            path = parts.uri.path(),
            "no rule was asked; this is a defect of the service"
        );
        answer =
            Err(ApiFault::internal("The service failed on this request; its log says why.").into());
    }
    let mut response = settle(answer);
    audit(
        &call,
        caller,
        parts.uri.path(),
        id,
        response.status().as_u16(),
    );
    response.extensions_mut().insert(route.operation);
    (Some(version), response)
}

/// Refuses what the contract does not know at this version.
fn check(route: &Route, arguments: &Arguments, version: Microversion) -> Result<(), ApiFault> {
    route.gate(version)?;
    let names = arguments.pairs().iter().map(|(name, _)| name.as_str());
    route.check_arguments(names, version)
}

#[allow(clippy::too_many_lines, reason = "a line for each operation")]
/// Calls the handler of an operation. Parameters are taken by their place in the path.
async fn handle(operation: Operation, path: &Found, call: &mut Call) -> Answer {
    use Operation as O;
    let (a, b) = (path.parameter(0), path.parameter(1));
    match operation {
        O::Discovery => root::discovery(call),
        O::VersionRoot => root::v1(call),
        O::ListNodes => nodes::list::list(call, false).await,
        O::ListNodesInDetail => nodes::list::list(call, true).await,
        O::CreateNode => nodes::create::create(call).await,
        O::ShowNode => nodes::list::show(call, a).await,
        O::UpdateNode => nodes::update::update(call, a).await,
        O::DeleteNode => nodes::delete::delete(call, a).await,
        O::ValidateNodeByArgument => nodes::actions::validate_by_argument(call).await,
        O::ValidateNode => nodes::actions::validate(call, a).await,
        O::SetMaintenance | O::ClearMaintenance => nodes::actions::maintenance(call, a).await,
        O::ShowNodeStates => nodes::states::show(call, a).await,
        O::SetPowerState => nodes::power::change(call, a).await,
        O::SetProvisionState => nodes::provision::change(call, a).await,
        O::SetRaidConfig => nodes::hardware::set_raid(call, a).await,
        O::ShowConsole | O::SetConsole => nodes::hardware::console(call, a).await,
        O::SetBootMode => nodes::hardware::boot_mode(call, a).await,
        O::SetSecureBoot => nodes::hardware::secure_boot(call, a).await,
        O::ShowVirtualMedia => nodes::virtual_media::show(call, a).await,
        O::AttachVirtualMedia => nodes::virtual_media::attach(call, a).await,
        O::DetachVirtualMedia => nodes::virtual_media::detach(call, a).await,
        O::ListIndicators => nodes::hardware::indicators(call, a, "").await,
        O::ShowIndicator => nodes::hardware::indicators(call, a, b).await,
        O::SetIndicator => nodes::hardware::set_indicator(call, a, b).await,
        O::InjectNmi => nodes::hardware::inject_nmi(call, a).await,
        O::ShowBootDevice | O::SetBootDevice => nodes::actions::boot_device(call, a).await,
        O::ListSupportedBootDevices => nodes::actions::supported_boot_devices(call, a).await,
        O::ListVendorMethods => nodes::vendor::methods(call, a).await,
        O::ReadVendor
        | O::CallVendor
        | O::PutVendor
        | O::PatchVendor
        | O::DeleteVendor
        | O::ReadVendorByArgument
        | O::CallVendorByArgument
        | O::PutVendorByArgument
        | O::PatchVendorByArgument
        | O::DeleteVendorByArgument => nodes::vendor::run(call, a, b).await,
        O::ListTraits | O::SetTraits | O::DeleteTraits => nodes::traits::all(call, a).await,
        O::AddTrait | O::DeleteTrait => nodes::traits::one(call, a, b).await,
        O::ListHistory => nodes::history::list(call, a).await,
        O::ShowHistoryEntry => nodes::history::show(call, a, b).await,
        O::ShowInventory => nodes::actions::inventory(call, a).await,
        O::ListChildren => nodes::parts::children(call, a).await,
        O::ListNodePorts => ports::list::of_node(call, a, false).await,
        O::ListNodePortsInDetail => ports::list::of_node(call, a, true).await,
        O::CreateNodePort
        | O::ShowNodePort
        | O::UpdateNodePort
        | O::DeleteNodePort
        | O::CreateNodePortgroup
        | O::ShowNodePortgroup
        | O::UpdateNodePortgroup
        | O::DeleteNodePortgroup
        | O::CreatePortgroupPort
        | O::ShowPortgroupPort
        | O::UpdatePortgroupPort
        | O::DeletePortgroupPort
        | O::CreateNodeVolumeConnector
        | O::ShowNodeVolumeConnector
        | O::UpdateNodeVolumeConnector
        | O::DeleteNodeVolumeConnector
        | O::CreateNodeVolumeTarget
        | O::ShowNodeVolumeTarget
        | O::UpdateNodeVolumeTarget
        | O::DeleteNodeVolumeTarget
        | O::CreateChassisNode
        | O::ShowChassisNode
        | O::UpdateChassisNode
        | O::DeleteChassisNode => Err(ApiFault::bad_request("Malformed request URI.").into()),
        O::ListNodePortgroups => portgroups::of_node(call, a, false).await,
        O::ListNodePortgroupsInDetail => portgroups::of_node(call, a, true).await,
        O::ListVifs => nodes::vifs::list(call, a).await,
        O::AttachVif => nodes::vifs::attach(call, a).await,
        O::DetachVif => nodes::vifs::detach(call, a, b).await,
        O::ShowNodeVolume => volumes::root_of_node(call, a).await,
        O::ListNodeVolumeConnectors => volumes::of_node::<VolumeConnector>(call, a).await,
        O::ListNodeVolumeTargets => volumes::of_node::<VolumeTarget>(call, a).await,
        O::ListBiosSettings => nodes::bios::list(call, a).await,
        O::ShowBiosSetting => nodes::bios::show(call, a, b).await,
        O::ListFirmwareComponents => nodes::parts::none(call, a, "firmware").await,
        O::ShowNodeAllocation => allocations::show_of_node(call, a).await,
        O::DeleteNodeAllocation => allocations::delete_of_node(call, a).await,
        O::ListPorts => ports::list::list(call, false).await,
        O::ListPortsInDetail => ports::list::list(call, true).await,
        O::CreatePort => ports::create::create(call).await,
        O::ShowPort => ports::list::show(call, a).await,
        O::UpdatePort => ports::update::update(call, a).await,
        O::DeletePort => ports::update::delete(call, a).await,
        O::ListDrivers => service::drivers(call).await,
        O::ShowDriver => service::driver(call, a).await,
        O::ShowDriverProperties => service::driver_properties(call, a).await,
        O::ListRaidProperties => service::raid_properties(call, a).await,
        O::ListDriverVendorMethods => service::vendor_methods(call, a).await,
        O::ReadDriverVendor
        | O::CallDriverVendor
        | O::PutDriverVendor
        | O::PatchDriverVendor
        | O::DeleteDriverVendor
        | O::ReadDriverVendorByArgument
        | O::CallDriverVendorByArgument
        | O::PutDriverVendorByArgument
        | O::PatchDriverVendorByArgument
        | O::DeleteDriverVendorByArgument => service::call_vendor(call, a, b).await,
        O::ListConductors => service::conductors(call).await,
        O::ShowConductor => service::conductor(call, a).await,
        O::ListShards => service::shards(call).await,
        O::ListPortgroups => portgroups::list(call, false).await,
        O::ListPortgroupsInDetail => portgroups::list(call, true).await,
        O::CreatePortgroup => portgroups::create(call).await,
        O::ShowPortgroup => portgroups::show(call, a).await,
        O::UpdatePortgroup => portgroups::update(call, a).await,
        O::DeletePortgroup => portgroups::delete(call, a).await,
        O::ListPortgroupPorts => ports::list::of_portgroup(call, a, false).await,
        O::ListPortgroupPortsInDetail => ports::list::of_portgroup(call, a, true).await,
        O::ListChassis => chassis::list(call, false).await,
        O::ListChassisInDetail => chassis::list(call, true).await,
        O::CreateChassis => chassis::create(call).await,
        O::ShowChassis => chassis::show(call, a).await,
        O::UpdateChassis => chassis::update(call, a).await,
        O::DeleteChassis => chassis::delete(call, a).await,
        O::ListChassisNodes => nodes::list::of_chassis(call, a, false).await,
        O::ListChassisNodesInDetail => nodes::list::of_chassis(call, a, true).await,
        O::ShowVolume => volumes::root(call),
        O::ListVolumeConnectors => volumes::list::<VolumeConnector>(call).await,
        O::CreateVolumeConnector => volumes::create::<VolumeConnector>(call).await,
        O::ShowVolumeConnector => volumes::show::<VolumeConnector>(call, a).await,
        O::UpdateVolumeConnector => volumes::update::<VolumeConnector>(call, a).await,
        O::DeleteVolumeConnector => volumes::delete::<VolumeConnector>(call, a).await,
        O::ListVolumeTargets => volumes::list::<VolumeTarget>(call).await,
        O::CreateVolumeTarget => volumes::create::<VolumeTarget>(call).await,
        O::ShowVolumeTarget => volumes::show::<VolumeTarget>(call, a).await,
        O::UpdateVolumeTarget => volumes::update::<VolumeTarget>(call, a).await,
        O::DeleteVolumeTarget => volumes::delete::<VolumeTarget>(call, a).await,
        O::ListAllocations => allocations::list(call).await,
        O::CreateAllocation => allocations::create(call).await,
        O::ShowAllocation => allocations::show(call, a).await,
        O::UpdateAllocation => allocations::update(call, a).await,
        O::DeleteAllocation => allocations::delete(call, a).await,
        O::ListDeployTemplates => deploy_templates::list(call).await,
        O::CreateDeployTemplate => deploy_templates::create(call).await,
        O::ShowDeployTemplate => deploy_templates::show(call, a).await,
        O::UpdateDeployTemplate => deploy_templates::update(call, a).await,
        O::DeleteDeployTemplate => deploy_templates::delete(call, a).await,
        O::ListRunbooks => runbooks::list(call).await,
        O::CreateRunbook => runbooks::create(call).await,
        O::ShowRunbook => runbooks::show(call, a).await,
        O::UpdateRunbook => runbooks::update(call, a).await,
        O::DeleteRunbook => runbooks::delete(call, a).await,
        O::ListRunbookTraits | O::SetRunbookTraits | O::DeleteRunbookTraits => {
            runbooks::all_traits(call, a).await
        }
        O::AddRunbookTrait | O::DeleteRunbookTrait => runbooks::one_trait(call, a, b).await,
        O::ListInspectionRules => inspection_rules::list(call).await,
        O::CreateInspectionRule => inspection_rules::create(call).await,
        O::ShowInspectionRule => inspection_rules::show(call, a).await,
        O::UpdateInspectionRule => inspection_rules::update(call, a).await,
        O::DeleteInspectionRule => inspection_rules::delete(call, a).await,
        O::TakeExternalEvents => external_events::post(call).await,
        O::Lookup => ramdisk::lookup(call).await,
        O::Heartbeat => ramdisk::heartbeat(call, a).await,
        O::ContinueInspection => ramdisk::continue_inspection(call).await,
        O::ReadMetrics => metrics::metrics(call).await,
        O::ShowHealth => metrics::health(),
        O::ShowReadiness => metrics::readiness(call).await,
        O::ShowOpenApi => answer::ok(&openapi()),
        O::FollowEvents => cupola::events::follow(call).await,
        O::SummarizeNodes => cupola::nodes(call).await,
        O::ShowTimeline => cupola::timeline(call, a).await,
        O::ExplainNode => cupola::explain(call, a).await,
        O::ListLogs => cupola::logs::list(call, a).await,
        O::ShowLog => cupola::logs::archive(call, a, b).await,
        O::ShowLogLines => cupola::logs::lines(call, a, b).await,
        O::ListImages => cupola::images(call),
        O::ProbeBmc => cupola::probe(call).await,
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

/// Whether the client takes what the operation answers with.
fn accepts_json(headers: &HeaderMap, operation: Operation) -> bool {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) else {
        return true;
    };
    if operation == Operation::ReadMetrics {
        // Monitoring systems name the versions of their formats, and take this one.
        return true;
    }
    let mut types = accept
        .split(',')
        .map(|t| t.split(';').next().unwrap_or(t).trim());
    accept.trim().is_empty()
        || types.any(|t| {
            matches!(t, "application/json" | "application/*" | "*/*")
                || (operation == Operation::FollowEvents && t == "text/event-stream")
                || (operation == Operation::ShowLog && t == "application/gzip")
        })
}

/// Where links point to: the configured endpoint, else where the request came in.
fn base(state: &ApiState, parts: &Parts) -> Arc<str> {
    if let Some(endpoint) = &state.options.public_endpoint {
        return endpoint.clone();
    }
    let host = parts.headers.get(header::HOST);
    let host = host.and_then(|v| v.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
    // The host goes into JSON and links: a client that sends anything else gets a name of ours.
    let is_host = |h: &&str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b);
        (1..=255).contains(&h.len()) && h.bytes().all(known)
    };
    let at = parts.extensions.get::<Connection>();
    let scheme = if at.is_some_and(|at| at.is_secure) {
        "https"
    } else {
        "http"
    };
    let host = host.filter(is_host).unwrap_or("localhost");
    format!("{scheme}://{host}").into()
}

/// Adds the headers that every answer carries.
fn finish(mut response: Response, version: Option<Microversion>, id: RequestId) -> Response {
    let headers = response.headers_mut();
    for (name, version) in [(MIN, Microversion::MIN), (MAX, Microversion::MAX)] {
        if let Ok(value) = HeaderValue::from_str(&version.to_string()) {
            headers.insert(name, value);
        }
    }
    if let Some(value) = version.and_then(|v| HeaderValue::from_str(&v.to_string()).ok()) {
        headers.insert(VERSION, value);
    }
    id.label(&mut response);
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
    finish(
        Failure::Fault(fault).into_response(),
        None,
        RequestId::random(),
    )
}
