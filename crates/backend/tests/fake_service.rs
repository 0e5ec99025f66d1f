//! Servicing on fake hardware through the whole service: steps on a machine in use, waits, aborts,
//! failures, restarts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end where it stands"
)]

mod support;

use cupola_api::event::EventKind;
use cupola_api::id::NodeIdent;
use cupola_api::node::Fault;
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::ProvisionState as S;
use serde_json::{Value, json};
use support::Bench;

fn service(steps: Value) -> ProvisionRequest {
    serde_json::from_value(json!({"target": "service", "service_steps": steps})).unwrap()
}

fn step(interface: &str, name: &str) -> Value {
    json!({"interface": interface, "step": name})
}

async fn active(bench: &Bench, driver_info: Value) -> NodeIdent {
    let node = bench.enrol("n1", driver_info).await;
    bench.bring(&node, "manage", S::Manageable).await;
    bench.bring(&node, "provide", S::Available).await;
    bench.bring(&node, "active", S::Active).await;
    node
}

/// The names of the steps that the servicing has run, in their order.
async fn steps_run(bench: &Bench, node: &NodeIdent) -> Vec<String> {
    let timeline = bench.client.timeline(node, None).await.unwrap();
    let started = timeline.events.into_iter().filter_map(|e| match e.kind {
        EventKind::StepStarted { step, phase, .. } if phase == "service" => Some(step),
        _ => None,
    });
    started.collect()
}

/// An agent finds its node and calls once.
async fn heartbeat(bench: &Bench, node: &NodeIdent) {
    let uuid = bench.client.node(node).await.unwrap().uuid;
    let path = format!("/v1/lookup?node_uuid={uuid}");
    let found = bench.call_ok("GET", &path, None).await;
    let call = json!({"callback_url": "https://192.0.2.1:9999", "agent_version": "11.0.0",
        "agent_token": found["config"]["agent_token"]});
    let path = format!("/v1/heartbeat/{uuid}");
    bench.call_ok("POST", &path, Some(call)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_service_steps_run_in_their_order_and_the_node_is_active_again() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = active(&bench, json!({})).await;
    let settings = json!([{"name": "hyper", "value": "on"}, {"name": "cores", "value": 8}]);
    let apply = json!({"interface": "bios", "step": "apply_configuration",
        "args": {"settings": settings}});
    let list = json!([
        step("vendor", "log_passthrough"),
        apply,
        step("power", "reboot")
    ]);
    bench.client.provision(&node, &service(list)).await.unwrap();
    let done = bench.reach(&node, S::Active).await;
    assert_eq!((done.last_error, done.maintenance), (None, false));
    assert!(done.service_step.is_empty());
    // No step needs a ramdisk: the instance has run on.
    let ran = [
        "vendor.log_passthrough",
        "bios.apply_configuration",
        "power.reboot",
    ];
    assert_eq!(steps_run(&bench, &node).await, ran);

    let list = bench.call_ok("GET", "/v1/nodes/n1/bios", None).await;
    let shown: Vec<_> = list["bios"].as_array().unwrap().iter().collect();
    assert_eq!(shown.len(), 2);
    assert_eq!(
        (&shown[0]["name"], &shown[0]["value"]),
        (&json!("cores"), &json!("8"))
    );
    assert!(shown[0].get("read_only").is_none());
    let list = bench
        .call_ok("GET", "/v1/nodes/n1/bios?detail=true", None)
        .await;
    assert_eq!(list["bios"][1]["read_only"], Value::Null);
    let list = bench
        .call_ok("GET", "/v1/nodes/n1/bios?fields=value", None)
        .await;
    assert!(list["bios"][1].get("name").is_none());
    let one = bench.call_ok("GET", "/v1/nodes/n1/bios/hyper", None).await;
    assert_eq!(one["hyper"]["value"], "on");
    assert_eq!(bench.call("GET", "/v1/nodes/n1/bios/zz", None).await.0, 404);
    let refused = bench.call("GET", "/v1/nodes/n1/bios?fields=zz", None).await;
    assert_eq!(refused.0, 400, "{}", refused.1);
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_service_that_waits_goes_on_with_a_heartbeat_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = active(&bench, json!({})).await;
    let list = json!([
        step("vendor", "trigger_servicewait"),
        step("bios", "factory_reset")
    ]);
    bench.client.provision(&node, &service(list)).await.unwrap();
    let waits = bench.reach(&node, S::ServiceWait).await;
    assert_eq!(waits.target_provision_state, Some(S::Active));
    assert_eq!(waits.service_step["step"], "trigger_servicewait");
    bench.service.stop().await;
    let bench = Bench::start(directory.path(), &[]).await;
    heartbeat(&bench, &node).await;
    let done = bench.reach(&node, S::Active).await;
    assert_eq!((done.last_error, done.maintenance), (None, false));
    let ran = [
        "conductor.start_service",
        "vendor.trigger_servicewait",
        "bios.factory_reset",
        "conductor.end_service",
    ];
    assert_eq!(steps_run(&bench, &node).await, ran);

    // What cannot be stopped is given up when it ends, and nothing of the machine is unknown then.
    let list = json!([
        step("vendor", "trigger_servicewait"),
        step("bios", "factory_reset")
    ]);
    bench.client.provision(&node, &service(list)).await.unwrap();
    bench.reach(&node, S::ServiceWait).await;
    let asked = bench.bring(&node, "abort", S::ServiceWait).await;
    assert_eq!(asked.service_step["abort_after"], true);
    heartbeat(&bench, &node).await;
    let given_up = bench.reach(&node, S::Active).await;
    assert!(given_up.last_error.unwrap().contains("aborted"));
    assert!(!given_up.maintenance && given_up.service_step.is_empty());
    assert_eq!(steps_run(&bench, &node).await.len(), 4 + 2);
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_held_service_goes_on_or_is_given_up_or_ends_with_its_instance() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = active(&bench, json!({})).await;
    let held = service(json!([
        step("power", "hold"),
        step("bios", "factory_reset")
    ]));
    bench.client.provision(&node, &held).await.unwrap();
    bench.reach(&node, S::ServiceHold).await;
    bench.service.stop().await;
    let bench = Bench::start(directory.path(), &[]).await;
    bench.bring(&node, "unhold", S::Active).await;
    let ran = ["power.hold", "bios.factory_reset"];
    assert_eq!(steps_run(&bench, &node).await, ran);

    bench.client.provision(&node, &held).await.unwrap();
    bench.reach(&node, S::ServiceHold).await;
    let aborted = bench.bring(&node, "abort", S::Active).await;
    assert!(aborted.last_error.unwrap().contains("aborted"));

    // Another list in place of the one that is held.
    bench.client.provision(&node, &held).await.unwrap();
    bench.reach(&node, S::ServiceHold).await;
    let other = service(json!([step("vendor", "trigger_servicewait")]));
    bench.client.provision(&node, &other).await.unwrap();
    bench.reach(&node, S::ServiceWait).await;
    let torn_down = bench.bring(&node, "deleted", S::Available).await;
    assert!(torn_down.service_step.is_empty());
    assert!(!torn_down.driver_internal_info.contains_key("step_wait"));
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_service_that_fails_is_told_of_and_given_up_by_a_person() {
    let directory = tempfile::tempdir().unwrap();
    let times = [
        "conductor.service_callback_timeout=1",
        "conductor.check_provision_state_interval=1",
    ];
    let bench = Bench::start(directory.path(), &times).await;
    let failures = json!({"fake_failures": ["bios.factory_reset"]});
    let node = active(&bench, failures).await;
    let list = service(json!([step("bios", "factory_reset")]));
    bench.client.provision(&node, &list).await.unwrap();
    let failed = bench.reach(&node, S::ServiceFailed).await;
    let told = failed.last_error.unwrap();
    assert!(
        told.starts_with("Service step bios.factory_reset failed"),
        "{told}"
    );
    assert!(failed.maintenance && failed.maintenance_reason == Some(told));
    assert_eq!(failed.fault, Some(Fault::ServiceFailure));

    // A person has to look first.
    let refused = bench.verb(&node, "abort").await.unwrap_err();
    assert_eq!(refused.status(), Some(409), "{refused}");
    let refused = bench.client.provision(&node, &list).await.unwrap_err();
    assert_eq!(refused.status(), Some(400), "{refused}");
    bench.client.maintenance(&node, false, None).await.unwrap();
    let given_up = bench.bring(&node, "abort", S::Active).await;
    assert!(!given_up.maintenance);

    // A wait that is over fails in the same way.
    let waits = service(json!([step("vendor", "trigger_servicewait")]));
    bench.client.provision(&node, &waits).await.unwrap();
    let failed = bench.reach(&node, S::ServiceFailed).await;
    assert!(failed.last_error.unwrap().contains("Timeout reached"));
    bench.client.maintenance(&node, false, None).await.unwrap();
    bench.bring(&node, "abort", S::Active).await;
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_deploy_of_which_nothing_is_left_fails() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = bench.enrol("n1", json!({})).await;
    bench.bring(&node, "manage", S::Manageable).await;
    bench.bring(&node, "provide", S::Available).await;
    let deploy = json!({"target": "active", "deploy_steps": [
        {"interface": "deploy", "step": "deploy", "args": {}, "priority": 0}]});
    let deploy: ProvisionRequest = serde_json::from_value(deploy).unwrap();
    bench.client.provision(&node, &deploy).await.unwrap();
    let failed = bench.reach(&node, S::DeployFailed).await;
    assert!(failed.last_error.unwrap().contains("No deploy steps"));
    bench.bring(&node, "active", S::Active).await;
    bench.service.stop().await;
}
