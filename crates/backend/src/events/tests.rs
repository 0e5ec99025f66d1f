//! The bus: order, resuming, slow readers, restarts, what is kept.

use cupola_api::event::{EventId, EventKind, Outcome, StreamItem};
use cupola_api::id::NodeId;
use cupola_api::node::Node;

use super::EventBus;
use crate::store::{Store, StoreOptions};

async fn store(directory: &tempfile::TempDir) -> Store {
    let options = StoreOptions::new(directory.path());
    Store::open(&options).await.expect("a store")
}

fn line(text: &str) -> EventKind {
    EventKind::Log {
        severity: cupola_api::event::Severity::Info,
        source: "conductor".to_owned(),
        text: text.to_owned(),
    }
}

fn id_of(item: Option<StreamItem>) -> Option<EventId> {
    match item {
        Some(StreamItem::Event(event)) => Some(event.id),
        Some(StreamItem::Missed) | None => None,
    }
}

#[tokio::test]
async fn a_subscriber_sees_what_comes_after_it_and_can_resume() {
    let directory = tempfile::tempdir().expect("a directory");
    let bus = EventBus::start(store(&directory).await).await.expect("bus");
    bus.publish(None, line("before"));
    let mut live = bus.subscribe(None, None);
    let first = bus.publish(None, line("one"));
    let second = bus.publish(None, line("two"));
    assert_eq!(id_of(live.next().await), Some(first));
    assert_eq!(live.position(), first);
    let mut resumed = bus.subscribe(Some(first), None);
    assert_eq!(id_of(resumed.next().await), Some(second));
}

#[tokio::test]
async fn a_waiting_subscriber_is_woken_and_ended() {
    let directory = tempfile::tempdir().expect("a directory");
    let bus = EventBus::start(store(&directory).await).await.expect("bus");
    let mut live = bus.subscribe(None, None);
    let reader = tokio::spawn(async move { (live.next().await, live.next().await) });
    tokio::task::yield_now().await;
    let id = bus.publish(None, line("one"));
    tokio::task::yield_now().await;
    bus.shutdown().await;
    let (one, end) = reader.await.expect("the reader ends");
    assert_eq!(id_of(one), Some(id));
    assert_eq!(end, None);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_once_and_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let bus = EventBus::start_with(store(&directory).await, 8, 64)
        .await
        .expect("bus");
    let mut slow = bus.subscribe(None, None);
    for _ in 0..20 {
        bus.publish(None, line("flood"));
    }
    assert_eq!(slow.next().await, Some(StreamItem::Missed));
    let next = bus.publish(None, line("after"));
    assert_eq!(id_of(slow.next().await), Some(next));
}

#[tokio::test]
async fn only_the_newest_summary_of_a_node_is_shown_to_who_is_behind() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(&directory).await;
    let bus = EventBus::start(store.clone()).await.expect("bus");
    let node = Node::new(NodeId::random(), "ipmi".to_owned());
    let stored = store.create_node(node).await.expect("a node");
    let mut behind = bus.subscribe(None, Some(stored.uuid));
    bus.node_changed(&stored);
    bus.node_changed(&stored);
    bus.publish(Some(NodeId::random()), line("of another node"));
    let kept = bus.publish(Some(stored.uuid), line("in between"));
    let newest = bus.node_changed(&stored);
    assert_eq!(id_of(behind.next().await), Some(kept));
    assert_eq!(id_of(behind.next().await), Some(newest));
}

#[tokio::test]
async fn ids_go_on_after_a_clean_end_and_after_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(&directory).await;
    let bus = EventBus::start(store.clone()).await.expect("bus");
    let last = bus.publish(None, line("one"));
    bus.shutdown().await;

    let bus = EventBus::start(store.clone()).await.expect("bus");
    let mut resumed = bus.subscribe(Some(last), None);
    let next = bus.publish(None, line("two"));
    assert_eq!(next, EventId(last.0 + 1), "nothing was lost in between");
    assert_eq!(id_of(resumed.next().await), Some(next));
    bus.flush().await;
    drop((bus, resumed));

    let bus = EventBus::start(store).await.expect("bus");
    let mut resumed = bus.subscribe(Some(next), None);
    let after_crash = bus.publish(None, line("three"));
    assert!(after_crash > next);
    assert_eq!(resumed.next().await, Some(StreamItem::Missed));
}

#[tokio::test]
async fn the_timeline_holds_what_is_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(&directory).await;
    let bus = EventBus::start(store.clone()).await.expect("bus");
    let node = NodeId::random();
    let mut kept = Vec::new();
    for n in 0..5 {
        kept.push(bus.publish(Some(node), line(&format!("line {n}"))));
        bus.publish(
            Some(node),
            EventKind::StepProgress {
                step: "deploy.write_image".to_owned(),
                percent: Some(n),
                message: String::new(),
            },
        );
    }
    let finished = EventKind::StepFinished {
        step: "deploy.write_image".to_owned(),
        outcome: Outcome::Succeeded,
        message: String::new(),
        duration_ms: 12,
    };
    kept.push(bus.publish(Some(node), finished.clone()));
    let all = bus.timeline(node, None, 100).await.expect("a timeline");
    assert_eq!(all.iter().map(|e| e.id).collect::<Vec<_>>(), kept);
    assert_eq!(all.last().map(|e| &e.kind), Some(&finished));
    let two = bus.timeline(node, None, 2).await.expect("a timeline");
    assert_eq!(two, all[4..], "the last ones");
    let next = bus.timeline(node, Some(kept[1]), 2).await.expect("it");
    assert_eq!(next, all[2..4], "the first ones after an id");
}

#[tokio::test]
async fn a_full_writer_loses_events_of_the_timeline_but_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(&directory).await;
    let bus = EventBus::start_with(store, 4096, 4).await.expect("bus");
    let node = NodeId::random();
    let mut live = bus.subscribe(None, None);
    // The writer cannot run in between: this test has one thread and does not await.
    for _ in 0..100 {
        bus.publish(Some(node), line("burst"));
    }
    let kept = bus.timeline(node, None, 1000).await.expect("a timeline");
    assert_eq!(kept.len(), 4);
    bus.flush().await;
    let mut last = String::new();
    for _ in 0..=100 {
        if let Some(StreamItem::Event(event)) = live.next().await
            && let EventKind::Log { text, .. } = event.kind
        {
            last = text;
        }
    }
    assert!(last.starts_with("96 events are missing"), "{last}");
}
