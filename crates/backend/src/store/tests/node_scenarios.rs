//! Nodes: kept as they are, unique, deleted as a whole.

use cupola_api::cupola::{StepSummary, Waiting};
use cupola_api::event::{EventId, EventKind};
use cupola_api::id::{NodeId, NodeIdent, PortId};
use cupola_api::mac::MacAddress;
use cupola_api::node::{Fault, Node};
use cupola_api::port::Port;
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{node, object};
use crate::store::column::COLUMNS;
use crate::store::{Conflict, NodeFilter, Phase, Store, StoreError};

/// A node in which no field has its default.
fn full_node() -> Node {
    let mut value = serde_json::to_value(Node::default()).expect("JSON");
    let fields = value.as_object_mut().expect("an object");
    let now = "2026-01-02T03:04:05.123456Z";
    for (name, field) in fields.iter_mut() {
        *field = match (name.as_str(), &*field) {
            ("uuid", _) => json!(Uuid::new_v4()),
            ("chassis_uuid" | "instance_uuid" | "allocation_uuid" | "parent_node", _) => {
                json!(Uuid::new_v4())
            }
            ("power_state" | "target_power_state", _) => json!(PowerState::Off),
            ("provision_state" | "target_provision_state", _) => {
                json!(ProvisionState::DeployWait)
            }
            ("fault", _) => json!(Fault::CleanFailure),
            ("automated_clean" | "secure_boot", _) => json!(false),
            (name, _) if name.ends_with("_at") => json!(now),
            ("traits", _) => json!(["CUSTOM_A", "CUSTOM_B"]),
            (name, Value::Object(_)) => json!({ name: {"deep": ["ü\u{0}", 1.5, null, true]} }),
            (_, Value::Bool(on)) => json!(!on),
            (name, _) => json!(format!("{name} of é 机 ' \" % _ \\")),
        };
    }
    serde_json::from_value(value).expect("a node")
}

pub(super) async fn every_field_is_kept(store: Store) {
    let full = full_node();
    let default = serde_json::to_value(Node::default()).expect("JSON");
    for (name, value) in serde_json::to_value(&full)
        .expect("JSON")
        .as_object()
        .expect("it")
    {
        assert!(*value != default[name], "{name} has its default");
        assert!(
            COLUMNS.iter().any(|c| c.name == name),
            "{name} has no column"
        );
    }
    let created = store.create_node(full.clone()).await.expect("created");
    let mut want = full.clone();
    want.created_at = created.created_at;
    assert_eq!(created.node, want);

    let minimal = Node::new(full.uuid, "fake-hardware".to_owned());
    let saved = store.save_node(&minimal).await.expect("saved");
    assert!(saved.revision > created.revision);
    assert!(
        saved
            .updated_at
            .is_some_and(|at| at >= created.created_at.expect("a time"))
    );
    let mut want = minimal.clone();
    want.created_at = created.created_at;
    want.updated_at = saved.updated_at;
    want.traits = full.traits.clone();
    want.reservation = full.reservation.clone();
    assert_eq!(saved.node, want);

    store.save_node(&full).await.expect("saved");
    let by_id = store.node_by_id(full.uuid).await.expect("by id");
    let name = full.name.clone().expect("a name");
    let by_name = store.node(&NodeIdent::Name(name)).await.expect("by name");
    assert_eq!(by_id, by_name);
    let mut want = full;
    want.created_at = created.created_at;
    want.updated_at = by_id.updated_at;
    assert_eq!(by_id.node, want);

    let mut odd = node("odd");
    odd.last_error = Some("before\0after".to_owned());
    let odd = store.create_node(odd).await.expect("NUL in a text");
    assert!(
        odd.last_error
            .as_ref()
            .is_some_and(|t| t.starts_with("before"))
    );
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Conflict {
    match result {
        Err(StoreError::Conflict(conflict)) => conflict,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn names_and_instances_are_unique(store: Store) {
    let mut first = node("n1");
    let instance = Uuid::new_v4();
    first.instance_uuid = Some(instance);
    store.create_node(first.clone()).await.expect("created");

    let mut same_uuid = node("n2");
    same_uuid.uuid = first.uuid;
    let conflict = refused(store.create_node(same_uuid).await);
    assert_eq!(conflict, Conflict::NodeUuid(first.uuid.to_string()));
    let conflict = refused(store.create_node(node("n1")).await);
    assert_eq!(conflict, Conflict::NodeName("n1".to_owned()));
    let mut same_instance = node("n3");
    same_instance.instance_uuid = Some(instance);
    let conflict = refused(store.create_node(same_instance.clone()).await);
    let want = Conflict::InstanceUuid {
        instance: instance.to_string(),
        node: same_instance.uuid,
    };
    assert_eq!(conflict, want);

    let second = store.create_node(node("n2")).await.expect("created");
    let renamed = store.modify_node(second.uuid, |n| n.name = Some("n1".to_owned()));
    assert_eq!(refused(renamed.await), Conflict::NodeName("n1".to_owned()));
    let after = store.node_by_id(second.uuid).await.expect("the node");
    assert_eq!(after, second, "a refused change leaves nothing");

    // A name that became free can be taken, and the old one leads nowhere.
    let renamed = store.modify_node(first.uuid, |n| n.name = Some("other".to_owned()));
    renamed.await.expect("renamed");
    let renamed = store.modify_node(second.uuid, |n| n.name = Some("n1".to_owned()));
    renamed.await.expect("renamed");
    let found = store.node(&NodeIdent::from("n1")).await.expect("by name");
    assert_eq!(found.uuid, second.uuid);
    let gone = store.node(&NodeIdent::from("n2")).await;
    let text = gone.expect_err("it is gone").to_string();
    assert_eq!(text, "Node n2 could not be found.");
}

pub(super) async fn a_deleted_node_takes_everything_along(store: Store) {
    let kept = store.create_node(node("kept")).await.expect("created");
    let gone = store.create_node(node("gone")).await.expect("created");
    let id = gone.uuid;
    let address = MacAddress::new([0x52, 0x54, 0, 0, 0, 1]);
    let port = Port::new(PortId::random(), id, address);
    store.create_port(port).await.expect("a port");
    store
        .begin_run(id, Phase::Deploy, &[])
        .await
        .expect("a run");
    let event = cupola_api::Event {
        id: EventId(1),
        at: Timestamp::now(),
        node: Some(id),
        kind: EventKind::Maintenance {
            on: true,
            reason: None,
        },
    };
    store.append_events([&event]).await.expect("an event");
    store.delete_node(id).await.expect("deleted");
    assert!(matches!(
        store.delete_node(id).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(store.node_by_id(id).await.is_err());
    assert!(store.ports().await.expect("ports").is_empty());
    assert!(store.timeline(id, None, 9).await.expect("it").is_empty());
    assert_eq!(
        store.nodes(Default::default()).await.expect("nodes"),
        [kept]
    );

    let mut again = node("gone");
    again.uuid = id;
    let again = store.create_node(again).await.expect("created again");
    assert!(again.row > gone.row, "a row is never used again");
}

pub(super) async fn children_of_a_deleted_node_have_no_parent(store: Store) {
    let parent = store.create_node(node("parent")).await.expect("a node");
    let mut children = Vec::new();
    for name in ["c1", "c2"] {
        let mut child = node(name);
        child.parent_node = Some(parent.uuid.0);
        children.push(store.create_node(child).await.expect("a child").uuid);
    }
    let hidden = NodeFilter {
        hide_children: true,
        ..NodeFilter::default()
    };
    let listed = store.nodes(hidden.clone()).await.expect("nodes");
    assert_eq!(listed, std::slice::from_ref(&parent));

    let mut freed = store.delete_node(parent.uuid).await.expect("deleted");
    freed.sort_by_key(|child| child.row);
    let uuids: Vec<_> = freed.iter().map(|child| child.uuid).collect();
    assert_eq!(uuids, children);
    assert!(freed.iter().all(|child| child.parent_node.is_none()));
    assert_eq!(store.nodes(hidden).await.expect("nodes"), freed);
}

pub(super) async fn progress_is_kept_and_shown(store: Store) {
    let created = store.create_node(node("n1")).await.expect("created");
    let waiting = Waiting {
        what: "ramdisk to call".to_owned(),
        since: Timestamp::now(),
        deadline: None,
    };
    let step = StepSummary {
        step: "deploy.write_image".to_owned(),
        index: 2,
        total: 4,
        percent: Some(40),
    };
    let changed = store
        .set_progress(created.uuid, Some(waiting.clone()), Some(step.clone()))
        .await
        .expect("set");
    assert!(changed.revision > created.revision);
    assert_eq!(changed.updated_at, created.updated_at);
    store.save_node(&created).await.expect("a stale node");
    let summaries = store.summaries().await.expect("summaries");
    assert_eq!(summaries.len(), 1);
    assert_eq!(summaries[0].waiting, Some(waiting));
    assert_eq!(summaries[0].step, Some(step));
    let missing = store.set_progress(NodeId::random(), None, None).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
}

pub(super) async fn traits_are_a_sorted_set(store: Store) {
    let id = store.create_node(node("n1")).await.expect("created").uuid;
    let traits = ["CUSTOM_B", "CUSTOM_A", "CUSTOM_B"].map(str::to_owned);
    let set = store.set_traits(id, &traits).await.expect("set");
    assert_eq!(set.traits, ["CUSTOM_A", "CUSTOM_B"]);
    store.add_trait(id, "CUSTOM_0").await.expect("added");
    let same = store.add_trait(id, "CUSTOM_0").await.expect("there");
    assert_eq!(same.traits, ["CUSTOM_0", "CUSTOM_A", "CUSTOM_B"]);
    let less = store.remove_trait(id, "CUSTOM_A").await.expect("removed");
    assert_eq!(less.traits, ["CUSTOM_0", "CUSTOM_B"]);
    let missing = store.remove_trait(id, "CUSTOM_A").await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    let mut stale = less.node.clone();
    stale.traits = object(json!({})).keys().cloned().collect();
    let saved = store.save_node(&stale).await.expect("saved");
    assert_eq!(saved.traits, less.traits, "saving leaves traits alone");
}
