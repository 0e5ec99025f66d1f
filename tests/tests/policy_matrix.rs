//! Who may do what, over HTTP with tokens of a real Keystone: every role in every scope asks every
//! operation that is about a node or about nothing in particular, and the answers are compared with
//! what the table of rules says. What belongs to something else than a node is compared without a
//! Keystone, beside the rules.
//!
//! Nothing is changed on the way: who may sends a body that is no good, so that the refusal is about
//! the body, and does not ask for deletions; who may not sends a good one, as bodies are looked at
//! first.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end where it cannot go on"
)]

use anyhow::{Result, ensure};
use cupola_api::contract::{Operation, ROUTES, Route};
use cupola_tests::keystone::{Keystone, PASSWORD, Scope, environment};
use cupola_tests::oracle::{Place, is_rule, passes};
use cupola_tests::serve::Serve;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Roles, and those that come with them by Keystone's bootstrap.
const ROLES: [(&str, &[&str]); 6] = [
    ("admin", &["admin", "manager", "member", "reader"]),
    ("manager", &["manager", "member", "reader"]),
    ("member", &["member", "reader"]),
    ("reader", &["reader"]),
    ("service", &["service"]),
    ("nothing", &["nothing"]),
];

const PLACES: [Place; 4] = [Place::System, Place::Owner, Place::Lessee, Place::Other];

/// Requests under way at once.
const AT_ONCE: usize = 8;

/// Somebody.
struct Persona {
    roles: &'static [&'static str],
    place: Place,
    token: String,
}

impl Persona {
    /// The status that is expected: `None` where the request is let through.
    fn refusal(&self, route: &Route) -> Option<u16> {
        let rule = route.policy;
        let is_of_node = route.path.contains("{node}");
        // What is about no node belongs to no project.
        let place = match self.place {
            Place::Owner | Place::Lessee if !is_of_node => Place::Other,
            place => place,
        };
        let passes = |rule: &str| passes(rule, self.roles, place);
        if is_of_node && !passes("node:get") {
            return Some(404);
        }
        let all = format!("{rule}_all");
        let may = match route.operation {
            Operation::CreateNode => passes(rule) || passes("node:create:self_owned_node"),
            Operation::DeleteNode => passes(rule) || passes("node:delete:self_owned_node"),
            // Without a project there is nothing of one's own to list.
            _ if is_rule(&all) && rule.ends_with(":list") => {
                passes(&all) || (place != Place::System && passes(rule))
            }
            _ => passes(rule),
        };
        (!may).then_some(403)
    }
}

/// Whether an operation is about a node, or about nothing that belongs to a project.
fn is_asked(route: &Route) -> bool {
    let others = [
        "{port}",
        "{portgroup}",
        "{connector}",
        "{target}",
        "{allocation}",
        "{runbook}",
    ];
    // What these ask depends on what is written, or on the node that the body names.
    let many = [
        Operation::UpdateNode,
        Operation::CreateAllocation,
        Operation::CreatePort,
        Operation::CreatePortgroup,
        Operation::CreateVolumeConnector,
        Operation::CreateVolumeTarget,
        Operation::ValidateNodeByArgument,
        Operation::FollowEvents,
    ];
    // Nobody gets further than to a refusal there, or not without an allocation.
    let nowhere = ["chassis/{chassis}/nodes/{node}", "nodes/{node}/allocation"];
    let parts = ["ports", "portgroups", "volume/connectors", "volume/targets"];
    let is_part = |part: &&str| route.path.strip_prefix("nodes/{node}/") == Some(part);
    let is_part = route.method == Method::POST && parts.iter().any(is_part);
    let is_of_others = others.iter().any(|other| route.path.contains(other));
    let is_ours = route.path.starts_with('/') || nowhere.contains(&route.path);
    let is_left_out = is_part || is_of_others || is_ours || many.contains(&route.operation);
    is_rule(route.policy) && !is_left_out
}

/// A path in which the node's place is filled with it, every other with a name that nothing has.
fn url(service: &Serve, route: &Route, node: &str) -> String {
    let segments = route.path.split('/').map(|segment| match segment {
        "{node}" => node,
        other if other.starts_with('{') => "11111111-2222-4333-8444-555555555555",
        other => other,
    });
    let segments: Vec<&str> = segments.collect();
    let query = match route.path.ends_with("/vendor_passthru") {
        true => "?method=none",
        false => "",
    };
    format!("{}/v1/{}{query}", service.url(), segments.join("/"))
}

/// A body that is as it should be, where one is looked at before the rules are.
fn good_body(operation: Operation) -> Value {
    use Operation as O;
    match operation {
        O::SetPowerState => json!({ "target": "power on" }),
        O::SetProvisionState => json!({ "target": "manage" }),
        O::SetRaidConfig => {
            json!({ "logical_disks": [{ "size_gb": 1, "raid_level": "1" }] })
        }
        O::SetConsole => json!({ "enabled": true }),
        O::SetBootMode => json!({ "target": "uefi" }),
        O::SetSecureBoot => json!({ "target": true }),
        O::SetBootDevice => json!({ "boot_device": "pxe" }),
        O::SetIndicator => json!({ "state": "ON" }),
        O::AttachVif => json!({ "id": "a" }),
        O::AttachVirtualMedia => {
            json!({ "device_type": "cdrom", "image_url": "http://192.0.2.1/image.iso" })
        }
        _ => json!({}),
    }
}

async fn status(
    http: &reqwest::Client,
    service: &Serve,
    route: &Route,
    node: &str,
    token: Option<&str>,
    may: bool,
) -> Result<StatusCode> {
    let mut request = http
        .request(route.method.clone(), url(service, route, node))
        .header("x-openstack-ironic-api-version", "latest");
    if let Some(token) = token {
        request = request.header("x-auth-token", token);
    }
    if [Method::POST, Method::PUT, Method::PATCH].contains(&route.method) {
        request = request.json(&match may {
            true => json!({ "no_such_member": 1 }),
            false => good_body(route.operation),
        });
    }
    Ok(request.send().await?.status())
}

/// Everybody, with a token each.
async fn personas(keystone: &Keystone, projects: &[String; 3]) -> Result<Vec<Persona>> {
    let mut all = Vec::new();
    keystone.make_role("nothing").await?;
    for (role, roles) in ROLES {
        let name = format!("the-{role}");
        let (user, role) = (keystone.user(&name).await?, keystone.role(role).await?);
        for place in PLACES {
            let scope = match place {
                Place::System => Scope::System,
                Place::Owner => Scope::Project(projects[0].clone()),
                Place::Lessee => Scope::Project(projects[1].clone()),
                Place::Other => Scope::Project(projects[2].clone()),
            };
            keystone.grant(&user, &role, &scope).await?;
            let token = keystone.token(&name, &scope).await?;
            all.push(Persona {
                roles,
                place,
                token,
            });
        }
    }
    Ok(all)
}

async fn make_node(service: &Serve, admin: &str, projects: &[String; 3]) -> Result<String> {
    let node = json!({ "driver": "fake-hardware", "owner": projects[0], "lessee": projects[1] });
    let request = reqwest::Client::new().post(format!("{}/v1/nodes", service.url()));
    let request = request.header("x-openstack-ironic-api-version", "latest");
    let answer = request
        .header("x-auth-token", admin)
        .json(&node)
        .send()
        .await?;
    let body: Value = answer.error_for_status()?.json().await?;
    Ok(body["uuid"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_what_the_rules_say_and_nothing_else() -> Result<()> {
    let Some(venv) = environment("everybody_may_what_the_rules_say_and_nothing_else")? else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let keystone = Keystone::start(&venv, &directory.path().join("keystone"), 3600).await?;
    let sets = [
        format!("keystone.auth_url={}", keystone.url()),
        format!("keystone.password={PASSWORD}"),
        "keystone.username=admin".to_owned(),
        // Each token is asked about once.
        "keystone.token_cache_time=600".to_owned(),
        "drivers.enabled=[\"fake-hardware\"]".to_owned(),
    ];
    let mut arguments = vec!["--auth", "keystone"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
    let service = Serve::start(directory.path(), &arguments)?;
    let mut projects = [const { String::new() }; 3];
    for (id, name) in projects.iter_mut().zip(["owner", "lessee", "other"]) {
        *id = keystone.project(name).await?;
    }
    let personas = personas(&keystone, &projects).await?;
    let node = make_node(&service, &personas[0].token, &projects).await?;
    let http = reqwest::Client::new();
    let routes: Vec<&Route> = ROUTES.iter().filter(|route| is_asked(route)).collect();
    let pairs = routes
        .iter()
        .flat_map(|route| personas.iter().map(move |who| (*route, Some(who))));
    let strangers = routes.iter().map(|route| (*route, None));
    let questions = pairs.chain(strangers).filter(|(route, who)| {
        let may = who.is_some_and(|who| who.refusal(route).is_none());
        !(may && route.method == Method::DELETE)
    });
    let asked = stream::iter(questions).map(|(route, who)| {
        let (http, service, node) = (&http, &service, node.as_str());
        async move {
            let token = who.map(|who| who.token.as_str());
            let may = who.is_some_and(|who| who.refusal(route).is_none());
            let got = status(http, service, route, node, token, may).await?;
            let (expected, right) = match who.map(|who| who.refusal(route)) {
                None => (Some(401), got == 401),
                Some(Some(refusal)) => (Some(refusal), got == refusal),
                Some(None) => (None, got != 401 && got != 403 && got.as_u16() < 500),
            };
            let who = who.map(|who| (who.roles[0], who.place));
            let text = format!(
                "{} {} {who:?}: {got}, not {expected:?}",
                route.method, route.path
            );
            anyhow::Ok((!right).then_some(text))
        }
    });
    let results: Vec<Option<String>> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    let count = results.len();
    let mut wrong: Vec<String> = results.into_iter().flatten().collect();
    wrong.sort_unstable();
    ensure!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    ensure!(count > 1500, "only {count} questions");
    // Nobody has changed anything.
    let url = format!("{}/v1/nodes/{node}", service.url());
    let request = http.get(url).header("x-auth-token", &personas[0].token);
    let shown: Value = request.send().await?.error_for_status()?.json().await?;
    ensure!(shown["provision_state"] == "enroll", "{shown}");
    Ok(())
}
