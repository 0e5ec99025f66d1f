//! Changing an object: every operation on every kind of path, each field right and wrong.

use serde_json::{Value, json};

use super::super::case::{Case, Request};
use super::json as parse;
use super::resource::{Resource, Sort, doubtful};

/// Documents that say nothing of one resource.
const DOCUMENTS: [&str; 24] = [
    "[]",
    "{}",
    r#""x""#,
    "5",
    "[5]",
    "[[]]",
    "[{}]",
    r#"[{"op":"replace"}]"#,
    r#"[{"path":"/extra"}]"#,
    r#"[{"op":"add","path":"/extra"}]"#,
    r#"[{"op":"replace","path":"/extra/none","value":1}]"#,
    r#"[{"op":"remove","path":"/extra/none"}]"#,
    r#"[{"op":"add","path":"/extra/a/b","value":1}]"#,
    r#"[{"op":"add","path":"/extra/list","value":[1,2]},{"op":"add","path":"/extra/list/-","value":3},{"op":"remove","path":"/extra/list/0"}]"#,
    r#"[{"op":"add","path":"/extra/list/9","value":1}]"#,
    r#"[{"op":"test","path":"/extra/a","value":1}]"#,
    r#"[{"op":"move","path":"/extra/a","from":"/extra/b"}]"#,
    r#"[{"op":"copy","path":"/extra/a","from":"/extra/b"}]"#,
    r#"[{"op":"add","path":"/extra/a","value":1,"from":"/extra/b"}]"#,
    r#"[{"op":"add","path":"extra","value":{}}]"#,
    r#"[{"op":"add","path":"","value":{}}]"#,
    r#"[{"op":"add","path":"/","value":{}}]"#,
    r#"[{"op":"add","path":"/extra/a.b","value":1}]"#,
    r#"[{"op":"add","path":"/extra/a b","value":1}]"#,
];

const MORE: [&str; 10] = [
    r#"[{"op":"add","path":"/extra/a~1b","value":1}]"#,
    r#"[{"op":"add","path":"/no_such_field","value":1}]"#,
    r#"[{"op":"remove","path":"/no_such_field"}]"#,
    r#"[{"op":"add","path":"/no_such_field/x","value":1}]"#,
    r#"[{"op":5,"path":"/extra","value":1}]"#,
    r#"[{"op":"add","path":5,"value":1}]"#,
    r#"[{"op":null,"path":"/extra","value":1}]"#,
    r#"[{"op":"add","path":"/extra/one","value":1},{"op":"replace","path":"/extra/missing","value":2}]"#,
    r#"[{"op":"add","path":"/extra/ü","value":"ü"}]"#,
    r#"[{"op":"replace","path":"/uuid","value":"$new"}]"#,
];

/// The cases, on the object `$it`.
pub(super) fn cases(resource: &Resource) -> Vec<Case> {
    let patch = |document: Value| {
        let path = format!("/v1/{}/$it", resource.collection);
        Request::new("PATCH", path).json(document)
    };
    let one = |op: &str, name: &str, value: Value| {
        patch(json!([{"op": op, "path": format!("/{name}"), "value": value}]))
    };
    let mut requests = Vec::new();
    for document in DOCUMENTS.iter().chain(&MORE) {
        requests.push(patch(parse(document)));
    }
    if resource.since > 1 {
        requests.push(patch(json!([])).at(resource.since - 1));
    }
    for field in resource.fields {
        requests.push(one("replace", field.name, parse(field.good)).at(field.since));
        if field.since > resource.since {
            requests.push(one("replace", field.name, parse(field.good)).at(field.since - 1));
        }
        if !field.is_patched {
            continue;
        }
        requests.push(one("add", field.name, parse(field.good)));
        for value in doubtful(field.sort) {
            requests.push(one("replace", field.name, value));
        }
        if field.sort == Sort::Object {
            requests.push(one("add", &format!("{}/key", field.name), json!("v")));
            requests.push(one("add", &format!("{}/a/b", field.name), json!("v")));
            let path = format!("/{}/key", field.name);
            requests.push(patch(json!([{"op": "remove", "path": path}])));
        }
        let path = format!("/{}", field.name);
        requests.push(patch(json!([{"op": "remove", "path": path}])));
    }
    for name in resource.read_only {
        requests.push(one("replace", name, json!("x")));
    }
    let missing = format!("/v1/{}/$unknown", resource.collection);
    requests.push(Request::new("PATCH", missing).json(json!([])));
    let missing = format!("/v1/{}/$unknown", resource.collection);
    let add = json!([{"op": "add", "path": "/extra/a", "value": 1}]);
    requests.push(Request::new("PATCH", missing).json(add));
    requests.into_iter().map(Case::from).collect()
}
