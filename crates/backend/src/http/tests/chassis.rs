//! Chassis over the wire, and the nodes in them.

use super::*;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_chassis_is_created_read_changed_and_deleted() {
    let api = Api::start().await;
    let body = json!({"description": "rack 5", "extra": {"row": 3}});
    let made = api.post("/v1/chassis", body).await;
    let uuid = made.body["uuid"].as_str().unwrap_or_default().to_owned();
    let path = format!("/v1/chassis/{uuid}");
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        made.header("location"),
        format!("http://api.test:6385{path}")
    );
    assert_eq!(
        made.body["nodes"][0][1]["href"],
        format!("http://api.test:6385/chassis/{uuid}/nodes")
    );
    assert!(made.body["updated_at"].is_null());
    assert_eq!(api.get(&path).await.body, made.body);
    let again = api.post("/v1/chassis", json!({"uuid": uuid})).await;
    assert_eq!(
        (again.status, again.fault()),
        (409, format!("A chassis with UUID {uuid} already exists."))
    );
    let long = json!({"description": "x".repeat(256)});
    assert_eq!(api.post("/v1/chassis", long).await.status, 400);
    let unknown = api.post("/v1/chassis", json!({"name": "x"})).await;
    assert!(unknown.fault().contains("'name' was unexpected"));

    let patch = json!([{"op": "add", "path": "/extra/col", "value": 4},
                       {"op": "remove", "path": "/description"}]);
    let changed = api.patch(&path, patch).await;
    assert_eq!(changed.body["extra"], json!({"row": 3, "col": 4}));
    assert!(changed.body["description"].is_null() && changed.body["updated_at"].is_string());
    let refused = api
        .patch(
            &path,
            json!([{"op": "replace", "path": "/nodes", "value": []}]),
        )
        .await;
    assert!(refused.fault().starts_with("Cannot patch /nodes."));

    let other = json!([{"op": "add", "path": "/uuid", "value": Uuid::new_v4()}]);
    assert_eq!(
        api.patch(&path, other).await.fault(),
        "Cannot overwrite UUID for an existing Chassis."
    );
    let same = json!([{"op": "add", "path": "/uuid", "value": uuid}]);
    assert_eq!(api.patch(&path, same).await.status, 200);
    assert_eq!(
        api.get("/v1/chassis/x").await.fault(),
        "Expected UUID for chassis_uuid: x"
    );
    assert_eq!(api.delete(&path).await.status, 204);
    let gone = api.get(&path).await;
    assert_eq!(
        (gone.status, gone.fault()),
        (404, format!("Chassis {uuid} could not be found."))
    );
    assert_eq!(api.delete(&path).await.status, 404);
}

#[tokio::test]
async fn lists_are_paged_and_sorted() {
    let api = Api::start().await;
    let mut uuids = Vec::new();
    for description in ["b", "c", "a"] {
        let made = api
            .post("/v1/chassis", json!({"description": description}))
            .await;
        uuids.push(made.body["uuid"].as_str().unwrap_or_default().to_owned());
    }
    let seen = |reply: &Reply| -> String {
        let items = reply.body["chassis"].as_array().cloned();
        let items = items.unwrap_or_default();
        items
            .iter()
            .filter_map(|c| c["description"].as_str())
            .collect()
    };
    let all = api.get("/v1/chassis").await;
    assert_eq!(seen(&all), "bca");
    let keys = all.body["chassis"][0].as_object().map(serde_json::Map::len);
    assert_eq!(keys, Some(3));
    let page = api.get("/v1/chassis?limit=2&sort_dir=desc").await;
    assert_eq!(seen(&page), "ac");
    let next = page.body["next"].as_str().unwrap_or_default().to_owned();
    let path = next.trim_start_matches("http://api.test:6385");
    assert_eq!(seen(&api.get(path).await), "b");
    let sorted = format!(
        "/v1/chassis/detail?sort_key=description&limit=1&marker={}",
        uuids[2]
    );
    let sorted = api.get(&sorted).await;
    assert_eq!(seen(&sorted), "b");
    assert!(sorted.body["chassis"][0]["nodes"].is_array());
    assert!(
        sorted.body["next"]
            .as_str()
            .is_some_and(|n| n.contains("/v1/chassis/detail?"))
    );
    for (query, status) in [
        ("marker=x", 400),
        (&*format!("marker={}", Uuid::new_v4()), 404),
        (&*format!("sort_key=uuid&marker={}", Uuid::new_v4()), 404),
        ("sort_key=extra", 400),
        ("fields=zz", 400),
        ("fields=uuid&detail=true", 400),
        ("limit=0", 400),
    ] {
        let reply = api.get(&format!("/v1/chassis?{query}")).await;
        assert_eq!(reply.status, status, "{query}: {}", reply.body);
    }
    assert_eq!(api.at("1.7", "/v1/chassis?fields=uuid").await.status, 406);
    assert_eq!(api.at("1.42", "/v1/chassis?detail=true").await.status, 400);
}

#[tokio::test]
async fn nodes_are_put_into_a_chassis_and_keep_it() {
    let api = Api::start().await;
    let made = api.post("/v1/chassis", json!({})).await;
    let uuid = made.body["uuid"].as_str().unwrap_or_default().to_owned();
    let nowhere = Uuid::new_v4();
    api.node("other").await;
    let body = json!({"driver": "fake-hardware", "name": "n1", "chassis_uuid": uuid});
    assert_eq!(api.post("/v1/nodes", body).await.body["chassis_uuid"], uuid);
    let body = json!({"driver": "fake-hardware", "chassis_uuid": nowhere});
    let refused = api.post("/v1/nodes", body).await;
    assert_eq!(
        (refused.status, refused.fault()),
        (400, format!("Chassis {nowhere} could not be found."))
    );
    let set = |uuid: Value| json!([{"op": "replace", "path": "/chassis_uuid", "value": uuid}]);
    let moved = api.patch("/v1/nodes/n1", set(json!(nowhere))).await;
    assert_eq!(moved.status, 400);

    for path in [
        format!("/v1/nodes?chassis_uuid={uuid}"),
        format!("/v1/chassis/{uuid}/nodes"),
        format!("/v1/chassis/{uuid}/nodes/detail"),
    ] {
        let list = api.get(&path).await;
        let names: Vec<_> = list.body["nodes"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(names.len(), 1, "{path}: {}", list.body);
        assert_eq!(names[0]["name"], "n1");
        assert_eq!(names[0].get("driver").is_some(), path.ends_with("detail"));
    }
    let first = api.get(&format!("/v1/chassis/{uuid}/nodes?limit=1")).await;
    let next = first.body["next"].as_str().unwrap_or_default();
    assert!(
        next.contains(&format!("/v1/chassis/{uuid}/nodes?limit=1&marker=")),
        "{next}"
    );
    let unknown = api.get(&format!("/v1/nodes?chassis_uuid={nowhere}")).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(
        api.get(&format!("/v1/chassis/{nowhere}/nodes"))
            .await
            .status,
        404
    );
    let one = api.get(&format!("/v1/chassis/{uuid}/nodes/n1")).await;
    assert_eq!(
        (one.status, one.fault().as_str()),
        (400, "Malformed request URI.")
    );

    let path = format!("/v1/chassis/{uuid}");
    let refused = api.delete(&path).await;
    let text =
        format!("Cannot complete the requested action because chassis {uuid} contains nodes.");
    assert_eq!((refused.status, refused.fault()), (400, text));
    assert_eq!(
        api.patch("/v1/nodes/n1", set(Value::Null)).await.status,
        200
    );
    assert_eq!(api.delete(&path).await.status, 204);
}
