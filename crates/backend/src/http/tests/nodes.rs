//! The node resource over the wire.

use super::*;
use cupola_api::state::provision::ProvisionState;
use serde_json::json;

#[tokio::test]
async fn a_node_is_created_read_changed_and_deleted() {
    let api = Api::start().await;
    let body = json!({"driver": "fake-hardware", "name": "n1", "owner": "me",
                      "driver_info": {"ipmi_password": "hunter2", "ipmi_address": "10.0.0.1"}});
    let made = api.post("/v1/nodes", body.clone()).await;
    let uuid = made.body["uuid"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        made.header("location"),
        format!("http://api.test:6385/v1/nodes/{uuid}")
    );
    assert_eq!(made.body["provision_state"], "enroll");
    assert_eq!(made.body["conductor"], "host1");
    assert_eq!(made.body["driver_info"]["ipmi_password"], "******");
    assert!(made.body["updated_at"].is_null());
    assert!(
        made.body["created_at"]
            .as_str()
            .unwrap_or_default()
            .ends_with("+00:00")
    );
    let again = api.post("/v1/nodes", body).await;
    assert_eq!(
        (again.status, again.fault().as_str()),
        (409, "A node with name n1 already exists.")
    );

    let shown = api.get("/v1/nodes/n1").await;
    assert_eq!(shown.body, made.body);
    assert_eq!(api.at("1.4", "/v1/nodes/n1").await.status, 404);
    assert_eq!(
        api.at("1.90", &format!("/v1/nodes/{uuid}.json"))
            .await
            .status,
        200
    );
    assert_eq!(api.get(&format!("/v1/nodes/{uuid}.json")).await.status, 404);
    let some = api.get("/v1/nodes/n1?fields=name,driver").await;
    assert_eq!(some.body.as_object().map(serde_json::Map::len), Some(3));

    let patch = json!([{"op": "add", "path": "/extra/a", "value": 1},
                       {"op": "replace", "path": "/driver_info/ipmi_password", "value": "******"}]);
    let changed = api.patch("/v1/nodes/n1", patch).await;
    assert_eq!(
        (changed.status, &changed.body["extra"]),
        (200, &json!({"a": 1}))
    );
    let stored = api.store.node(&"n1".into()).await.expect("stored");
    assert_eq!(stored.driver_info["ipmi_password"], "hunter2");
    assert_eq!(api.patch("/v1/nodes/n1", json!([])).await.status, 200);
    let bad = api
        .patch(
            "/v1/nodes/n1",
            json!([{"op": "add", "path": "/uuid", "value": 1}]),
        )
        .await;
    assert!(bad.fault().starts_with("Cannot patch /uuid."));

    assert_eq!(api.delete("/v1/nodes/n1").await.status, 204);
    assert_eq!(
        api.get("/v1/nodes/n1").await.fault(),
        "Node n1 could not be found."
    );
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let api = Api::start().await;
    let mut uuids = Vec::new();
    for name in ["c", "a", "b"] {
        uuids.push(api.node(name).await);
    }
    let names = |reply: &Reply| -> Vec<String> {
        let nodes = reply.body["nodes"].as_array().cloned().unwrap_or_default();
        nodes
            .iter()
            .map(|n| n["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(names(&api.get("/v1/nodes").await), ["c", "a", "b"]);
    assert_eq!(
        names(&api.get("/v1/nodes?sort_key=name&sort_dir=desc").await),
        ["c", "b", "a"]
    );
    let page = api.get("/v1/nodes?limit=2&driver=fake-hardware").await;
    assert_eq!(names(&page), ["c", "a"]);
    let next = page.body["next"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        next,
        format!(
            "http://api.test:6385/v1/nodes?driver=fake-hardware&limit=2&marker={}",
            uuids[1]
        )
    );
    let path = next
        .strip_prefix("http://api.test:6385")
        .unwrap_or_default();
    let rest = api.get(path).await;
    assert_eq!(names(&rest), ["b"]);
    assert!(rest.body.get("next").is_none());
    assert_eq!(
        api.get(&format!("/v1/nodes?marker={}", uuid::Uuid::new_v4()))
            .await
            .status,
        404
    );
    assert!(names(&api.get("/v1/nodes?maintenance=true").await).is_empty());
    assert_eq!(
        names(&api.get("/v1/nodes?conductor=host1&limit=1").await).len(),
        1
    );
    assert!(names(&api.get("/v1/nodes?conductor=other").await).is_empty());
    let detail = api.get("/v1/nodes/detail").await;
    assert_eq!(detail.body, api.get("/v1/nodes?detail=true").await.body);
    assert!(detail.body["nodes"][0]["driver_info"].is_object());
}

#[tokio::test]
async fn a_list_is_never_older_than_the_last_change() {
    let api = Api::start().await;
    let uuid = api.node("n1").await;
    for on in [true, false, true] {
        let path = format!("/v1/nodes/{uuid}/maintenance");
        let method = if on { Method::PUT } else { Method::DELETE };
        assert_eq!(api.call(method, &path, "1.115", None).await.status, 202);
        for list in ["/v1/nodes", "/v1/nodes/detail", "/cupola/v1/nodes"] {
            assert_eq!(
                api.get(list).await.body["nodes"][0]["maintenance"],
                on,
                "{list}"
            );
        }
    }
}

#[tokio::test]
async fn states_power_and_provision() {
    let api = Api::start().await;
    let uuid = api.node("n1").await;
    let reply = api
        .put("/v1/nodes/n1/states/power", json!({"target": "power on"}))
        .await;
    assert_eq!(reply.status, 202);
    assert_eq!(
        reply.header("location"),
        "http://api.test:6385/v1/nodes/n1/states"
    );
    assert_eq!(reply.header("content-type"), "");
    let states = api.get("/v1/nodes/n1/states").await;
    assert_eq!(states.body["power_state"], "power on");
    assert_eq!(states.body.as_object().map(serde_json::Map::len), Some(11));
    assert_eq!(
        api.at("1.11", &format!("/v1/nodes/{uuid}/states"))
            .await
            .body
            .as_object()
            .map(serde_json::Map::len),
        Some(7)
    );
    let reply = api
        .put("/v1/nodes/n1/states/power", json!({"target": "x"}))
        .await;
    assert_eq!(
        reply.fault(),
        format!(
            "The requested action \"x\" can not be performed on node \"{uuid}\" while it is in state \
             \"power on\"."
        )
    );
    assert_eq!(
        api.put("/v1/nodes/n1/states/provision", json!({"target": "manage"}))
            .await
            .status,
        202
    );
    assert_eq!(
        api.get("/v1/nodes/n1").await.body["extra"]["verb"],
        "manage"
    );
    let reply = api
        .put("/v1/nodes/n1/states/provision", json!({"target": "active"}))
        .await;
    assert_eq!(reply.status, 400);
    let reply = api.put("/v1/nodes/n1/states/provision", json!({})).await;
    assert_eq!(reply.fault(), "Missing mandatory parameter: target");
}

#[tokio::test]
async fn guards_of_change_and_deletion() {
    let api = Api::start().await;
    let uuid = api.node("n1").await;
    let deploy = |n: &mut cupola_api::Node| {
        n.provision_state = ProvisionState::Deploying;
        n.target_provision_state = Some(ProvisionState::Active);
    };
    let id = uuid.parse().expect("a UUID");
    api.store.modify_node(id, deploy).await.expect("changed");
    let reply = api
        .patch(
            "/v1/nodes/n1",
            json!([{"op": "add", "path": "/extra/a", "value": 1}]),
        )
        .await;
    assert_eq!(reply.status, 409);
    assert_eq!(
        reply.fault(),
        format!("Node {uuid} can not be updated while a state transition is in progress.")
    );
    let reply = api.delete("/v1/nodes/n1").await;
    assert_eq!(reply.status, 409);
    assert!(
        reply
            .fault()
            .contains("or set the node into maintenance mode")
    );
}

#[tokio::test]
async fn what_links_to_a_node_stays_with_its_owner() {
    let api = Api::start().await;
    let (mine, other) = (api.node("mine").await, api.node("other").await);
    let port = json!({"node_uuid": mine, "address": "52:54:00:aa:00:31"});
    let port = api.post("/v1/ports", port).await;
    assert_eq!(port.status, 201, "{}", port.body);
    let port = format!(
        "/v1/ports/{}",
        port.body["uuid"].as_str().unwrap_or_default()
    );
    let owner = json!([{"op": "add", "path": "/owner", "value": "somebody"}]);
    assert_eq!(api.patch("/v1/nodes/mine", owner.clone()).await.status, 200);

    let child = json!([{"op": "add", "path": "/parent_node", "value": other}]);
    let moved = json!([{"op": "replace", "path": "/node_uuid", "value": other}]);
    let refused = api.patch("/v1/nodes/mine", child.clone()).await;
    assert_eq!(
        (refused.status, refused.fault()),
        (
            400,
            format!(
                "Unable to apply the requested parent_node '{other}'. Requested value was invalid."
            )
        )
    );
    let refused = api.patch(&port, moved.clone()).await;
    assert_eq!(
        (refused.status, refused.fault()),
        (
            400,
            format!(
                "Unable to apply the requested node_uuid '{other}'. Requested value was invalid."
            )
        )
    );

    assert_eq!(api.patch("/v1/nodes/other", owner).await.status, 200);
    assert_eq!(api.patch("/v1/nodes/mine", child).await.status, 200);
    assert_eq!(api.patch(&port, moved).await.status, 200);
}

#[tokio::test]
async fn a_node_is_no_child_of_one_below_it() {
    let api = Api::start().await;
    for name in ["top", "middle", "bottom"] {
        api.node(name).await;
    }
    let under = |parent: &str| json!([{"op": "add", "path": "/parent_node", "value": parent}]);
    for (child, parent) in [("middle", "top"), ("bottom", "middle")] {
        let path = format!("/v1/nodes/{child}");
        assert_eq!(api.patch(&path, under(parent)).await.status, 200);
    }
    for below in ["middle", "bottom"] {
        let refused = api.patch("/v1/nodes/top", under(below)).await;
        assert_eq!(refused.status, 400);
        let start = format!("A node cannot be the child of a node below it: '{below}' has node ");
        assert!(refused.fault().starts_with(&start), "{}", refused.fault());
    }
    assert_eq!(
        api.patch("/v1/nodes/bottom", under("top")).await.status,
        200
    );
}

#[tokio::test]
async fn traits() {
    let api = Api::start().await;
    api.node("n1").await;
    assert_eq!(
        api.put(
            "/v1/nodes/n1/traits",
            json!({"traits": ["CUSTOM_B", "CUSTOM_A"]})
        )
        .await
        .status,
        204
    );
    let one = api
        .call(Method::PUT, "/v1/nodes/n1/traits/HW_X", "1.115", None)
        .await;
    assert_eq!(
        one.header("location"),
        "http://api.test:6385/v1/nodes/n1/traits/HW_X"
    );
    let list = api.get("/v1/nodes/n1/traits").await;
    assert_eq!(
        list.body,
        json!({"traits": ["CUSTOM_A", "CUSTOM_B", "HW_X"]})
    );
    assert_eq!(api.delete("/v1/nodes/n1/traits/HW_X").await.status, 204);
    assert_eq!(api.delete("/v1/nodes/n1/traits/HW_X").await.status, 404);
    assert_eq!(api.delete("/v1/nodes/n1/traits").await.status, 204);
    let many: Vec<String> = (0..51).map(|i| format!("CUSTOM_{i}")).collect();
    assert_eq!(
        api.put("/v1/nodes/n1/traits", json!({"traits": many}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn the_small_requests() {
    let api = Api::start().await;
    api.node("n1").await;
    assert_eq!(
        api.get("/v1/nodes/n1/validate").await.body,
        json!({"power": {"result": true}})
    );
    assert_eq!(api.get("/v1/nodes/validate?node=n1").await.status, 200);
    let device = api.get("/v1/nodes/n1/management/boot_device").await;
    assert_eq!(
        device.body,
        json!({"boot_device": "pxe", "persistent": false})
    );
    let set = |device: &str| json!({"boot_device": device});
    assert_eq!(
        api.put("/v1/nodes/n1/management/boot_device", set("disk"))
            .await
            .status,
        204
    );
    let bad = api
        .put("/v1/nodes/n1/management/boot_device", set("tape"))
        .await;
    assert_eq!(bad.fault(), "Invalid boot device tape specified.");
    let supported = api
        .get("/v1/nodes/n1/management/boot_device/supported")
        .await;
    assert_eq!(
        supported.body,
        json!({"supported_boot_devices": ["pxe", "disk"]})
    );
    assert_eq!(
        api.get("/v1/nodes/n1/history").await.body,
        json!({"history": []})
    );
    assert!(
        api.get("/v1/nodes/n1/inventory")
            .await
            .fault()
            .starts_with("Node inventory record")
    );
    assert_eq!(api.get("/v1/nodes/n1/vifs").await.body, json!({"vifs": []}));
    assert_eq!(
        api.get("/v1/nodes/n1/portgroups").await.body,
        json!({"portgroups": []})
    );
    assert_eq!(api.at("1.23", "/v1/nodes/n1/portgroups").await.status, 404);
    assert_eq!(api.get("/v1/nodes/n1/allocation").await.status, 404);
    assert_eq!(
        api.get("/v1/nodes/n1/children").await.body["children"],
        json!([])
    );
}

/// A node of fake hardware.
async fn fake_node(api: &Api) -> String {
    let body = json!({"driver": "fake-hardware"});
    let reply = api.post("/v1/nodes", body).await;
    assert_eq!(reply.status, 201);
    reply.body["uuid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn hardware_requests_are_checked_in_form() {
    let api = Api::start().await;
    let node = fake_node(&api).await;
    let cases = [
        ("states/console", json!({"enabled": true}), 202),
        ("states/console?enabled=no", json!({}), 202),
        ("states/console", json!({}), 400),
        ("states/console", json!({"enabled": "maybe"}), 400),
        ("states/boot_mode", json!({"target": "uefi"}), 202),
        ("states/boot_mode", json!({"target": "coreboot"}), 400),
        ("states/boot_mode", json!({"target": 1}), 400),
        ("states/secure_boot", json!({"target": "on"}), 202),
        ("states/secure_boot", json!({"target": []}), 400),
        ("states/raid", json!({}), 204),
        ("states/raid", json!({"logical_disks": []}), 400),
        ("states/raid", json!([]), 400),
        ("management/inject_nmi", json!({}), 204),
        ("management/inject_nmi", json!({"now": true}), 400),
    ];
    for (path, body, status) in cases {
        let reply = api
            .put(&format!("/v1/nodes/{node}/{path}"), body.clone())
            .await;
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.fault());
    }
    let reply = api.get(&format!("/v1/nodes/{node}/states/console")).await;
    assert_eq!(
        reply.body,
        json!({"console_enabled": false, "console_info": null})
    );
}
