//! Making objects of a resource: what is enough, what is missing, each field right and wrong.

use serde_json::{Map, Value, json};

use super::super::case::{Case, Request};
use super::resource::{Resource, doubtful};
use super::{around, json as parse};

fn minimal(resource: &Resource) -> Map<String, Value> {
    let mut body = match parse(resource.minimal) {
        Value::Object(body) => body,
        _ => Map::new(),
    };
    body.insert("uuid".to_owned(), json!("$new"));
    body
}

fn with(resource: &Resource, name: &str, value: Value) -> Map<String, Value> {
    let mut body = minimal(resource);
    body.insert(name.to_owned(), value);
    body
}

/// The cases, each of which leaves nothing behind.
pub(super) fn cases(resource: &Resource) -> Vec<Case> {
    let post = |body: Map<String, Value>| {
        let path = format!("/v1/{}", resource.collection);
        Request::new("POST", path).json(Value::Object(body))
    };
    let mut requests = Vec::new();
    for minor in around(resource.since) {
        requests.push(post(minimal(resource)).at(minor));
    }
    for name in minimal(resource).keys() {
        let mut body = minimal(resource);
        body.remove(name);
        requests.push(post(body));
        if name != "uuid" {
            requests.push(post(with(resource, name, Value::Null)));
            requests.push(post(with(resource, name, json!(5))));
            requests.push(post(with(resource, name, json!({}))));
        }
    }
    for uuid in [
        json!("x"),
        json!(5),
        json!(""),
        json!(null),
        json!("$it"),
        json!("D1FFAAAA-0000-4000-8000-00000000000A"),
        json!("d1ffaaaa00004000800000000000000b"),
    ] {
        requests.push(post(with(resource, "uuid", uuid)));
    }
    for field in resource.fields {
        requests.push(post(with(resource, field.name, parse(field.good))).at(field.since));
        if field.since > resource.since {
            requests.push(post(with(resource, field.name, parse(field.good))).at(field.since - 1));
        }
        for value in doubtful(field.sort) {
            requests.push(post(with(resource, field.name, value)));
        }
    }
    for name in resource.read_only {
        requests.push(post(with(resource, name, json!("x"))));
    }
    requests.push(post(with(resource, "no_such_field", json!("x"))));
    requests.push(post(with(resource, "ünïcode", json!("x"))));
    let two = with(resource, "no_such_field", json!(1));
    let two = two.into_iter().chain([("another".to_owned(), json!(2))]);
    requests.push(post(two.collect()));
    let mut query = post(minimal(resource));
    query.path.push_str("?foo=1");
    requests.push(query);
    requests
        .into_iter()
        .map(|r| Case::from(r).passing())
        .collect()
}
