//! The port resource over the wire.

use super::*;
use serde_json::json;

#[tokio::test]
async fn a_port_is_created_read_changed_and_deleted() {
    let api = Api::start().await;
    let uuid = api.node("n1").await;
    let body = json!({"node_uuid": uuid, "address": "52:54:00:AA:00:01", "name": "p1"});
    let made = api.post("/v1/ports", body.clone()).await;
    assert_eq!(
        (made.status, &made.body["address"]),
        (201, &json!("52:54:00:aa:00:01"))
    );
    let port = made.body["uuid"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        made.header("location"),
        format!("http://api.test:6385/v1/ports/{port}")
    );
    assert_eq!(api.post("/v1/ports", body).await.status, 409);
    let by_name = json!({"node_ident": "n1", "address": "52:54:00:aa:00:02"});
    assert_eq!(api.post("/v1/ports", by_name).await.status, 201);
    let nowhere = json!({"node_ident": "zz", "address": "52:54:00:aa:00:03"});
    assert_eq!(api.post("/v1/ports", nowhere).await.status, 400);

    assert_eq!(
        api.get("/v1/ports/p1").await.body,
        api.get(&format!("/v1/ports/{port}")).await.body
    );
    let list = api.get("/v1/ports?address=52:54:00:aa:00:01").await;
    assert_eq!(list.body["ports"].as_array().map(Vec::len), Some(1));
    let sorted = api
        .get("/v1/ports?sort_key=address&sort_dir=desc&limit=1&node=n1")
        .await;
    assert_eq!(sorted.body["ports"][0]["address"], "52:54:00:aa:00:02");
    assert!(
        sorted.body["next"]
            .as_str()
            .unwrap_or_default()
            .contains("node=n1")
    );
    let of_node = api.get("/v1/nodes/n1/ports/detail").await;
    assert_eq!(of_node.body["ports"][1]["pxe_enabled"], true);
    assert_eq!(api.get("/v1/ports?node=zz").await.status, 404);
    assert_eq!(
        api.post("/v1/nodes/n1/ports", json!({})).await.fault(),
        "Malformed request URI."
    );

    let patch = json!([{"op": "replace", "path": "/pxe_enabled", "value": false}]);
    let changed = api.patch("/v1/ports/p1", patch.clone()).await;
    assert_eq!(
        (changed.status, &changed.body["pxe_enabled"]),
        (200, &json!(false))
    );
    api.store
        .modify_node(uuid.parse().expect("a UUID"), |n| {
            n.provision_state = cupola_api::ProvisionState::Active;
        })
        .await
        .expect("changed");
    let patch = json!([{"op": "replace", "path": "/pxe_enabled", "value": true}]);
    assert_eq!(api.patch("/v1/ports/p1", patch).await.status, 409);
    assert_eq!(api.delete("/v1/ports/p1").await.status, 400);
    assert_eq!(api.delete(&format!("/v1/ports/{port}")).await.status, 204);
    assert_eq!(api.get("/v1/ports/p1").await.status, 404);
}
