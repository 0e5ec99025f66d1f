//! Versions, headers, discovery, routing and bodies.

use super::*;
use serde_json::json;

#[tokio::test]
async fn discovery_needs_no_version() {
    let api = Api::start().await;
    let request = |path: &str| {
        Request::builder()
            .uri(path)
            .header("host", "h:1")
            .body(Body::empty())
            .expect("a request")
    };
    let root = api.send(request("/")).await;
    assert_eq!(root.status, 200);
    assert_eq!(root.body["default_version"]["version"], "1.115");
    assert_eq!(
        root.body["versions"][0]["links"][0]["href"],
        "http://h:1/v1/"
    );
    let v1 = api.send(request("/v1")).await;
    assert_eq!(v1.header("x-openstack-ironic-api-version"), "1.1");
    assert!(v1.body["media_types"].is_object() && v1.body.get("lookup").is_none());
    assert_eq!(v1.body["nodes"][1]["href"], "http://h:1/nodes/");
    assert!(api.at("1.49", "/v1/").await.body["conductors"].is_array());
}

#[tokio::test]
async fn every_answer_carries_versions_and_a_request_id() {
    let api = Api::start().await;
    for (path, version, status) in [
        ("/v1/nodes", "1.115", 200),
        ("/v1/nodes/nope", "1.115", 404),
        ("/v1/foo", "1.115", 404),
        ("/v1/nodes", "1.999", 406),
        ("/v1/nodes", "2.1", 406),
        ("/v1/nodes", "one", 406),
    ] {
        let reply = api.at(version, path).await;
        assert_eq!(reply.status, status, "{path} {version}");
        assert_eq!(
            reply.header("x-openstack-ironic-api-minimum-version"),
            "1.1"
        );
        assert_eq!(
            reply.header("x-openstack-ironic-api-maximum-version"),
            "1.115"
        );
        let used = if status == 406 { "" } else { version };
        assert_eq!(reply.header("x-openstack-ironic-api-version"), used);
        let id = reply.header("openstack-request-id");
        assert!(id.starts_with("req-") && id == reply.header("x-openstack-request-id"));
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.body.get("error_message").is_some(), status >= 400);
    }
    assert!(
        api.at("1.999", "/v1")
            .await
            .fault()
            .contains("[1.1, 1.115]")
    );
}

#[tokio::test]
async fn routing() {
    let api = Api::start().await;
    for (method, path, status) in [
        (Method::HEAD, "/v1", 200),
        (Method::HEAD, "/v1/nodes", 405),
        (Method::OPTIONS, "/v1/nodes", 200),
        (Method::PUT, "/v1/nodes", 405),
        (Method::GET, "/v2/nodes", 404),
        (Method::GET, "/v1//nodes", 404),
        (Method::GET, "/nodes/", 200),
        (Method::GET, "/v1/nothing", 404),
        (Method::GET, "/v1/nodes/a%20b", 400),
        (Method::GET, "/v1/chassis", 200),
        (Method::PUT, "/v1/chassis", 405),
    ] {
        let reply = api.call(method.clone(), path, "1.115", None).await;
        assert_eq!(reply.status, status, "{method} {path}");
    }
    assert_eq!(
        api.put("/v1/nodes", json!({})).await.header("allow"),
        "GET, POST"
    );
    assert_eq!(
        api.get("/v1/nodes/a%20b").await.fault(),
        "Expected UUID or name for node: a b"
    );
}

#[tokio::test]
async fn what_is_accepted_and_in_which_size() {
    let api = Api::start().await;
    let accept = |value: &'static str| {
        let request = Request::builder().uri("/v1/nodes").header("accept", value);
        request.body(Body::empty()).expect("a request")
    };
    assert_eq!(api.send(accept("text/html")).await.status, 406);
    assert_eq!(api.send(accept("text/html, */*;q=0.1")).await.status, 200);
    let large = json!({ "driver": "fake-hardware", "extra": { "a": "x".repeat(1 << 20) } });
    let reply = api.post("/v1/nodes", large).await;
    assert_eq!(
        (reply.status, &reply.body["faultcode"]),
        (413, &json!("Client"))
    );
    let empty = api.call(Method::POST, "/v1/nodes", "1.115", None).await;
    assert_eq!(
        empty.fault(),
        "Schema error for node: 'driver' is a required property"
    );
    let reply = api.get("/v1/nodes?foo=1").await;
    assert_eq!(
        (reply.status, reply.fault().as_str()),
        (400, "Unexpected arguments: foo")
    );
}

#[tokio::test]
async fn drivers_and_conductors() {
    let api = Api::start().await;
    api.store
        .register_conductor("host1", "", &["fake-hardware".to_owned()])
        .await
        .expect("stored");
    let list = api.at("1.29", "/v1/drivers").await;
    assert!(list.body["drivers"][0].get("type").is_none());
    let one = api.get("/v1/drivers/fake-hardware").await;
    assert_eq!(one.body["default_power_interface"], "fake");
    assert!(
        api.at("1.39", "/v1/drivers/fake-hardware")
            .await
            .body
            .get("enabled_bios_interfaces")
            .is_none()
    );
    assert_eq!(
        api.get("/v1/drivers?type=classic").await.body,
        json!({ "drivers": [] })
    );
    let missing = api.get("/v1/drivers/zz").await;
    assert_eq!(
        missing.fault(),
        "Could not find the following driver(s) or hardware type(s): zz."
    );
    assert_eq!(api.at("1.48", "/v1/conductors").await.status, 404);
    let list = api.get("/v1/conductors").await;
    assert_eq!(list.body["conductors"][0]["alive"], true);
    assert!(list.body["conductors"][0].get("drivers").is_none());
    let one = api.get("/v1/conductors/host1?fields=drivers").await;
    assert_eq!(one.body["drivers"], json!(["fake-hardware"]));
    assert_eq!(api.get("/v1/conductors/zz").await.status, 404);
}

#[tokio::test]
async fn agents() {
    let api = Api::start().await;
    let uuid = api.node("n1").await;
    let missing = api.get("/v1/lookup?addresses=nonsense").await;
    assert_eq!(missing.status, 400);
    let found = api.get(&format!("/v1/lookup?node_uuid={uuid}")).await;
    assert_eq!(
        found.body["node"]["driver_internal_info"]["agent_secret_token"],
        "******"
    );
    assert_eq!(found.body["config"]["agent_token"], "first-and-only");
    assert_eq!(found.body["node"]["links"][0]["rel"], "self");
    let old = api
        .at("1.61", &format!("/v1/lookup?node_uuid={uuid}"))
        .await;
    assert!(old.body["config"].get("agent_token").is_none());
    assert_eq!(api.at("1.21", "/v1/lookup").await.status, 404);
    let beat =
        |token: &str| json!({ "callback_url": "https://10.0.0.5:9999", "agent_token": token });
    let path = format!("/v1/heartbeat/{uuid}");
    assert_eq!(api.post(&path, beat("good")).await.status, 202);
    assert_eq!(api.post(&path, beat("bad")).await.status, 400);
    let data = json!({ "inventory": { "interfaces": [{ "mac_address": "52:54:00:00:00:01" }] } });
    let path = format!("/v1/continue_inspection?node_uuid={uuid}");
    let done = api.post(&path, data).await;
    assert_eq!(
        (done.status, &done.body["node"]["uuid"]),
        (202, &json!(uuid))
    );
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let state = Api::start().await;
    let router = Router::new()
        .route(
            "/",
            axum::routing::get(|| async {
                if true {
                    panic!("on purpose")
                }
            }),
        )
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(
            super::super::dispatch::panicked,
        ));
    let request = Request::builder()
        .uri("/")
        .body(Body::empty())
        .expect("a request");
    let answer = router.oneshot(request).await.expect("no error");
    assert_eq!(answer.status().as_u16(), 500);
    drop(state);
}

#[tokio::test]
async fn integers_of_64_bits_are_kept_exactly() {
    let api = Api::start().await;
    let extra = serde_json::json!({"most": u64::MAX, "least": i64::MIN, "more": [9_007_199_254_740_993_u64]});
    let body = serde_json::json!({"driver": "fake-hardware", "name": "n1", "extra": extra});
    assert_eq!(api.post("/v1/nodes", body).await.status, 201);
    assert_eq!(api.get("/v1/nodes/n1").await.body["extra"], extra);
    let patch = serde_json::json!([{"op": "add", "path": "/properties/most", "value": u64::MAX}]);
    assert_eq!(api.patch("/v1/nodes/n1", patch).await.status, 200);
    let shown = api.get("/v1/nodes/n1").await.body;
    assert_eq!(
        (&shown["extra"], &shown["properties"]["most"]),
        (&extra, &serde_json::json!(u64::MAX))
    );
}
