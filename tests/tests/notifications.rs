//! Notifications through a real RabbitMQ to a real listener of oslo.messaging, also over an outage
//! of the broker.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end where it cannot go on"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cupola_tests::rabbitmq::{Listener, RabbitMq, is_here};
use cupola_tests::serve::Serve;
use cupola_tests::upstream;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const TEST: &str = "a_listener_of_oslo_messaging_hears_of_changes_and_over_an_outage";
/// Longer than anything takes, on a busy host too.
const PATIENCE: Duration = Duration::from_secs(90);
/// How many notifications may wait for the broker.
const QUEUE: usize = 20;
/// How many changes are made while it is away, two notifications each: more than may wait, also
/// with those that were on their way.
const CHANGES: usize = 60;

fn serve(broker: &RabbitMq, directory: &Path) -> Result<Serve> {
    let url = format!("notifications.url={}", broker.url("rabbit"));
    let length = format!("notifications.queue_length={QUEUE}");
    let sets = [
        "notifications.notification_level=debug",
        "notifications.driver=rabbitmq",
        &url,
        &length,
        "drivers.enabled=[\"fake-hardware\"]",
        "conductor.host=h",
    ];
    let arguments: Vec<&str> = sets.iter().flat_map(|set| ["--set", *set]).collect();
    Serve::start(directory, &arguments)
}

async fn send(
    service: &Serve,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<(StatusCode, Value)> {
    let request = reqwest::Client::new()
        .request(method, format!("{}/v1/{path}", service.url()))
        .header("x-openstack-ironic-api-version", "1.99")
        .json(body);
    let answer = request.send().await?;
    let status = answer.status();
    Ok((status, answer.json().await.unwrap_or_default()))
}

fn describe(number: usize) -> Value {
    json!([{"op": "add", "path": "/description", "value": number.to_string()}])
}

/// A number of `/metrics`.
async fn metric(service: &Serve, name: &str) -> Result<u64> {
    let url = format!("{}/metrics", service.url());
    let page = reqwest::get(url).await?.text().await?;
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    let number = line.with_context(|| format!("no {name} in\n{page}"))?;
    Ok(number.trim().parse()?)
}

const SENT: &str = "cupola_notifications_sent_total ";
const DROPPED: &str = "cupola_notifications_dropped_total ";
const WAITING: &str = "cupola_notifications_waiting ";

/// Waits until the broker has confirmed everything that was not dropped.
async fn all_sent(service: &Serve) -> Result<()> {
    let started = Instant::now();
    while metric(service, WAITING).await? > 0 {
        ensure!(started.elapsed() < PATIENCE, "{}", service.log());
        // A page of metrics is not told of its changes.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// The types and the levels of the next ones.
fn types(listener: &Listener, count: usize) -> Result<Vec<(String, String)>> {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    (0..count)
        .map(|_| {
            let heard = listener.next(PATIENCE)?;
            Ok((text(&heard["event_type"]), text(&heard["priority"])))
        })
        .collect()
}

async fn changes_are_heard(service: &Serve, listener: &Listener) -> Result<String> {
    let node = json!({"driver": "fake-hardware", "name": "n1",
        "driver_info": {"fake_password": "hunter2"}});
    let (status, made) = send(service, Method::POST, "nodes", &node).await?;
    ensure!(status == StatusCode::CREATED, "{made}");
    let start = listener.next(PATIENCE)?;
    ensure!(
        start["event_type"] == "baremetal.node.create.start",
        "{start}"
    );
    let end = listener.next(PATIENCE)?;
    ensure!(end["publisher_id"] == "ironic-api.h", "{end}");
    ensure!(end["event_type"] == "baremetal.node.create.end", "{end}");
    let (payload, data) = (&end["payload"], &end["payload"]["ironic_object.data"]);
    ensure!(
        payload["ironic_object.name"] == "NodeCRUDPayload",
        "{payload}"
    );
    ensure!(data["uuid"] == made["uuid"], "{data}");
    ensure!(data["driver_info"]["fake_password"] == "******", "{data}");
    ensure!(end["metadata"]["message_id"].is_string(), "{end}");

    // One that fails goes to the queue of errors.
    let uuid = made["uuid"].as_str().unwrap();
    let (status, _) = send(
        service,
        Method::POST,
        "nodes",
        &json!({
        "driver": "fake-hardware", "name": "n1"}),
    )
    .await?;
    ensure!(status == StatusCode::CONFLICT, "{status}");
    let mut heard = types(listener, 2)?;
    // They come from two queues.
    heard.sort();
    let want = [("error", "error"), ("start", "info")]
        .map(|(status, level)| (format!("baremetal.node.create.{status}"), level.to_owned()));
    ensure!(heard == want, "{heard:?}");
    Ok(format!("nodes/{uuid}"))
}

#[tokio::test]
async fn a_listener_of_oslo_messaging_hears_of_changes_and_over_an_outage() -> Result<()> {
    if !is_here(TEST) {
        return Ok(());
    }
    let Some(venv) = upstream::environment(TEST)? else {
        return Ok(());
    };
    // It fails only when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir()?;
    let mut broker = RabbitMq::start().await?;
    let service = serve(&broker, directory.path())?;
    let listener = Listener::start(&venv, &broker.url("rabbit"), directory.path())?;
    let node = changes_are_heard(&service, &listener).await;
    let node = node.with_context(|| service.log())?;
    all_sent(&service).await?;
    ensure!(metric(&service, SENT).await? == 4 && metric(&service, DROPPED).await? == 0);

    broker.kill()?;
    for number in 0..CHANGES {
        let (status, said) = send(&service, Method::PATCH, &node, &describe(number)).await?;
        ensure!(status == StatusCode::OK, "{said}");
    }
    let (waiting, dropped) = (
        metric(&service, WAITING).await?,
        metric(&service, DROPPED).await?,
    );
    let told = 2 * CHANGES as u64;
    ensure!(waiting >= QUEUE as u64, "{waiting} wait");
    ensure!(
        dropped > 0 && waiting + dropped == told,
        "{waiting} {dropped}"
    );

    broker.start_again().await?;
    // The newest have been kept, in their order.
    let mut last = None;
    for _ in 0..waiting {
        let heard = listener.next(PATIENCE)?;
        let number = &heard["payload"]["ironic_object.data"]["description"];
        let number: usize = number.as_str().context("no description")?.parse()?;
        ensure!(last <= Some(number), "{number} after {last:?}");
        last = Some(number);
    }
    ensure!(last == Some(CHANGES - 1), "{last:?}");
    all_sent(&service).await?;
    ensure!(metric(&service, SENT).await? == 4 + waiting);
    ensure!(metric(&service, DROPPED).await? == dropped);

    // What is told while the service ends is sent too, and nobody's password is in the log.
    let (status, _) = send(&service, Method::PATCH, &node, &describe(CHANGES)).await?;
    ensure!(status == StatusCode::OK);
    let log = directory.path().join("serve.log");
    ensure!(service.stop()?.success());
    ensure!(types(&listener, 2)?.len() == 2);
    let log = std::fs::read_to_string(log)?;
    ensure!(log.contains("takes notifications again"), "{log}");
    ensure!(log.contains("are dropped"), "{log}");
    ensure!(!log.contains("guest"), "{log}");
    Ok(())
}
