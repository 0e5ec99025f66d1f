//! Requests whose sender goes away before the answer: what was begun is ended.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may end where it stands"
)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{Bench, DEADLINE};

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_change_that_is_cut_off_leaves_no_node_locked() {
    let directory = tempfile::tempdir().unwrap();
    let bench = Bench::start(directory.path(), &[]).await;
    let node = bench.enrol("n1", json!({})).await;
    for turn in 0..200_u64 {
        let change = json!([{"op": "add", "path": "/extra/turn", "value": turn}]);
        let request = bench.call("PATCH", "/v1/nodes/n1", Some(change));
        // Whether the answer still comes is left to chance: each turn waits a little longer.
        let _ = tokio::time::timeout(Duration::from_micros(turn * 15), request).await;
    }
    let free = async {
        while bench
            .client
            .node(&node)
            .await
            .unwrap()
            .reservation
            .is_some()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, free)
        .await
        .expect("the lock is given back");
    bench.service.stop().await;
}
