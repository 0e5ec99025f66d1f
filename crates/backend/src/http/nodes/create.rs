//! `POST /v1/nodes` (wire reference §8.1).

use cupola_api::fault::ApiFault;
use cupola_api::node::{Access, Node, Object, find_field};
use cupola_api::policy::Rule;
use cupola_api::state::provision::ProvisionState;
use cupola_api::{Microversion, NodeId};
use http::StatusCode;
use serde_json::Value;

use super::super::announce::{self, Action};
use super::super::answer::{Answer, located, with_body};
use super::super::body::{self, Size, additional};
use super::super::call::Call;
use super::super::name;
use super::super::schema;
use super::super::shape::NodeShape;
use super::list::shown;
use super::network_data;
use super::semantics::check_references;
use crate::notifications::payload::NODE_CRUD;
use crate::policy::Target;

/// Enrols a node.
pub(in super::super) async fn create(call: &mut Call) -> Answer {
    let is_own = call.state.options.self_owned_nodes
        && call.may(Rule::NodeCreateSelfOwnedNode, Target::default());
    let rule = if is_own {
        Rule::NodeCreateSelfOwnedNode
    } else {
        Rule::NodeCreate
    };
    call.must(rule, Target::default(), "nodes")?;
    let members = body::object(call.json(Size::Usual).await?, "node")?;
    let (mut node, parent) = build(members, call.version)?;
    give_owner(call, &mut node)?;
    node.parent_node =
        check_references(call, &node, node.owner.as_deref(), parent.as_deref()).await?;
    if !call.is_since(11) {
        node.provision_state = ProvisionState::Available;
    }
    call.state.rpc.prepare_node(&mut node).await?;
    let made = call.state.store.create_node(node.clone());
    let what = (&NODE_CRUD, Action::Create);
    let stored = announce::change(call, what, &node, made, |stored| Some(&stored.node)).await?;
    call.note(stored.uuid);
    call.state.events.node_changed(&stored);
    let json = shown(call, &stored, NodeShape::full(call.version));
    let location = call.url(format_args!("nodes/{}", stored.uuid));
    located(Ok(with_body(StatusCode::CREATED, json)), &location)
}

/// A node that is enrolled by who is of a project belongs to that project.
fn give_owner(call: &Call, node: &mut Node) -> Result<(), ApiFault> {
    let is_own = call.state.options.self_owned_nodes
        && call.may(Rule::NodeCreateSelfOwnedNode, Target::default());
    if !call.is_of_project() || !is_own {
        return Ok(());
    }
    let own = call.own_project();
    if node
        .owner
        .as_deref()
        .is_some_and(|owner| Some(owner) != own)
    {
        return Err(ApiFault::bad_request(
            "Cannot create a node as a project scoped admin with an owner other than your own project.",
        ));
    }
    node.owner = own.map(str::to_owned);
    Ok(())
}

/// A node from the body, and what it says of its parent, which may be a name.
fn build(mut given: Object, version: Microversion) -> Result<(Node, Option<String>), ApiFault> {
    if !given.contains_key("driver") {
        return Err(ApiFault::bad_request(
            "Schema error for node: 'driver' is a required property",
        ));
    }
    // A UUID that is null is none.
    given.retain(|name, value| name != "uuid" || !value.is_null());
    check_names(&given, version)?;
    network_data::check_new(given.get("network_data"))?;
    let names: Vec<String> = given.keys().cloned().collect();
    schema::normalize(
        &mut given,
        names.iter().map(String::as_str),
        schema::NODE,
        "node",
    )?;
    if let Some(name) = given.get("name").and_then(Value::as_str) {
        name::check(name, version, || {
            format!("Cannot create node with invalid name '{name}'")
        })?;
    }
    let parent = given
        .remove("parent_node")
        .and_then(|p| p.as_str().map(str::to_owned));
    let mut document = serde_json::to_value(Node::new(NodeId::random(), String::new()))
        .map_err(|e| ApiFault::internal(e.to_string()))?;
    if let Some(members) = document.as_object_mut() {
        members.append(&mut given);
    }
    let mut node: Node = serde_json::from_value(document)
        .map_err(|e| ApiFault::bad_request(format!("Schema error for node: {e}")))?;
    node.owner = node.owner.filter(|owner| !owner.is_empty());
    node.resource_class = node.resource_class.filter(|class| !class.is_empty());
    Ok((node, parent))
}

/// Refuses fields that cannot be given, or not at this version.
fn check_names(given: &Object, version: Microversion) -> Result<(), ApiFault> {
    let is_writable = |name: &&str| {
        find_field(name)
            .is_some_and(|f| matches!(f.access, Access::Create | Access::CreateAndPatch))
    };
    let names = || given.keys().map(String::as_str);
    let unknown: Vec<&str> = names().filter(|name| !is_writable(name)).collect();
    if !unknown.is_empty() {
        return Err(additional(&unknown, "node"));
    }
    // What says nothing is taken at every version.
    let says_nothing = |name: &str, value: &Value| match name {
        "conductor_group" => value == "",
        _ => value.is_null(),
    };
    let is_newer = |(name, value): (&String, &Value)| {
        find_field(name).is_some_and(|f| version < f.since) && !says_nothing(name, value)
    };
    if given.iter().any(is_newer) {
        return Err(ApiFault::not_acceptable());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn built(body: Value, minor: u16) -> Result<Node, (u16, String)> {
        let given = body.as_object().cloned().unwrap_or_default();
        build(given, Microversion::new(minor))
            .map(|(node, _)| node)
            .map_err(|f| (f.status, f.message))
    }

    #[test]
    fn takes_what_the_reference_lets_in() {
        let node = built(
            json!({"driver": "ipmi", "name": "n1", "extra": null, "maintenance": "yes",
                   "driver_info": {"ipmi_address": "10.0.0.1"}, "automated_clean": false,
                   "uuid": "6F3BC0F6-8A35-4A6F-8A7E-57A1B1C7F3D0", "owner": "me"}),
            115,
        )
        .expect("good");
        assert_eq!(
            node.uuid.to_string(),
            "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0"
        );
        assert!(node.maintenance && node.extra.is_empty());
        assert_eq!(node.automated_clean, Some(false));
    }

    #[test]
    fn refuses_the_rest() {
        let cases = [
            (
                json!({}),
                115,
                400,
                "Schema error for node: 'driver' is a required property",
            ),
            (
                json!({"driver": "x", "provision_state": "active"}),
                115,
                400,
                "Schema error for node: Additional properties are not allowed ('provision_state' was \
                 unexpected)",
            ),
            (
                json!({"driver": "x", "owner": "me"}),
                49,
                406,
                "Request not acceptable.",
            ),
            (
                json!({"driver": "x", "name": "a b"}),
                115,
                400,
                "Cannot create node with invalid name 'a b'",
            ),
        ];
        for (body, minor, status, text) in cases {
            assert_eq!(built(body, minor), Err((status, text.to_owned())));
        }
    }
}
