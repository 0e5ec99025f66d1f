//! The short requests on a node: validation, maintenance, boot device, inventory.

use cupola_api::fault::ApiFault;
use cupola_api::resource::BootDevice;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::announce::{self, Action};
use super::super::answer::{Answer, empty, ok};
use super::super::arguments::boolean_word;
use super::super::body::Size;
use super::super::call::Call;
use super::super::repr::repr;
use crate::notifications::payload::NODE;

/// `GET /v1/nodes/{node}/validate`.
pub(in super::super) async fn validate(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    ok(&call.state.rpc.validate(node.uuid).await?)
}

/// `GET /v1/nodes/validate?node=N`, or `?node_uuid=U`.
pub(in super::super) async fn validate_by_argument(call: &mut Call) -> Answer {
    let node = call.arguments.text("node")?;
    let uuid = call.arguments.text("node_uuid")?;
    let Some(node) = node.or(uuid) else {
        return Err(ApiFault::bad_request("Missing mandatory parameter: node").into());
    };
    if node.parse::<cupola_api::NodeId>().is_err() {
        // By their names nodes are known since 1.5.
        call.require(5)?;
    }
    validate(call, &node).await
}

/// `PUT` and `DELETE /v1/nodes/{node}/maintenance`.
pub(in super::super) async fn maintenance(call: &mut Call, node: &str) -> Answer {
    // ironicclient and gophercloud give the reason in the body; Ironic also takes it as an argument.
    let argument = call.arguments.text("reason")?;
    let stored = call.node(node).await?;
    let mut after = stored.node.clone();
    if call.method == Method::PUT {
        let mut body = call.members(&["reason"], Size::Usual).await?;
        after.maintenance = true;
        after.maintenance_reason = match body.remove("reason") {
            Some(Value::String(reason)) => Some(reason),
            None | Some(Value::Null) => argument,
            Some(other) => {
                let text = format!("Expected string for reason: {}", repr(&other));
                return Err(ApiFault::bad_request(text).into());
            }
        };
    } else {
        after.maintenance = false;
        after.maintenance_reason = None;
        after.fault = None;
    }
    let asked = after.clone();
    let changed = async {
        if after == stored.node {
            return Ok(after);
        }
        let rpc = &call.state.rpc;
        rpc.update_node(&stored.node, after, false).await
    };
    let what = (&NODE, Action::Maintenance);
    announce::change(call, what, &asked, changed, announce::whole).await?;
    empty(StatusCode::ACCEPTED)
}

/// `GET` and `PUT /v1/nodes/{node}/management/boot_device`.
pub(in super::super) async fn boot_device(call: &mut Call, node: &str) -> Answer {
    if call.method == Method::GET {
        let node = call.node(node).await?;
        return ok(&call.state.rpc.boot_device(node.uuid).await?);
    }
    let body = call
        .members(&["boot_device", "persistent"], Size::Usual)
        .await?;
    let device = match body.get("boot_device") {
        Some(Value::String(device)) => device.clone(),
        Some(other) => {
            let text = format!("Expected string for boot_device: {}", repr(other));
            return Err(ApiFault::bad_request(text).into());
        }
        None => {
            return Err(ApiFault::bad_request("Missing mandatory parameter: boot_device").into());
        }
    };
    let persistent = match body.get("persistent") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(persistent)) => *persistent,
        Some(Value::String(word)) => boolean_word("persistent", word)?,
        Some(other) => boolean_word("persistent", &other.to_string())?,
    };
    let node = call.node(node).await?;
    let device = BootDevice::parse(&device)
        .ok_or_else(|| ApiFault::bad_request(format!("Invalid boot device {device} specified.")))?;
    call.state
        .rpc
        .set_boot_device(node.uuid, device, persistent)
        .await?;
    empty(StatusCode::NO_CONTENT)
}

/// `GET /v1/nodes/{node}/management/boot_device/supported`.
pub(in super::super) async fn supported_boot_devices(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    let devices = call.state.rpc.supported_boot_devices(node.uuid).await?;
    ok(&json!({ "supported_boot_devices": devices }))
}

/// `GET /v1/nodes/{node}/inventory`.
pub(in super::super) async fn inventory(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    let found = call
        .state
        .store
        .inventory(node.uuid)
        .await?
        .ok_or_else(|| {
            ApiFault::not_found(format!(
                "Node inventory record for node {} could not be found.",
                node.uuid
            ))
        })?;
    ok(&found)
}
