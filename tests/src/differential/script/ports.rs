//! Ports: making, changing, listing and filtering them.

use super::super::case::{Case, Chapter};
use super::resource::{Field, Resource, Sort, field};
use super::{create, get, lists, node, patch, post};

const FIELDS: &[Field] = &[
    field(1, "address", Sort::Mac, r#""52:54:aa:00:00:09""#),
    field(1, "node_uuid", Sort::Uuid, r#""$other""#),
    field(1, "extra", Sort::Object, r#"{"a":1}"#),
    field(
        19,
        "local_link_connection",
        Sort::Object,
        r#"{"switch_id":"AA:BB:CC:00:00:01","port_id":"e1","switch_info":"s"}"#,
    ),
    field(19, "pxe_enabled", Sort::Boolean, "false"),
    field(24, "portgroup_uuid", Sort::Uuid, r#"null"#),
    field(34, "physical_network", Sort::Text, r#""physnet1""#),
    field(53, "is_smartnic", Sort::Boolean, "false"),
    field(88, "name", Sort::Text, r#""$$renamed""#),
    field(97, "description", Sort::Text, r#""a port""#),
    field(100, "vendor", Sort::Text, r#""acme""#),
    field(101, "category", Sort::Text, r#""storage""#),
    field(
        111,
        "available_for_dynamic_portgroup",
        Sort::Boolean,
        "false",
    ),
];

const PORT: Resource = Resource {
    collection: "ports",
    since: 1,
    minimal: r#"{"address":"$#new","node_uuid":"$node"}"#,
    fields: FIELDS,
    read_only: &["internal_info", "created_at", "links"],
    others: &[
        (1, "uuid"),
        (1, "created_at"),
        (1, "updated_at"),
        (1, "links"),
        (1, "id"),
        (18, "internal_info"),
    ],
};

/// Connections to a switch.
const LINKS: [&str; 13] = [
    "{}",
    r#"{"port_id":"e1"}"#,
    r#"{"switch_id":"aa:bb:cc:00:00:01"}"#,
    r#"{"switch_id":"x","port_id":"e1"}"#,
    r#"{"switch_id":"00112233445566AA","port_id":"e1"}"#,
    r#"{"switch_id":"aa:bb:cc:00:00:01","port_id":"e1","foo":1}"#,
    r#"{"switch_id":"aa:bb:cc:00:00:01","port_id":5}"#,
    r#"{"hostname":"h","port_id":"e1"}"#,
    r#"{"network_type":"unmanaged"}"#,
    r#"{"network_type":"managed"}"#,
    r#"{"network_type":"x"}"#,
    r#"{"network_type":"managed","switch_id":"aa:bb:cc:00:00:01","port_id":"e1"}"#,
    r#"{"vtep-logical-switch":"a","vtep-physical-switch":"b","port_id":"e1"}"#,
];

/// The chapters.
pub(super) fn chapters() -> Vec<Chapter> {
    let preparation = || -> Vec<Case> {
        vec![
            node("node", ""),
            node("other", ""),
            post(
                "/v1/ports",
                r#"{"uuid":"$it","address":"$#it","node_uuid":"$node","name":"$$it"}"#,
            )
            .into(),
            post(
                "/v1/ports",
                r#"{"uuid":"$second","address":"$#second","node_uuid":"$other","extra":{"a":1},
                    "physical_network":"p1","description":"the second"}"#,
            )
            .into(),
        ]
    };
    let chapter = |name, cases| Chapter {
        name,
        preparation: preparation(),
        cases,
    };
    vec![
        chapter("ports-read", reads()),
        chapter("ports-create", creations()),
        chapter("ports-patch", patches()),
    ]
}

fn reads() -> Vec<Case> {
    let mut requests = Vec::new();
    for query in [
        "node=$node",
        "node=$$node",
        "node=$unknown",
        "node=no-such",
        "node_uuid=$node",
        "node_uuid=$$node",
        "node_uuid=$unknown",
        "node_uuid=x",
        "address=$#it",
        "address=52:54:00:00:00:00",
        "address=x",
        "portgroup=$unknown",
        "portgroup=x%20y",
        "shard=s1",
        "shard=",
        "conductor_groups=g1",
        "description_contains=second",
        "node=$node&node_uuid=$node",
        "limit=1&node=$node",
        "limit=1&address=$#it",
    ] {
        requests.push(get(format!("/v1/ports?{query}")));
        requests.push(get(format!("/v1/ports/detail?{query}")));
        requests.push(get(format!("/v1/ports?{query}")).at(23));
    }
    for minor in [81, 82] {
        requests.push(get("/v1/ports?shard=s1").at(minor));
    }
    for minor in [1, 87, 88, 115] {
        requests.push(get("/v1/ports/$$it").at(minor));
        requests.push(get("/v1/ports/$$it.json").at(minor));
    }
    for path in [
        "$node/ports",
        "$node/ports/detail",
        "$$node/ports",
        "$unknown/ports",
        "$node/ports/$it",
    ] {
        for query in [
            "",
            "?limit=1",
            "?fields=uuid,address",
            "?detail=true",
            "?foo=1",
            "?address=$#it",
        ] {
            requests.push(get(format!("/v1/nodes/{path}{query}")));
        }
    }
    requests.push(post("/v1/nodes/$node/ports", r#"{"address":"$#new"}"#));
    let mut cases: Vec<Case> = requests.into_iter().map(Case::from).collect();
    cases.extend(lists::cases(&PORT));
    cases
}

fn creations() -> Vec<Case> {
    let mut cases = create::cases(&PORT);
    for link in LINKS {
        for (minor, smart) in [(63, ""), (115, ""), (115, r#","is_smartnic":true"#)] {
            let body = format!(
                r#"{{"uuid":"$new","address":"$#new","node_uuid":"$node","local_link_connection":{link}{smart}}}"#
            );
            cases.push(Case::from(post("/v1/ports", &body).at(minor)).passing());
        }
    }
    for body in [
        r#"{"address":"$#new","node_ident":"$$node"}"#,
        r#"{"address":"$#new","node_ident":"$node"}"#,
        r#"{"address":"$#new","node_ident":"no-such"}"#,
        r#"{"address":"$#new","node_ident":"x y"}"#,
        r#"{"address":"$#new","node_ident":"$$node","node_uuid":"$node"}"#,
        r#"{"address":"$#it","node_uuid":"$node"}"#,
        r#"{"address":"$#it","node_uuid":"$other"}"#,
        r#"{"address":"$#new","node_uuid":"$node","name":"$$it"}"#,
        r#"{"address":"$#new","node_uuid":"$unknown"}"#,
        r#"{"address":"$#new","node_uuid":"$node","portgroup_uuid":"$unknown"}"#,
    ] {
        cases.push(Case::from(post("/v1/ports", body)).passing());
        cases.push(Case::from(post("/v1/ports", body).at(93)).passing());
    }
    cases
}

fn patches() -> Vec<Case> {
    let mut cases = patch::cases(&PORT);
    let change = |document: String| {
        super::super::case::Request::new("PATCH", "/v1/ports/$it").json(super::json(&document))
    };
    for link in LINKS {
        let document =
            format!(r#"[{{"op":"replace","path":"/local_link_connection","value":{link}}}]"#);
        cases.push(change(document.clone()).at(63).into());
        cases.push(change(document).into());
    }
    for document in [
        r#"[{"op":"replace","path":"/address","value":"$#second"}]"#,
        r#"[{"op":"replace","path":"/node_uuid","value":"$unknown"}]"#,
        r#"[{"op":"replace","path":"/name","value":"$$second"}]"#,
        r#"[{"op":"replace","path":"/node_ident","value":"$$other"}]"#,
        r#"[{"op":"replace","path":"/internal_info","value":{}}]"#,
    ] {
        cases.push(change(document.to_owned()).into());
    }
    cases
}
