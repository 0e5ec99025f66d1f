//! Rules over a node: their order, what they do, and that one that fails leaves nothing.

use super::*;
use cupola_api::id::{InspectionRuleId, NodeId, PortId};
use serde_json::json;

fn rule(priority: i64, conditions: Value, actions: Value) -> InspectionRule {
    let uuid = InspectionRuleId::random();
    serde_json::from_value(json!({
        "uuid": uuid, "priority": priority, "conditions": conditions, "actions": actions,
        "description": format!("rule {priority}"),
    }))
    .unwrap()
}

fn node() -> Node {
    let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
    node.name = Some("n1".to_owned());
    node.traits = vec!["CUSTOM_OLD".to_owned()];
    let info = json!({"ipmi_password": "hunter2"});
    node.driver_info = info.as_object().cloned().unwrap();
    node
}

fn found() -> NodeInventory {
    let inventory = json!({"cpu": {"count": 4}, "bmc_password": "hunter2",
                           "interfaces": [{"name": "eth0"}, {"name": "eth1"}]});
    NodeInventory {
        inventory: inventory.as_object().cloned().unwrap(),
        plugin_data: Object::new(),
    }
}

fn done(actions: Value) -> Result<(Node, NodeInventory, Applied), String> {
    let (before, mut found) = (node(), found());
    let applied = applied(&[rule(0, json!([]), actions)], &before, &[], &mut found)?;
    let mut after = before;
    applied.apply(&mut after);
    Ok((after, found, applied))
}

#[test]
fn actions_change_the_node() {
    let (node, found, applied) = done(json!([
        {"op": "set-attribute", "args": {"path": "extra/cpu/count", "value": "{inventory[cpu][count]}"}},
        {"op": "set-attribute", "args": ["/description", "of {node.name}"]},
        {"op": "extend-attribute", "args": {"path": "extra.list", "value": 1}},
        {"op": "extend-attribute", "args": {"path": "extra.list", "value": 1, "unique": true}},
        {"op": "extend-attribute", "args": {"path": "extra.nics", "value": "{item[name]}"},
         "loop": [{"name": "eth0"}, {"name": "{inventory[interfaces][1][name]}"}]},
        {"op": "set-capability", "args": {"name": "boot_mode", "value": "uefi"}},
        {"op": "set-capability", "args": {"name": "cpus", "value": 4}},
        {"op": "unset-capability", "args": {"name": "boot_mode"}},
        {"op": "del-attribute", "args": ["name"]},
        {"op": "add-trait", "args": {"name": "CUSTOM_NEW"}},
        {"op": "remove-trait", "args": ["CUSTOM_OLD"]},
        {"op": "set-plugin-data", "args": {"path": "a.b", "value": "x"}},
        {"op": "extend-plugin-data", "args": {"path": "a.c", "value": "y"}},
        {"op": "unset-plugin-data", "args": {"path": "a.b"}},
        {"op": "log", "args": {"msg": "{node.driver_info} {inventory[bmc_password]}",
                               "level": "warning"}},
    ]))
    .unwrap();
    let extra = json!({"cpu": {"count": "4"}, "list": [1], "nics": ["eth0", "eth1"]});
    assert_eq!(Value::Object(node.extra.clone()), extra);
    assert_eq!(node.description.as_deref(), Some("of n1"));
    assert_eq!(node.properties["capabilities"], "cpus:4");
    assert_eq!(node.name, None);
    assert_eq!(applied.traits, Some(vec!["CUSTOM_NEW".to_owned()]));
    assert_eq!(Value::Object(found.plugin_data), json!({"a": {"c": ["y"]}}));
    assert_eq!(
        applied.log,
        [(
            Severity::Warning,
            "{'ipmi_password': '******'} ***".to_owned()
        )]
    );
}

#[test]
fn rules_run_by_priority_while_their_conditions_hold() {
    let set = |value: &str| json!([{"op": "set-attribute", "args": ["extra/who", value]}]);
    let holds = json!([{"op": "eq", "args": {"values": ["{node.name}", "n1"]}}]);
    let fails = json!([{"op": "!eq", "args": {"values": ["{node.name}", "n1"]}}]);
    let rules = [
        rule(9, json!([]), set("first")),
        rule(5, holds, set("second")),
        rule(1, fails, set("third")),
    ];
    let before = node();
    let applied = applied(&rules, &before, &[], &mut found()).unwrap();
    let mut after = before.clone();
    applied.apply(&mut after);
    assert_eq!(Value::Object(after.extra), json!({"who": "second"}));
}

#[test]
fn a_rule_that_fails_is_named() {
    for (actions, why) in [
        (
            json!([{"op": "fail", "args": {"msg": "too old"}}]),
            "too old",
        ),
        (
            json!([{"op": "set-attribute", "args": ["uuid", "x"]}]),
            "cannot be changed",
        ),
        (
            json!([{"op": "set-attribute", "args": ["nothing", 1]}]),
            "no attribute nothing",
        ),
        (
            json!([{"op": "set-attribute", "args": ["maintenance", [1]]}]),
            "would not be one",
        ),
        (
            json!([{"op": "extend-attribute", "args": ["name", 1]}]),
            "no list",
        ),
        (
            json!([{"op": "add-trait", "args": ["custom"]}]),
            "is no trait",
        ),
        (
            json!([{"op": "del-port-attribute", "args": ["x", "extra/a"]}]),
            "Port x could not be found",
        ),
        (
            json!([{"op": "log", "args": {"msg": "x", "level": "loud"}}]),
            "no level loud",
        ),
        (
            json!([{"op": "api-call", "args": {"url": "ftp://x"}}]),
            "action api-call: argument url has a URL of ftp",
        ),
    ] {
        let text = done(actions.clone()).map(|_| ()).unwrap_err();
        let is_told = text.contains("(rule 0) failed: ") && text.contains(why);
        assert!(is_told, "{actions}: {text}");
    }
}

#[test]
fn ports_are_changed_by_their_uuid() {
    let node = node();
    let mac = "52:54:00:00:00:01".parse().unwrap();
    let port = Port::new(PortId::random(), node.uuid, mac);
    let rules = [rule(
        0,
        json!([]),
        json!([
            {"op": "set-port-attribute", "args": {"port_id": port.uuid, "path": "physical_network",
                                                  "value": "net-{inventory[cpu][count]}"}},
            {"op": "extend-port-attribute", "args": [port.uuid, "extra/a", 1]},
        ]),
    )];
    let applied = applied(&rules, &node, std::slice::from_ref(&port), &mut found()).unwrap();
    assert_eq!(applied.ports.len(), 1);
    assert_eq!(applied.ports[0].physical_network.as_deref(), Some("net-4"));
    assert_eq!(applied.ports[0].extra["a"], json!([1]));
}

#[test]
fn calls_are_kept_for_when_all_rules_have_run() {
    let call = json!([{"op": "api-call", "args": {"url": "http://h:1/{node.name}"}}]);
    let (_, _, applied) = done(call.clone()).unwrap();
    let calls = format!("{:?}", applied.calls);
    assert!(calls.contains("(rule 0)"), "{calls}");
    assert!(calls.ends_with("Call(http://h:1))]"), "{calls}");
    let holds_not = rule(0, json!([{"op": "is-true", "args": [false]}]), call);
    let applied = super::applied(&[holds_not], &node(), &[], &mut found()).unwrap();
    assert!(applied.calls.is_empty());
}
