//! Allocations over the wire.

use super::*;
use cupola_api::node::Node;
use cupola_api::state::provision::ProvisionState;
use serde_json::json;
use uuid::Uuid;

async fn activate(api: &Api, node: &str) {
    let id = node.parse().expect("a UUID");
    let set = |n: &mut Node| {
        n.provision_state = ProvisionState::Active;
        n.resource_class = Some("bm".to_owned());
    };
    api.store.modify_node(id, set).await.expect("changed");
}

#[tokio::test]
async fn allocations_are_made_shown_changed_and_deleted() {
    let api = Api::start().await;
    let node = api.node("n1").await;
    let body = json!({"resource_class": "bm", "name": "a1", "candidate_nodes": ["n1"],
                      "traits": ["CUSTOM_A"], "owner": "p1"});
    let made = api.post("/v1/allocations", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["state"], "allocating");
    assert_eq!(made.body["candidate_nodes"], json!([node]));
    assert_eq!(made.body["node_uuid"], Value::Null);
    let uuid = made.body["uuid"].as_str().unwrap_or_default().to_owned();
    let path = format!("/v1/allocations/{uuid}");
    assert_eq!(
        made.header("location"),
        format!("http://api.test:6385{path}")
    );
    assert_eq!(api.get("/v1/allocations/a1").await.body, made.body);
    let again = api.post("/v1/allocations", body).await;
    assert_eq!(
        (again.status, again.fault().as_str()),
        (409, "An allocation with name a1 already exists.")
    );

    let older = api.at("1.59", &path).await.body;
    assert!(older.get("owner").is_none(), "{older}");
    let list = api.get("/v1/allocations?resource_class=bm&owner=p1").await;
    assert_eq!(list.body, json!({"allocations": [made.body]}));
    for query in ["state=error", "resource_class=zz", "node=n1"] {
        let list = api.get(&format!("/v1/allocations?{query}")).await;
        assert_eq!(list.body, json!({"allocations": []}), "{query}");
    }
    let fields = api.get(&format!("{path}?fields=name")).await.body;
    assert_eq!(fields.as_object().map(serde_json::Map::len), Some(2));

    let patch = json!([{"op": "replace", "path": "/name", "value": "a2"},
                       {"op": "add", "path": "/extra/x", "value": 1}]);
    let changed = api.patch(&path, patch).await;
    assert_eq!(changed.body["name"], "a2", "{}", changed.body);
    assert_eq!(changed.body["extra"], json!({"x": 1}));
    let removed = json!([{"op": "remove", "path": "/name"}]);
    assert_eq!(api.patch(&path, removed).await.body["name"], Value::Null);
    let refused = json!([{"op": "replace", "path": "/state", "value": "active"}]);
    let refused = api.patch(&path, refused).await;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().starts_with("Cannot patch /state."));
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(
        api.get(&path).await.fault(),
        format!("Allocation {uuid} could not be found.")
    );
}

#[tokio::test]
async fn bodies_are_checked() {
    let api = Api::start().await;
    api.node("n1").await;
    let fault = async |body: Value| {
        let reply = api.post("/v1/allocations", body).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        reply.fault()
    };
    assert_eq!(
        fault(json!({})).await,
        "The resource_class field is mandatory when not backfilling"
    );
    let unknown = json!({"resource_class": "bm", "candidate_nodes": ["n1", "zz"]});
    assert_eq!(fault(unknown).await, "Nodes cannot be found: zz");
    for bad in [
        json!({"resource_class": "bm", "name": "a b"}),
        json!({"resource_class": "x".repeat(81)}),
        json!({"resource_class": "bm", "traits": "CUSTOM_A"}),
        json!({"resource_class": "bm", "candidate_nodes": [1]}),
        json!({"resource_class": "bm", "state": "active"}),
        json!({"resource_class": "bm", "uuid": "x"}),
        json!({"node": "zz"}),
    ] {
        fault(bad).await;
    }
    let newer = async |version: &str, body: Value| {
        let path = "/v1/allocations";
        api.call(Method::POST, path, version, Some(body))
            .await
            .status
    };
    // What an older version does not know is unexpected there.
    assert_eq!(newer("1.57", json!({"node": "n1"})).await, 400);
    let owned = json!({"resource_class": "bm", "owner": "p"});
    assert_eq!(newer("1.59", owned).await, 406);
}

#[tokio::test]
async fn a_node_has_the_allocation_that_is_made_for_it() {
    let api = Api::start().await;
    let node = api.node("n1").await;
    let of_node = "/v1/nodes/n1/allocation";
    assert_eq!(api.get(of_node).await.status, 404);
    activate(&api, &node).await;
    let made = api.post("/v1/allocations", json!({"node": "n1"})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["state"], "active");
    assert_eq!(made.body["node_uuid"], node.as_str());
    assert_eq!(made.body["resource_class"], "bm");
    assert_eq!(api.get(of_node).await.body, made.body);
    let shown = api.get("/v1/nodes/n1").await.body;
    assert_eq!(shown["allocation_uuid"], made.body["uuid"]);
    assert_eq!(shown["instance_uuid"], made.body["uuid"]);
    let list = api.get("/v1/allocations?node=n1&state=active").await;
    assert_eq!(list.body["allocations"][0], made.body);
    assert_eq!(api.get("/v1/allocations?node=zz").await.status, 400);
    assert_eq!(api.delete(of_node).await.status, 204);
    assert_eq!(api.delete(of_node).await.status, 404);
    let shown = api.get("/v1/nodes/n1").await.body;
    assert_eq!(shown["instance_uuid"], Value::Null);
}

#[tokio::test]
async fn allocations_are_there_since_their_version() {
    let api = Api::start().await;
    let any = format!("/v1/allocations/{}", Uuid::new_v4());
    for (method, version, path, status) in [
        (Method::GET, "1.51", "/v1/allocations", 404),
        (Method::POST, "1.51", "/v1/allocations", 405),
        (Method::GET, "1.51", &any, 404),
        (Method::PATCH, "1.56", &any, 405),
        (Method::DELETE, "1.51", &any, 405),
        (Method::GET, "1.51", "/v1/nodes/n1/allocation", 404),
        (Method::GET, "1.59", "/v1/allocations?owner=x", 406),
        (Method::GET, "1.115", "/v1/allocations?detail=true", 400),
        (Method::GET, "1.115", "/v1/allocations?sort_key=extra", 400),
        (Method::GET, "1.115", &any, 404),
    ] {
        let reply = api.call(method.clone(), path, version, None).await;
        assert_eq!(reply.status, status, "{method} {version} {path}");
    }
    assert!(api.get("/v1").await.body["allocations"].is_array());
    let older = api.at("1.51", "/v1").await.body;
    assert!(older.get("allocations").is_none());
}
