//! The smaller requests on a machine, on fake hardware through the whole service: what it can, and
//! what it says of what it cannot.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end where it stands"
)]

mod support;

use std::time::Duration;

use cupola_api::id::NodeIdent;
use futures_util::StreamExt;
use serde_json::{Value, json};
use support::{Bench, DEADLINE};

async fn bench(directory: &tempfile::TempDir) -> (Bench, NodeIdent, String) {
    let bench = Bench::start(directory.path(), &[]).await;
    let node = bench.enrol("n1", json!({})).await;
    let uuid = bench.client.node(&node).await.unwrap().uuid;
    (bench, node, format!("/v1/nodes/{uuid}"))
}

async fn use_interface(bench: &Bench, node: &str, interface: &str, name: &str) {
    let path = format!("/{interface}");
    let patch = json!([{"op": "replace", "path": path, "value": name}]);
    bench.call_ok("PATCH", node, Some(patch)).await;
}

fn fault(answer: &Value) -> String {
    let inner = answer["error_message"].as_str().unwrap_or_default();
    let inner: Value = serde_json::from_str(inner).unwrap_or_default();
    inner["faultstring"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_the_console_is_enabled_and_disabled() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, _, node) = bench(&directory).await;
    use_interface(&bench, &node, "console_interface", "fake").await;
    let path = format!("{node}/states/console");
    let off = json!({"console_enabled": false, "console_info": null});
    assert_eq!(bench.call_ok("GET", &path, None).await, off);
    let (status, _) = bench
        .call("PUT", &path, Some(json!({"enabled": true})))
        .await;
    assert_eq!(status, 202);
    let on = json!({"console_enabled": true, "console_info": {}});
    assert_eq!(bench.call_ok("GET", &path, None).await, on);
    let states = bench.call_ok("GET", &format!("{node}/states"), None).await;
    assert_eq!(states["console_enabled"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_a_raid_configuration_is_kept_for_cleaning() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, _, node) = bench(&directory).await;
    use_interface(&bench, &node, "raid_interface", "fake").await;
    let raid = json!({"logical_disks": [{"size_gb": 100, "raid_level": "1"}]});
    let path = format!("{node}/states/raid");
    bench.call_ok("PUT", &path, Some(raid.clone())).await;
    let states = bench.call_ok("GET", &format!("{node}/states"), None).await;
    assert_eq!(states["target_raid_config"], raid);
    use_interface(&bench, &node, "raid_interface", "no-raid").await;
    let (status, answer) = bench.call("PUT", &path, Some(raid)).await;
    assert_eq!(status, 404);
    assert!(fault(&answer).contains("does not support raid"), "{answer}");
    bench.call_ok("PUT", &path, Some(json!({}))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_vendor_methods_are_listed_and_called() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, _, node) = bench(&directory).await;
    let path = format!("{node}/vendor_passthru");
    let methods = bench.call_ok("GET", &format!("{path}/methods"), None).await;
    assert_eq!(methods["third_method_sync"]["async"], false);
    let word = |word: &str| Some(json!({ "bar": word }));
    let meow = format!("{path}/third_method_sync");
    assert_eq!(
        bench.call_ok("POST", &meow, word("meow")).await,
        json!(true)
    );
    assert_eq!(
        bench.call_ok("POST", &meow, word("woof")).await,
        json!(false)
    );
    let later = format!("{path}?method=second_method");
    assert_eq!(bench.call("POST", &later, word("kazoo")).await.0, 202);
    for (verb, path, body) in [
        ("POST", format!("{path}/nosuch"), word("meow")),
        ("GET", meow.clone(), None),
        ("POST", meow, Some(json!({}))),
        ("POST", path.clone(), word("meow")),
    ] {
        assert_eq!(bench.call(verb, &path, body).await.0, 400, "{verb} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_lamps_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, _, node) = bench(&directory).await;
    let path = format!("{node}/management/indicators");
    let all = bench.call_ok("GET", &path, None).await;
    assert_eq!(all["indicators"][0]["name"], "led-0@chassis");
    let one = bench
        .call_ok("GET", &format!("{path}/led@system"), None)
        .await;
    assert_eq!(one, json!({"state": "on"}));
    for name in ["led", "nosuch@system"] {
        assert_eq!(
            bench.call("GET", &format!("{path}/{name}"), None).await.0,
            400,
            "{name}"
        );
    }
    let (status, answer) = bench
        .call(
            "PUT",
            &format!("{path}/led@system"),
            Some(json!({"state": "off"})),
        )
        .await;
    assert!(
        status == 400 && fault(&answer).contains("set_indicator_state"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_what_it_cannot_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (bench, node, path) = bench(&directory).await;
    let (status, answer) = bench
        .call("PUT", &format!("{path}/management/inject_nmi"), None)
        .await;
    let text = "Driver fake-hardware does not support inject_nmi (disabled or not implemented).";
    assert_eq!((status, fault(&answer).as_str()), (400, text));
    for (what, body) in [
        ("boot_mode", json!({"target": "uefi"})),
        ("secure_boot", json!({"target": true})),
    ] {
        bench
            .call_ok("PUT", &format!("{path}/states/{what}"), Some(body))
            .await;
        let error = last_error(&bench, &node).await;
        assert!(
            error.contains("does not support") && error.contains(what),
            "{error}"
        );
    }
}

/// The next error of the node, which comes after the answer.
async fn last_error(bench: &Bench, node: &NodeIdent) -> String {
    let id = bench.client.node(node).await.unwrap().uuid;
    let mut events = bench.client.events(None, Some(id)).await.unwrap();
    let wait = async {
        loop {
            let now = bench.client.node(node).await.unwrap();
            if let Some(error) = now.last_error.filter(|_| now.reservation.is_none()) {
                return error;
            }
            // An event may have come before the stream was open.
            let _ = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap()
}
