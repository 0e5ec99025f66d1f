//! Allocations on fake hardware through the whole service: a node is found, deployed, kept while it
//! is in use, and free again after its undeploy.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end where it stands"
)]

mod support;

use cupola_api::id::NodeIdent;
use cupola_api::state::provision::ProvisionState as S;
use futures_util::StreamExt;
use serde_json::{Value, json};
use support::{Bench, DEADLINE};

fn fault(answer: &Value) -> String {
    let inner = answer["error_message"].as_str().unwrap_or_default();
    let inner: Value = serde_json::from_str(inner).unwrap_or_default();
    inner["faultstring"].as_str().unwrap_or_default().to_owned()
}

async fn available(bench: &Bench, name: &str) -> NodeIdent {
    let node = bench.enrol(name, json!({})).await;
    let class = json!([{"op": "add", "path": "/resource_class", "value": "bm"}]);
    let path = format!("/v1/nodes/{name}");
    bench.call_ok("PATCH", &path, Some(class)).await;
    bench.bring(&node, "manage", S::Manageable).await;
    bench.bring(&node, "provide", S::Available).await;
    // Fake power is not known before it is switched.
    let off = json!({"target": "power off"});
    let path = format!("{path}/states/power");
    bench.call_ok("PUT", &path, Some(off)).await;
    bench.reach(&node, S::Available).await;
    node
}

/// Waits until the node has an allocation, or has none.
async fn until_allocated(bench: &Bench, node: &NodeIdent, wanted: bool) {
    let id = bench.client.node(node).await.unwrap().uuid;
    let mut events = bench.client.events(None, Some(id)).await.unwrap();
    let wait = async {
        while bench
            .client
            .node(node)
            .await
            .unwrap()
            .allocation_uuid
            .is_some()
            != wanted
        {
            events.next().await.unwrap().unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_an_allocation_lives_with_its_node() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = available(&bench, "n1").await;
    let other = available(&bench, "n2").await;
    let body = json!({"resource_class": "bm", "name": "n1"});
    let made = bench.call_ok("POST", "/v1/allocations", Some(body)).await;
    until_allocated(&bench, &node, true).await;
    let path = format!("/v1/allocations/{}", made["uuid"].as_str().unwrap());
    let shown = bench.call_ok("GET", &path, None).await;
    assert_eq!(shown["state"], "active");
    bench.bring(&node, "active", S::Active).await;
    let (status, answer) = bench.call("DELETE", &path, None).await;
    assert_eq!(status, 409, "{answer}");
    assert!(
        fault(&answer).contains("because the node is active"),
        "{answer}"
    );
    let unset = json!([{"op": "remove", "path": "/instance_uuid"}]);
    let (status, answer) = bench
        .call("PATCH", "/v1/nodes/n1", Some(unset.clone()))
        .await;
    assert_eq!(status, 409, "{answer}");

    // Undeploying ends it.
    let gone = bench.bring(&node, "deleted", S::Available).await;
    assert_eq!((gone.instance_uuid, gone.allocation_uuid), (None, None));
    assert_eq!(bench.call("GET", &path, None).await.0, 404);

    // So does taking the instance off a node that is not in use.
    let body = json!({"resource_class": "bm", "candidate_nodes": ["n2"]});
    let made = bench.call_ok("POST", "/v1/allocations", Some(body)).await;
    until_allocated(&bench, &other, true).await;
    bench.call_ok("PATCH", "/v1/nodes/n2", Some(unset)).await;
    until_allocated(&bench, &other, false).await;
    let path = format!("/v1/allocations/{}", made["uuid"].as_str().unwrap());
    assert_eq!(bench.call("GET", &path, None).await.0, 404);
    bench.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_node_in_use_is_allocated_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = available(&bench, "n1").await;
    let (status, answer) = bench
        .call("POST", "/v1/allocations", Some(json!({"node": "n1"})))
        .await;
    assert_eq!(status, 409, "{answer}");
    let text = fault(&answer);
    assert!(
        text.starts_with("Failed to process allocation ")
            && text.contains("Cannot backfill an allocation for node"),
        "{text}"
    );
    let left = bench.call_ok("GET", "/v1/allocations", None).await;
    assert_eq!(left["allocations"][0]["state"], "error");
    assert_eq!(left["allocations"][0]["last_error"], text.as_str());

    bench.bring(&node, "active", S::Active).await;
    let body = json!({"node": "n1", "name": "after"});
    let made = bench.call_ok("POST", "/v1/allocations", Some(body)).await;
    assert_eq!(made["state"], "active");
    let again = bench
        .call(
            "POST",
            "/v1/allocations",
            Some(json!({"node": "n1", "uuid": null})),
        )
        .await;
    assert_eq!(again.0, 409, "{}", again.1);
    bench.service.stop().await;
}
