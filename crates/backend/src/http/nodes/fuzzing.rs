//! What a fuzzer drives: a PATCH of a node, from the body's octets to the node that would be stored.
//! Not part of the service.

#![allow(unreachable_pub, reason = "public to the fuzz targets only")]

use cupola_api::node::Node;
use cupola_api::{Microversion, NodeId, ProvisionState};
use serde_json::{Value, json};

use super::update::{NODE, changed};
use crate::http::patch;

/// Stands for a BMC's password.
const PLANTED: &str = "planted-secret-4711";

/// The fields that follow from others: leaving maintenance takes its reason with it, and so on.
const FOLLOW: &[&str] = &[
    "maintenance_reason",
    "fault",
    "protected_reason",
    "retired_reason",
    "instance_info",
    "display_name",
    "instance_name",
    "parent_node",
];

fn before() -> Option<Node> {
    let id: NodeId = "6e1f3a0c-0f7e-4b0e-9d8f-0d5f3f1a9c01".parse().ok()?;
    let mut node = Node::new(id, "ipmi".to_owned());
    node.name = Some("rack1-n1".to_owned());
    node.provision_state = ProvisionState::Manageable;
    node.driver_info
        .insert("ipmi_password".to_owned(), json!(PLANTED));
    node.driver_info
        .insert("ipmi_address".to_owned(), json!("192.0.2.7"));
    node.properties
        .insert("capabilities".to_owned(), json!("boot_mode:uefi"));
    node.extra.insert(
        "list".to_owned(),
        json!([1, {"deep": [true, null]}, "three"]),
    );
    Some(node)
}

fn shown(node: &Node) -> Option<serde_json::Map<String, Value>> {
    match serde_json::to_value(node).ok()? {
        Value::Object(members) => Some(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

/// Patches a node. A patch that is refused says so without the secrets of the node; one that is
/// taken changes no field that it does not name.
///
/// Whether it was taken is the result.
pub fn json_patch(body: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    let (Some(before), version) = (before(), Microversion::MAX) else {
        return false;
    };
    let outcome = patch::parse(document, version).and_then(|operations| {
        patch::check(&operations, NODE, version)?;
        let (after, _) = changed(&before, &operations, version)?;
        Ok((operations, after))
    });
    let (operations, after) = match outcome {
        Ok(taken) => taken,
        Err(fault) => {
            assert!(
                !fault.message.contains(PLANTED),
                "the refusal tells a secret"
            );
            return false;
        }
    };
    let (Some(old), Some(new)) = (shown(&before), shown(&after)) else {
        return false;
    };
    for (name, value) in &old {
        let named = operations.iter().any(|it| patch::root(&it.path) == name)
            || FOLLOW.contains(&name.as_str());
        assert!(
            named || new.get(name) == Some(value),
            "{name} was changed without being named"
        );
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_patch_is_taken_and_nonsense_is_not() {
        let add = json!([{"op": "add", "path": "/extra/list/1/deep/-", "value": {"a": 1}}]);
        assert!(json_patch(add.to_string().as_bytes()));
        assert!(!json_patch(b"[{"));
        assert!(!json_patch(
            b"[{\"op\": \"add\", \"path\": \"/uuid\", \"value\": 1}]"
        ));
    }

    /// JSON of every kind, not too large.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("[a-z_]{1,8}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn hostile_patches_keep_what_they_do_not_name(
            operations in proptest::collection::vec((
                "add|replace|remove|test",
                "/(extra|driver_info|properties|name|maintenance|traits|uuid|instance_info)(/(list|ipmi_password|deep|[0-9]|-|é)){0,3}",
                value(),
            ), 0..4),
        ) {
            let body: Vec<Value> = operations
                .into_iter()
                .map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
                .collect();
            json_patch(Value::from(body).to_string().as_bytes());
        }
    }
}
