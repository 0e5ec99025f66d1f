//! `/v1/nodes/{node}/vifs` (wire reference §11.6). Which port carries what is the conductor's.

use cupola_api::fault::ApiFault;
use cupola_api::resource::VifRequest;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::answer::{Answer, empty, ok};
use super::super::arguments::uuid_text;
use super::super::body::{self, Size};
use super::super::call::Call;
use super::super::repr::repr;

/// `GET /v1/nodes/{node}/vifs`.
pub(in super::super) async fn list(call: &mut Call, node: &str) -> Answer {
    let node = call.node(node).await?;
    let vifs = call.state.rpc.vifs(node.uuid).await?;
    let vifs: Vec<Value> = vifs.into_iter().map(|id| json!({ "id": id })).collect();
    ok(&json!({ "vifs": vifs }))
}

/// `POST /v1/nodes/{node}/vifs`.
pub(in super::super) async fn attach(call: &mut Call, node: &str) -> Answer {
    let given = body::object(call.json(Size::Usual).await?, "vif")?;
    let request = read(&given, call.is_since(67))?;
    let node = call.node(node).await?;
    call.state.rpc.attach_vif(node.uuid, request).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/nodes/{node}/vifs/{vif}`.
pub(in super::super) async fn detach(call: &mut Call, node: &str, vif: &str) -> Answer {
    let node = call.node(node).await?;
    call.state.rpc.detach_vif(node.uuid, vif).await?;
    empty(StatusCode::NO_CONTENT)
}

/// Besides its `id` a VIF may have members that are for whoever plumbs the network.
fn read(
    given: &serde_json::Map<String, Value>,
    may_name_port: bool,
) -> Result<VifRequest, ApiFault> {
    let fault = |text: String| ApiFault::bad_request(format!("Schema error for vif: {text}"));
    let id = match given.get("id") {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        Some(Value::String(_)) => {
            return Err(ApiFault::bad_request("Expected UUID or name for id: "));
        }
        Some(other) => return Err(fault(format!("{} is not of type 'string'", repr(other)))),
        None => return Err(fault("'id' is a required property".to_owned())),
    };
    let uuid = |name: &str| match given.get(name) {
        Some(Value::String(text)) if may_name_port => uuid_text(name, text).map(Some),
        Some(_) | None => Ok(None),
    };
    let (port, portgroup) = (uuid("port_uuid")?, uuid("portgroup_uuid")?);
    if port.is_some() && portgroup.is_some() {
        return Err(ApiFault::bad_request(
            "Cannot specify both port_uuid and portgroup_uuid",
        ));
    }
    Ok(VifRequest {
        id,
        port,
        portgroup,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let read_at = |body: Value, is_new| {
            let given = body.as_object().cloned().unwrap_or_default();
            read(&given, is_new).map_err(|fault| fault.message)
        };
        let uuid = "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0";
        let both = json!({"id": "v", "port_uuid": uuid, "portgroup_uuid": uuid, "more": [1]});
        let want = "Cannot specify both port_uuid and portgroup_uuid".to_owned();
        assert_eq!(read_at(both.clone(), true), Err(want));
        assert!(read_at(both, false).is_ok_and(|request| request.port.is_none()));
        for bad in [json!({}), json!({"id": 5}), json!({"id": ""})] {
            assert!(read_at(bad.clone(), true).is_err(), "{bad}");
        }
        let named = read_at(json!({"id": "v", "port_uuid": uuid}), true);
        assert!(named.is_ok_and(|request| request.port.is_some()));
    }
}
