//! What a fuzzer drives: a PATCH of a node, from the body's octets to the node that would be stored.
//! Not part of the service.

#![allow(unreachable_pub, reason = "public to the fuzz targets only")]

use cupola_api::node::{Fault, Node};
use cupola_api::patch::{PatchOperation, PatchVerb};
use cupola_api::{Microversion, NodeId, ProvisionState, secret};
use serde_json::{Value, json};

use super::update::{NODE, changed};
use crate::http::patch;

/// Stands for a BMC's password.
const PLANTED: &str = "planted-secret-4711";

/// Before `instance_name`, and before paths could have escapes.
const OLDER: Microversion = Microversion::new(82);

/// A node as it is after enrolment, with things in its objects.
fn plain() -> Option<Node> {
    let id: NodeId = "6e1f3a0c-0f7e-4b0e-9d8f-0d5f3f1a9c01".parse().ok()?;
    let mut node = Node::new(id, "ipmi".to_owned());
    node.name = Some("rack1-n1".to_owned());
    node.provision_state = ProvisionState::Manageable;
    node.driver_info
        .insert("ipmi_password".to_owned(), json!(PLANTED));
    node.driver_info
        .insert("ipmi_address".to_owned(), json!("192.0.2.7"));
    node.driver_info.insert(
        "list".to_owned(),
        json!([{"auth_token": PLANTED, "port": 623}, "three"]),
    );
    node.properties
        .insert("capabilities".to_owned(), json!("boot_mode:uefi"));
    node.extra.insert(
        "list".to_owned(),
        json!([1, {"deep": [true, null]}, "three"]),
    );
    Some(node)
}

/// A node in which everything is set that another field's change can take away.
fn busy() -> Option<Node> {
    let mut node = plain()?;
    node.maintenance = true;
    node.maintenance_reason = Some("a disk is replaced".to_owned());
    node.fault = Some(Fault::PowerFailure);
    node.protected = true;
    node.protected_reason = Some("production".to_owned());
    node.retired = true;
    node.retired_reason = Some("old".to_owned());
    node.instance_name = Some("web-1".to_owned());
    node.instance_info
        .insert("display_name".to_owned(), json!("web-1"));
    node.instance_info
        .insert("configdrive".to_owned(), json!(PLANTED));
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

/// Whether a field may change that the patch does not name: because one that it names takes it
/// along, and then to nothing else than what follows.
fn follows(name: &str, names: &impl Fn(&str) -> bool, before: &Node, after: &Node) -> bool {
    let cleared = |flag, before: bool, after: bool| names(flag) && before && !after;
    let display = |node: &Node| node.instance_info.get("display_name").cloned();
    let equal = display(after) == after.instance_name.clone().map(Value::from);
    match name {
        "maintenance_reason" => {
            cleared("maintenance", before.maintenance, after.maintenance)
                && after.maintenance_reason.is_none()
        }
        "fault" => {
            cleared("maintenance", before.maintenance, after.maintenance) && after.fault.is_none()
        }
        "protected_reason" => {
            cleared("protected", before.protected, after.protected)
                && after.protected_reason.is_none()
        }
        "retired_reason" => {
            cleared("retired", before.retired, after.retired) && after.retired_reason.is_none()
        }
        "instance_name" => names("instance_info") && equal,
        "instance_info" => {
            let rest = |node: &Node| {
                let mut info = node.instance_info.clone();
                info.remove("display_name");
                info
            };
            names("instance_name") && equal && rest(before) == rest(after)
        }
        _ => false,
    }
}

/// What the service shows of the node, sent back, changes nothing: no mask becomes a secret.
fn comes_back(node: &Node) {
    let (mut driver, mut instance) = (node.driver_info.clone(), node.instance_info.clone());
    secret::mask(&mut driver);
    secret::mask_instance_info(&mut instance);
    let operation = |name: &str, value| PatchOperation {
        op: PatchVerb::Replace,
        path: format!("/{name}"),
        value: Some(Value::Object(value)),
    };
    let operations = [
        operation("driver_info", driver),
        operation("instance_info", instance),
    ];
    let again = changed(node, &operations, Microversion::MAX).map(|(again, _)| again);
    assert!(
        again.is_ok_and(|again| again == *node),
        "what was shown and sent back is another node"
    );
}

fn apply(document: &Value, before: &Node, version: Microversion) -> bool {
    let outcome = patch::parse(document.clone(), version, "patch").and_then(|operations| {
        patch::check(&operations, NODE, version)?;
        let (after, _) = changed(before, &operations, version)?;
        Ok((operations, after))
    });
    let (operations, after) = match outcome {
        Ok(taken) => taken,
        Err(fault) => {
            assert!(
                !fault.message.contains(PLANTED) || document.to_string().contains(PLANTED),
                "the refusal tells a secret"
            );
            assert!((400..500).contains(&fault.status), "{}", fault.message);
            return false;
        }
    };
    let (Some(old), Some(new)) = (shown(before), shown(&after)) else {
        return false;
    };
    let names = |name: &str| operations.iter().any(|it| patch::root(&it.path) == name);
    for name in old.keys().chain(new.keys()) {
        assert!(
            old.get(name) == new.get(name) || names(name) || follows(name, &names, before, &after),
            "{name} was changed without being named"
        );
    }
    comes_back(&after);
    true
}

/// Patches nodes. A patch that is refused says so without the secrets of the node; one that is
/// taken changes no field that it does not name, but for those that follow from one that it does.
///
/// Whether one was taken is the result.
pub fn json_patch(body: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    let mut taken = false;
    for node in [plain(), busy()].into_iter().flatten() {
        for version in [OLDER, Microversion::MAX] {
            taken |= apply(&document, &node, version);
        }
    }
    taken
}

#[cfg(test)]
#[path = "../../../../../fuzz/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_seeds_are_taken() {
        const INSTANCE: &str = "0bd0d4fd-4a3a-4c0a-9a41-7f5b9e5b2a11";
        let operation = |op, path, value| json!({"op": op, "path": path, "value": value});
        let remove = |path| json!({"op": "remove", "path": path});
        let seeds = [
            (
                "objects",
                json!([
                    operation("add", "/extra/list/1/deep/-", json!({"a": [1.5, "é"]})),
                    operation("replace", "/driver_info/ipmi_address", json!("192.0.2.8")),
                    operation("add", "/driver_info/list/0/port", json!(624)),
                    remove("/properties/capabilities"),
                    remove("/extra/list/0"),
                ]),
            ),
            (
                "flags",
                json!([
                    operation("replace", "/maintenance", json!(false)),
                    operation("replace", "/protected", json!("off")),
                    operation("replace", "/retired", json!("0")),
                    operation("add", "/automated_clean", Value::Null),
                    remove("/disable_power_off"),
                ]),
            ),
            (
                "texts",
                json!([
                    operation("replace", "/name", json!("rack1-n2")),
                    operation("add", "/resource_class", json!("large")),
                    operation("add", "/owner", json!("a")),
                    operation("add", "/description", json!("x".repeat(300))),
                    operation("add", "/boot_interface", json!("ipxe")),
                    remove("/conductor_group"),
                    remove("/shard"),
                ]),
            ),
            (
                "instance",
                json!([
                    operation("add", "/instance_uuid", json!(INSTANCE)),
                    operation("add", "/instance_name", json!("web-2")),
                    operation("add", "/instance_info/capabilities", json!({"a": "b"})),
                ]),
            ),
            (
                "display-name",
                json!([operation(
                    "add",
                    "/instance_info/display_name",
                    json!("web-3")
                )]),
            ),
            (
                "masked",
                json!([
                    operation("replace", "/driver_info/ipmi_password", json!("******")),
                    operation("add", "/driver_info/list/0/auth_token", json!("******")),
                ]),
            ),
            (
                "escapes",
                json!([operation("add", "/extra/a~1b~0", json!([]))]),
            ),
            (
                "network-data",
                json!([operation(
                    "add",
                    "/network_data",
                    json!({"links": [], "networks": [], "services": []}),
                )]),
            ),
        ];
        let seeds = seeds.map(|(name, patch)| (name, patch.to_string().into_bytes()));
        seeds::check("json_patch", &seeds);
        for (name, seed) in seeds {
            assert!(json_patch(&seed), "{name}");
        }
    }

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
            Just(Value::from(secret::MASK)),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("[a-z_]{1,8}|ipmi_password|list", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn hostile_patches_keep_what_they_do_not_name(
            operations in proptest::collection::vec((
                "add|replace|remove|test",
                "/(extra|driver_info|properties|name|maintenance|protected|retired|traits|uuid|instance_info|instance_name)(/(list|ipmi_password|display_name|deep|[0-9]|-|é)){0,3}",
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
