//! What is told of changes that requests make.

use serde_json::json;

use super::Api;
use crate::config::NotificationLevel;
use crate::notifications::Notifier;

async fn start(level: NotificationLevel) -> (Api, Notifier) {
    let api = Api::start().await;
    let notifier = Notifier::new(Some(level), "h");
    api.events.notify(notifier.clone());
    (api, notifier)
}

fn events(notifier: &Notifier) -> Vec<String> {
    notifier.told().into_iter().map(|told| told.0).collect()
}

#[tokio::test]
async fn each_change_of_a_node_is_told_when_it_begins_and_ends() {
    let (api, notifier) = start(NotificationLevel::Info).await;
    let node = api.node("n1").await;
    let told = notifier.told();
    assert_eq!(told[0].0, "baremetal.node.create.start");
    assert_eq!(told[1].0, "baremetal.node.create.end");
    let data = |at: usize| &told[at].1["ironic_object.data"];
    assert_eq!(data(0)["uuid"], node.as_str());
    assert_eq!(data(0)["created_at"], json!(null));
    assert_eq!(data(1)["created_at"].as_str().map(str::len), Some(20));
    assert_eq!(told[1].1["ironic_object.name"], "NodeCRUDPayload");
    let path = format!("/v1/nodes/{node}");
    let patch = json!([{"op": "add", "path": "/extra/rack", "value": "a"}]);
    assert_eq!(api.patch(&path, patch).await.status, 200);
    let told = notifier.told();
    assert_eq!(told[0].0, "baremetal.node.update.start");
    assert_eq!(told[0].1["ironic_object.data"]["extra"]["rack"], "a");
    assert_eq!(told[1].0, "baremetal.node.update.end");
    let reason = json!({"reason": "disk"});
    api.put(&format!("{path}/maintenance"), reason).await;
    let told = notifier.told();
    assert_eq!(told[0].0, "baremetal.node.maintenance_set.start");
    assert_eq!(told[0].1["ironic_object.name"], "NodePayload");
    assert_eq!(
        told[1].1["ironic_object.data"]["maintenance_reason"],
        "disk"
    );
    api.put(&format!("{path}/traits"), json!({"traits": ["CUSTOM_A"]}))
        .await;
    let told = notifier.told();
    assert_eq!(told[1].0, "baremetal.node.update.end");
    assert_eq!(
        told[1].1["ironic_object.data"]["traits"],
        json!(["CUSTOM_A"])
    );
    assert_eq!(api.delete(&path).await.status, 204);
    let want = ["baremetal.node.delete.start", "baremetal.node.delete.end"];
    assert_eq!(events(&notifier), want);
}

#[tokio::test]
async fn each_change_of_a_small_resource_is_told() {
    let (api, notifier) = start(NotificationLevel::Debug).await;
    let node = api.node("n1").await;
    notifier.told();
    let bodies = [
        ("chassis", "chassis", json!({})),
        (
            "ports",
            "port",
            json!({"node_uuid": node, "address": "02:00:00:00:00:01"}),
        ),
        ("portgroups", "portgroup", json!({"node_uuid": node})),
        (
            "volume/connectors",
            "volumeconnector",
            json!({"node_uuid": node, "type": "iqn", "connector_id": "iqn.1"}),
        ),
        (
            "volume/targets",
            "volumetarget",
            json!({"node_uuid": node, "volume_type": "iscsi", "boot_index": 0, "volume_id": "v"}),
        ),
        (
            "deploy_templates",
            "deploytemplate",
            json!({"name": "CUSTOM_A", "steps": [
            {"interface": "bios", "step": "apply", "args": {}, "priority": 10}]}),
        ),
        (
            "runbooks",
            "runbook",
            json!({"name": "CUSTOM_A", "steps": [
            {"interface": "bios", "step": "apply", "args": {}, "order": 1}]}),
        ),
        (
            "inspection_rules",
            "inspectionrule",
            json!({"actions": [
            {"op": "fail", "args": {"msg": "no"}}]}),
        ),
    ];
    for (path, object, body) in bodies {
        let made = api.post(&format!("/v1/{path}"), body).await;
        assert_eq!(made.status, 201, "{path}: {}", made.body);
        let event = |action: &str, status: &str| format!("baremetal.{object}.{action}.{status}");
        let both = |action: &str| [event(action, "start"), event(action, "end")];
        let told = notifier.told();
        let types: Vec<&str> = told.iter().map(|told| told.0.as_str()).collect();
        assert_eq!(types, both("create"));
        let data = &told[1].1["ironic_object.data"];
        assert_eq!(data["uuid"], made.body["uuid"]);
        assert_eq!(
            data["created_at"].as_str().map(str::len),
            Some(20),
            "{path}"
        );
        let uuid = made.body["uuid"].as_str().expect("a UUID");
        let one = format!("/v1/{path}/{uuid}");
        if object != "inspectionrule" && object != "volumetarget" && object != "volumeconnector" {
            let patch = json!([{"op": "add", "path": "/extra/a", "value": 1}]);
            let patched = api.patch(&one, patch).await;
            assert_eq!(patched.status, 200, "{path}: {}", patched.body);
            assert_eq!(events(&notifier), both("update"));
        }
        let deleted = api.delete(&one).await;
        assert_eq!(deleted.status, 204, "{path}: {}", deleted.body);
        assert_eq!(events(&notifier), both("delete"));
    }
}

#[tokio::test]
async fn above_its_level_only_failures_are_told() {
    let (api, notifier) = start(NotificationLevel::Error).await;
    api.node("n1").await;
    assert_eq!(events(&notifier), [""; 0]);
    let twice = json!({"driver": "fake-hardware", "name": "n1"});
    assert_eq!(api.post("/v1/nodes", twice).await.status, 409);
    assert_eq!(events(&notifier), ["baremetal.node.create.error"]);
}
