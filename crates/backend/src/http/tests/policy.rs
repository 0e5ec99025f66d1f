//! What holders of tokens get to see and may change, over the router. Who passes which rule is tested
//! beside the rules.

use cupola_api::contract::{Operation, ROUTES};
use cupola_api::event::{EventKind, StreamItem};
use cupola_api::node::Node;
use cupola_api::port::Port;
use cupola_api::{MacAddress, NodeId, PortId};
use serde_json::json;

use super::*;
use crate::auth::{Caller, Credentials, Scope};

/// Who has these roles in a project; in the whole system where there is none.
pub(super) fn who(project: &str, roles: &[&str]) -> Caller {
    let scope = if project.is_empty() {
        Scope::System
    } else {
        Scope::Project {
            id: project.to_owned(),
            name: format!("{project}-name"),
            domain_id: "default".to_owned(),
        }
    };
    Caller::Token(Arc::new(Credentials {
        user_id: "u1".to_owned(),
        user_name: "ann".to_owned(),
        user_domain_id: "default".to_owned(),
        roles: roles.iter().map(ToString::to_string).collect(),
        scope,
        is_admin_project: true,
    }))
}

pub(super) const READER: &[&str] = &["reader"];
const MEMBER: &[&str] = &["member", "reader"];
pub(super) const ADMIN: &[&str] = &["admin", "manager", "member", "reader"];

pub(super) async fn ask(
    api: &Api,
    who: &Caller,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("x-openstack-ironic-api-version", "1.115")
        .extension(who.clone())
        .body(body.map_or_else(Body::empty, |b| Body::from(b.to_string())));
    api.send(request.unwrap()).await
}

pub(super) async fn get(api: &Api, who: &Caller, path: &str) -> Reply {
    ask(api, who, Method::GET, path, None).await
}

/// A node that `p` owns and `q` leases, one that `r` owns, one of nobody; each with a port.
async fn racks() -> (Api, NodeId) {
    racks_in(Api::start().await).await
}

/// The same where a policy file says this.
async fn racks_by(policy: &str) -> (Api, NodeId) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    std::fs::write(&path, policy).unwrap();
    let mut config = Config::default();
    config.api.policy_file = Some(path);
    racks_in(Api::start_as(&config, Authentication::Open).await).await
}

async fn racks_in(api: Api) -> (Api, NodeId) {
    let of = [
        ("leased", Some("p"), Some("q")),
        ("other", Some("r"), None),
        ("free", None, None),
    ];
    let mut first = None;
    for (octet, (name, owner, lessee)) in (1_u8..).zip(of) {
        let mut node = Node::new(NodeId::random(), "fake-hardware".to_owned());
        node.name = Some(name.to_owned());
        node.owner = owner.map(str::to_owned);
        node.lessee = lessee.map(str::to_owned);
        node.last_error = Some("host 10.0.0.1 failed".to_owned());
        let stored = api.store.create_node(node).await.unwrap();
        let address = MacAddress::new([2, 0, 0, 0, 0, octet]);
        let port = Port::new(PortId::random(), stored.uuid, address);
        api.store.create_port(port).await.unwrap();
        first.get_or_insert(stored.uuid);
    }
    (api, first.unwrap())
}

fn names(reply: &Reply, collection: &str, field: &str) -> Vec<String> {
    let items = reply.body[collection]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |item: &Value| item[field].as_str().unwrap_or_default().to_owned();
    items.iter().map(text).collect()
}

#[tokio::test]
async fn without_roles_no_route_tells_or_does_anything() {
    let (api, node) = racks().await;
    let port = api.store.ports_of(node).await.unwrap()[0].uuid;
    for caller in [who("p", &[]), who("", &[]), who("stranger", READER)] {
        let is_reader = matches!(&caller, Caller::Token(who) if !who.roles.is_empty());
        for route in ROUTES.iter().filter(|route| !route.policy.is_empty()) {
            let path = route
                .path
                .replace("{node}", "leased")
                .replace("{port}", &port.to_string())
                .replace("{trait}", "CUSTOM_A");
            let path = match path.strip_prefix('/') {
                Some(_) => path,
                None => format!("/v1/{path}"),
            };
            let reply = ask(&api, &caller, route.method.clone(), &path, None).await;
            let is_list = is_reader && route.policy.ends_with(":list");
            let what = format!(
                "{} {path}: {} {}",
                route.method,
                reply.status,
                reply.fault()
            );
            assert!(is_list || (400..500).contains(&reply.status), "{what}");
            if is_list && reply.status == 200 {
                let shown = reply.body.as_object().unwrap();
                assert!(shown.values().all(|all| *all == json!([])), "{what}");
            }
            let asks_first = matches!(
                route.operation,
                Operation::ListDrivers | Operation::ReadMetrics | Operation::FollowEvents
            );
            assert!(!asks_first || reply.status == 403, "{what}");
        }
    }
}

#[tokio::test]
async fn lists_show_what_the_project_owns_or_leases() {
    let (api, _) = racks().await;
    for (project, want) in [
        ("p", vec!["leased"]),
        ("q", vec!["leased"]),
        ("r", vec!["other"]),
    ] {
        let caller = who(project, READER);
        for path in ["/v1/nodes?fields=name", "/v1/nodes/detail"] {
            assert_eq!(
                names(&get(&api, &caller, path).await, "nodes", "name"),
                want
            );
        }
        let ports = get(&api, &caller, "/v1/ports?limit=1").await;
        assert_eq!(names(&ports, "ports", "uuid").len(), 1);
        let foreign = get(&api, &caller, "/v1/nodes?project=x").await;
        assert_eq!(foreign.status, 403);
    }
    assert_eq!(
        names(
            &get(&api, &who("", READER), "/v1/nodes").await,
            "nodes",
            "name"
        )
        .len(),
        3
    );
    assert_eq!(
        names(
            &get(&api, &who("x", READER), "/v1/ports").await,
            "ports",
            "uuid"
        )
        .len(),
        0
    );
    // Pages that everybody may see are not given to who may not, nor the other way round.
    assert_eq!(names(&api.get("/v1/nodes").await, "nodes", "name").len(), 3);
    assert_eq!(
        names(
            &get(&api, &who("p", READER), "/v1/nodes").await,
            "nodes",
            "name"
        )
        .len(),
        1
    );
}

#[tokio::test]
async fn what_may_not_be_seen_is_not_there_and_what_may_is_not_whole() {
    let (api, node) = racks().await;
    let hidden = get(&api, &who("r", ADMIN), "/v1/nodes/leased").await;
    let missing = get(&api, &who("r", ADMIN), "/v1/nodes/nothing").await;
    assert_eq!((hidden.status, missing.status), (404, 404));
    assert_eq!(hidden.fault(), "Node leased could not be found.");
    let port = api.store.ports_of(node).await.unwrap()[0].uuid;
    let path = format!("/v1/ports/{port}");
    assert_eq!(get(&api, &who("r", READER), &path).await.status, 404);
    assert_eq!(get(&api, &who("q", READER), &path).await.status, 200);
    let error = |reply: &Reply| {
        reply.body["last_error"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let owner = get(&api, &who("p", READER), "/v1/nodes/leased").await;
    assert_eq!(error(&owner), "host 10.0.0.1 failed");
    let lessee = get(&api, &who("q", READER), "/v1/nodes/leased").await;
    assert!(
        error(&lessee).contains("Requires baremetal:node:get:last_error"),
        "{}",
        error(&lessee)
    );
    let listed = get(&api, &who("q", READER), "/v1/nodes/detail").await;
    assert!(!listed.body.to_string().contains("10.0.0.1"));
    for path in ["timeline", "explain", "logs"] {
        let path = format!("/cupola/v1/nodes/{node}/{path}");
        assert_eq!(
            get(&api, &who("q", READER), &path).await.status,
            403,
            "{path}"
        );
        assert_eq!(
            get(&api, &who("r", READER), &path).await.status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn each_field_of_a_patch_asks_its_rule() {
    let (api, _) = racks().await;
    let patch =
        |path: &str, value: Value| Some(json!([{"op": "add", "path": path, "value": value}]));
    let cases = [
        (who("p", MEMBER), "/name", 200),
        (who("p", READER), "/extra", 403),
        (who("p", MEMBER), "/owner", 403),
        (who("", MEMBER), "/owner", 200),
        (who("q", MEMBER), "/extra", 200),
        (who("q", MEMBER), "/driver_info", 403),
        (who("r", ADMIN), "/extra", 404),
    ];
    for (caller, path, status) in cases {
        let value = match path {
            "/extra" | "/driver_info" => json!({"a": 1}),
            "/owner" => json!("p"),
            _ => json!("leased"),
        };
        let body = patch(path, value);
        let reply = ask(&api, &caller, Method::PATCH, "/v1/nodes/leased", body).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.fault());
    }
    let refused = ask(
        &api,
        &who("p", MEMBER),
        Method::DELETE,
        "/v1/nodes/leased",
        None,
    )
    .await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.fault(),
        "Access was denied to the following resource: baremetal:node:delete"
    );
}

#[tokio::test]
async fn a_project_owns_what_it_enrols() {
    let (api, _) = racks().await;
    let caller = who("p", ADMIN);
    let body = json!({"driver": "fake-hardware", "name": "own"});
    let made = ask(&api, &caller, Method::POST, "/v1/nodes", Some(body)).await;
    assert_eq!((made.status, &made.body["owner"]), (201, &json!("p")));
    let foreign = json!({"driver": "fake-hardware", "owner": "r"});
    let refused = ask(&api, &caller, Method::POST, "/v1/nodes", Some(foreign)).await;
    assert_eq!(refused.status, 400);
    let address = "02:00:00:00:01:01";
    let port = |node: &str| Some(json!({"node_ident": node, "address": address}));
    let strange = ask(&api, &caller, Method::POST, "/v1/ports", port("other")).await;
    assert_eq!(strange.status, 400, "{}", strange.fault());
    let own = ask(&api, &caller, Method::POST, "/v1/ports", port("own")).await;
    assert_eq!(own.status, 201, "{}", own.fault());
    let gone = ask(&api, &caller, Method::DELETE, "/v1/nodes/own", None).await;
    assert_eq!(gone.status, 204, "{}", gone.fault());
}

#[tokio::test]
async fn allocations_and_runbooks_belong_to_projects() {
    let (api, _) = racks().await;
    let (own, other) = (who("p", ADMIN), who("r", ADMIN));
    let body = Some(json!({"name": "a1", "resource_class": "x"}));
    let made = ask(&api, &own, Method::POST, "/v1/allocations", body).await;
    assert_eq!(made.body["owner"], "p", "{}", made.fault());
    assert_eq!(get(&api, &own, "/v1/allocations/a1").await.status, 200);
    assert_eq!(get(&api, &other, "/v1/allocations/a1").await.status, 404);
    let listed = get(&api, &other, "/v1/allocations").await;
    assert_eq!(listed.body["allocations"], json!([]));
    let foreign = Some(json!({"name": "a2", "resource_class": "x", "owner": "r"}));
    let refused = ask(&api, &own, Method::POST, "/v1/allocations", foreign).await;
    assert_eq!(refused.status, 403);
    let steps = json!([{"interface": "deploy", "step": "erase_devices", "args": {}, "order": 1}]);
    let book =
        |name: &str, public: bool| Some(json!({"name": name, "steps": steps, "public": public}));
    let made = ask(
        &api,
        &own,
        Method::POST,
        "/v1/runbooks",
        book("CUSTOM_P", false),
    )
    .await;
    assert_eq!(made.body["owner"], "p", "{}", made.fault());
    let system = who("", ADMIN);
    for (name, public) in [("CUSTOM_SYSTEM", false), ("CUSTOM_ALL", true)] {
        let body = book(name, public);
        let made = ask(&api, &system, Method::POST, "/v1/runbooks", body).await;
        assert_eq!(made.status, 201, "{}", made.fault());
    }
    let seen = get(&api, &other, "/v1/runbooks").await;
    assert_eq!(names(&seen, "runbooks", "name"), ["CUSTOM_ALL"]);
    let mut seen = names(
        &get(&api, &own, "/v1/runbooks?limit=2").await,
        "runbooks",
        "name",
    );
    seen.sort();
    assert_eq!(seen, ["CUSTOM_ALL", "CUSTOM_P"]);
    assert_eq!(get(&api, &other, "/v1/runbooks/CUSTOM_P").await.status, 403);
    assert_eq!(
        get(&api, &other, "/v1/runbooks/CUSTOM_ALL").await.status,
        200
    );
}

#[tokio::test]
async fn a_timeline_tells_who_changed_its_node() {
    let (api, node) = racks().await;
    let body = Some(json!([{"op": "add", "path": "/extra/a", "value": 1}]));
    let done = ask(
        &api,
        &who("p", MEMBER),
        Method::PATCH,
        "/v1/nodes/leased",
        body,
    )
    .await;
    let id = done.header("x-openstack-request-id").to_owned();
    let refused = ask(
        &api,
        &who("q", READER),
        Method::DELETE,
        "/v1/nodes/leased",
        None,
    )
    .await;
    assert_eq!((done.status, refused.status), (200, 403));
    api.patch(
        "/v1/nodes/leased",
        json!([{"op": "remove", "path": "/extra/a"}]),
    )
    .await;
    api.events.flush().await;
    let told = api.events.timeline(node, None, 100).await.unwrap();
    let audits: Vec<_> = told
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Log { source, text, .. } if source == "audit" => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let [done, refused] = audits.as_slice() else {
        panic!("{audits:?}");
    };
    let want = format!(
        "user ann (u1) of project p-name (p): PATCH /v1/nodes/leased was answered with 200 ({id})"
    );
    assert_eq!(*done, want);
    assert!(
        refused.contains("DELETE") && refused.contains("403"),
        "{refused}"
    );
}

#[tokio::test]
async fn events_tell_who_changed_what_belongs_to_no_node() {
    let (api, _) = racks().await;
    let mut told = api.events.subscribe(None, None);
    let admin = who("", ADMIN);
    let body = json!({"description": "row 7"});
    ask(&api, &admin, Method::GET, "/v1/chassis", None).await;
    let made = ask(&api, &admin, Method::POST, "/v1/chassis", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.header("x-openstack-request-id").to_owned();
    let audit = loop {
        let Some(StreamItem::Event(event)) = told.next().await else {
            panic!("events come");
        };
        if let EventKind::Log { source, text, .. } = event.kind
            && source == "audit"
        {
            assert_eq!(event.node, None);
            break text;
        }
    };
    let want = format!("POST /v1/chassis was answered with {} ({id})", made.status);
    assert!(
        audit.contains("user ann") && audit.ends_with(&want),
        "{audit}"
    );
}

#[tokio::test]
async fn single_steps_have_rules_where_a_file_has_them() {
    let rule = "\"baremetal:step:execute:deploy.erase_devices\": \"role:admin and project_id:%(node.owner)s\"";
    let (api, node) = racks_by(rule).await;
    let ready = |n: &mut Node| {
        n.provision_state = cupola_api::state::provision::ProvisionState::Manageable;
    };
    api.store.modify_node(node, ready).await.unwrap();
    let traits = json!({"traits": ["CUSTOM_A"]});
    api.put("/v1/nodes/leased/traits", traits.clone()).await;
    let step = |name: &str| json!({"interface": "deploy", "step": name});
    let path = "/v1/nodes/leased/states/provision";
    let cleans = async |caller: &Caller, name: &str| {
        let body = json!({"target": "clean", "clean_steps": [step(name)]});
        ask(&api, caller, Method::PUT, path, Some(body)).await
    };
    let text = "insufficient privileges to execute step erase_devices on interface deploy";
    for (caller, status) in [
        (who("p", MEMBER), 403),
        (who("", ADMIN), 403),
        (who("p", ADMIN), 202),
    ] {
        let reply = cleans(&caller, "erase_devices").await;
        assert_eq!(reply.status, status, "{}", reply.fault());
        assert_eq!(reply.fault() == text, status == 403, "{}", reply.fault());
        assert_eq!(cleans(&caller, "other").await.status, 202);
    }
    // Before anything that the node's state says.
    let body = json!({"target": "active", "deploy_steps": [
        {"interface": "deploy", "step": "erase_devices", "args": {}, "priority": 1}]});
    let refused = ask(&api, &who("p", MEMBER), Method::PUT, path, Some(body)).await;
    assert_eq!((refused.status, refused.fault()), (403, text.to_owned()));

    // A runbook is made for no node in particular: nobody owns that.
    let book = |name: &str, public: bool, step: &str| {
        Some(json!({"name": name, "public": public,
            "steps": [{"interface": "deploy", "step": step, "args": {}, "order": 1}]}))
    };
    let own = who("p", ADMIN);
    let make =
        async |caller: &Caller, body| ask(&api, caller, Method::POST, "/v1/runbooks", body).await;
    let refused = make(&own, book("CUSTOM_B", false, "erase_devices")).await;
    assert_eq!((refused.status, refused.fault()), (403, text.to_owned()));
    assert_eq!(
        make(&own, book("CUSTOM_B", false, "other")).await.status,
        201
    );
    let patch = json!([{"op": "replace", "path": "/steps/0/step", "value": "erase_devices"}]);
    let path = "/v1/runbooks/CUSTOM_B";
    let refused = ask(&api, &own, Method::PATCH, path, Some(patch.clone())).await;
    assert_eq!((refused.status, refused.fault()), (403, text.to_owned()));
    api.put("/v1/runbooks/CUSTOM_B/traits", traits).await;
    // One that somebody could make before there was the rule.
    api.patch(path, patch).await;
    let uses = async |caller: &Caller| {
        let body = json!({"target": "clean", "runbook": "CUSTOM_B"});
        let path = "/v1/nodes/leased/states/provision";
        ask(&api, caller, Method::PUT, path, Some(body)).await
    };
    let manager = who("p", &["manager", "member", "reader"]);
    let refused = uses(&manager).await;
    assert_eq!((refused.status, refused.fault()), (403, text.to_owned()));
    let used = uses(&own).await;
    assert_eq!(used.status, 202, "{}", used.fault());
    api.patch(
        path,
        json!([{"op": "replace", "path": "/public", "value": true}]),
    )
    .await;
    assert_ne!(uses(&who("", MEMBER)).await.fault(), text);
}

#[tokio::test]
async fn secrets_are_shown_to_whom_a_file_names() {
    let rules = "\"show_password\": \"role:admin and project_id:%(node.owner)s\"\n\
                 \"show_instance_secrets\": \"role:member and project_id:%(node.lessee)s\"\n";
    let (api, node) = racks_by(rules).await;
    let keep = |n: &mut Node| {
        for (object, name, value) in [
            (&mut n.driver_info, "ipmi_password", "pass-1"),
            (&mut n.instance_info, "configdrive", "drive-1"),
            (&mut n.driver_internal_info, "agent_secret_token", "token-1"),
        ] {
            object.insert(name.to_owned(), json!(value));
        }
    };
    api.store.modify_node(node, keep).await.unwrap();
    let admin = who("p", ADMIN);
    for (caller, pass, drive) in [
        (&admin, true, false),
        (&who("p", READER), false, false),
        (&who("q", MEMBER), false, true),
        (&who("q", READER), false, false),
        (&who("", ADMIN), false, false),
    ] {
        for path in [
            "/v1/nodes/leased",
            "/v1/nodes/detail",
            "/v1/nodes?fields=driver_info,instance_info",
        ] {
            // Who sees less does not get what was written for who sees more, nor the other way round.
            for _ in 0..2 {
                let text = get(&api, caller, path).await.body.to_string();
                assert_eq!(text.contains("pass-1"), pass, "{caller:?} {path}");
                assert_eq!(text.contains("drive-1"), drive, "{caller:?} {path}");
                assert!(!text.contains("token-1"), "{caller:?} {path}");
            }
        }
    }
    // What was read is what may be written.
    let pass = json!([{"op": "replace", "path": "/driver_info/ipmi_password", "value": "pass-2"}]);
    let shown = ask(&api, &admin, Method::PATCH, "/v1/nodes/leased", Some(pass)).await;
    assert_eq!(shown.body["driver_info"]["ipmi_password"], "pass-2");
    // Where no tokens are asked for nobody is told.
    let open = api.get("/v1/nodes/leased").await;
    assert_eq!(open.body["driver_info"]["ipmi_password"], "******");
}
