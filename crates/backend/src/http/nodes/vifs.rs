//! `/v1/nodes/{node}/vifs` (wire reference §11.6). Which port carries what is the conductor's.

use cupola_api::fault::ApiFault;
use cupola_api::resource::VifRequest;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::{Answer, empty, ok};
use super::super::body::{self, Size};
use super::super::call::Call;
use super::super::name;
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
    check_id("vif_id", vif)?;
    let node = call.node(node).await?;
    call.state.rpc.detach_vif(node.uuid, vif).await?;
    empty(StatusCode::NO_CONTENT)
}

/// Refuses what is neither a UUID nor a name.
fn check_id<'a>(argument: &str, id: &'a str) -> Result<&'a str, ApiFault> {
    if Uuid::try_parse(id).is_ok() || name::is_logical(id) {
        return Ok(id);
    }
    let text = format!("Expected UUID or name for {argument}: {id}");
    Err(ApiFault::bad_request(text))
}

/// Besides its `id` a VIF may have members that are for whoever plumbs the network.
fn read(
    given: &serde_json::Map<String, Value>,
    may_name_port: bool,
) -> Result<VifRequest, ApiFault> {
    let fault = |text: String| ApiFault::bad_request(format!("Schema error for vif: {text}"));
    let id = match given.get("id") {
        Some(Value::String(id)) => check_id("id", id)?.to_owned(),
        Some(other) => return Err(fault(format!("{} is not of type 'string'", repr(other)))),
        None => return Err(fault("'id' is a required property".to_owned())),
    };
    let named = |name: &str| {
        let value = given.get(name).filter(|_| may_name_port);
        value.and_then(Value::as_str).map(str::to_owned)
    };
    let (port, portgroup) = (named("port_uuid"), named("portgroup_uuid"));
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
        for bad in [
            json!({}),
            json!({"id": 5}),
            json!({"id": ""}),
            json!({"id": "a b"}),
        ] {
            assert!(read_at(bad.clone(), true).is_err(), "{bad}");
        }
        let named = read_at(json!({"id": "v", "port_uuid": uuid}), true);
        assert!(named.is_ok_and(|request| request.port.is_some()));
    }
}
