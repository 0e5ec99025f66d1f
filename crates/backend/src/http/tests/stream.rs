//! What is under `/cupola/v1`, through the client that the console uses.

use std::time::Duration;

use super::*;
use crate::config;
use crate::http::ServeOptions;
use cupola_api::event::{EventKind, Severity, StreamItem};
use cupola_api::node::Object;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::json;

type Items = BoxStream<'static, Result<StreamItem, cupola_api::client::ClientError>>;

async fn next(items: &mut Items) -> Option<StreamItem> {
    let item = tokio::time::timeout(Duration::from_secs(10), items.next()).await;
    item.expect("in time").map(|item| item.expect("readable"))
}

fn text(item: Option<StreamItem>) -> String {
    match item {
        Some(StreamItem::Event(event)) => match event.kind {
            EventKind::Log { text, .. } => text,
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn events_are_followed_resumed_and_ended() {
    let api = Api::start().await;
    let client = api.client();
    let n1 = api.node("n1").await.parse().expect("a UUID");
    let n2 = api.node("n2").await.parse().expect("a UUID");
    let log = |node, text: &str| api.events.log(Some(node), Severity::Info, "test", text);
    let mut all = client.events(None, None).await.expect("a stream");
    let mut one = client.events(None, Some(n2)).await.expect("a stream");
    let first = log(n1, "first");
    log(n2, "second");
    assert_eq!(text(next(&mut all).await), "first");
    assert_eq!(text(next(&mut all).await), "second");
    assert_eq!(text(next(&mut one).await), "second");
    drop(all);
    log(n1, "third");
    let mut resumed = client.events(Some(first), None).await.expect("a stream");
    assert_eq!(text(next(&mut resumed).await), "second");
    assert_eq!(text(next(&mut resumed).await), "third");
    let long_ago = cupola_api::EventId(-5);
    let mut lost = client.events(Some(long_ago), None).await.expect("a stream");
    assert_eq!(next(&mut lost).await, Some(StreamItem::Missed));
    api.shutdown.cancel();
    assert_eq!(next(&mut resumed).await, None);
}

#[tokio::test]
async fn summaries_and_timeline() {
    let api = Api::start().await;
    let client = api.client();
    let n1 = api.node("n1").await.parse().expect("a UUID");
    let id = api.events.log(Some(n1), Severity::Info, "test", "kept");
    let summaries = client.summaries().await.expect("summaries");
    assert_eq!(summaries.nodes.len(), 1);
    assert_eq!(summaries.last_event, id);
    let timeline = client
        .timeline(&"n1".into(), None)
        .await
        .expect("a timeline");
    assert_eq!(timeline.events.last().map(|event| event.id), Some(id));
    let rest = client
        .timeline(&"n1".into(), Some(id))
        .await
        .expect("a timeline");
    assert!(rest.events.is_empty());
    let explanation = client.explain(&"n1".into()).await.expect("an explanation");
    assert_eq!(explanation.name.as_deref(), Some("n1"));
    assert_eq!(explanation.diagnosis, None);
    assert!(client.images().await.expect("images").images.is_empty());
    let request = cupola_api::cupola::ProbeRequest {
        driver: "ipmi".to_owned(),
        driver_info: Object::new(),
    };
    let report = client.probe(&request).await.expect("a report");
    assert_eq!(report.manufacturer.as_deref(), Some("ipmi"));
    let mut discovery = cupola_api::discovery::DiscoveryRequest {
        addresses: cupola_api::discovery::range("10.0.0.0/24").expect("a range"),
        username: None,
        password: None,
        default_credentials: false,
        redfish_port: None,
    };
    assert_eq!(
        client.discover(&discovery).await.expect("a report").silent,
        254
    );
    discovery.addresses.clear();
    let refused = client.discover(&discovery).await.expect_err("no address");
    assert_eq!(refused.status(), Some(400));
    let mut identify = cupola_api::cupola::IdentifyRequest {
        driver: "ipmi".to_owned(),
        driver_info: Object::new(),
        state: "on".to_owned(),
    };
    client.identify(&identify).await.expect("lit");
    "off".clone_into(&mut identify.state);
    let refused = client.identify(&identify).await.expect_err("stays lit");
    assert!(refused.to_string().contains("ipmi stays lit"), "{refused}");
    assert!(client.unknown_macs().await.expect("none").macs.is_empty());
}

#[tokio::test]
async fn what_is_completed_is_measured() {
    use cupola_api::durations::Phase;
    use cupola_api::state::provision::ProvisionState as S;

    let api = Api::start().await;
    let client = api.client();
    let n1 = api.node("n1").await.parse().expect("a UUID");
    assert!(client.durations().await.expect("none").durations.is_empty());
    for (from, to) in [(S::Available, S::Deploying), (S::Deploying, S::Active)] {
        let cause = "test".to_owned();
        api.events
            .publish(Some(n1), EventKind::Transition { from, to, cause });
    }
    let durations = client.durations().await.expect("durations");
    let driver = client.node(&"n1".into()).await.expect("a node").driver;
    let usual = durations.usual(None, &driver, Phase::Deploying, None);
    assert_eq!(usual.map(|usual| usual.count), Some(1));
}

#[tokio::test]
async fn the_client_walks_all_pages() {
    let api = Api::start().await;
    for name in ["a", "b", "c"] {
        api.node(name).await;
    }
    let query = cupola_api::client::NodeQuery {
        limit: Some(3),
        detail: true,
        ..Default::default()
    };
    let nodes = api.client().nodes(&query).await.expect("nodes");
    assert_eq!(nodes.len(), 3);
    assert!(nodes.iter().all(|node| node.driver == "fake-hardware"));
}

#[tokio::test]
async fn a_socket_is_served_until_it_is_told_to_stop() {
    let api = Api::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(crate::http::serve(
        listener,
        api.router.clone(),
        ServeOptions::new(&config::Api::default(), None),
        api.shutdown.clone(),
    ));
    let transport = cupola_api::client::remote::RemoteTransport::new(&format!("http://{address}"));
    let client = Client::new(transport.expect("a URL"));
    assert!(
        client
            .nodes(&Default::default())
            .await
            .expect("nodes")
            .is_empty()
    );
    let mut events = client.events(None, None).await.expect("a stream");
    api.shutdown.cancel();
    assert_eq!(next(&mut events).await, None);
    let ended = tokio::time::timeout(Duration::from_secs(5), serving).await;
    assert!(matches!(ended, Ok(Ok(()))));
}

#[tokio::test]
async fn logs_pass_through_in_pieces() {
    let api = Api::start().await;
    let client = api.client();
    let node = api.node("n1").await.as_str().into();
    let none = client.agent_logs(&node).await.expect("a list");
    assert_eq!(none.logs, []);
    let page = client.agent_log_lines(&node, "some", 7).await;
    let page = page.expect("lines");
    assert_eq!((page.first, page.lines.len(), page.end), (7, 1000, false));
    let chunks = client.agent_log(&node, "some").await.expect("a stream");
    let chunks: Vec<_> = chunks.map(|c| c.expect("a chunk")).collect().await;
    assert_eq!(chunks.concat(), b"some".repeat(10));
    let missing = client.agent_log(&node, "missing").await.err();
    assert_eq!(missing.and_then(|e| e.status()), Some(404));
}

#[tokio::test]
async fn a_serial_console_is_followed_and_typed_into() {
    use cupola_api::serial::{Characters, SerialItem, SerialSend};
    let api = Api::start().await;
    let client = api.client();
    let node = api.node("n1").await;
    let ident = cupola_api::id::NodeIdent::from(node.as_str());
    let mut items = client.serial(&ident, None, false).await.expect("a stream");
    let mut come = Vec::new();
    for _ in 0..2 {
        let item = tokio::time::timeout(Duration::from_secs(10), items.next()).await;
        come.push(item.expect("in time").expect("an item").expect("readable"));
    }
    assert!(matches!(&come[0], SerialItem::State(state) if state.watchers.len() == 1));
    assert!(
        matches!(&come[1], SerialItem::Output { characters, next, .. }
            if characters == b"login" && next.to_string() == "1.5"),
        "{come:?}"
    );
    let typed = SerialSend {
        data: Some(Characters(b"root\r".to_vec())),
        send_break: false,
    };
    client.serial_send(&ident, &typed).await.expect("taken");
    let path = format!("/cupola/v1/nodes/{node}/serial");
    for (body, status) in [
        (json!({}), 400),
        (json!({ "data": "no base64!" }), 400),
        (json!({ "data": "" }), 400),
        (json!({ "text": "x" }), 400),
        (json!({ "break": true }), 204),
    ] {
        let reply = api.post(&path, body.clone()).await;
        assert_eq!(reply.status, status, "{body}");
    }
    let long = Characters(vec![b'x'; 5000]);
    let reply = api.post(&path, json!({ "data": long })).await;
    assert!(
        reply.status == 400 && reply.fault().contains("4096"),
        "{}",
        reply.fault()
    );
    assert_eq!(api.get("/cupola/v1/nodes/unknown/serial").await.status, 404);
}
