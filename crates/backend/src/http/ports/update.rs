//! `PATCH` and `DELETE /v1/ports/{port}` (wire reference §12.1).

use cupola_api::fault::ApiFault;
use cupola_api::id::{NodeIdent, PortId};
use cupola_api::node::{Node, Object};
use cupola_api::patch::{PatchOperation, PatchVerb};
use cupola_api::port::{FIELDS, PATCHED_EARLY, Port, attached_vif};
use cupola_api::state::provision::ProvisionState as S;
use http::StatusCode;
use serde_json::Value;

use super::super::announce::{self, Action};
use super::super::answer::{Answer, empty, ok};
use super::super::body::Size;
use super::super::call::{Call, refuse_locked};
use super::super::collection::{self, touches};
use super::super::patch::{self, Patchable};
use super::super::schema;
use super::create::{check, find_node};
use super::list::find;
use super::membership;
use super::shape::PortShape;
use crate::notifications::payload;

const PORT: Patchable = Patchable {
    fields: FIELDS,
    extra: &["node_ident"],
    newer: PATCHED_EARLY,
    what: "patch",
};

/// Changes fields of a port.
pub(in super::super) async fn update(call: &mut Call, port: &str) -> Answer {
    let before = find(call, port).await?;
    let patch = patch::parse(call.json(Size::Usual).await?, call.version, PORT.what)?;
    patch::check(&patch, PORT, call.version)?;
    if let Some(bad) = collection::bad_owner(&patch) {
        return Err(collection::not_an_owner(&bad).into());
    }
    if let Some(bad) = bad_group(&patch) {
        let text = format!("Portgroup {bad} could not be found.");
        return Err(ApiFault::bad_request(text).into());
    }
    let (mut after, node) = changed(&before, &patch)?;
    match node {
        Some(NodeIdent::Id(id)) => {
            let node = collection::new_owner(call, before.node_uuid, id).await?;
            refuse_locked(&node.reservation, id)?;
            after.node_uuid = id;
        }
        Some(named) => after.node_uuid = find_node(call, named).await?,
        None => {}
    }
    check(&mut after)?;
    let node = call.state.store.node_by_id(before.node_uuid).await?;
    if node.provision_state == S::Inspecting && call.is_since(39) {
        return Err(ApiFault::conflict(format!(
            "Cannot update node \"{}\" while it is in state \"inspecting\".",
            node.uuid
        ))
        .into());
    }
    refuse_locked(&node.reservation, node.uuid)?;
    check_state(&before, &after, &node)?;
    let sets_network = touches(&patch, "physical_network");
    membership::check_changed(call, &before, &after, &node, sets_network).await?;
    if after == before {
        return ok(&PortShape::full(call.version).value(&before, &call.base));
    }
    let saved = call.state.store.save_port(&after);
    let saved = announce::change(
        call,
        (&payload::PORT, Action::Update),
        &after,
        saved,
        announce::whole,
    )
    .await?;
    ok(&PortShape::full(call.version).value(&saved, &call.base))
}

/// What a patch gives as a port group and is none.
fn bad_group(patch: &[PatchOperation]) -> Option<String> {
    let says_something = |o: &&PatchOperation| {
        let value = o.value.as_ref();
        value.is_some_and(|v| v.as_str().map_or(v.is_number(), |text| !text.is_empty()))
    };
    let given: Vec<PatchOperation> = patch.iter().filter(says_something).cloned().collect();
    collection::bad_value(&given, "/portgroup_uuid", |text| {
        text.parse::<uuid::Uuid>().is_ok()
    })
}

/// Deletes a port, which only its UUID names.
pub(in super::super) async fn delete(call: &mut Call, port: &str) -> Answer {
    if port.parse::<PortId>().is_err() {
        return Err(ApiFault::bad_request(format!("Expected UUID for port_uuid: {port}")).into());
    }
    let port = find(call, port).await?;
    let node = call.state.store.node_by_id(port.node_uuid).await?;
    refuse_locked(&node.reservation, node.uuid)?;
    check_delete(&port, &node)?;
    let deleted = call.state.store.delete_port(port.uuid);
    let what = (&payload::PORT, Action::Delete);
    announce::change(call, what, &port, deleted, |()| None).await?;
    empty(StatusCode::NO_CONTENT)
}

/// A port that carries the network of an instance stays.
fn check_delete(port: &Port, node: &Node) -> Result<(), ApiFault> {
    match attached_vif(&port.internal_info) {
        Some(vif) if is_in_use(node) && !node.maintenance => Err(ApiFault::conflict(format!(
            "Cannot delete the port {} as it is bound to VIF {vif} for tenant use.",
            port.uuid
        ))),
        Some(_) | None => Ok(()),
    }
}

fn is_in_use(node: &Node) -> bool {
    node.provision_state == S::Active || node.instance_uuid.is_some()
}

/// The port with the patch applied, and its new node when the patch names one.
fn changed(before: &Port, patch: &[PatchOperation]) -> Result<(Port, Option<NodeIdent>), ApiFault> {
    let document = serde_json::to_value(before).map_err(|e| ApiFault::internal(e.to_string()))?;
    let mut document: Object = match document {
        Value::Object(members) => members,
        _ => Object::new(),
    };
    patch::apply(&mut document, patch)?;
    let roots = || patch.iter().map(|operation| patch::root(&operation.path));
    schema::normalize(&mut document, roots(), schema::PORT, "patch")?;
    let node = node_of(&mut document, before, roots().any(|r| r == "node_ident"))?;
    let unset = patch
        .iter()
        .any(|operation| operation.op == PatchVerb::Remove && operation.path == "/node_uuid");
    if unset {
        return Err(patch::schema("'node_uuid' is a required property"));
    }
    let after = serde_json::from_value(Value::Object(document)).map_err(patch::schema)?;
    Ok((after, node))
}

fn node_of(
    document: &mut Object,
    before: &Port,
    has_ident: bool,
) -> Result<Option<NodeIdent>, ApiFault> {
    let ident = document.remove("node_ident");
    if has_ident {
        return match ident {
            Some(Value::String(ident)) => Ok(Some(ident.as_str().into())),
            _ => Err(patch::schema("'node_ident' must be a string")),
        };
    }
    let now = document
        .get("node_uuid")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok((now != before.node_uuid.to_string()).then(|| now.into()))
}

/// Refuses changes that would cut the machine off while it is in use.
fn check_state(before: &Port, after: &Port, node: &Node) -> Result<(), ApiFault> {
    if node.maintenance {
        return Ok(());
    }
    if before.address != after.address && is_in_use(node) {
        return Err(ApiFault::conflict(format!(
            "Cannot update hardware address for port {} as node {} is active or has instance UUID \
             assigned",
            before.uuid, node.uuid
        )));
    }
    let connectivity = before.portgroup_uuid != after.portgroup_uuid
        || before.pxe_enabled != after.pxe_enabled
        || before.local_link_connection != after.local_link_connection
        || before.physical_network != after.physical_network;
    let may_recable = matches!(
        node.provision_state,
        S::Enroll | S::Inspecting | S::InspectWait | S::Manageable
    );
    if connectivity && !may_recable {
        return Err(ApiFault::conflict(format!(
            "Port {} can not have any connectivity attributes (pxe_enabled, portgroup_id, \
             physical_network, local_link_connection) updated unless node {} is in a enroll, \
             inspecting, inspect wait, manageable state or in maintenance mode.",
            before.uuid, node.uuid
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::{MacAddress, Microversion, NodeId};
    use serde_json::json;

    fn patched(before: &Port, body: Value) -> Result<(Port, Option<NodeIdent>), String> {
        let patch = patch::parse(body, Microversion::MAX, "patch").map_err(|f| f.message)?;
        patch::check(&patch, PORT, Microversion::MAX).map_err(|f| f.message)?;
        changed(before, &patch).map_err(|f| f.message)
    }

    #[test]
    fn changes_and_moves() {
        let before = Port::new(PortId::random(), NodeId::random(), MacAddress::new([2; 6]));
        let body = json!([{"op": "replace", "path": "/address", "value": "AA:00:00:00:00:01"},
                          {"op": "remove", "path": "/pxe_enabled"}]);
        let (after, node) = patched(&before, body).expect("good");
        assert_eq!(after.address.to_string(), "aa:00:00:00:00:01");
        assert!(after.pxe_enabled && node.is_none());
        let (_, node) = patched(
            &before,
            json!([{"op": "add", "path": "/node_ident", "value": "n2"}]),
        )
        .expect("good");
        assert_eq!(node, Some(NodeIdent::Name("n2".to_owned())));
        let removed = patched(&before, json!([{"op": "remove", "path": "/address"}]));
        assert!(removed.is_err());
    }

    #[test]
    fn a_port_with_the_network_of_an_instance_stays() {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        let mut port = Port::new(PortId::random(), node.uuid, MacAddress::new([2; 6]));
        node.provision_state = S::Active;
        assert!(check_delete(&port, &node).is_ok());
        let info = &mut port.internal_info;
        info.insert(cupola_api::port::ATTACHED_VIF.to_owned(), json!("v"));
        let status = check_delete(&port, &node).map_err(|fault| fault.status);
        assert_eq!(status, Err(409));
        node.maintenance = true;
        assert!(check_delete(&port, &node).is_ok());
    }

    #[test]
    fn a_machine_in_use_is_not_recabled() {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        let before = Port::new(PortId::random(), node.uuid, MacAddress::new([2; 6]));
        let mut after = before.clone();
        after.pxe_enabled = false;
        assert!(check_state(&before, &after, &node).is_ok());
        node.provision_state = S::Available;
        assert_eq!(
            check_state(&before, &after, &node).map_err(|f| f.status),
            Err(409)
        );
        node.maintenance = true;
        assert!(check_state(&before, &after, &node).is_ok());
    }
}
