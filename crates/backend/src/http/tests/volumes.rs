//! Volume connectors and targets over the wire; shards.

use super::*;
use cupola_api::state::power::PowerState;
use serde_json::json;
use uuid::Uuid;

async fn switch(api: &Api, node: &str, state: PowerState) {
    let id = node.parse().expect("a UUID");
    let set = |n: &mut cupola_api::Node| n.power_state = Some(state);
    api.store.modify_node(id, set).await.expect("changed");
}

#[tokio::test]
async fn connectors_name_a_node_once() {
    let api = Api::start().await;
    let node = api.node("n1").await;
    let body = json!({"node_uuid": node, "type": "iqn", "connector_id": "iqn.2026-01.test:1"});
    let made = api.post("/v1/volume/connectors", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let uuid = made.body["uuid"].as_str().unwrap_or_default().to_owned();
    let path = format!("/v1/volume/connectors/{uuid}");
    assert_eq!(
        made.header("location"),
        format!("http://api.test:6385{path}")
    );
    assert_eq!(api.get(&path).await.body, made.body);
    let again = api.post("/v1/volume/connectors", body).await;
    assert_eq!(
        (again.status, again.fault().as_str()),
        (
            409,
            "A volume connector with type iqn and connector ID iqn.2026-01.test:1 already exists."
        )
    );
    let nowhere = json!({"node_uuid": Uuid::new_v4(), "type": "ip", "connector_id": "x"});
    assert_eq!(api.post("/v1/volume/connectors", nowhere).await.status, 400);
    let lacks = api
        .post(
            "/v1/volume/connectors",
            json!({"node_uuid": node, "type": "ip"}),
        )
        .await;
    assert_eq!(
        lacks.fault(),
        "Schema error for connector: 'connector_id' is a required property"
    );

    let list = api.get("/v1/volume/connectors?node=n1").await;
    let keys = list.body["connectors"][0].as_object();
    let keys = keys.map(serde_json::Map::len);
    assert_eq!(keys, Some(5), "{}", list.body);
    let of_node = api.get("/v1/nodes/n1/volume/connectors?detail=true").await;
    assert_eq!(of_node.body["connectors"][0], made.body);
    assert_eq!(
        api.post("/v1/nodes/n1/volume/connectors", json!({}))
            .await
            .status,
        400
    );
    let other = api.node("n2").await;
    let list = api
        .get(&format!("/v1/volume/connectors?node={other}"))
        .await;
    assert_eq!(list.body, json!({"connectors": []}));

    let patch = json!([{"op": "replace", "path": "/connector_id", "value": "iqn.2026-01.test:2"}]);
    let refused = api.patch(&path, patch.clone()).await;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("\"volume connector update\""));
    switch(&api, &node, PowerState::Off).await;
    let changed = api.patch(&path, patch).await;
    assert_eq!(changed.body["connector_id"], "iqn.2026-01.test:2");
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(
        api.get(&path).await.fault(),
        format!("Volume connector {uuid} could not be found.")
    );
}

#[tokio::test]
async fn targets_keep_their_secrets() {
    let api = Api::start().await;
    let node = api.node("n1").await;
    let body = json!({"node_uuid": node, "volume_type": "iscsi", "boot_index": 0, "volume_id": "v",
                      "properties": {"target_lun": 0, "auth_password": "hunter2"}});
    let made = api.post("/v1/volume/targets", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["properties"]["auth_password"], "******");
    let uuid = made.body["uuid"].as_str().unwrap_or_default().to_owned();
    let path = format!("/v1/volume/targets/{uuid}");
    let again = api.post("/v1/volume/targets", body.clone()).await;
    assert_eq!(
        (again.status, again.fault().as_str()),
        (
            409,
            "A volume target with boot index '0' for the same node already exists."
        )
    );
    switch(&api, &node, PowerState::Off).await;
    let patch = json!([{"op": "add", "path": "/properties", "value":
                        {"target_lun": 1, "auth_password": "******"}}]);
    assert_eq!(api.patch(&path, patch).await.status, 200);
    let id: Uuid = uuid.parse().expect("a UUID");
    let stored: cupola_api::volume_target::VolumeTarget =
        api.store.document(id).await.expect("stored");
    assert_eq!(stored.properties["auth_password"], "hunter2");
    assert_eq!(stored.properties["target_lun"], 1);

    let other = api.node("n2").await;
    let mut second = body;
    second["node_uuid"] = json!(other);
    assert_eq!(api.post("/v1/volume/targets", second).await.status, 201);
    let sorted = api
        .get("/v1/volume/targets?sort_key=boot_index&limit=1")
        .await;
    assert_eq!(sorted.body["targets"][0]["uuid"], uuid);
    let both = api.get("/v1/volume/targets?fields=uuid&detail=true").await;
    assert_eq!(
        both.fault(),
        "Can't fetch a subset of fields with 'detail' set"
    );

    // What is in use goes only while the machine is off.
    switch(&api, &node, PowerState::On).await;
    let id = node.parse().expect("a UUID");
    let active = |n: &mut cupola_api::Node| {
        n.provision_state = cupola_api::ProvisionState::Active;
    };
    api.store.modify_node(id, active).await.expect("changed");
    let refused = api.delete(&path).await;
    assert!(refused.fault().contains("\"volume target deletion\""));
    switch(&api, &node, PowerState::Off).await;
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get("/v1/volume/targets/x").await.status, 400);
}

#[tokio::test]
async fn volumes_and_shards_are_found_from_the_root() {
    let api = Api::start().await;
    let node = api.node("n1").await;
    let root = api.get("/v1/volume").await;
    assert_eq!(
        root.body["targets"][0]["href"],
        "http://api.test:6385/v1/volume/targets"
    );
    let of_node = api.get(&format!("/v1/nodes/{node}/volume")).await;
    assert_eq!(
        of_node.body["connectors"][1]["href"],
        format!("http://api.test:6385/nodes/{node}/volume/connectors")
    );
    for (version, path, status) in [
        ("1.31", "/v1/volume", 404),
        ("1.31", "/v1/volume/targets", 404),
        ("1.31", "/v1/nodes/n1/volume/connectors", 404),
        ("1.81", "/v1/shards", 404),
        ("1.115", "/v1/shards/x", 404),
    ] {
        assert_eq!(
            api.at(version, path).await.status,
            status,
            "{version} {path}"
        );
    }
    for name in ["n2", "n3"] {
        api.node(name).await;
        let shard = json!([{"op": "add", "path": "/shard", "value": "east"}]);
        let path = format!("/v1/nodes/{name}");
        assert_eq!(api.patch(&path, shard).await.status, 200);
    }
    assert_eq!(
        api.get("/v1/shards").await.body,
        json!({"shards": [{"name": "east", "count": 2}, {"name": "None", "count": 1}]})
    );
    let v1 = api.get("/v1").await.body;
    for (name, minor) in [("portgroups", 23), ("volume", 32), ("shards", 82)] {
        assert!(v1[name].is_array(), "{name}");
        let older = api.at(&format!("1.{}", minor - 1), "/v1").await.body;
        assert!(older.get(name).is_none(), "{name}");
    }
}
