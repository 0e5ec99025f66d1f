//! What is noted of each request: one line of the access log, and who changed a node on that node's
//! timeline. The identifier of a request stands in both, and in the headers of its answer.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use cupola_api::Microversion;
use cupola_api::event::Severity;
use http::{HeaderName, HeaderValue, Method, Uri};
use uuid::Uuid;

use super::call::Call;
use super::serve::Connection;
use crate::auth::{Caller, Denied, Scope};

const REQUEST_ID: HeaderName = HeaderName::from_static("openstack-request-id");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// What identifies one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestId(Uuid);

impl RequestId {
    /// A new one.
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Puts it into the headers of an answer.
    pub(super) fn label(self, response: &mut Response) {
        // Takes the text as it is, where `from_str` would copy it.
        if let Ok(id) = HeaderValue::try_from(self.to_string()) {
            response.headers_mut().insert(REQUEST_ID, id.clone());
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "req-{}", self.0)
    }
}

/// What is known of a request before it is answered.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) id: RequestId,
    started: Instant,
    method: Method,
    /// Of which the path is told; a copy of it shares its text.
    uri: Uri,
    peer: Option<SocketAddr>,
    /// The identifier that the client gave to what it does, over several services.
    global: Option<RequestId>,
}

impl Arrival {
    /// Of this request, now.
    pub(super) fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<Connection>().map(|at| at.peer);
        Self {
            id: RequestId::random(),
            started: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            peer,
            global: request.headers().get(X_REQUEST_ID).and_then(given),
        }
    }

    /// How long ago it came.
    pub(super) fn elapsed(&self) -> std::time::Duration {
        self.started.elapsed()
    }

    /// Writes the line of the access log. Reads that went well are there at level DEBUG, what failed
    /// in the service at WARN, the rest at INFO.
    pub(super) fn log(&self, response: &Response, version: Option<Microversion>) {
        macro_rules! line {
            ($level:ident) => {
                tracing::event!(
                    target: "cupola::access",
                    tracing::Level::$level,
                    method = %self.method,
                    path = %self.uri.path().escape_debug(),
                    status = response.status().as_u16(),
                    micros = u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX),
                    user = %user(response).escape_debug(),
                    project = %project(response).escape_debug(),
                    request_id = %self.id,
                    global_request_id = self.global.map(tracing::field::display),
                    client = self.peer.map(tracing::field::display),
                    microversion = version.map(tracing::field::display),
                    "request"
                )
            };
        }
        let is_read = is_read(&self.method);
        match response.status().as_u16() {
            500.. => line!(WARN),
            ..400 if is_read => line!(DEBUG),
            _ => line!(INFO),
        }
    }

    /// Logs that it is not let in. Who guesses passwords is found by the address.
    pub(super) fn log_denied(&self, why: &Denied) {
        tracing::warn!(
            target: "cupola::access",
            client = self.peer.map(tracing::field::display),
            request_id = %self.id,
            method = %self.method,
            path = %self.uri.path().escape_debug(),
            user = why.user().map(|user| tracing::field::display(user.escape_debug())),
            %why,
            "not let in"
        );
    }
}

/// Whether nothing is changed.
pub(super) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// An identifier of the form that services give to each other.
fn given(value: &HeaderValue) -> Option<RequestId> {
    let text = value.to_str().ok()?.strip_prefix("req-")?;
    Uuid::try_parse(text).ok().map(RequestId)
}

fn user(response: &Response) -> &str {
    let caller = response.extensions().get::<Caller>();
    caller.and_then(Caller::user).unwrap_or("-")
}

fn project(response: &Response) -> &str {
    match response.extensions().get::<Caller>() {
        Some(Caller::Token(who)) => match &who.scope {
            Scope::Project { id, .. } => id,
            Scope::System | Scope::Domain(_) | Scope::Unscoped => "-",
        },
        Some(Caller::Anybody | Caller::User(_)) | None => "-",
    }
}

/// Puts on a node's timeline who changed it, or tried to; of what belongs to no node among the
/// events of all.
pub(super) fn audit(call: &Call, caller: &Caller, path: &str, id: RequestId, status: u16) {
    let node = *call.changes.lock();
    if node.is_none() && is_read(&call.method) {
        return;
    }
    let who = match caller {
        Caller::Anybody => return,
        Caller::User(name) => format!("user {}", name.escape_debug()),
        Caller::Token(who) => format!(
            "user {} ({}) of {}",
            who.user_name.escape_debug(),
            who.user_id.escape_debug(),
            who.scope.to_string().escape_debug()
        ),
    };
    let (method, path) = (&call.method, path.escape_debug());
    let text = format!("{who}: {method} {path} was answered with {status} ({id})");
    let events = &call.state.events;
    events.log(node, Severity::Info, "audit", text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_identifiers_of_services_are_taken() {
        let read =
            |text: &str| given(&HeaderValue::from_str(text).unwrap()).map(|id| id.to_string());
        let good = "req-6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0";
        assert_eq!(read(good).as_deref(), Some(good));
        assert_eq!(read("6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0"), None);
        assert_eq!(read("req-\\n"), None);
    }
}
