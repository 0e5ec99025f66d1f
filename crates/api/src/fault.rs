//! Errors as the Bare Metal API answers them (wire reference §2).
//!
//! [`ApiFault`] is one answer: a status and a text. The constructors carry the texts that clients
//! look at; the HTTP layer of the service renders the body, the client parses it back.

use serde_json::{Value, json};

/// An error answer of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiFault {
    /// HTTP status.
    pub status: u16,
    /// What a person reads (`faultstring`).
    pub message: String,
    /// Whether routing refused the request, which has a body of another inner shape.
    pub routing: bool,
}

impl ApiFault {
    /// An error raised by a handler.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            routing: false,
        }
    }

    /// An error of routing: no such path, wrong method, version refused.
    pub fn routing(status: u16, description: impl Into<String>) -> Self {
        Self {
            status,
            message: description.into(),
            routing: true,
        }
    }

    /// 400 with this text.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 404 with this text.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 409 with this text.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    /// 406: something newer than the version asked for.
    #[must_use]
    pub fn not_acceptable() -> Self {
        Self::new(406, "Request not acceptable.")
    }

    /// 500 with this text.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, message)
    }

    /// 503 with this text.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, message)
    }

    /// 404: no such node.
    pub fn node_not_found(node: impl std::fmt::Display) -> Self {
        Self::not_found(format!("Node {node} could not be found."))
    }

    /// 409: somebody else holds the node's lock.
    pub fn node_locked(node: impl std::fmt::Display, host: &str) -> Self {
        Self::conflict(format!(
            "Node {node} is locked by host {host}, please retry after the current operation is \
             completed."
        ))
    }

    /// 400: the state does not take this verb.
    pub fn invalid_state_requested(verb: &str, node: impl std::fmt::Display, state: &str) -> Self {
        Self::bad_request(format!(
            "The requested action \"{verb}\" can not be performed on node \"{node}\" while it is \
             in state \"{state}\"."
        ))
    }

    /// The body of the answer; `error_message` is a string that holds JSON.
    #[must_use]
    pub fn body(&self) -> Value {
        let inner = if self.routing {
            json!({ "code": self.status, "title": self.title(), "description": self.message })
        } else {
            let code = if self.status < 500 {
                "Client"
            } else {
                "Server"
            };
            json!({ "faultcode": code, "faultstring": self.message, "debuginfo": null })
        };
        json!({ "error_message": inner.to_string() })
    }

    /// Reads an error answer of this or any other Bare Metal API.
    #[must_use]
    pub fn from_body(status: u16, body: &[u8]) -> Self {
        let fallback = || {
            String::from_utf8_lossy(body)
                .trim()
                .chars()
                .take(500)
                .collect()
        };
        let parsed: Option<Value> = serde_json::from_slice(body).ok();
        let inner = parsed
            .as_ref()
            .and_then(|v| v.get("error_message"))
            .and_then(|v| match v {
                Value::String(text) => serde_json::from_str(text).ok(),
                Value::Object(_) => Some(v.clone()),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
            });
        let text = |key: &str| {
            inner
                .as_ref()
                .and_then(|v| v.get(key))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        // What filters before the API say: those of authentication.
        let filter = parsed.as_ref().and_then(|v| v.pointer("/error/message"));
        if let Some(message) = filter.and_then(Value::as_str) {
            return Self::new(status, message);
        }
        let title = || {
            text("description")
                .filter(|d| !d.is_empty())
                .or_else(|| text("title"))
        };
        match text("faultstring") {
            Some(message) => Self::new(status, message),
            None => Self {
                status,
                message: title().unwrap_or_else(fallback),
                routing: inner.is_some(),
            },
        }
    }

    fn title(&self) -> &'static str {
        http::StatusCode::from_u16(self.status)
            .ok()
            .and_then(|s| s.canonical_reason())
            .unwrap_or("Error")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_parse_back() {
        for fault in [
            ApiFault::node_not_found("x"),
            ApiFault::routing(404, "gone"),
        ] {
            let body = fault.body().to_string();
            assert_eq!(ApiFault::from_body(fault.status, body.as_bytes()), fault);
        }
    }

    #[test]
    fn what_a_filter_says_is_read() {
        let body = br#"{"error": {"message": "Authorization required", "code": 401}}"#;
        assert_eq!(
            ApiFault::from_body(401, body).message,
            "Authorization required"
        );
    }

    #[test]
    fn a_foreign_body_is_kept_as_text() {
        assert_eq!(
            ApiFault::from_body(502, b"<html>bad gateway").message,
            "<html>bad gateway"
        );
    }
}
