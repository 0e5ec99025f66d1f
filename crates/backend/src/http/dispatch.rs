//! From a request to its handler and back: version negotiation, routing, and the headers that every
//! answer carries (wire reference §1.2, §1.3).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use cupola_api::Microversion;
use cupola_api::contract::{Operation, Route};
use cupola_api::fault::ApiFault;
use cupola_api::microversion::{HEADER, MAX_HEADER, MIN_HEADER, STANDARD_HEADER, VersionError};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use parking_lot::Mutex;
use tracing::Instrument as _;

use super::access::{Arrival, RequestId, audit, is_read};
use super::answer::{Answer, Failure, empty};
use super::arguments::Arguments;
use super::call::Call;
use super::permit::Permit;
use super::proof::Proof;
use super::route::Found;
use super::serve::Connection;
use super::{ApiState, handlers};
use crate::auth::{Caller, Denied, SameProcess};

const MIN: HeaderName = HeaderName::from_static(MIN_HEADER);
const MAX: HeaderName = HeaderName::from_static(MAX_HEADER);
const VERSION: HeaderName = HeaderName::from_static(HEADER);

/// Answers any request. One that may change something runs to its end, with what it holds given back
/// and its audit written, also when its sender goes away: this future is dropped then.
pub(super) async fn dispatch(State(state): State<ApiState>, request: Request) -> Response {
    if matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) {
        return respond(state, request).await;
    }
    match tokio::spawn(respond(state, request)).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => {
                let fault = ApiFault::internal(format!("The service is ending: {error}"));
                finish(
                    Failure::Fault(fault).into_response(),
                    None,
                    RequestId::random(),
                )
            }
        },
    }
}

async fn respond(state: ApiState, request: Request) -> Response {
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
    let path = parts.uri.path().to_owned();
    let mut call = call(
        state,
        parts,
        body,
        Asked {
            route,
            arguments,
            version,
            permit,
        },
        caller,
    );
    // What the conductor logs of a change, also later, names the request that asked for it.
    let span = match is_read(&call.method) {
        true => tracing::Span::none(),
        false => tracing::info_span!("request", %id),
    };
    let handled = handlers::handle(route.operation, &found, &mut call);
    let mut answer = Box::pin(handled.instrument(span)).await;
    if answer.is_ok() && !call.permit.is_through() {
        // A handler that forgets to ask tells nobody anything.
        tracing::error!(path, "no rule was asked; this is a defect of the service");
        answer =
            Err(ApiFault::internal("The service failed on this request; its log says why.").into());
    }
    let mut response = settle(answer);
    audit(&call, caller, &path, id, response.status().as_u16());
    response.extensions_mut().insert(route.operation);
    (Some(version), response)
}

/// What a request asks for, as the contract understands it.
struct Asked {
    route: &'static Route,
    arguments: Arguments,
    version: Microversion,
    permit: Permit,
}

/// The request as handlers see it.
fn call(state: ApiState, parts: Parts, body: Body, asked: Asked, caller: &Caller) -> Call {
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let proof = match (asked.route.operation, caller) {
        (Operation::FollowEvents | Operation::FollowSerial, Caller::User(_) | Caller::Token(_)) => {
            let policy = Arc::clone(&state.options.policy);
            let authentication = state.authentication.clone();
            Some(Proof::new(
                authentication,
                parts.clone(),
                asked.route,
                policy,
            ))
        }
        _ => None,
    };
    Call {
        base: base(&state, &parts),
        proof,
        user: caller.user().map(Arc::from),
        memory: None,
        state,
        route: asked.route,
        version: asked.version,
        has_version: [HEADER, STANDARD_HEADER]
            .iter()
            .any(|h| parts.headers.contains_key(*h)),
        has_suffix: parts.uri.path().ends_with(".json"),
        method: parts.method,
        headers: parts.headers,
        arguments: asked.arguments,
        query,
        body: Mutex::new(Some(body)),
        permit: asked.permit,
        changes: Mutex::new(None),
    }
}

/// Refuses what the contract does not know at this version.
fn check(route: &Route, arguments: &Arguments, version: Microversion) -> Result<(), ApiFault> {
    route.gate(version)?;
    let names = arguments.pairs().iter().map(|(name, _)| name.as_str());
    route.check_arguments(names, version)
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
                || (matches!(operation, Operation::FollowEvents | Operation::FollowSerial)
                    && t == "text/event-stream")
                || (operation == Operation::ShowLog
                    && matches!(t, "application/gzip" | "application/octet-stream"))
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
