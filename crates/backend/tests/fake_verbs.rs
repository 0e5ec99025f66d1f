//! What a user asks of a node besides deploying, on fake hardware through the whole service: rescue,
//! manual cleaning, holds, deploy templates.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end where it stands"
)]

mod support;

use cupola_api::event::EventKind;
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use cupola_api::patch::PatchOperation;
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::ProvisionState as S;
use serde_json::{Value, json};
use support::Bench;

const PASSWORD: &str = "correct-horse";

fn request(body: Value) -> ProvisionRequest {
    serde_json::from_value(body).unwrap()
}

fn rescue() -> ProvisionRequest {
    request(json!({"target": "rescue", "rescue_password": PASSWORD}))
}

/// A node that is `active` and has no rescue interface.
async fn active(bench: &Bench, driver_info: Value) -> NodeIdent {
    let node = bench.enrol("n1", driver_info).await;
    let patch = [PatchOperation::replace(
        "/rescue_interface",
        json!("no-rescue"),
    )];
    bench.client.patch_node(&node, &patch).await.unwrap();
    bench.bring(&node, "manage", S::Manageable).await;
    bench.bring(&node, "provide", S::Available).await;
    bench.bring(&node, "active", S::Active).await;
    let patch = [PatchOperation::replace("/rescue_interface", json!("fake"))];
    let patched = bench.client.patch_node(&node, &patch).await;
    assert!(patched.is_err(), "not while it is active");
    node
}

async fn rescuable(bench: &Bench, driver_info: Value) -> NodeIdent {
    let node = bench.enrol("n1", driver_info).await;
    let patch = [PatchOperation::replace("/rescue_interface", json!("fake"))];
    bench.client.patch_node(&node, &patch).await.unwrap();
    bench.bring(&node, "manage", S::Manageable).await;
    bench.bring(&node, "provide", S::Available).await;
    bench.bring(&node, "active", S::Active).await;
    node
}

fn has_password(node: &Node) -> bool {
    node.instance_info
        .keys()
        .any(|key| key.contains("password"))
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_node_is_rescued_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = rescuable(&bench, json!({"fake_deploy_wait": "0.3"})).await;
    bench.client.provision(&node, &rescue()).await.unwrap();
    let waiting = bench.reach(&node, S::RescueWait).await;
    assert_eq!(waiting.target_provision_state, Some(S::Rescue));
    assert_eq!(waiting.instance_info["hashed_rescue_password"], "******");
    let rescued = bench.reach(&node, S::Rescue).await;
    assert!(!has_password(&rescued));
    bench.bring(&node, "unrescue", S::Active).await;

    // In a rescue that fails, that is aborted, or that ends with the instance: no password stays.
    bench
        .set(&node, "fake_failures", json!(["rescue.finish"]))
        .await;
    bench.client.provision(&node, &rescue()).await.unwrap();
    let failed = bench.reach(&node, S::RescueFailed).await;
    assert!(failed.last_error.unwrap().contains("rescue.finish"));
    assert!(
        !failed
            .instance_info
            .keys()
            .any(|key| key.contains("password"))
    );
    bench.set(&node, "fake_deploy_wait", json!("60")).await;
    bench.client.provision(&node, &rescue()).await.unwrap();
    bench.reach(&node, S::RescueWait).await;
    bench.bring(&node, "abort", S::RescueFailed).await;
    let settled = bench.reach(&node, S::RescueFailed).await;
    assert!(!has_password(&settled));
    bench.set(&node, "fake_deploy_wait", json!("0")).await;
    bench.bring(&node, "deleted", S::Available).await;
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_rescue_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = rescuable(&bench, json!({"fake_deploy_wait": "1"})).await;
    bench.client.provision(&node, &rescue()).await.unwrap();
    bench.reach(&node, S::RescueWait).await;
    bench.service.stop().await;
    let bench = Bench::start(directory.path(), &[]).await;
    bench.reach(&node, S::Rescue).await;
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_without_a_rescue_interface_nothing_is_started() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = active(&bench, json!({})).await;
    let error = bench.client.provision(&node, &rescue()).await.unwrap_err();
    assert_eq!(error.status(), Some(500));
    assert!(
        error.to_string().contains("does not support rescue"),
        "{error}"
    );
    assert!(!error.to_string().contains(PASSWORD));
    let node = bench.client.node(&node).await.unwrap();
    assert_eq!(node.provision_state, S::Active);
    bench.service.stop().await;
}

async fn manageable(bench: &Bench, driver_info: Value) -> NodeIdent {
    let node = bench.enrol("n1", driver_info).await;
    bench.bring(&node, "manage", S::Manageable).await;
    node
}

/// The names of the steps that have run, in their order.
async fn steps_run(bench: &Bench, node: &NodeIdent) -> Vec<String> {
    let timeline = bench.client.timeline(node, None).await.unwrap();
    let finished = timeline.events.into_iter().filter_map(|e| match e.kind {
        EventKind::StepFinished { step, .. } => Some(step),
        _ => None,
    });
    finished.filter(|s| !s.starts_with("conductor.")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_manual_cleaning_keeps_its_order_and_ends_manageable() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = manageable(&bench, json!({})).await;
    let settings = json!([{"name": "x", "value": "y"}]);
    let clean = request(json!({"target": "clean", "clean_steps": [
        {"interface": "bios", "step": "factory_reset"},
        {"interface": "power", "step": "reboot"},
        {"interface": "deploy", "step": "wait", "args": {"seconds": 1}},
        {"interface": "firmware", "step": "update", "args": {"settings": []}},
        {"interface": "bios", "step": "apply_configuration", "args": {"settings": settings}},
    ]}));
    bench.client.provision(&node, &clean).await.unwrap();
    bench.reach(&node, S::CleanWait).await;
    let done = bench.reach(&node, S::Manageable).await;
    assert_eq!((done.last_error, done.maintenance), (None, false));
    assert_eq!(
        steps_run(&bench, &node).await,
        [
            "bios.factory_reset",
            "power.reboot",
            "deploy.wait",
            "firmware.update",
            "bios.apply_configuration"
        ]
    );
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_runbook_cleans_in_its_order_without_a_ramdisk() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = manageable(&bench, json!({})).await;
    let book = json!({"name": "reset", "disable_ramdisk": true, "steps": [
        {"interface": "power", "step": "reboot", "order": 2},
        {"interface": "bios", "step": "factory_reset", "order": 1},
    ]});
    bench.call_ok("POST", "/v1/runbooks", Some(book)).await;
    let traits = json!({"traits": ["CUSTOM_RESET"]});
    let uuid = bench.client.node(&node).await.unwrap().uuid;
    for path in [
        "/v1/runbooks/reset/traits".to_owned(),
        format!("/v1/nodes/{uuid}/traits"),
    ] {
        bench.call_ok("PUT", &path, Some(traits.clone())).await;
    }
    let clean = request(json!({"target": "clean", "runbook": "reset"}));
    bench.client.provision(&node, &clean).await.unwrap();
    let done = bench.reach(&node, S::Manageable).await;
    assert_eq!((done.last_error, done.maintenance), (None, false));
    assert_eq!(
        steps_run(&bench, &node).await,
        ["bios.factory_reset", "power.reboot"]
    );
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_inspection_rules_act_at_the_end_of_an_inspection() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = manageable(&bench, json!({})).await;
    let rule = json!({"priority": 10, "actions": [
        {"op": "set-attribute", "args": {"path": "extra/arch", "value": "{node.properties[cpu_arch]}"}},
        {"op": "add-trait", "args": {"name": "CUSTOM_INSPECTED"}},
    ]});
    let rules = "/v1/inspection_rules";
    bench.call_ok("POST", rules, Some(rule)).await;
    let inspected = bench.bring(&node, "inspect", S::Manageable).await;
    assert_eq!(inspected.extra["arch"], "x86_64");
    assert_eq!(inspected.traits, ["CUSTOM_INSPECTED"]);

    // One that fails fails the inspection, and nothing of the others stays.
    let fails = json!({"description": "no spares", "priority": 1, "actions": [
        {"op": "set-attribute", "args": {"path": "extra/arch", "value": "?"}},
        {"op": "fail", "args": {"msg": "this machine is a spare"}},
    ], "conditions": [{"op": "eq", "args": {"values": ["{node.properties[cpu_arch]}", "x86_64"]}}]});
    let made = bench.call_ok("POST", rules, Some(fails)).await;
    bench.verb(&node, "inspect").await.unwrap();
    let failed = bench.reach(&node, S::InspectFailed).await;
    let text = failed.last_error.unwrap();
    let told = [
        made["uuid"].as_str().unwrap(),
        "no spares",
        "this machine is a spare",
    ];
    assert!(told.iter().all(|part| text.contains(part)), "{text}");
    assert_eq!(failed.extra["arch"], "x86_64");
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_wrong_clean_steps_are_refused_before_anything_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = manageable(&bench, json!({})).await;
    let step = |body: Value| json!([body]);
    let refused = [
        (
            step(json!({"interface": "bios", "step": "apply_configuration"})),
            false,
            "settings",
        ),
        (
            step(json!({"interface": "bios", "step": "factory_reset", "args": {"zz": 1}})),
            false,
            "zz",
        ),
        (
            step(json!({"interface": "deploy", "step": "wait", "args": {"seconds": "soon"}})),
            false,
            "whole number",
        ),
        (
            step(json!({"interface": "deploy", "step": "nonsense"})),
            true,
            "deploy.nonsense",
        ),
        (
            step(json!({"interface": "firmware", "step": "update", "args": {"settings": []}})),
            true,
            "needs the ramdisk",
        ),
    ];
    for (steps, disable_ramdisk, why) in refused {
        let mut body = json!({"target": "clean", "clean_steps": steps});
        if disable_ramdisk {
            body["disable_ramdisk"] = json!(true);
        }
        let error = bench.client.provision(&node, &request(body)).await;
        let error = error.unwrap_err();
        assert_eq!(error.status(), Some(400), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    let node = bench.client.node(&node).await.unwrap();
    assert_eq!(node.provision_state, S::Manageable);
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_step_that_nobody_knows_fails_the_cleaning() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = manageable(&bench, json!({})).await;
    let clean = request(json!({"target": "clean", "clean_steps": [
        {"interface": "deploy", "step": "nonsense"},
    ]}));
    bench.client.provision(&node, &clean).await.unwrap();
    let failed = bench.reach(&node, S::CleanFailed).await;
    assert!(failed.last_error.unwrap().contains("deploy.nonsense"));
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_held_node_goes_on_or_is_aborted_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = manageable(&bench, json!({})).await;
    let clean = request(json!({"target": "clean", "clean_steps": [
        {"interface": "power", "step": "hold"},
        {"interface": "bios", "step": "factory_reset"},
    ]}));
    bench.client.provision(&node, &clean).await.unwrap();
    let held = bench.reach(&node, S::CleanHold).await;
    assert_eq!(held.target_provision_state, Some(S::Manageable));
    bench.service.stop().await;
    let bench = Bench::start(directory.path(), &[]).await;
    bench.bring(&node, "unhold", S::Manageable).await;
    assert_eq!(
        steps_run(&bench, &node).await,
        ["power.hold", "bios.factory_reset"]
    );
    bench.client.provision(&node, &clean).await.unwrap();
    bench.reach(&node, S::CleanHold).await;
    bench.bring(&node, "abort", S::CleanFailed).await;
    bench.bring(&node, "manage", S::Manageable).await;
    bench.bring(&node, "provide", S::Available).await;
    bench.service.stop().await;
}

async fn template(bench: &Bench, name: &str, step: Value) -> (u16, Value) {
    let body = json!({"name": name, "steps": [step]});
    bench.call("POST", "/v1/deploy_templates", Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_deploy_template_adds_and_removes_steps() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = manageable(&bench, json!({})).await;
    bench.bring(&node, "provide", S::Available).await;
    let args = json!({"settings": [{"name": "password", "value": "hunter2"}]});
    let step = json!({"interface": "bios", "step": "apply_configuration", "args": args,
        "priority": 150});
    let (status, made) = template(&bench, "CUSTOM_FAST", step.clone()).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(template(&bench, "CUSTOM_FAST", step.clone()).await.0, 409);
    assert_eq!(template(&bench, "fast", step.clone()).await.0, 400);
    let reset = json!({"interface": "bios", "step": "factory_reset", "args": {}, "priority": 160});
    assert_eq!(template(&bench, "CUSTOM_OTHER", reset).await.0, 201);

    // The instance wants a trait that the node has to have.
    bench
        .call_ok("PUT", "/v1/nodes/n1/traits/CUSTOM_FAST", None)
        .await;
    let patch = [PatchOperation::add(
        "/instance_info/traits",
        json!(["CUSTOM_FAST"]),
    )];
    bench.client.patch_node(&node, &patch).await.unwrap();
    bench.bring(&node, "active", S::Active).await;
    let run = steps_run(&bench, &node).await;
    assert_eq!(
        run[run.len() - 2..],
        ["bios.apply_configuration", "deploy.deploy"]
    );

    // Steps of the request win over the template's; priority 0 leaves a step out.
    let rebuild = request(json!({"target": "rebuild", "deploy_steps": [
        {"interface": "bios", "step": "apply_configuration", "args": {}, "priority": 0},
        {"interface": "power", "step": "wait", "args": {"seconds": 0}, "priority": 50},
    ]}));
    bench.client.provision(&node, &rebuild).await.unwrap();
    bench.reach(&node, S::Active).await;
    let run = steps_run(&bench, &node).await;
    assert_eq!(run[run.len() - 2..], ["deploy.deploy", "power.wait"]);

    let path = "/v1/deploy_templates/CUSTOM_FAST";
    let change = json!([{"op": "replace", "path": "/name", "value": "CUSTOM_SLOW"}]);
    let (status, changed) = bench.call("PATCH", path, Some(change)).await;
    assert_eq!((status, &changed["name"]), (200, &json!("CUSTOM_SLOW")));
    let list = bench.call("GET", "/v1/deploy_templates", None).await.1;
    assert_eq!(list["deploy_templates"].as_array().unwrap().len(), 2);
    assert_eq!(
        bench
            .call("DELETE", "/v1/deploy_templates/CUSTOM_SLOW", None)
            .await
            .0,
        204
    );
    assert_eq!(bench.call("GET", path, None).await.0, 404);
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_machine_in_use_is_adopted_without_its_power_being_touched() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = manageable(&bench, json!({})).await;
    bench
        .set(&node, "fake_failures", json!(["power.state", "power.set"]))
        .await;
    bench.verb(&node, "adopt").await.unwrap();
    let failed = bench.reach(&node, S::AdoptFailed).await;
    assert!(failed.last_error.unwrap().contains("power.state"));
    // Setting the power would still fail: it is only read.
    bench
        .set(&node, "fake_failures", json!(["power.set"]))
        .await;
    let adopted = bench.bring(&node, "adopt", S::Active).await;
    assert_eq!(adopted.last_error, None);
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_nodes_in_maintenance_are_not_provided_where_that_is_forbidden() {
    let directory = tempfile::tempdir().unwrap();
    let forbid = ["conductor.allow_provisioning_in_maintenance=false"];
    let bench = Bench::start(directory.path(), &forbid).await;
    let node = manageable(&bench, json!({})).await;
    bench.client.maintenance(&node, true, None).await.unwrap();
    let error = bench.verb(&node, "provide").await.unwrap_err();
    assert_eq!(error.status(), Some(400), "{error}");
    bench.client.maintenance(&node, false, None).await.unwrap();
    bench.bring(&node, "provide", S::Available).await;
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_networks_of_an_instance_go_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = bench.enrol("n1", json!({})).await;
    let patch = [PatchOperation::replace("/network_interface", json!("flat"))];
    bench.client.patch_node(&node, &patch).await.unwrap();
    let address = |last: u8| format!("52:54:00:aa:00:{last:02x}");
    for last in [1, 2] {
        let body = json!({"node_ident": "n1", "address": address(last)});
        let made = bench.call("POST", "/v1/ports", Some(body)).await;
        assert_eq!(made.0, 201, "{}", made.1);
    }
    let vifs = "/v1/nodes/n1/vifs";
    for id in ["v1", "v2"] {
        let attached = bench.call("POST", vifs, Some(json!({"id": id}))).await;
        assert_eq!(attached.0, 204, "{}", attached.1);
    }
    let full = bench.call("POST", vifs, Some(json!({"id": "v3"}))).await;
    assert_eq!(full.0, 400, "{}", full.1);
    let detached = bench.call("DELETE", &format!("{vifs}/v1"), None).await;
    assert_eq!(detached.0, 204, "{}", detached.1);
    bench.bring(&node, "manage", S::Manageable).await;
    bench.bring(&node, "provide", S::Available).await;
    bench.bring(&node, "active", S::Active).await;
    let kept = bench.call_ok("GET", vifs, None).await;
    assert_eq!(kept, json!({"vifs": [{"id": "v2"}]}));
    bench.bring(&node, "deleted", S::Available).await;
    let gone = bench.call_ok("GET", vifs, None).await;
    assert_eq!(gone, json!({"vifs": []}));
    bench.service.stop().await;
}
