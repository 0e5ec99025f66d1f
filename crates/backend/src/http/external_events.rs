//! `POST /v1/events`: what other services tell of ports (wire reference §15). No network interface
//! waits for any of it: what is well formed is taken, noted in the log, and has no effect.

use cupola_api::fault::ApiFault;
use http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{Answer, empty};
use super::body::{self, Size, additional};
use super::call::Call;
use super::repr::{repr, repr_list};
use super::schema::colons;

const EVENTS: [&str; 3] = [
    "network.bind_port",
    "network.unbind_port",
    "network.delete_port",
];
const REQUIRED: [&str; 4] = ["event", "port_id", "mac_address", "status"];
const OPTIONAL: [&str; 3] = ["device_id", "binding:host_id", "binding:vnic_type"];
const WHAT: &str = "";

/// `POST /v1/events`.
pub(super) async fn post(call: &mut Call) -> Answer {
    let members = body::object(call.json(Size::Usual).await?, WHAT)?;
    for event in check(&members)? {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        tracing::debug!(
            event = text("event"),
            port = text("port_id"),
            mac = text("mac_address"),
            status = text("status"),
            "external event"
        );
    }
    empty(StatusCode::NO_CONTENT)
}

fn fault(text: impl std::fmt::Display) -> ApiFault {
    super::schema::fault(WHAT, text)
}

/// The events of a body, each in its form.
fn check(members: &Map<String, Value>) -> Result<Vec<&Map<String, Value>>, ApiFault> {
    let Some(events) = members.get("events") else {
        return Err(fault("'events' is a required property"));
    };
    let Value::Array(events) = events else {
        return Err(fault(format!("{} is not of type 'array'", repr(events))));
    };
    if events.is_empty() {
        return Err(fault("[] should be non-empty"));
    }
    refuse_unknown(members, &["events"])?;
    events.iter().map(check_event).collect()
}

fn check_event(event: &Value) -> Result<&Map<String, Value>, ApiFault> {
    let Value::Object(event) = event else {
        return Err(fault(format!("{} is not of type 'object'", repr(event))));
    };
    if let Some(missing) = REQUIRED.iter().find(|name| !event.contains_key(**name)) {
        return Err(fault(format!("'{missing}' is a required property")));
    }
    refuse_unknown(event, &[&REQUIRED[..], &OPTIONAL[..]].concat())?;
    for (name, value) in event {
        let text = match value {
            Value::Null if OPTIONAL.contains(&name.as_str()) => continue,
            Value::String(text) => text.as_str(),
            other => return Err(fault(format!("{} is not of type 'string'", repr(other)))),
        };
        let is_good = match name.as_str() {
            "event" => EVENTS.contains(&text),
            "port_id" | "device_id" => Uuid::try_parse(text).is_ok(),
            "mac_address" => colons(text).is_some(),
            _ => true,
        };
        if !is_good {
            let shown = repr(value);
            return Err(fault(match name.as_str() {
                "event" => format!("{shown} is not one of {}", repr_list(EVENTS)),
                "mac_address" => format!("{shown} is not a 'mac-address'"),
                _ => format!("{shown} is not a 'uuid'"),
            }));
        }
    }
    Ok(event)
}

fn refuse_unknown(members: &Map<String, Value>, known: &[&str]) -> Result<(), ApiFault> {
    let unknown: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| !known.contains(name))
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(additional(&unknown, WHAT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Value {
        json!({"event": "network.bind_port", "port_id": "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0",
            "mac_address": "52:54:00:c0:ff:ee", "status": "ACTIVE", "device_id": null,
            "binding:host_id": "host", "binding:vnic_type": "baremetal"})
    }

    fn checked(body: &Value) -> Result<usize, String> {
        let members = body.as_object().cloned().unwrap_or_default();
        check(&members).map(|e| e.len()).map_err(|e| e.message)
    }

    #[test]
    fn events_have_their_form() {
        assert_eq!(checked(&json!({"events": [event(), event()]})), Ok(2));
        let with = |name: &str, value: Value| {
            let mut event = event();
            event[name] = value;
            checked(&json!({ "events": [event] })).unwrap_err()
        };
        assert!(with("event", json!("network.move_port")).contains("is not one of"));
        assert!(with("port_id", json!("x")).contains("uuid"));
        assert!(with("mac_address", json!("x")).contains("mac-address"));
        assert!(with("status", json!(1)).contains("'string'"));
        assert!(with("zz", json!(1)).contains("'zz' was unexpected"));
        assert!(
            checked(&json!({"events": []}))
                .unwrap_err()
                .contains("non-empty")
        );
        assert!(checked(&json!({})).unwrap_err().contains("required"));
        assert!(
            checked(&json!({"events": [1]}))
                .unwrap_err()
                .contains("'object'")
        );
    }
}
