//! `PATCH /v1/nodes/{node}` (wire reference §7, §8.3). The guards here need nothing but the node as
//! it was read; the conductor checks the others under the lock.

use cupola_api::Microversion;
use cupola_api::collection::Newer;
use cupola_api::fault::ApiFault;
use cupola_api::node::{FIELDS, Node, Object};
use cupola_api::patch::{PatchOperation, PatchVerb};
use cupola_api::state::provision::ProvisionState as S;
use http::StatusCode;
use serde_json::Value;

use super::super::announce::{self, Action};
use super::super::answer::{Answer, with_body};
use super::super::body::Size;
use super::super::call::Call;
use super::super::collection::bad_value;
use super::super::name;
use super::super::patch::{self, Patchable};
use super::super::schema;
use super::super::shape::NodeShape;
use super::super::text::{Secrets, unmask};
use super::list::shown;
use super::network_data;
use super::patch_rules;
use super::semantics::{check_references, name_instance};
use crate::notifications::payload::NODE_CRUD;

pub(super) const NODE: Patchable = Patchable {
    fields: FIELDS,
    extra: &[],
    newer: Newer::NotAcceptable,
    what: "patch",
};

/// Changes fields of a node.
pub(in super::super) async fn update(call: &mut Call, node: &str) -> Answer {
    let reset = call.arguments.boolean("reset_interfaces")?;
    if reset.is_some() {
        call.require(45)?;
    }
    call.ident(node)?;
    let patch = patch::parse(call.json(Size::Usual).await?, call.version, NODE.what)?;
    patch::check(&patch, NODE, call.version)?;
    let reset = reset.unwrap_or(false);
    check_patch(&patch, reset, call.version)?;
    let stored = call.node(node).await?;
    patch_rules::check(call, &stored, &patch)?;
    check_state(&stored, &patch, call.version)?;
    let (mut after, parent) = changed(&stored.node, &patch, call.version)?;
    let parent = check_references(call, &after, stored.owner.as_deref(), parent.as_deref()).await?;
    if touches(&patch, "parent_node") {
        after.parent_node = parent;
    }
    let asked = after.clone();
    let changed = async {
        if after == stored.node && !reset {
            return Ok(after);
        }
        let rpc = &call.state.rpc;
        rpc.update_node(&stored.node, after, reset).await
    };
    let what = (&NODE_CRUD, Action::Update);
    let node = announce::change(call, what, &asked, changed, announce::whole).await?;
    Ok(with_body(
        StatusCode::OK,
        shown(call, &node, NodeShape::full(call.version)),
    ))
}

fn touches(patch: &[PatchOperation], name: &str) -> bool {
    patch
        .iter()
        .any(|operation| patch::root(&operation.path) == name)
}

fn check_patch(
    patch: &[PatchOperation],
    reset: bool,
    version: Microversion,
) -> Result<(), ApiFault> {
    if reset && !touches(patch, "driver") {
        return Err(ApiFault::bad_request(
            "The reset_interfaces parameter can only be used when changing the node's driver.",
        ));
    }
    let removes_chassis = patch.iter().any(|operation| {
        let is_null = operation.value.as_ref().is_some_and(Value::is_null);
        is_null && patch::root(&operation.path) == "chassis_uuid"
    });
    if removes_chassis && version < Microversion::new(25) {
        return Err(ApiFault::not_acceptable());
    }
    Ok(())
}

/// Refuses changes of a node that is on its way to another state.
fn check_state(
    node: &Node,
    patch: &[PatchOperation],
    version: Microversion,
) -> Result<(), ApiFault> {
    let only_frees_instance = matches!(
        patch,
        [one] if one.op == PatchVerb::Remove && one.path == "/instance_uuid"
    );
    if node.maintenance && only_frees_instance {
        return Ok(());
    }
    let may_change = matches!(
        node.provision_state,
        S::DeployFailed
            | S::Inspecting
            | S::InspectFailed
            | S::InspectWait
            | S::CleanFailed
            | S::Error
            | S::Verifying
            | S::AdoptFailed
            | S::RescueFailed
            | S::UnrescueFailed
            | S::ServiceHold
            | S::ServiceFailed
    );
    if node.target_provision_state.is_some() && !node.maintenance && !may_change {
        return Err(ApiFault::conflict(format!(
            "Node {} can not be updated while a state transition is in progress.",
            node.uuid
        )));
    }
    if node.provision_state == S::Inspecting && version >= Microversion::new(39) {
        return Err(ApiFault::conflict(format!(
            "Cannot update node \"{}\" while it is in state \"inspecting\".",
            node.uuid
        )));
    }
    Ok(())
}

/// The node with the patch applied, and what it says of its parent, which may be a name.
pub(super) fn changed(
    before: &Node,
    patch: &[PatchOperation],
    version: Microversion,
) -> Result<(Node, Option<String>), ApiFault> {
    let internal = |e: serde_json::Error| ApiFault::internal(e.to_string());
    let mut document: Object = match serde_json::to_value(before).map_err(internal)? {
        Value::Object(members) => members,
        _ => Object::new(),
    };
    patch::apply(&mut document, patch)?;
    check_texts(before, patch, version)?;
    network_data::check_patch(patch, document.get("network_data"))?;
    let roots = patch.iter().map(|operation| patch::root(&operation.path));
    schema::normalize(&mut document, roots, schema::NODE, "patch")?;
    let parent = match document.get_mut("parent_node").map(Value::take) {
        Some(Value::String(parent)) => Some(parent),
        _ => None,
    };
    let mut after: Node = serde_json::from_value(Value::Object(document)).map_err(patch::schema)?;
    after.parent_node = before.parent_node;
    check_name(before, &after, version)?;
    unmask(&mut after.driver_info, &before.driver_info, Secrets::ByName);
    unmask(
        &mut after.instance_info,
        &before.instance_info,
        Secrets::InstanceInfo,
    );
    name_instance(before, &mut after);
    clear_reasons(before, &mut after);
    let parent = if touches(patch, "parent_node") {
        parent
    } else {
        None
    };
    Ok((after, parent))
}

/// What a patch gives as a name or a parent and is no text.
fn check_texts(
    before: &Node,
    patch: &[PatchOperation],
    version: Microversion,
) -> Result<(), ApiFault> {
    let is_name = |text: &str| {
        before.name.as_deref() == Some(text) || name::check(text, version, String::new).is_ok()
    };
    if let Some(bad) = bad_value(patch, "/name", is_name)
        && !name::is_reserved(&bad)
    {
        let node = before.uuid;
        return Err(ApiFault::bad_request(format!(
            "Node {node}: Cannot change name to invalid name '{bad}'"
        )));
    }
    if let Some(bad) = bad_value(patch, "/parent_node", |text| !text.is_empty()) {
        return Err(ApiFault::bad_request(format!(
            "Unable to apply the requested parent_node '{bad}'. Requested value was invalid."
        )));
    }
    Ok(())
}

fn check_name(before: &Node, after: &Node, version: Microversion) -> Result<(), ApiFault> {
    match &after.name {
        Some(name) if before.name != after.name => name::check(name, version, || {
            let node = before.uuid;
            format!("Node {node}: Cannot change name to invalid name '{name}'")
        }),
        Some(_) | None => Ok(()),
    }
}

/// A flag that is cleared takes its reason with it.
fn clear_reasons(before: &Node, after: &mut Node) {
    if before.maintenance && !after.maintenance {
        after.maintenance_reason = None;
        after.fault = None;
    }
    if before.protected && !after.protected {
        after.protected_reason = None;
    }
    if before.retired && !after.retired {
        after.retired_reason = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::NodeId;
    use serde_json::json;

    fn node() -> Node {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        node.driver_info
            .insert("ipmi_password".to_owned(), json!("hunter2"));
        node
    }

    fn patched(before: &Node, body: Value) -> Result<Node, String> {
        let patch = patch::parse(body, Microversion::MAX, "patch").map_err(|f| f.message)?;
        patch::check(&patch, NODE, Microversion::MAX).map_err(|f| f.message)?;
        changed(before, &patch, Microversion::MAX)
            .map(|(n, _)| n)
            .map_err(|f| f.message)
    }

    #[test]
    fn removed_fields_get_their_defaults() {
        let mut before = node();
        before.extra.insert("a".to_owned(), json!(1));
        before.conductor_group = "rack1".to_owned();
        before.automated_clean = Some(true);
        before.protected = true;
        let remove = |name: &str| json!({"op": "remove", "path": format!("/{name}")});
        let names = [
            "extra",
            "conductor_group",
            "automated_clean",
            "protected",
            "maintenance",
            "name",
        ];
        let patch = Value::from(names.map(remove).to_vec());
        let after = patched(&before, patch).expect("good");
        assert!(after.extra.is_empty() && after.conductor_group.is_empty() && !after.protected);
        assert_eq!(after.automated_clean, None);
        assert_eq!(
            patched(&before, json!([remove("driver")])),
            Err("Schema error for patch: 'driver' is a required property".to_owned())
        );
    }

    #[test]
    fn a_masked_secret_that_comes_back_is_kept() {
        let before = node();
        let sent = json!({"ipmi_password": "******", "ipmi_address": "10.0.0.1"});
        let after = patched(
            &before,
            json!([{"op": "replace", "path": "/driver_info", "value": sent}]),
        )
        .expect("good");
        assert_eq!(
            after.driver_info.get("ipmi_password"),
            Some(&json!("hunter2"))
        );
        let one =
            json!([{"op": "replace", "path": "/driver_info/ipmi_password", "value": "******"}]);
        let after = patched(&before, one).expect("good");
        assert_eq!(
            after.driver_info.get("ipmi_password"),
            Some(&json!("hunter2"))
        );
    }

    #[test]
    fn leaving_maintenance_clears_reason_and_fault() {
        let mut before = node();
        before.maintenance = true;
        before.maintenance_reason = Some("disk".to_owned());
        before.fault = Some(cupola_api::node::Fault::PowerFailure);
        let body = json!([{"op": "replace", "path": "/maintenance", "value": "false"}]);
        let after = patched(&before, body).expect("good");
        assert_eq!((after.maintenance_reason, after.fault), (None, None));
    }

    #[test]
    fn transitions_refuse_changes_outside_maintenance() {
        let mut node = node();
        node.provision_state = S::Deploying;
        node.target_provision_state = Some(S::Active);
        let status = |node: &Node, patch: &[PatchOperation]| {
            check_state(node, patch, Microversion::MAX).map_err(|f| f.status)
        };
        assert_eq!(status(&node, &[]), Err(409));
        node.maintenance = true;
        assert_eq!(status(&node, &[]), Ok(()));
        node.provision_state = S::Inspecting;
        assert_eq!(status(&node, &[]), Err(409));
        assert_eq!(
            status(&node, &[PatchOperation::remove("/instance_uuid")]),
            Ok(())
        );
    }
}
