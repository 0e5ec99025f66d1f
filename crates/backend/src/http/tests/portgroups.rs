//! Port groups over the wire, the ports in them, and what networks are attached to them.

use super::*;
use cupola_api::state::provision::ProvisionState;
use serde_json::json;
use uuid::Uuid;

/// Makes what `body` says; its UUID.
async fn made(api: &Api, path: &str, body: Value) -> String {
    let reply = api.post(path, body).await;
    assert_eq!(reply.status, 201, "{path}: {}", reply.body);
    reply.body["uuid"].as_str().expect("a UUID").to_owned()
}

fn set(path: &str, value: impl Into<Value>) -> Value {
    json!([{"op": "add", "path": path, "value": value.into()}])
}

fn uuids(reply: &Reply, collection: &str) -> Vec<String> {
    let items = reply.body[collection].as_array().into_iter().flatten();
    let uuids = items.filter_map(|item| item["uuid"].as_str());
    uuids.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_group_is_created_read_changed_and_deleted() {
    let api = Api::start().await;
    let node = api.node("n1").await;
    let body = json!({"node_uuid": node, "name": "bond0", "address": "52:54:00:AA:00:30",
                      "mode": "802.3ad", "properties": {"miimon": 100}});
    let made = api.post("/v1/portgroups", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["address"], "52:54:00:aa:00:30");
    let uuid = made.body["uuid"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        made.header("location"),
        format!("http://api.test:6385/v1/portgroups/{uuid}")
    );
    let again = api.post("/v1/portgroups", body).await;
    assert_eq!(again.status, 409);
    let named = json!({"node_uuid": node, "name": "bond0"});
    let again = api.post("/v1/portgroups", named).await;
    assert_eq!(again.fault(), "A portgroup with name bond0 already exists.");
    let same = json!({"node_uuid": node, "address": "52:54:00:aa:00:30"});
    let again = api.post("/v1/portgroups", same).await;
    assert!(
        again
            .fault()
            .contains("MAC address 52:54:00:aa:00:30 already")
    );

    let plain = api
        .post("/v1/portgroups", json!({"node_uuid": node}))
        .await
        .body;
    assert_eq!(
        (&plain["mode"], &plain["standalone_ports_supported"]),
        (&json!("active-backup"), &json!(true))
    );
    let nowhere = Uuid::new_v4();
    let refused = api
        .post("/v1/portgroups", json!({"node_uuid": nowhere}))
        .await;
    assert_eq!(
        (refused.status, refused.fault()),
        (400, format!("Node {nowhere} could not be found."))
    );
    let invalid = json!({"node_uuid": node, "name": "a b"});
    let refused = api.post("/v1/portgroups", invalid).await;
    assert_eq!(
        refused.fault(),
        "Cannot create portgroup with invalid name 'a b'"
    );

    assert_eq!(api.get("/v1/portgroups/bond0").await.body, made.body);
    let older = api.at("1.25", "/v1/portgroups/bond0").await.body;
    assert!(older.get("mode").is_none() && older.get("category").is_none());
    assert_eq!(api.at("1.22", "/v1/portgroups").await.status, 404);
    assert_eq!(api.get("/v1/portgroups/a%20b").await.status, 400);
    assert_eq!(
        api.get(&format!("/v1/portgroups/{nowhere}")).await.status,
        404
    );
    let changed = api
        .patch("/v1/portgroups/bond0", set("/properties/miimon", 50))
        .await;
    assert_eq!(changed.body["properties"], json!({"miimon": 50}));
    let removed = json!([{"op": "remove", "path": "/name"}, {"op": "remove", "path": "/address"}]);
    let changed = api.patch("/v1/portgroups/bond0", removed).await;
    assert!(changed.body["name"].is_null() && changed.body["address"].is_null());
    assert_eq!(
        api.delete(&format!("/v1/portgroups/{uuid}")).await.status,
        204
    );
    assert_eq!(api.get(&format!("/v1/portgroups/{uuid}")).await.status, 404);
}

#[tokio::test]
async fn lists_are_filtered_by_one_thing() {
    let api = Api::start().await;
    let (one, two) = (api.node("n1").await, api.node("n2").await);
    let sharded = api.patch("/v1/nodes/n2", set("/shard", "east")).await;
    assert_eq!(sharded.status, 200);
    let body = json!({"node_uuid": one, "address": "52:54:00:aa:00:30"});
    let first = made(&api, "/v1/portgroups", body).await;
    let second = made(&api, "/v1/portgroups", json!({"node_uuid": two})).await;
    for (path, want) in [
        ("/v1/portgroups", vec![&first, &second]),
        ("/v1/portgroups/detail?sort_dir=desc", vec![&second, &first]),
        ("/v1/portgroups?node=n2", vec![&second]),
        ("/v1/portgroups?address=52:54:00:AA:00:30", vec![&first]),
        ("/v1/portgroups?address=52:54:00:aa:00:31", vec![]),
        ("/v1/portgroups?shard=east,west", vec![&second]),
        ("/v1/portgroups?conductor_groups=rack9", vec![]),
        ("/v1/nodes/n1/portgroups", vec![&first]),
        ("/v1/nodes/n2/portgroups/detail", vec![&second]),
    ] {
        let reply = api.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        let found = uuids(&reply, "portgroups");
        assert_eq!(found.iter().collect::<Vec<_>>(), want, "{path}");
    }
    for (version, path, status) in [
        ("1.105", "/v1/portgroups?shard=east", 406),
        ("1.115", "/v1/portgroups?node=n1&shard=east", 400),
        ("1.115", "/v1/portgroups?node=zz", 404),
        ("1.115", "/v1/portgroups?address=x", 400),
        ("1.115", "/v1/portgroups?sort_key=properties", 400),
        ("1.115", "/v1/nodes/n1/portgroups/x", 400),
        ("1.25", "/v1/portgroups?fields=mode", 406),
    ] {
        assert_eq!(
            api.at(version, path).await.status,
            status,
            "{version} {path}"
        );
    }
    let below = api.post("/v1/nodes/n1/portgroups", json!({})).await;
    assert_eq!(below.fault(), "Malformed request URI.");
}

/// The body of a port with this last byte of its address.
fn port(node: &str, last: u8, more: Value) -> Value {
    let mut body = json!({"node_uuid": node, "address": format!("52:54:00:aa:00:{last:02x}")});
    let more = more.as_object().cloned().unwrap_or_default();
    body.as_object_mut().expect("an object").extend(more);
    body
}

/// A node with a group `bond0`, whose ports cannot be used one by one.
async fn bonded(api: &Api) -> (String, String) {
    let node = api.node("n1").await;
    let body = json!({"node_uuid": node, "name": "bond0", "standalone_ports_supported": false});
    let group = made(api, "/v1/portgroups", body).await;
    (node, group)
}

#[tokio::test]
async fn ports_fit_their_group() {
    let api = Api::start().await;
    let (node, group) = bonded(&api).await;
    let two = api.node("n2").await;
    let other = made(&api, "/v1/portgroups", json!({"node_uuid": two})).await;
    let nowhere = Uuid::new_v4().to_string();
    for strange in [&nowhere, &other] {
        let body = port(&node, 1, json!({"portgroup_uuid": strange}));
        assert_eq!(api.post("/v1/ports", body).await.status, 400);
    }
    let boots = port(
        &node,
        1,
        json!({"portgroup_uuid": group, "pxe_enabled": true}),
    );
    let refused = api.post("/v1/ports", boots).await;
    assert_eq!(refused.status, 409);
    assert!(refused.fault().contains("doesn't support standalone ports"));
    let member = json!({"portgroup_uuid": group, "physical_network": "net1"});
    made(&api, "/v1/ports", port(&node, 1, member)).await;

    let second = made(&api, "/v1/ports", port(&node, 2, json!({}))).await;
    let path = format!("/v1/ports/{second}");
    let refused = api.patch(&path, set("/portgroup_uuid", other)).await;
    assert_eq!(refused.status, 400);
    let joins = set("/portgroup_uuid", group.clone());
    let refused = api.patch(&path, joins).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    let text = refused.fault();
    assert!(
        text.contains("network None cannot become a member"),
        "{text}"
    );
    let both = json!([{"op": "add", "path": "/portgroup_uuid", "value": group},
                      {"op": "add", "path": "/physical_network", "value": "net1"}]);
    let joined = api.call(Method::PATCH, &path, "1.101", Some(both)).await;
    assert_eq!(joined.body["portgroup_uuid"], group, "{}", joined.body);
    // From 1.102 on the physical network is the group's to say.
    let network = |name: &str| set("/physical_network", name);
    assert_eq!(api.patch(&path, network("net2")).await.status, 400);
    let changed = api.patch("/v1/portgroups/bond0", network("net3")).await;
    assert_eq!(changed.status, 200);
    assert_eq!(api.get(&path).await.body["physical_network"], "net3");
}

#[tokio::test]
async fn ports_are_found_by_their_group_and_keep_it() {
    let api = Api::start().await;
    let (node, group) = bonded(&api).await;
    let two = api.node("n2").await;
    let member = || json!({"portgroup_uuid": group});
    let first = made(&api, "/v1/ports", port(&node, 1, member())).await;
    let second = made(&api, "/v1/ports", port(&node, 2, member())).await;
    let members = [first.clone(), second.clone()];
    for path in [
        "/v1/ports?portgroup=bond0".to_owned(),
        format!("/v1/ports?portgroup={group}"),
        format!("/v1/portgroups/{group}/ports"),
        "/v1/portgroups/bond0/ports/detail".to_owned(),
    ] {
        assert_eq!(uuids(&api.get(&path).await, "ports"), members, "{path}");
    }
    assert_eq!(api.get("/v1/ports?portgroup=zz").await.status, 404);
    assert_eq!(
        api.get("/v1/ports?portgroup=bond0&node=n1").await.status,
        403
    );
    assert_eq!(
        api.at("1.23", "/v1/portgroups/bond0/ports").await.status,
        404
    );

    let moved = api
        .patch("/v1/portgroups/bond0", set("/node_uuid", two.clone()))
        .await;
    assert_eq!(moved.status, 400, "it has ports: {}", moved.body);
    let refused = api.delete("/v1/portgroups/bond0").await;
    assert_eq!(
        (refused.status, refused.fault()),
        (
            400,
            format!(
                "Cannot complete the requested action because portgroup {group} contains ports."
            )
        )
    );
    let leaves = json!([{"op": "remove", "path": "/portgroup_uuid"}]);
    let left = api.patch(&format!("/v1/ports/{second}"), leaves).await;
    assert!(left.body["portgroup_uuid"].is_null());
    assert_eq!(api.delete(&format!("/v1/ports/{first}")).await.status, 204);
    let moved = api
        .patch("/v1/portgroups/bond0", set("/node_uuid", two))
        .await;
    assert_eq!(moved.status, 200);
    assert_eq!(api.delete("/v1/portgroups/bond0").await.status, 204);
}

#[tokio::test]
async fn networks_are_attached_to_ports_of_flat_nodes() {
    let api = Api::start().await;
    let body = json!({"driver": "fake-hardware", "name": "flat", "network_interface": "flat"});
    let node = made(&api, "/v1/nodes", body).await;
    let address = "52:54:00:aa:00:01";
    let body = json!({"node_uuid": node, "address": address});
    let port = made(&api, "/v1/ports", body).await;
    let vifs = "/v1/nodes/flat/vifs";
    assert_eq!(
        api.post(vifs, json!({"id": "v1", "mtu": 9000}))
            .await
            .status,
        204
    );
    assert_eq!(api.get(vifs).await.body, json!({"vifs": [{"id": "v1"}]}));
    let again = api.post(vifs, json!({"id": "v1"})).await;
    let text =
        format!("Unable to attach VIF because VIF v1 is already attached to Ironic Port {port}");
    assert_eq!((again.status, again.fault()), (409, text));
    let full = api.post(vifs, json!({"id": "v2"})).await;
    assert_eq!(
        (full.status, full.fault().as_str()),
        (
            400,
            "Unable to attach VIF v2, not enough free physical ports."
        )
    );
    let shown = api.get(&format!("/v1/ports/{port}")).await;
    assert_eq!(shown.body["internal_info"]["tenant_vif_port_id"], "v1");
    let id = node.parse().expect("a UUID");
    let active = |n: &mut cupola_api::Node| n.provision_state = ProvisionState::Active;
    api.store.modify_node(id, active).await.expect("changed");
    assert_eq!(api.delete(&format!("/v1/ports/{port}")).await.status, 409);
    assert_eq!(api.delete(&format!("{vifs}/v1")).await.status, 204);
    let missing = api.delete(&format!("{vifs}/v1")).await;
    assert_eq!(
        (missing.status, missing.fault()),
        (
            400,
            format!("Unable to detach VIF v1 from node {node} because it is not attached to it.")
        )
    );
    assert_eq!(api.delete(&format!("/v1/ports/{port}")).await.status, 204);
    assert_eq!(api.at("1.27", vifs).await.status, 404);

    // Without a network to plumb everything succeeds and nothing is kept.
    api.node("noop").await;
    let vifs = "/v1/nodes/noop/vifs";
    assert_eq!(api.post(vifs, json!({"id": "v1"})).await.status, 204);
    assert_eq!(api.get(vifs).await.body, json!({"vifs": []}));
    assert_eq!(api.delete(&format!("{vifs}/v1")).await.status, 204);
    assert_eq!(api.post(vifs, json!({})).await.status, 400);
}
