//! Inspection rules over the wire.

use super::*;
use serde_json::json;
use uuid::Uuid;

fn rule() -> Value {
    json!({
        "description": "sets a class",
        "priority": 10,
        "conditions": [{"op": "!eq", "args": {"values": ["{inventory[a]}", 1]}, "loop": [1],
                        "multiple": "all"}],
        "actions": [{"op": "set-attribute", "args": ["resource_class", "bm"]}],
    })
}

#[tokio::test]
async fn rules_are_made_shown_changed_and_deleted() {
    let api = Api::start().await;
    let made = api.post("/v1/inspection_rules", rule()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["phase"], "main");
    assert_eq!(made.body["sensitive"], false);
    assert_eq!(made.body["actions"], rule()["actions"]);
    assert_eq!(made.body["conditions"], rule()["conditions"]);
    let uuid = made.body["uuid"].as_str().unwrap_or_default().to_owned();
    let path = format!("/v1/inspection_rules/{uuid}");
    assert_eq!(
        made.header("location"),
        format!("http://api.test:6385{path}")
    );
    assert_eq!(api.get(&path).await.body, made.body);
    let list = api.get("/v1/inspection_rules?phase=main").await;
    let item = list.body["inspection_rules"][0].as_object();
    assert_eq!(item.map(serde_json::Map::len), Some(5), "{}", list.body);
    let detail = api.get("/v1/inspection_rules?detail=true").await;
    assert_eq!(detail.body["inspection_rules"][0], made.body);
    let mut again = rule();
    again["uuid"] = json!(uuid);
    assert_eq!(
        api.post("/v1/inspection_rules", again).await.fault(),
        format!("A rule with UUID {uuid} already exists.")
    );
    let patch = json!([{"op": "replace", "path": "/priority", "value": 20},
                       {"op": "remove", "path": "/description"},
                       {"op": "add", "path": "/actions/-",
                        "value": {"op": "fail", "args": {"msg": "x"}}}]);
    let changed = api.patch(&path, patch).await;
    assert_eq!(changed.body["priority"], 20, "{}", changed.body);
    assert_eq!(changed.body["description"], Value::Null);
    assert_eq!(changed.body["actions"][1]["op"], "fail");
    assert_eq!(api.delete(&path).await.status, 204);
    let gone = api.get(&path).await;
    assert_eq!(gone.fault(), format!("Rule {uuid} could not be found."));
    assert_eq!(api.get("/v1/inspection_rules/name").await.status, 400);
}

#[tokio::test]
async fn sensitive_rules_hide_what_they_do() {
    let api = Api::start().await;
    let mut body = rule();
    body["sensitive"] = json!(true);
    let made = api.post("/v1/inspection_rules", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["actions"], Value::Null);
    assert_eq!(made.body["conditions"], Value::Null);
    let path = format!(
        "/v1/inspection_rules/{}",
        made.body["uuid"].as_str().unwrap_or_default()
    );
    let detail = api.get("/v1/inspection_rules?detail=true").await.body;
    assert_eq!(detail["inspection_rules"][0]["actions"], Value::Null);
    let unset = json!([{"op": "replace", "path": "/sensitive", "value": false}]);
    let refused = api.patch(&path, unset).await;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("sensitive flag unset"));
    let renamed = json!([{"op": "replace", "path": "/description", "value": "x"}]);
    assert_eq!(api.patch(&path, renamed).await.status, 200);
    let id: Uuid = made.body["uuid"]
        .as_str()
        .and_then(|u| u.parse().ok())
        .expect("a UUID");
    let stored: cupola_api::inspection_rule::InspectionRule =
        api.store.document(id).await.expect("stored");
    assert_eq!(stored.actions.len(), 1, "what is hidden is kept");
}

#[tokio::test]
async fn bodies_of_rules_are_checked() {
    let api = Api::start().await;
    let action = |action: Value| json!({ "actions": [action] });
    let condition = |condition: Value| {
        let mut body = rule();
        body["conditions"] = json!([condition]);
        body
    };
    for (body, why) in [
        (json!({}), "'actions' is a required property"),
        (json!({"actions": []}), "non-empty"),
        (action(json!({"op": "explode", "args": {}})), "'explode'"),
        (action(json!({"op": "fail"})), "'args'"),
        (action(json!({"op": "fail", "args": "x"})), "'args'"),
        (
            action(json!({"op": "fail", "args": {}})),
            "missing required argument(s): msg",
        ),
        (
            action(json!({"op": "fail", "args": {"msg": 1, "x": 1}})),
            "unexpected argument(s): x",
        ),
        (condition(json!({"op": "!!eq", "args": []})), "'!!eq'"),
        (
            condition(json!({"op": "eq", "args": {"values": []}, "multiple": "some"})),
            "'some'",
        ),
        (
            condition(json!({"op": "eq", "args": {"values": []}, "loop": 1})),
            "'loop'",
        ),
    ] {
        let reply = api.post("/v1/inspection_rules", body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.fault().contains(why), "{body}: {}", reply.fault());
    }
    for (field, value) in [
        ("priority", json!(-1)),
        ("priority", json!(10_000)),
        ("priority", json!("1")),
        ("phase", json!("early")),
        ("name", json!("x")),
    ] {
        let mut body = rule();
        body[field] = value;
        let status = api.post("/v1/inspection_rules", body).await.status;
        assert_eq!(status, 400, "{field}");
    }
}

#[tokio::test]
async fn rules_are_there_since_their_version() {
    let api = Api::start().await;
    let any = format!("/v1/inspection_rules/{}", Uuid::new_v4());
    for (method, version, path, status) in [
        (Method::GET, "1.95", "/v1/inspection_rules", 404),
        (Method::POST, "1.95", "/v1/inspection_rules", 405),
        (Method::PATCH, "1.95", &any, 405),
        (Method::DELETE, "1.95", &any, 405),
        (Method::GET, "1.96", &any, 404),
    ] {
        let reply = api.call(method.clone(), path, version, None).await;
        assert_eq!(reply.status, status, "{method} {version} {path}");
    }
    assert!(api.get("/v1").await.body["inspection_rules"].is_array());
    let older = api.at("1.95", "/v1").await.body;
    assert!(older.get("inspection_rules").is_none());
}
