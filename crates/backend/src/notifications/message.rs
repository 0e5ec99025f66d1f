//! The message that carries a payload, as oslo.messaging has it: the log line that shows it, and the
//! envelope in which a message broker gets it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::queue::Outgoing;
use crate::config::NotificationLevel;

/// Ironic's `versioned_notifications_topics`.
const TOPIC: &str = "ironic_versioned_notifications";

/// One notification.
#[derive(Debug)]
pub(super) struct Message {
    /// What happened, such as `baremetal.node.power_set.end`.
    pub(super) event_type: String,
    /// Who says so.
    pub(super) publisher_id: String,
    /// How much it matters.
    pub(super) level: NotificationLevel,
    /// Of what.
    pub(super) payload: Value,
}

impl Message {
    /// The body: what oslo.messaging's drivers are handed.
    fn body(&self, id: Uuid, at: Timestamp) -> Value {
        let at = at.to_zoned(TimeZone::UTC);
        let micros = at.subsec_nanosecond() / 1000;
        json!({
            "message_id": id.to_string(),
            "publisher_id": self.publisher_id,
            "event_type": self.event_type,
            "priority": self.level.as_str().to_ascii_uppercase(),
            "payload": self.payload,
            "timestamp": format!("{}.{micros:06}", at.strftime("%Y-%m-%d %H:%M:%S")),
        })
    }

    /// As it is published: the body with oslo.messaging's own members, as text in an envelope.
    pub(super) fn outgoing(&self) -> Outgoing {
        let mut body = self.body(Uuid::new_v4(), Timestamp::now());
        if let (Value::Object(body), Value::Object(also)) = (&mut body, context()) {
            body.extend(also);
            let unique = Uuid::new_v4().simple().to_string();
            body.insert("_unique_id".to_owned(), Value::from(unique));
        }
        let envelope = json!({ "oslo.version": "2.0", "oslo.message": body.to_string() });
        Outgoing {
            routing_key: format!("{TOPIC}.{}", self.level.as_str()),
            body: envelope.to_string().into_bytes(),
        }
    }

    /// Writes it as one line of the log, at level INFO.
    pub(super) fn log(&self) {
        let body = self.body(Uuid::new_v4(), Timestamp::now());
        tracing::info!(
            target: "cupola::notifications",
            event_type = %self.event_type,
            notification = %body,
            "notification"
        );
    }
}

/// Of whose request it comes: the members that Ironic's context has, none of them told.
fn context() -> Value {
    json!({
        "_context_user": null,
        "_context_project_id": null,
        "_context_system_scope": null,
        "_context_project": null,
        "_context_domain": null,
        "_context_user_domain": null,
        "_context_project_domain": null,
        "_context_is_admin": false,
        "_context_read_only": false,
        "_context_show_deleted": false,
        "_context_auth_token": null,
        "_context_request_id": null,
        "_context_global_request_id": null,
        "_context_resource_uuid": null,
        "_context_roles": [],
        "_context_user_identity": "- - - - -",
        "_context_is_admin_project": true,
        "_context_auth_token_info": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            event_type: "baremetal.node.create.end".to_owned(),
            publisher_id: "ironic-api.h".to_owned(),
            level: NotificationLevel::Info,
            payload: Value::Null,
        }
    }

    #[test]
    fn the_envelope_is_oslos() {
        let outgoing = message().outgoing();
        assert_eq!(outgoing.routing_key, "ironic_versioned_notifications.info");
        let envelope: Value = serde_json::from_slice(&outgoing.body).unwrap();
        assert_eq!(envelope["oslo.version"], "2.0");
        let inner = envelope["oslo.message"].as_str().unwrap();
        let inner: Value = serde_json::from_str(inner).unwrap();
        assert_eq!(inner["event_type"], "baremetal.node.create.end");
        assert_eq!(inner["_unique_id"].as_str().map(str::len), Some(32));
        assert_eq!(inner["_context_auth_token"], Value::Null);
    }

    #[test]
    fn the_body_is_oslos() {
        let message = message();
        let body = message.body(Uuid::nil(), Timestamp::UNIX_EPOCH);
        let want = json!({
            "message_id": "00000000-0000-0000-0000-000000000000",
            "publisher_id": "ironic-api.h",
            "event_type": "baremetal.node.create.end",
            "priority": "INFO",
            "payload": null,
            "timestamp": "1970-01-01 00:00:00.000000",
        });
        assert_eq!(body, want);
    }
}
