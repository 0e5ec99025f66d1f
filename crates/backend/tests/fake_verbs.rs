//! What a user asks of a node besides deploying, on fake hardware through the whole service: rescue,
//! manual cleaning, holds, deploy templates.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end where it stands"
)]

mod support;

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

/// A node that is `active`.
async fn active(bench: &Bench, driver_info: Value) -> NodeIdent {
    let node = bench.enrol("n1", driver_info).await;
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
    node.instance_info.keys().any(|key| key.contains("password"))
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
    bench.set(&node, "fake_failures", json!(["rescue.finish"])).await;
    bench.client.provision(&node, &rescue()).await.unwrap();
    let failed = bench.reach(&node, S::RescueFailed).await;
    assert!(failed.last_error.unwrap().contains("rescue.finish"));
    assert!(!failed.instance_info.keys().any(|key| key.contains("password")));
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
    assert!(error.to_string().contains("does not support rescue"), "{error}");
    assert!(!error.to_string().contains(PASSWORD));
    let node = bench.client.node(&node).await.unwrap();
    assert_eq!(node.provision_state, S::Active);
    bench.service.stop().await;
}
