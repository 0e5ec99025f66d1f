//! What belongs to others is not there, whatever is asked and however: not in lists, not as the marker of
//! a page, not in the words of a refusal. On both databases.

use cupola_api::diagnosis::{Diagnosis, UnknownMachine};
use cupola_api::event::EventKind;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::port::Port;
use cupola_api::portgroup::Portgroup;
use cupola_api::state::provision::ProvisionState;
use cupola_api::volume_connector::VolumeConnector;
use cupola_api::volume_target::VolumeTarget;
use cupola_api::{MacAddress, PortId, Rung};
use serde_json::json;
use uuid::Uuid;

use super::policy::{ADMIN, READER, ask, get, who};
use super::*;
use crate::auth::Caller;
use crate::conductor::diagnosis::tests::kept_cause;
use crate::store::tests::postgres::Postgres;

/// The project whose members ask, and another one.
const OWN: &str = "p";
const OTHER: &str = "r";

/// The lists that show what belongs to a project, and keys they can be sorted by.
const LISTS: [(&str, &[&str]); 7] = [
    (
        "nodes",
        &["id", "uuid", "name", "created_at", "resource_class"],
    ),
    ("ports", &["id", "uuid", "name", "created_at", "address"]),
    ("portgroups", &["id", "uuid", "name", "created_at"]),
    ("volume/connectors", &["id", "uuid", "connector_id"]),
    ("volume/targets", &["id", "uuid", "boot_index"]),
    ("allocations", &["id", "uuid", "name", "resource_class"]),
    ("runbooks", &["id", "uuid", "name"]),
];

/// One thing of each kind, by its name and UUID.
#[derive(Debug, Default)]
struct Things {
    node: String,
    port: String,
    portgroup: String,
    connector: String,
    target: String,
    allocation: String,
}

/// A node with all that can belong to one; `number` keeps things apart.
async fn rack(api: &Api, number: u8, owner: Option<&str>, lessee: Option<&str>) -> Things {
    let mut node = Node::new(NodeId::random(), "fake-hardware".to_owned());
    node.name = Some(format!("node-{number}"));
    node.owner = owner.map(str::to_owned);
    node.lessee = lessee.map(str::to_owned);
    node.resource_class = Some(format!("class-{}", number % 3));
    node.conductor_group = "g".to_owned();
    let node = api.store.create_node(node).await.expect("a node").uuid;
    let mut group = Portgroup::new(node);
    group.name = Some(format!("group-{number}"));
    let group = api.store.create_document(group).await.expect("a group");
    let address = MacAddress::new([2, 0, 0, 0, 0, number]);
    let mut port = Port::new(PortId::random(), node, address);
    port.name = Some(format!("port-{number}"));
    port.portgroup_uuid = Some(group.uuid.0);
    let port = api.store.create_port(port).await.expect("a port");
    let connector = VolumeConnector::new(node, "iqn", &format!("iqn.2026-01.test:{number}"));
    let connector = api.store.create_document(connector).await.expect("one");
    let target = VolumeTarget::new(node, "iscsi", i64::from(number), "v");
    let target = api.store.create_document(target).await.expect("a target");
    Things {
        node: node.to_string(),
        port: port.uuid.to_string(),
        portgroup: group.uuid.to_string(),
        connector: connector.uuid.to_string(),
        target: target.uuid.to_string(),
        allocation: String::new(),
    }
}

/// Things of the own project and of others in turns; the last of the own and of the others.
async fn racks(api: &Api) -> (Things, Things) {
    let of = [
        (Some(OTHER), None),
        (Some(OWN), None),
        (None, None),
        (Some(OTHER), Some(OWN)),
        (Some(OTHER), None),
        (Some(OWN), Some(OTHER)),
        (None, Some(OTHER)),
    ];
    let (mut own, mut other) = (Things::default(), Things::default());
    for (number, (owner, lessee)) in (1_u8..).zip(of) {
        let mut things = rack(api, number, owner, lessee).await;
        let is_own = owner == Some(OWN) || lessee == Some(OWN);
        let project = if is_own { OWN } else { OTHER };
        things.allocation = made(api, &who(project, ADMIN), "allocations", json!({
            "name": format!("allocation-{number}"), "resource_class": format!("class-{}", number % 3),
        }))
        .await;
        runbook(api, &who(project, ADMIN), number, false).await;
        runbook(api, &who("", ADMIN), number + 100, number % 3 == 0).await;
        *(if is_own { &mut own } else { &mut other }) = things;
    }
    (own, other)
}

async fn made(api: &Api, caller: &Caller, path: &str, body: Value) -> String {
    let reply = ask(
        api,
        caller,
        Method::POST,
        &format!("/v1/{path}"),
        Some(body),
    )
    .await;
    assert_eq!(reply.status, 201, "{path}: {}", reply.fault());
    reply.body["uuid"].as_str().unwrap_or_default().to_owned()
}

async fn runbook(api: &Api, caller: &Caller, number: u8, public: bool) {
    let body = json!({ "name": format!("CUSTOM_{number}"), "public": public,
        "steps": [{ "interface": "deploy", "step": "erase_devices", "args": {}, "order": 1 }] });
    made(api, caller, "runbooks", body).await;
}

/// What a list has, a page after the other as `next` says.
async fn walk(api: &Api, caller: &Caller, path: &str, query: &str) -> Vec<Value> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut found = Vec::new();
    let mut next = Some(format!("/v1/{path}?{query}"));
    while let Some(at) = next {
        let page = get(api, caller, &at).await;
        assert_eq!(page.status, 200, "{at}: {}", page.fault());
        found.extend(page.body[name].as_array().cloned().unwrap_or_default());
        let link = page.body["next"].as_str();
        next = link.and_then(|link| Some(format!("/v1/{}", link.split_once("/v1/")?.1)));
        assert!(found.len() < 100, "{at} goes on for ever");
    }
    found
}

fn uuids(items: &[Value]) -> Vec<String> {
    let uuid = |item: &Value| item["uuid"].as_str().unwrap_or_default().to_owned();
    items.iter().map(uuid).collect()
}

/// Each list, by each key and in both directions, is in pages what it is at once, which is what the whole
/// system's has of the project.
async fn lists_have_the_projects_own(api: &Api) {
    let (caller, system) = (who(OWN, READER), who("", READER));
    for (path, keys) in LISTS {
        let all = walk(api, &system, path, "").await;
        let own = uuids(&walk(api, &caller, path, "").await);
        let want = if path == "runbooks" { 3 + 2 } else { 3 };
        assert_eq!((own.len(), all.len() >= 7), (want, true), "{path}");
        for key in keys {
            for direction in ["asc", "desc"] {
                let query = format!("sort_key={key}&sort_dir={direction}");
                let mut sorted = uuids(&walk(api, &system, path, &query).await);
                sorted.retain(|uuid| own.contains(uuid));
                for limit in [1, 2, 100] {
                    let query = format!("{query}&limit={limit}");
                    let got = uuids(&walk(api, &caller, path, &query).await);
                    assert_eq!(got, sorted, "{path}?{query}");
                }
            }
        }
    }
    // A full page in the middle has a link, also where what lies between is not shown.
    let page = get(api, &caller, "/v1/runbooks?limit=4").await;
    let shown = page.body["runbooks"].as_array().map(Vec::len);
    assert_eq!((shown, page.body["next"].is_string()), (Some(4), true));
}

async fn filters_find_the_projects_own(api: &Api, own: &Things) {
    let caller = who(OWN, READER);
    let filtered = [
        ("nodes?resource_class=class-0", 1),
        ("nodes?owner=r", 1),
        ("nodes?lessee=r", 1),
        ("nodes?project=p", 3),
        ("nodes?owner=x", 0),
        ("ports?address=02:00:00:00:00:02", 1),
        ("ports?address=02:00:00:00:00:01", 0),
        ("portgroups?conductor_groups=g", 3),
        ("allocations?resource_class=class-0", 1),
        ("allocations?owner=p", 3),
        ("allocations?state=allocating", 3),
    ];
    for (path, want) in filtered {
        let (path, query) = path.split_once('?').unwrap_or_default();
        let got = walk(api, &caller, path, &format!("{query}&limit=1")).await;
        assert_eq!(got.len(), want, "{path}?{query}");
    }
    let node = &own.node;
    for path in ["ports", "portgroups", "volume/connectors", "volume/targets"] {
        let got = walk(api, &caller, path, &format!("node={node}")).await;
        assert_eq!(got.len(), 1, "{path}");
    }
    let group = format!("portgroup={}", own.portgroup);
    assert_eq!(walk(api, &caller, "ports", &group).await.len(), 1);
    for path in [
        "nodes?project=r",
        "allocations?owner=r",
        "nodes?sort_key=last_error",
    ] {
        let refused = get(api, &caller, &format!("/v1/{path}")).await;
        assert_eq!(refused.status, 403, "{path}");
    }
}

/// An answer without the words by which things differ that do not exist.
fn bare(reply: &Reply, ident: &str) -> (u16, String) {
    let canonical = Uuid::try_parse(ident).map_or_else(|_| ident.to_owned(), |id| id.to_string());
    let body = reply.body.to_string();
    let body = body.replace(ident, "GIVEN");
    (reply.status, body.replace(&canonical, "UUID"))
}

/// The forms in which a foreign and a missing thing are asked for.
fn forms(uuid: &str, name: Option<(&str, &str)>) -> Vec<(String, String)> {
    let missing = "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0";
    let bare = |text: &str| text.replace('-', "");
    let mut forms = vec![
        (uuid.to_owned(), missing.to_owned()),
        (uuid.to_uppercase(), missing.to_uppercase()),
        (bare(uuid), bare(missing)),
    ];
    forms.extend(name.map(|(foreign, missing)| (foreign.to_owned(), missing.to_owned())));
    forms
}

/// `PLACE` stands for what is asked for.
async fn answers_are_the_same(
    api: &Api,
    (method, path, body): (&Method, &str, Option<Value>),
    forms: &[(String, String)],
) {
    for role in [READER, ADMIN] {
        for (foreign, missing) in forms {
            let caller = who(OWN, role);
            let fill = |ident: &str| {
                let body = body
                    .as_ref()
                    .map(|body| body.to_string().replace("PLACE", ident));
                let body = body.and_then(|text| serde_json::from_str(&text).ok());
                (format!("/v1/{}", path.replace("PLACE", ident)), body)
            };
            let (at, with) = fill(foreign);
            let theirs = ask(api, &caller, method.clone(), &at, with).await;
            let (at, with) = fill(missing);
            let nobodys = ask(api, &caller, method.clone(), &at, with).await;
            assert_eq!(
                bare(&theirs, foreign),
                bare(&nobodys, missing),
                "{method} {at}"
            );
            assert!(theirs.status >= 400, "{method} {at}: {}", theirs.body);
        }
    }
}

async fn what_is_foreign_is_not_there(api: &Api, other: &Things) {
    let kinds = [
        ("nodes", &other.node, Some(("node-7", "node-8"))),
        ("ports", &other.port, Some(("port-7", "port-8"))),
        ("portgroups", &other.portgroup, Some(("group-7", "group-8"))),
        ("volume/connectors", &other.connector, None),
        ("volume/targets", &other.target, None),
        (
            "allocations",
            &other.allocation,
            Some(("allocation-7", "allocation-8")),
        ),
    ];
    let extra = json!([{ "op": "add", "path": "/extra/a", "value": 1 }]);
    for (path, uuid, name) in kinds {
        let item = format!("{path}/PLACE");
        let forms = forms(uuid, name);
        let patch = (&Method::PATCH, item.as_str(), Some(extra.clone()));
        answers_are_the_same(api, (&Method::GET, &item, None), &forms).await;
        answers_are_the_same(api, patch, &forms).await;
        answers_are_the_same(api, (&Method::DELETE, &item, None), &forms).await;
        for tail in ["", "&sort_key=uuid", "&sort_key=created_at&sort_dir=desc"] {
            let page = format!("{path}?marker=PLACE{tail}");
            answers_are_the_same(api, (&Method::GET, &page, None), &forms).await;
        }
    }
}

/// What is named beside the path, or above what is asked for.
async fn what_is_foreign_is_not_there_for_others(api: &Api, own: &Things, other: &Things) {
    let (node, group) = (&other.node, &other.portgroup);
    let nodes = forms(node, Some(("node-7", "node-8")));
    for path in [
        "nodes/PLACE/states",
        "nodes/PLACE/ports",
        "nodes/PLACE/portgroups",
        "nodes/PLACE/volume/targets",
        "nodes/PLACE/allocation",
        "nodes/PLACE/history",
        "ports?node=PLACE",
        "portgroups?node=PLACE",
        "volume/connectors?node=PLACE",
        "allocations?node=PLACE",
    ] {
        answers_are_the_same(api, (&Method::GET, path, None), &nodes).await;
    }
    let of_own = [
        ("ports", &other.port),
        ("portgroups", &other.portgroup),
        ("volume/connectors", &other.connector),
        ("volume/targets", &other.target),
    ];
    for (path, marker) in of_own {
        let path = format!("nodes/{}/{path}?marker=PLACE", own.node);
        answers_are_the_same(api, (&Method::GET, &path, None), &forms(marker, None)).await;
    }
    let groups = forms(group, Some(("group-7", "group-8")));
    for path in ["ports?portgroup=PLACE", "portgroups/PLACE/ports"] {
        answers_are_the_same(api, (&Method::GET, path, None), &groups).await;
    }
}

/// What a body names.
async fn what_is_foreign_cannot_be_referred_to(api: &Api, own: &Things, other: &Things) {
    let nodes = forms(&other.node, Some(("node-7", "node-8")));
    let groups = forms(&other.portgroup, Some(("group-7", "group-8")));
    let own_node = &own.node;
    let posts = [
        (
            "ports",
            json!({ "node_uuid": "PLACE", "address": "02:00:00:00:01:01" }),
            &nodes[..3],
        ),
        ("portgroups", json!({ "node_uuid": "PLACE" }), &nodes[..3]),
        (
            "volume/targets",
            json!({ "node_uuid": "PLACE", "volume_type": "iscsi", "boot_index": 0,
            "volume_id": "v" }),
            &nodes[..3],
        ),
        (
            "ports",
            json!({ "node_uuid": own_node, "address": "02:00:00:00:01:01",
            "portgroup_uuid": "PLACE" }),
            &groups[..3],
        ),
        (
            "allocations",
            json!({ "resource_class": "a", "candidate_nodes": ["PLACE"] }),
            &nodes,
        ),
        ("allocations", json!({ "node": "PLACE" }), &nodes),
        (
            "nodes",
            json!({ "driver": "fake-hardware", "parent_node": "PLACE" }),
            &nodes,
        ),
    ];
    for (path, body, forms) in posts {
        answers_are_the_same(api, (&Method::POST, path, Some(body)), forms).await;
    }
    let moves = [
        (
            format!("ports/{}", own.port),
            "/portgroup_uuid",
            &groups[..3],
        ),
        (format!("ports/{}", own.port), "/node_uuid", &nodes[..3]),
        (
            format!("portgroups/{}", own.portgroup),
            "/node_uuid",
            &nodes[..3],
        ),
        (
            format!("volume/targets/{}", own.target),
            "/node_uuid",
            &nodes[..3],
        ),
    ];
    for (path, field, forms) in moves {
        let patch = json!([{ "op": "replace", "path": field, "value": "PLACE" }]);
        answers_are_the_same(api, (&Method::PATCH, &path, Some(patch)), forms).await;
    }
}

async fn everything(api: &Api) {
    let (own, other) = racks(api).await;
    lists_have_the_projects_own(api).await;
    filters_find_the_projects_own(api, &own).await;
    what_is_foreign_is_not_there(api, &other).await;
    what_is_foreign_is_not_there_for_others(api, &own, &other).await;
    what_is_foreign_cannot_be_referred_to(api, &own, &other).await;
}

async fn on(database: StoreOptions, directory: tempfile::TempDir) -> Api {
    Api::start_on(
        &database,
        directory,
        &Config::default(),
        Authentication::Open,
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_see_their_own_alone() {
    for exclusive in [true, false] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut database = StoreOptions::new(directory.path());
        database.exclusive = Some(exclusive);
        everything(&on(database, directory).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_see_their_own_alone_on_postgresql() {
    let mut cluster = match Postgres::start() {
        Ok(cluster) => cluster,
        Err(reason) => {
            eprintln!("SKIPPED projects_see_their_own_alone_on_postgresql: {reason:#}");
            return;
        }
    };
    for (name, exclusive) in [("shared", false), ("alone", true)] {
        let directory = tempfile::tempdir().expect("a directory");
        let url = cluster.create_database(name).expect("a database");
        let mut database = StoreOptions::new(directory.path()).with_url(url);
        database.exclusive = Some(exclusive);
        let api = on(database, directory).await;
        everything(&api).await;
        api.store.close().await;
    }
    cluster.stop().expect("an end");
}

#[tokio::test]
async fn a_diagnosis_names_others_to_who_may_see_them() {
    let api = Api::start().await;
    let (own, other) = racks(&api).await;
    let parse = |uuid: &str| uuid.parse::<NodeId>().expect("a UUID");
    let node = parse(&own.node);
    let broken = |n: &mut Node| {
        n.provision_state = ProvisionState::DeployFailed;
        n.last_error = Some("Timeout.".to_owned());
    };
    api.store.modify_node(node, broken).await.expect("broken");
    let diagnosis = Diagnosis {
        reached: None,
        rung: Rung::DhcpDiscover,
        expected: "it asks".to_owned(),
        causes: vec![kept_cause(2)],
        unknown: Some(UnknownMachine {
            mac: MacAddress::new([0x52, 0x54, 0, 0, 0, 9]),
            rivals: vec![parse(&other.node), NodeId::random()],
        }),
    };
    assert!(!diagnosis.explain("").contains("52:54"));
    let kind = EventKind::Diagnosis(Box::new(diagnosis));
    api.events.publish(Some(node), kind);
    api.events.flush().await;
    for path in ["explain", "timeline"] {
        let path = format!("/cupola/v1/nodes/{node}/{path}");
        let theirs = get(&api, &who(OWN, READER), &path).await.body.to_string();
        for hidden in ["52:54:00:00:00:09", "node-7", &other.node] {
            assert!(!theirs.contains(hidden), "{path}: {theirs}");
        }
        assert!(theirs.contains("2 machines that are not yours"), "{theirs}");
        let all = get(&api, &who("", READER), &path).await.body.to_string();
        for shown in ["52:54:00:00:00:09", "node-7"] {
            assert!(all.contains(shown), "{path}: {all}");
        }
    }
}
