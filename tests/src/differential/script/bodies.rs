//! Bodies that are not what they should be, on every route that takes one.

use super::super::case::{Case, Chapter, Request};
use super::{json, node, post};

const ROUTES: [(&str, &str); 24] = [
    ("POST", "nodes"),
    ("PATCH", "nodes/$node"),
    ("PUT", "nodes/$node/states/power"),
    ("PUT", "nodes/$node/states/provision"),
    ("PUT", "nodes/$node/maintenance"),
    ("PUT", "nodes/$node/traits"),
    ("PUT", "nodes/$node/management/boot_device"),
    ("POST", "nodes/$node/vifs"),
    ("POST", "ports"),
    ("PATCH", "ports/$port"),
    ("POST", "portgroups"),
    ("POST", "chassis"),
    ("POST", "volume/connectors"),
    ("POST", "volume/targets"),
    ("POST", "allocations"),
    ("POST", "deploy_templates"),
    ("POST", "runbooks"),
    ("POST", "inspection_rules"),
    ("POST", "events"),
    ("POST", "heartbeat/$node"),
    ("POST", "continue_inspection"),
    ("PUT", "nodes/$node/states/raid"),
    ("PUT", "nodes/$node/states/console"),
    ("POST", "nodes/$node/vmedia"),
];

const JSON: &str = "application/json";
const MEGABYTE: usize = 1 << 20;

/// The chapter.
pub(super) fn chapter() -> Chapter {
    let deep = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let mut cases: Vec<Case> = Vec::new();
    for (method, path) in ROUTES {
        let request = || Request::new(method, format!("/v1/{path}"));
        for body in [
            "{}",
            "[]",
            "5",
            "true",
            r#""text""#,
            r#"{"":""}"#,
            r#"{"__proto__":1}"#,
        ] {
            cases.push(request().json(json(body)).into());
        }
        cases.push(request().into());
        cases.push(request().raw(JSON, "null", "null").into());
        cases.push(request().raw(JSON, "", "empty").into());
        cases.push(request().raw(JSON, "{", "cut short").into());
        cases.push(request().raw(JSON, "not json", "not JSON").into());
        cases.push(request().raw(JSON, vec![0xff, 0xfe, 0x00], "octets").into());
        cases.push(
            request()
                .raw(JSON, r#"{"a":1,"a":2}"#, "the same key twice")
                .into(),
        );
        cases.push(request().raw(JSON, r#"{"a":NaN}"#, "NaN").into());
        cases.push(request().raw("text/plain", "{}", "{} as text").into());
        cases.push(request().raw("application/xml", "<a/>", "XML").into());
        let form = "application/x-www-form-urlencoded";
        cases.push(request().raw(form, "a=b", "a form").into());
        cases.push(request().raw(form, "{}", "{} as a form").into());
        cases.push(request().raw(JSON, deep(26), "26 levels").into());
        cases.push(request().raw(JSON, deep(400), "400 levels").into());
    }
    for (path, method) in [
        ("nodes", "POST"),
        ("nodes/$node", "PATCH"),
        ("nodes/$node/maintenance", "PUT"),
    ] {
        let large = format!("{{\"extra\":\"{}\"}}", "x".repeat(MEGABYTE + 1));
        let request = Request::new(method, format!("/v1/{path}"));
        cases.push(request.raw(JSON, large, "more than a megabyte").into());
    }
    cases.extend(hostile());
    Chapter {
        name: "bodies",
        preparation: vec![
            node("node", ""),
            post(
                "/v1/ports",
                r#"{"uuid":"$port","address":"$#port","node_uuid":"$node"}"#,
            )
            .into(),
        ],
        cases,
    }
}

/// Nodes whose texts are meant for somebody else.
fn hostile() -> Vec<Case> {
    let mut cases = Vec::new();
    for text in [
        "'; DROP TABLE nodes; --",
        "../../etc/passwd",
        "%s%n{0}",
        "\u{0}",
        "\u{202e}abc",
        "<script>",
        "{{7*7}}",
    ] {
        let mut body = json(r#"{"uuid":"$new","driver":"fake-hardware"}"#);
        for name in ["description", "owner", "resource_class"] {
            if let Some(body) = body.as_object_mut().filter(|_| name != "owner") {
                body.insert(name.to_owned(), text.into());
            }
        }
        if let Some(body) = body.as_object_mut() {
            body.insert("extra".to_owned(), serde_json::json!({ text: text }));
        }
        cases.push(Case::from(Request::new("POST", "/v1/nodes").json(body)).passing());
        let mut named = json(r#"{"driver":"fake-hardware"}"#);
        if let Some(named) = named.as_object_mut() {
            named.insert("name".to_owned(), text.into());
        }
        cases.push(Case::from(Request::new("POST", "/v1/nodes").json(named)).passing());
    }
    cases
}
