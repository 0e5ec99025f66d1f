//! A node's life on fake hardware through the whole service: API, conductor, store. Delays,
//! failures, aborts, time-outs, and a service that is stopped in the middle and started again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end where it stands"
)]

mod support;

use cupola_api::client::ClientError;
use cupola_api::event::EventKind;
use cupola_api::id::NodeIdent;
use cupola_api::node::{Fault, Node};
use cupola_api::state::power::{PowerState, PowerTarget};
use cupola_api::state::provision::ProvisionState as S;
use cupola_backend::config::Config;
use cupola_backend::service::Service;
use futures_util::StreamExt;
use serde_json::json;
use support::{Bench, DEADLINE};
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn fake_nodes_live_their_life_with_random_delays() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &["drivers.fake_delay=0,0.05"]).await;
    let lives = (0..20).map(|number| {
        let bench = &bench;
        async move {
            let node = bench
                .enrol(&format!("n{number}"), json!({"fake_deploy_wait": "0,0.1"}))
                .await;
            bench.bring(&node, "manage", S::Manageable).await;
            let inspected = bench.bring(&node, "inspect", S::Manageable).await;
            assert_eq!(inspected.properties["cpu_arch"], "x86_64");
            assert!(inspected.inspection_finished_at.is_some());
            bench.bring(&node, "provide", S::Available).await;
            let active = bench.bring(&node, "active", S::Active).await;
            assert_eq!(active.last_error, None);
            assert!(active.deploy_step.is_empty());
            bench.bring(&node, "rebuild", S::Active).await;
            let gone = bench.bring(&node, "deleted", S::Available).await;
            assert!(gone.instance_info.is_empty());
            assert_eq!(gone.target_provision_state, None);
        }
    });
    futures_util::future::join_all(lives).await;
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_failures_end_in_the_failed_states_and_can_be_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = bench
        .enrol("n", json!({"fake_failures": ["power.state"]}))
        .await;
    bench.verb(&node, "manage").await.unwrap();
    let failed = bench.reach(&node, S::Enroll).await;
    assert!(failed.last_error.unwrap().contains("power.state"));

    bench
        .set(&node, "fake_failures", json!(["inspect.inspect"]))
        .await;
    bench.bring(&node, "manage", S::Manageable).await;
    bench.bring(&node, "inspect", S::InspectFailed).await;
    bench.bring(&node, "manage", S::Manageable).await;

    bench
        .set(&node, "fake_failures", json!(["vendor.log_passthrough"]))
        .await;
    let dirty = bench.bring(&node, "provide", S::CleanFailed).await;
    assert!(dirty.maintenance, "a step was running");
    assert_eq!(dirty.fault, Some(Fault::CleanFailure));
    bench.client.maintenance(&node, false, None).await.unwrap();
    bench.bring(&node, "manage", S::Manageable).await;

    bench
        .set(&node, "fake_failures", json!(["deploy.deploy"]))
        .await;
    bench.bring(&node, "provide", S::Available).await;
    let failed = bench.bring(&node, "active", S::DeployFailed).await;
    let error = failed.last_error.unwrap();
    assert!(
        error.starts_with("Deploy step deploy.deploy failed"),
        "{error}"
    );
    assert_eq!(failed.target_provision_state, Some(S::Active));
    bench.set(&node, "fake_failures", json!([])).await;
    let active = bench.bring(&node, "active", S::Active).await;
    assert_eq!(active.last_error, None, "a new start clears the error");

    bench
        .set(&node, "fake_failures", json!(["deploy.tear_down"]))
        .await;
    bench.bring(&node, "deleted", S::Error).await;
    bench.set(&node, "fake_failures", json!([])).await;
    bench.bring(&node, "deleted", S::Available).await;
    let history = bench.client.history(&node).await.unwrap();
    assert!(history.len() >= 5, "{history:?}");
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_waits_can_be_aborted_and_time_out() {
    let directory = tempfile::tempdir().unwrap();
    let sets = [
        "conductor.check_provision_state_interval=0.1",
        "conductor.deploy_callback_timeout=1",
    ];
    let bench = Bench::start(directory.path(), &sets).await;
    let node = bench.enrol("n", json!({})).await;
    bench.bring(&node, "manage", S::Manageable).await;
    bench.bring(&node, "provide", S::Available).await;
    bench.set(&node, "fake_deploy_wait", json!("600")).await;
    bench.verb(&node, "active").await.unwrap();
    bench.reach(&node, S::DeployWait).await;
    let summaries = bench.client.summaries().await.unwrap();
    let waiting = summaries.nodes[0].waiting.clone().unwrap();
    assert_eq!(waiting.what, "fake hardware to deploy");
    assert!(waiting.deadline.is_some());
    let aborted = bench.bring(&node, "abort", S::DeployFailed).await;
    assert!(aborted.last_error.unwrap().contains("By request"));

    bench.verb(&node, "active").await.unwrap();
    let failed = bench.reach(&node, S::DeployFailed).await;
    let error = failed.last_error.unwrap();
    assert!(error.starts_with("Timeout reached"), "{error}");
    assert!(error.contains("Broken rung"), "{error}");
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_work_goes_on_after_a_restart_in_the_middle() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let waiting = bench.enrol("waiting", json!({})).await;
    let working = bench.enrol("working", json!({})).await;
    let cleaning = bench.enrol("cleaning", json!({})).await;
    for node in [&waiting, &working, &cleaning] {
        bench.bring(node, "manage", S::Manageable).await;
    }
    for node in [&waiting, &working] {
        bench.bring(node, "provide", S::Available).await;
    }
    bench.set(&waiting, "fake_deploy_wait", json!("1.5")).await;
    bench.set(&working, "fake_deploy_delay", json!("600")).await;
    bench
        .set(&cleaning, "fake_vendor_delay", json!("600"))
        .await;
    bench.verb(&waiting, "active").await.unwrap();
    bench.verb(&working, "active").await.unwrap();
    bench.verb(&cleaning, "provide").await.unwrap();
    bench.reach(&waiting, S::DeployWait).await;
    wait_for_step(&bench, &cleaning, "vendor.log_passthrough").await;
    wait_for_step(&bench, &working, "conductor.prepare").await;
    bench.service.stop().await;

    // As the next process finds them: held by a conductor of the same name.
    let store = cupola_backend::store::Store::open(&cupola_backend::store::StoreOptions::new(
        directory.path(),
    ))
    .await
    .unwrap();
    for node in store.nodes(Default::default()).await.unwrap() {
        if node.provision_state.is_working() {
            store
                .modify_node(node.uuid, |node| {
                    node.driver_info.shift_remove("fake_deploy_delay");
                    node.driver_info.shift_remove("fake_vendor_delay");
                })
                .await
                .unwrap();
        }
    }
    store.close().await;

    let bench = Bench::start(directory.path(), &[]).await;
    bench.reach(&waiting, S::Active).await;
    bench.reach(&working, S::Active).await;
    bench.reach(&cleaning, S::Available).await;
    bench.service.stop().await;
}

async fn wait_for_step(bench: &Bench, node: &NodeIdent, step: &str) {
    let id = bench.client.node(node).await.unwrap().uuid;
    let mut events = bench.client.events(None, Some(id)).await.unwrap();
    let wait = async {
        loop {
            let timeline = bench.client.timeline(node, None).await.unwrap();
            let started = timeline.events.iter().any(
                |event| matches!(&event.kind, EventKind::StepStarted { step: s, .. } if s == step),
            );
            if started {
                return;
            }
            events.next().await.unwrap().unwrap();
        }
    };
    timeout(DEADLINE, wait).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_power_and_locks() {
    let directory = tempfile::tempdir().unwrap();
    let sets = ["conductor.node_locked_retry_interval=0.01"];
    let bench = Bench::start(directory.path(), &sets).await;
    let node = bench.enrol("n", json!({"fake_power_delay": "0.5"})).await;
    bench.bring(&node, "manage", S::Manageable).await;
    bench.client.power(&node, PowerTarget::On).await.unwrap();
    let busy = bench.client.node(&node).await.unwrap();
    assert_eq!(busy.target_power_state, Some(PowerState::On));
    assert!(busy.reservation.is_some(), "the holder is visible");
    let refused = bench.client.power(&node, PowerTarget::Off).await;
    let Err(ClientError::Refused(fault)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(fault.status, 409);
    assert!(fault.message.contains("is locked by host"), "{fault}");
    let on = bench.reach(&node, S::Manageable).await;
    assert_eq!(on.power_state, Some(PowerState::On));
    assert_eq!(on.target_power_state, None);
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_bmc_is_maintenance_and_its_return_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let sets = [
        "conductor.sync_power_state_interval=0.05",
        "conductor.power_failure_recovery_interval=0.05",
    ];
    let bench = Bench::start(directory.path(), &sets).await;
    let node = bench.enrol("n", json!({})).await;
    bench.bring(&node, "manage", S::Manageable).await;
    bench
        .set(&node, "fake_failures", json!(["power.state"]))
        .await;
    let lost = until(&bench, &node, |node| node.maintenance).await;
    assert_eq!(lost.fault, Some(Fault::PowerFailure));
    assert_eq!(lost.power_state, None);
    bench.set(&node, "fake_failures", json!([])).await;
    let back = until(&bench, &node, |node| !node.maintenance).await;
    assert_eq!(back.fault, None);
    bench.service.stop().await;
}

async fn until(bench: &Bench, node: &NodeIdent, reached: impl Fn(&Node) -> bool) -> Node {
    let id = bench.client.node(node).await.unwrap().uuid;
    let mut events = bench.client.events(None, Some(id)).await.unwrap();
    let wait = async {
        loop {
            let now = bench.client.node(node).await.unwrap();
            if reached(&now) {
                return now;
            }
            events.next().await.unwrap().unwrap();
        }
    };
    timeout(DEADLINE, wait).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_comes_before_it_is_waited_for_is_wanted_again() {
    let directory = tempfile::tempdir().unwrap();
    let sets = ["conductor.node_locked_retry_interval=0.01"];
    let bench = Bench::start(directory.path(), &sets).await;
    let node = bench.enrol("n", json!({"fake_inspect_delay": "600"})).await;
    let id = bench.bring(&node, "manage", S::Manageable).await.uuid;
    let mac = "52:54:00:00:00:01".parse().unwrap();
    bench.client.create_port(id, mac).await.unwrap();
    let post = || {
        let inventory = json!({"inventory": {"interfaces": [{"mac_address": mac}]}});
        bench.call("POST", "/v1/continue_inspection", Some(inventory))
    };
    assert_eq!(post().await.0, 404, "nobody inspects");
    bench.verb(&node, "inspect").await.unwrap();
    let now = bench.client.node(&node).await.unwrap();
    assert_eq!(now.provision_state, S::Inspecting);
    let (status, answer) = post().await;
    assert_eq!(status, 409, "{answer}");
    bench.service.stop().await;
}

/// Brings nodes to `available`, each with its wait before it is deployed.
async fn available(bench: &Bench, waits: &[&str]) -> Vec<NodeIdent> {
    let mut nodes = Vec::new();
    for (number, wait) in waits.iter().enumerate() {
        let node = bench.enrol(&format!("n{number}"), json!({})).await;
        bench.bring(&node, "manage", S::Manageable).await;
        bench.bring(&node, "provide", S::Available).await;
        bench.set(&node, "fake_deploy_wait", json!(wait)).await;
        nodes.push(node);
    }
    nodes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_ends_while_all_workers_are_busy_is_not_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    // Of the two, one is for requests only.
    let bench = Bench::start(directory.path(), &["conductor.workers_pool_size=2"]).await;
    let nodes = available(&bench, &["1", "0"]).await;
    let (waiting, busy) = (&nodes[0], &nodes[1]);
    bench.verb(waiting, "active").await.unwrap();
    bench.reach(waiting, S::DeployWait).await;
    bench.set(busy, "fake_deploy_delay", json!("2")).await;
    bench.verb(busy, "active").await.unwrap();
    bench.reach(waiting, S::Active).await;
    bench.reach(busy, S::Active).await;
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_ends_in_maintenance_goes_on_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = available(&bench, &["0"]).await.remove(0);
    bench.set(&node, "fake_deploy_delay", json!("0.3")).await;
    bench.verb(&node, "active").await.unwrap();
    bench.client.maintenance(&node, true, None).await.unwrap();
    bench.reach(&node, S::DeployWait).await;
    bench.client.maintenance(&node, false, None).await.unwrap();
    bench.reach(&node, S::Active).await;
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_do_not_share_a_state_directory() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let second = Box::pin(Service::start(Config::default(), directory.path(), None)).await;
    assert!(second.is_err());
    bench.service.stop().await;
}
