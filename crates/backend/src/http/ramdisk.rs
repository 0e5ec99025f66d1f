//! What a deploy ramdisk calls without credentials: lookup, heartbeat, continue_inspection (wire
//! reference §16). The form is checked here; who may look up what, and the token, are the
//! conductor's.

use cupola_api::agent::{Heartbeat, LookupAnswer};
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeIdent;
use cupola_api::node::Object;
use cupola_api::secret::{mask, mask_instance_info};
use cupola_api::{MacAddress, Microversion, NodeId};
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, empty, json as answer_json, ok};
use super::body::{self, Size};
use super::call::Call;
use super::repr::repr;

/// Members of a heartbeat with the version that brought them.
const HEARTBEAT: &[(&str, u16)] = &[
    ("callback_url", 22),
    ("agent_token", 22),
    ("agent_version", 36),
    ("agent_verify_ca", 68),
    ("agent_status", 72),
    ("agent_status_message", 72),
];

/// `GET /v1/lookup?addresses=MAC,MAC&node_uuid=U`.
pub(super) async fn lookup(call: &mut Call) -> Answer {
    check_served(call)?;
    let addresses = call.arguments.list("addresses").unwrap_or_default();
    let node = call.arguments.uuid("node_uuid")?.map(NodeId);
    let addresses: Vec<MacAddress> = addresses.iter().filter_map(|a| a.parse().ok()).collect();
    if addresses.is_empty() && node.is_none() {
        return Err(ApiFault::bad_request(
            "At least one of 'addresses' and 'node_uuid' parameters is required",
        )
        .into());
    }
    let answer = call.state.rpc.lookup(&addresses, node).await?;
    ok(&finish(call, answer))
}

fn check_served(call: &Call) -> Result<(), ApiFault> {
    if call.state.options.serves_ramdisks {
        return Ok(());
    }
    Err(ApiFault::new(
        403,
        "Agents are not served here ([api]enable_ramdisk_endpoints is false).",
    ))
}

/// The answer as the wire shows it: masked, linked, and without what an older client does not know.
fn finish(call: &Call, mut answer: LookupAnswer) -> LookupAnswer {
    let node = &mut answer.node;
    mask(&mut node.driver_internal_info);
    mask_instance_info(&mut node.instance_info);
    let uuid = node.uuid;
    let base = &call.base;
    node.links = vec![
        json!({ "href": format!("{base}/v1/nodes/{uuid}"), "rel": "self" }),
        json!({ "href": format!("{base}/nodes/{uuid}"), "rel": "bookmark" }),
    ];
    if !call.is_since(62) {
        answer.config.agent_token = None;
    }
    answer
}

/// `POST /v1/heartbeat/{node}`.
pub(super) async fn heartbeat(call: &mut Call, node: &str) -> Answer {
    check_served(call)?;
    let body = body::object(call.json(Size::Heartbeat).await?, "heartbeat")?;
    let heartbeat = read_heartbeat(body, call.version)?;
    let node = call.node(node).await?;
    call.state.rpc.heartbeat(node.uuid, heartbeat).await?;
    empty(StatusCode::ACCEPTED)
}

fn read_heartbeat(body: Object, version: Microversion) -> Result<Heartbeat, ApiFault> {
    let mut unknown: Vec<&str> = body
        .keys()
        .map(String::as_str)
        .filter(|n| !HEARTBEAT.iter().any(|(k, _)| k == n))
        .collect();
    if !unknown.is_empty() {
        unknown.sort_unstable();
        let unknown = unknown.join(", ");
        return Err(ApiFault::bad_request(format!(
            "Unexpected arguments: {unknown}"
        )));
    }
    if !body.contains_key("callback_url") {
        return Err(ApiFault::bad_request(
            "Missing mandatory parameter: callback_url",
        ));
    }
    for (name, _) in HEARTBEAT {
        match body.get(*name) {
            None | Some(Value::Null | Value::String(_)) => {}
            // The token is nobody's to read.
            Some(_) if *name == "agent_token" => {
                return Err(ApiFault::bad_request("Expected string for agent_token"));
            }
            Some(other) => {
                let shown = repr(other);
                let text = format!("Expected string for {name}: {shown}");
                return Err(ApiFault::bad_request(text));
            }
        }
    }
    for (name, since) in HEARTBEAT {
        let text = body.get(*name).and_then(Value::as_str);
        // Upstream passes over an empty text here.
        if version < Microversion::new(*since) && text.is_some_and(|t| !t.is_empty()) {
            let refusal = match *name {
                "agent_status" | "agent_status_message" => {
                    "Fields \"agent_status\" and \"agent_status_message\" not recognised."
                        .to_owned()
                }
                "agent_verify_ca" => format!("Field \"{name}\" not recognised in this version"),
                _ => format!("Field \"{name}\" not recognised"),
            };
            return Err(ApiFault::bad_request(refusal));
        }
    }
    serde_json::from_value(Value::Object(body)).map_err(|_| {
        ApiFault::bad_request("Agent status is invalid. Valid states are start,end,error.")
    })
}

/// `POST /v1/continue_inspection?node_uuid=U`.
pub(super) async fn continue_inspection(call: &mut Call) -> Answer {
    check_served(call)?;
    let is_new = call.is_since(84);
    let ident = if is_new {
        call.arguments.text("node_uuid")?
    } else {
        None
    };
    let body = body::object(call.json(Size::Inspection).await?, "data")?;
    check_inventory(&body)?;
    let node = match ident.as_deref().map(NodeIdent::from) {
        Some(NodeIdent::Id(id)) => Some(id),
        Some(NodeIdent::Name(name)) => {
            let text = format!("Expected UUID for node_uuid: {name}");
            return Err(ApiFault::bad_request(text).into());
        }
        None => None,
    };
    if node.is_none() && !has_address(&body) {
        return Err(ApiFault::bad_request("No lookup information provided").into());
    }
    let answer = call.state.rpc.continue_inspection(node, body).await?;
    if is_new {
        answer_json(StatusCode::ACCEPTED, &finish(call, answer))
    } else {
        answer_json(StatusCode::ACCEPTED, &json!({ "uuid": answer.node.uuid }))
    }
}

/// Whether an interface of the inventory has an address that is one.
fn has_address(body: &Object) -> bool {
    let interfaces = body.get("inventory").and_then(|it| it.get("interfaces"));
    let interfaces = interfaces.and_then(Value::as_array).into_iter().flatten();
    let mut addresses = interfaces.filter_map(|it| it.get("mac_address")?.as_str());
    addresses.any(|text| text.parse::<MacAddress>().is_ok())
}

/// There must be at least one interface with an address.
fn check_inventory(body: &Object) -> Result<(), ApiFault> {
    let fault = |text: &str| {
        Err(ApiFault::bad_request(format!(
            "Schema error for data: {text}"
        )))
    };
    let Some(inventory) = body.get("inventory") else {
        return fault("'inventory' is a required property");
    };
    let Some(inventory) = inventory.as_object() else {
        return fault(&format!("{} is not of type 'object'", repr(inventory)));
    };
    let Some(interfaces) = inventory.get("interfaces") else {
        return fault("'interfaces' is a required property");
    };
    let Some(interfaces) = interfaces.as_array() else {
        return fault(&format!("{} is not of type 'array'", repr(interfaces)));
    };
    if interfaces.is_empty() {
        return fault("[] should be non-empty");
    }
    let has_address = |i: &Value| i.get("mac_address").is_some_and(Value::is_string);
    if !interfaces.iter().all(has_address) {
        return fault("'mac_address' is a required property");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat_at(body: Value, minor: u16) -> Result<Heartbeat, String> {
        let body = body.as_object().cloned().unwrap_or_default();
        read_heartbeat(body, Microversion::new(minor)).map_err(|f| f.message)
    }

    #[test]
    fn heartbeats() {
        let url = "https://10.0.0.5:9999";
        let full = json!({"callback_url": url, "agent_token": "t", "agent_version": "1",
                          "agent_status": "end"});
        assert!(heartbeat_at(full.clone(), 72).is_ok());
        assert!(heartbeat_at(full, 71).is_err());
        assert_eq!(
            heartbeat_at(json!({"agent_token": "t"}), 115)
                .err()
                .as_deref(),
            Some("Missing mandatory parameter: callback_url")
        );
        let wrong = heartbeat_at(
            json!({"callback_url": url, "agent_token": ["hunter2"]}),
            115,
        );
        assert!(wrong.is_err_and(|text| !text.contains("hunter2")));
        assert!(heartbeat_at(json!({"callback_url": url, "foo": 1}), 115).is_err());
    }

    #[test]
    fn inventories_need_an_interface() {
        let status =
            |body: Value| check_inventory(&body.as_object().cloned().unwrap_or_default()).is_ok();
        assert!(status(
            json!({"inventory": {"interfaces": [{"mac_address": "aa"}]}})
        ));
        assert!(!status(json!({"inventory": {"interfaces": [{}]}})));
        assert!(!status(json!({"inventory": {"interfaces": []}})));
        assert!(!status(json!({})));
    }
}
