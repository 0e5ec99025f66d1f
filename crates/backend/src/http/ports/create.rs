//! `POST /v1/ports` (wire reference §12.1).

use cupola_api::event::Severity;
use cupola_api::fault::ApiFault;
use cupola_api::id::{NodeIdent, PortId};
use cupola_api::node::{Access, Object};
use cupola_api::port::{FIELDS, Port};
use cupola_api::{MacAddress, Microversion, NodeId};
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::super::announce::{self, Action};
use super::super::answer::{Answer, Failure, json, located};
use super::super::body::{self, Size, additional};
use super::super::call::{Call, refuse_locked};
use super::super::repr::repr;
use super::super::{name, schema};
use super::shape::PortShape;
use super::{link, membership};
use crate::notifications::payload::PORT;
use crate::store::StoreError;

/// Adds a port to a node.
pub(in super::super) async fn create(call: &mut Call) -> Answer {
    let mut given = body::object(call.json(Size::Usual).await?, "port")?;
    // A UUID that is null is none.
    given.retain(|name, value| name != "uuid" || !value.is_null());
    check_names(&given, call.version)?;
    let node = take_node(&mut given)?;
    let names: Vec<String> = given.keys().cloned().collect();
    schema::normalize(
        &mut given,
        names.iter().map(String::as_str),
        schema::PORT,
        "port",
    )?;
    let node = find_node(call, node).await?;
    let boots = given.get("pxe_enabled") == Some(&Value::Bool(true));
    let mut port = build(given, node)?;
    check(&mut port)?;
    link::check_new(&port.local_link_connection, port.is_smartnic, call.version)?;
    membership::check_new(call, &port, boots).await?;
    let made = call.state.store.create_port(port.clone());
    let port =
        announce::change(call, (&PORT, Action::Create), &port, made, announce::whole).await?;
    let text = format!("Port {} was added.", port.address);
    call.state
        .events
        .log(Some(port.node_uuid), Severity::Info, "api", text);
    let shown = PortShape::full(call.version).value(&port, &call.base);
    let location = call.url(format_args!("ports/{}", port.uuid));
    located(json(StatusCode::CREATED, &shown), &location)
}

fn check_names(given: &Object, version: Microversion) -> Result<(), ApiFault> {
    let find = |name: &str| {
        FIELDS
            .iter()
            .find(|f| f.name == name && f.access != Access::ReadOnly)
    };
    let names = || {
        given
            .keys()
            .map(String::as_str)
            .filter(|name| *name != "node_ident")
    };
    if !given.contains_key("address") {
        return Err(required("address"));
    }
    let unknown: Vec<&str> = names().filter(|name| find(name).is_none()).collect();
    if !unknown.is_empty() {
        return Err(additional(&unknown, "port"));
    }
    let is_newer = |name: &str| find(name).is_some_and(|f| version < f.since);
    if names().any(is_newer)
        || (given.contains_key("node_ident") && version < Microversion::new(94))
    {
        return Err(ApiFault::not_acceptable());
    }
    Ok(())
}

fn required(name: &str) -> ApiFault {
    ApiFault::bad_request(format!(
        "Schema error for port: '{name}' is a required property"
    ))
}

/// Exactly one of `node_uuid` and `node_ident` names the node.
fn take_node(given: &mut Object) -> Result<NodeIdent, ApiFault> {
    let uuid = given.remove("node_uuid");
    let ident = given.remove("node_ident");
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        other => Err(schema::fault(
            "port",
            format_args!("{} is not of type 'string'", repr(&other)),
        )),
    };
    match (uuid, ident) {
        (Some(uuid), None) => {
            let uuid = text(uuid)?;
            uuid.parse()
                .map(NodeIdent::Id)
                .map_err(|_| ApiFault::bad_request(format!("Expected UUID for node_uuid: {uuid}")))
        }
        (None, Some(ident)) => {
            let ident = text(ident)?;
            if Uuid::try_parse(&ident).is_err() && !name::is_logical(&ident) {
                let text = format!("Expected a logical name or UUID but received {ident}.");
                return Err(ApiFault::bad_request(text));
            }
            Ok(ident.as_str().into())
        }
        (Some(_), Some(_)) => Err(schema::fault(
            "port",
            "only one of 'node_uuid' and 'node_ident' may be given",
        )),
        (None, None) => Err(required("node_uuid")),
    }
}

/// The node that a body names: an unknown one is a bad request, not a missing resource.
pub(super) async fn find_node(call: &Call, node: NodeIdent) -> Result<NodeId, Failure> {
    match call.linked(&node).await {
        Ok(found) => {
            call.ask_route(&found)?;
            refuse_locked(&found.reservation, found.uuid)?;
            Ok(found.uuid)
        }
        Err(StoreError::NotFound { .. }) => {
            Err(ApiFault::bad_request(format!("Node {node} could not be found.")).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn build(mut given: Object, node: NodeId) -> Result<Port, ApiFault> {
    let internal = |e: serde_json::Error| ApiFault::internal(e.to_string());
    let address = given
        .get("address")
        .and_then(Value::as_str)
        .and_then(|a| a.parse().ok());
    let address: MacAddress = address.ok_or_else(|| required("address"))?;
    let mut document =
        serde_json::to_value(Port::new(PortId::random(), node, address)).map_err(internal)?;
    if let Some(members) = document.as_object_mut() {
        members.append(&mut given);
    }
    serde_json::from_value(document)
        .map_err(|e| ApiFault::bad_request(format!("Schema error for port: {e}")))
}

/// What a port's values must agree on, new or changed.
pub(super) fn check(port: &mut Port) -> Result<(), ApiFault> {
    if let Some(name) = &port.name
        && !name::is_logical(name)
    {
        let text = format!("Expected a logical name but received {name}.");
        return Err(ApiFault::bad_request(text));
    }
    if port.physical_network.as_deref() == Some("") {
        return Err(ApiFault::bad_request(
            "A non-empty value is required when setting physical_network",
        ));
    }
    link::check(&mut port.local_link_connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Object {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn names_of_the_body() {
        let status = |body: Value, minor| {
            check_names(&object(body), Microversion::new(minor)).map_err(|f| f.status)
        };
        let address = "aa:bb:cc:dd:ee:ff";
        assert_eq!(status(json!({"address": address}), 1), Ok(()));
        assert_eq!(status(json!({}), 1), Err(400));
        assert_eq!(
            status(json!({"address": address, "internal_info": {}}), 115),
            Err(400)
        );
        assert_eq!(
            status(json!({"address": address, "name": "p"}), 87),
            Err(406)
        );
        assert_eq!(
            status(json!({"address": address, "node_ident": "n"}), 93),
            Err(406)
        );
    }

    #[test]
    fn exactly_one_way_to_name_the_node() {
        let uuid = "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0";
        assert!(take_node(&mut object(json!({"node_uuid": uuid}))).is_ok());
        assert!(take_node(&mut object(json!({"node_ident": "n1"}))).is_ok());
        assert!(take_node(&mut object(json!({"node_ident": "n1", "node_uuid": uuid}))).is_err());
        assert!(take_node(&mut object(json!({"node_uuid": "n1"}))).is_err());
        assert!(take_node(&mut object(json!({}))).is_err());
    }
}
