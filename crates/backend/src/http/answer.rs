//! What a handler gives back: an answer, or a [`Failure`] with Ironic's body (wire reference §2).
//! Which headers every answer carries is [`super::dispatch`]'s.

use axum::body::Body;
use axum::response::Response;
use cupola_api::fault::ApiFault;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::json;

use super::chunks::Chunks;
use crate::auth::Denied;

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Failure {
    /// By a handler or the conductor.
    Fault(ApiFault),
    /// The path exists, the method does not.
    Method(Vec<Method>),
    /// It does not prove who sent it.
    Denied(Denied),
    /// Too much is asked without credentials; after how many seconds it may be tried again.
    TooMany(u64, String),
    /// By the guard of body size and depth, whose body is flat.
    Guard(StatusCode, String),
}

/// What a handler gives back.
pub(super) type Answer = Result<Response, Failure>;

impl From<ApiFault> for Failure {
    fn from(fault: ApiFault) -> Self {
        Self::Fault(fault)
    }
}

impl Failure {
    /// The answer that says so.
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::Fault(fault) => {
                let status =
                    StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                with_body(status, fault.body().to_string().into_bytes())
            }
            Self::Method(allowed) => {
                let fault = ApiFault::routing(405, "");
                let body = fault.body().to_string().into_bytes();
                let mut response = with_body(StatusCode::METHOD_NOT_ALLOWED, body);
                let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
                if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
                    response.headers_mut().insert(header::ALLOW, value);
                }
                response
            }
            Self::Denied(denied) => refused(&denied),
            Self::TooMany(seconds, text) => {
                let fault = ApiFault::new(429, text);
                let body = fault.body().to_string().into_bytes();
                let mut response = with_body(StatusCode::TOO_MANY_REQUESTS, body);
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, seconds.into());
                response
            }
            Self::Guard(status, text) => {
                let code = if status.is_server_error() {
                    "Server"
                } else {
                    "Client"
                };
                let body = json!({ "faultcode": code, "faultstring": text }).to_string();
                with_body(status, body.into_bytes())
            }
        }
    }
}

/// The answer to who may not come in, as Ironic's filter words it.
fn refused(denied: &Denied) -> Response {
    let status = match denied {
        Denied::Missing | Denied::Wrong(_) | Denied::Token(_) => StatusCode::UNAUTHORIZED,
        Denied::Scheme(_) | Denied::Malformed => StatusCode::BAD_REQUEST,
        Denied::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        Denied::Busy { .. } | Denied::Stopping | Denied::Identity(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let (message, code) = (denied.to_string(), status.as_u16());
    let body = match denied {
        // The filter of tokens words its answers another way than that of users.
        Denied::Token(_) | Denied::Identity(_) | Denied::TooMany { .. } | Denied::Busy { .. } => {
            let title = status.canonical_reason();
            json!({ "error": { "code": code, "title": title, "message": message } })
        }
        Denied::Missing
        | Denied::Wrong(_)
        | Denied::Scheme(_)
        | Denied::Malformed
        | Denied::Stopping => json!({ "error": { "message": message, "code": code } }),
    };
    let header = match denied {
        Denied::Token(uri) => HeaderValue::from_str(&format!("Keystone uri=\"{uri}\""))
            .ok()
            .map(|challenge| (header::WWW_AUTHENTICATE, challenge)),
        Denied::Missing | Denied::Wrong(_) => {
            let challenge = HeaderValue::from_static("Basic realm=\"Baremetal API\"");
            Some((header::WWW_AUTHENTICATE, challenge))
        }
        Denied::TooMany { seconds, .. } | Denied::Busy { seconds, .. } => {
            Some((header::RETRY_AFTER, (*seconds).into()))
        }
        Denied::Scheme(_) | Denied::Malformed | Denied::Stopping | Denied::Identity(_) => None,
    };
    let mut response = with_body(status, body.to_string().into_bytes());
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value);
    }
    response
}

/// JSON that has been written already.
pub(super) fn with_body(status: StatusCode, body: impl Into<bytes::Bytes>) -> Response {
    of_json(status, Body::from(body.into()))
}

/// 200 with JSON that has been written in pieces.
pub(super) fn with_chunks(page: Chunks) -> Response {
    of_json(StatusCode::OK, page.body())
}

fn of_json(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, body: &(impl Serialize + ?Sized)) -> Answer {
    let bytes = serde_json::to_vec(body)
        .map_err(|e| ApiFault::internal(format!("The answer cannot be written as JSON: {e}.")))?;
    Ok(with_body(status, bytes))
}

/// 200 with a JSON body.
pub(super) fn ok(body: &(impl Serialize + ?Sized)) -> Answer {
    json(StatusCode::OK, body)
}

/// An answer without a body, and without a content type.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    Ok(response)
}

/// Adds the `Location` of what was made or started.
pub(super) fn located(answer: Answer, location: &str) -> Answer {
    let mut response = answer?;
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}
