//! Runbooks over the wire: themselves, their traits, and in a provision request.

use super::*;
use cupola_api::node::Node;
use cupola_api::state::provision::ProvisionState;
use serde_json::json;
use uuid::Uuid;

fn book(name: &str) -> Value {
    json!({
        "name": name,
        "steps": [{"interface": "bios", "step": "factory_reset", "order": 2,
                   "args": {"password": "hunter2"}},
                  {"interface": "power", "step": "reboot", "order": "1"}],
    })
}

async fn made(api: &Api, name: &str) -> String {
    let made = api.post("/v1/runbooks", book(name)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    format!(
        "/v1/runbooks/{}",
        made.body["uuid"].as_str().unwrap_or_default()
    )
}

#[tokio::test]
async fn runbooks_are_made_shown_changed_and_deleted() {
    let api = Api::start().await;
    let path = made(&api, "erase-disks").await;
    let shown = api.get("/v1/runbooks/erase-disks").await.body;
    assert_eq!(shown["steps"][0]["args"]["password"], "******");
    assert_eq!(shown["steps"][1]["order"], 1);
    assert_eq!(shown["steps"][1]["args"], json!({}));
    assert_eq!(shown["traits"], json!([]));
    assert_eq!(
        (&shown["public"], &shown["owner"]),
        (&json!(false), &Value::Null)
    );
    let older = api.at("1.111", &path).await.body;
    assert!(older.get("traits").is_none() && older.get("description").is_none());
    let again = api.post("/v1/runbooks", book("erase-disks")).await;
    assert_eq!(
        (again.status, again.fault().as_str()),
        (409, "A runbook with name erase-disks already exists.")
    );
    let list = api.get("/v1/runbooks").await.body;
    let item = list["runbooks"][0].as_object();
    assert_eq!(item.map(serde_json::Map::len), Some(3), "{list}");

    let patch = json!([{"op": "replace", "path": "/steps/1/order", "value": 9},
                       {"op": "add", "path": "/description", "value": "x"},
                       {"op": "replace", "path": "/owner", "value": "p1"}]);
    let changed = api.patch(&path, patch).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.body["steps"][1]["order"], 9);
    assert_eq!(changed.body["owner"], "p1");
    // There is no such filter, as upstream has none.
    assert_eq!(api.get("/v1/runbooks?owner=p1").await.status, 400);
    // What is public is nobody's.
    let public = json!([{"op": "replace", "path": "/public", "value": true}]);
    let changed = api.patch(&path, public).await.body;
    assert_eq!(
        (&changed["public"], &changed["owner"]),
        (&json!(true), &Value::Null)
    );
    let owner = json!([{"op": "replace", "path": "/owner", "value": "p1"}]);
    let refused = api.patch(&path, owner).await;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("owner for a public runbook"));
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
}

#[tokio::test]
async fn names_and_steps_of_runbooks_are_checked() {
    let api = Api::start().await;
    let at = async |version: &str, body: Value| {
        let path = "/v1/runbooks";
        api.call(Method::POST, path, version, Some(body))
            .await
            .status
    };
    assert_eq!(at("1.111", book("erase-disks")).await, 400);
    assert_eq!(at("1.111", book("CUSTOM_ERASE")).await, 201);
    assert_eq!(at("1.112", book("a b")).await, 400);
    for (field, value) in [
        ("steps", json!([])),
        ("steps", json!([{"interface": "bios", "step": "x"}])),
        ("traits", json!(["CUSTOM_A"])),
        ("name", Value::Null),
        ("uuid", json!("x")),
    ] {
        let mut body = book("CUSTOM_A");
        body[field] = value;
        assert_eq!(at("1.115", body).await, 400, "{field}");
    }
    let step = json!({"interface": "bios", "step": "x", "order": 1});
    let twice = json!({"name": "twice", "steps": [step, step]});
    assert_eq!(at("1.115", twice).await, 400);
    let mut described = book("CUSTOM_B");
    described["description"] = json!("x");
    assert_eq!(at("1.111", described).await, 400);
    let any = format!("/v1/runbooks/{}", Uuid::new_v4());
    for (method, version, path, status) in [
        (Method::GET, "1.91", "/v1/runbooks", 404),
        (Method::POST, "1.91", "/v1/runbooks", 405),
        (Method::DELETE, "1.91", &any, 405),
        (
            Method::GET,
            "1.111",
            "/v1/runbooks/CUSTOM_ERASE/traits",
            404,
        ),
        (
            Method::GET,
            "1.112",
            "/v1/runbooks/CUSTOM_ERASE/traits",
            200,
        ),
    ] {
        let reply = api.call(method.clone(), path, version, None).await;
        assert_eq!(reply.status, status, "{method} {version} {path}");
    }
    assert!(api.get("/v1").await.body["runbooks"].is_array());
}

#[tokio::test]
async fn traits_of_runbooks() {
    let api = Api::start().await;
    let path = made(&api, "book").await;
    let traits = format!("{path}/traits");
    let body = json!({"traits": ["CUSTOM_B", "CUSTOM_A"]});
    assert_eq!(api.put(&traits, body).await.status, 204);
    let shown = api.get(&traits).await.body;
    assert_eq!(shown, json!({"traits": ["CUSTOM_A", "CUSTOM_B"]}));
    let one = format!("{traits}/CUSTOM_C");
    let added = api.call(Method::PUT, &one, "1.112", None).await;
    assert_eq!(added.status, 204);
    assert_eq!(
        added.header("location"),
        format!("http://api.test:6385{one}")
    );
    assert_eq!(api.delete(&one).await.status, 204);
    // What is not there is gone already.
    assert_eq!(api.delete(&one).await.status, 204);
    for bad in [json!({"traits": ["x"]}), json!({}), json!({"traits": 1})] {
        assert_eq!(api.put(&traits, bad).await.status, 400);
    }
    assert_eq!(api.delete(&traits).await.status, 204);
    assert_eq!(api.get(&path).await.body["traits"], json!([]));
}

#[tokio::test]
async fn a_runbook_cleans_the_nodes_it_is_for() {
    let api = Api::start().await;
    let node = api.node("n1").await;
    let set = |n: &mut Node| n.provision_state = ProvisionState::Manageable;
    let id = node.parse().expect("a UUID");
    api.store.modify_node(id, set).await.expect("changed");
    let book = made(&api, "CUSTOM_BOOK").await;
    let clean = async |body: Value, version: &str| {
        let path = "/v1/nodes/n1/states/provision";
        let reply = api.call(Method::PUT, path, version, Some(body)).await;
        (reply.status, reply.fault())
    };
    let with = |name: &str| json!({"target": "clean", "runbook": name});
    assert_eq!(clean(with("CUSTOM_BOOK"), "1.91").await.0, 406);
    assert_eq!(
        clean(with("none"), "1.115").await,
        (404, "Runbook none could not be found.".to_owned())
    );
    let (status, text) = clean(with("CUSTOM_BOOK"), "1.115").await;
    assert!(
        status == 400 && text.contains("no traits configured"),
        "{text}"
    );
    let (status, text) = clean(with("CUSTOM_BOOK"), "1.111").await;
    assert!(
        status == 400 && text.contains("not been approved"),
        "{text}"
    );
    let body = json!({"traits": ["CUSTOM_A"]});
    let traits = format!("{book}/traits");
    assert_eq!(api.put(&traits, body.clone()).await.status, 204);
    assert_eq!(clean(with("CUSTOM_BOOK"), "1.115").await.0, 400);
    let traits = "/v1/nodes/n1/traits";
    assert_eq!(api.put(traits, body).await.status, 204);
    let both = json!({"target": "clean", "runbook": "CUSTOM_BOOK",
                      "clean_steps": [{"interface": "bios", "step": "x"}]});
    let (status, text) = clean(both, "1.115").await;
    assert!(status == 400 && text.contains("but not both"), "{text}");
    let wrong = json!({"target": "provide", "runbook": "CUSTOM_BOOK"});
    assert_eq!(clean(wrong, "1.115").await.0, 400);
    assert_eq!(clean(with("CUSTOM_BOOK"), "1.115").await.0, 202);
    let shown = api.get("/v1/nodes/n1").await.body;
    assert_eq!(shown["extra"]["verb"], "clean");
}
