//! Allocations: both sides of one agree, and of many who want the same nodes each node has one.

use std::collections::HashSet;
use std::sync::Arc;

use cupola_api::allocation::{Allocation, AllocationState};
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::ProvisionState;
use cupola_drivers::fake::FakeSettings;
use cupola_drivers::interface::DriverSettings;
use cupola_drivers::registry::{Implementations, Registry};
use serde_json::json;

use super::object;
use crate::conductor::{Conductor, ConductorOptions};
use crate::events::EventBus;
use crate::rpc::Rpc;
use crate::store::{Store, StoreError, StoredNode};

const MANY: usize = 40;
const FEW: usize = 7;

fn free(name: &str) -> Node {
    let mut node = Node::new(NodeId::random(), "fake-hardware".to_owned());
    node.name = Some(name.to_owned());
    node.provision_state = ProvisionState::Available;
    node.power_state = Some(PowerState::Off);
    node.resource_class = Some("baremetal".to_owned());
    node
}

fn wanted(name: &str) -> Allocation {
    Allocation {
        name: Some(name.to_owned()),
        resource_class: Some("baremetal".to_owned()),
        traits: vec!["CUSTOM_A".to_owned()],
        ..Allocation::default()
    }
}

async fn made(store: &Store, name: &str) -> (Allocation, Arc<StoredNode>) {
    let node = store.create_node(free(name)).await.expect("a node");
    let allocation = store.create_document(wanted(name)).await;
    (allocation.expect("an allocation"), node)
}

pub(super) async fn an_allocation_and_its_node_agree(store: Store) {
    let (allocation, node) = made(&store, "n1").await;
    let id = allocation.uuid;
    let taken = store.create_document(wanted("n1")).await.err();
    assert_eq!(
        taken.map(|error| error.to_string()).as_deref(),
        Some("An allocation with name n1 already exists.")
    );
    // A node that has changed since it was looked at is not taken.
    let note = |node: &mut Node| node.description = Some("rack 5".to_owned());
    let now = store.modify_node(node.uuid, note).await.expect("changed");
    assert!(store.claim_node(id, &node).await.expect("asked").is_none());
    let untouched: Allocation = store.document(id.0).await.expect("read");
    assert_eq!(untouched, allocation);

    let claimed = store.claim_node(id, &now).await.expect("asked");
    let claimed = claimed.expect("claimed");
    assert_eq!(claimed.instance_uuid, Some(id.0));
    assert_eq!(claimed.allocation_uuid, Some(id.0));
    assert_eq!(claimed.instance_info["traits"], json!(["CUSTOM_A"]));
    assert_eq!(store.node_by_id(node.uuid).await.expect("read"), claimed);
    let settled: Allocation = store.document(id.0).await.expect("read");
    assert_eq!(settled.state, AllocationState::Active);
    assert_eq!(settled.node_uuid, Some(node.uuid));
    // It has one already.
    let other = store.create_node(free("n2")).await.expect("a node");
    assert!(store.claim_node(id, &other).await.expect("asked").is_none());

    let renamed = store.modify_allocation(id, |allocation| {
        allocation.extra = object(json!({"a": 1}));
    });
    assert_eq!(renamed.await.expect("changed").node_uuid, Some(node.uuid));
    let freed = store.delete_allocation(id).await.expect("deleted");
    let freed = freed.expect("a node");
    assert_eq!((freed.instance_uuid, freed.allocation_uuid), (None, None));
    assert!(freed.instance_info.contains_key("traits"));
    let gone = store.delete_allocation(id).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));

    // It goes with its node.
    let (second, node) = made(&store, "n3").await;
    let claimed = store.claim_node(second.uuid, &node).await;
    assert!(claimed.expect("asked").is_some());
    store.delete_node(node.uuid).await.expect("deleted");
    let gone = store.document::<Allocation>(second.uuid.0).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
}

async fn conductor(store: &Store, host: &str) -> Conductor {
    let events = EventBus::start(store.clone()).await.expect("a bus");
    let implementations = Implementations::default().with_fake(FakeSettings::default());
    let enabled = ["fake-hardware".to_owned()];
    let registry = Registry::new(&enabled, implementations, DriverSettings::default());
    let options = ConductorOptions {
        host: host.to_owned(),
        ..ConductorOptions::default()
    };
    Conductor::new(store.clone(), events, registry.expect("good"), options)
}

/// Waits until none of them is looked for any more.
async fn settled(store: &Store, count: usize) -> Vec<Allocation> {
    let wait = async {
        loop {
            let all = store.documents::<Allocation>(&[]).await.expect("read");
            let is_settled = |a: &Allocation| a.state != AllocationState::Allocating;
            if all.len() == count && all.iter().all(is_settled) {
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    let settled = tokio::time::timeout(std::time::Duration::from_secs(60), wait).await;
    settled.expect("all settled")
}

/// Two conductors over one database are asked for many more nodes than there are, all at once; one
/// more allocation was left by a process that died.
pub(super) async fn no_node_is_given_twice(store: Store) {
    let left = Allocation {
        traits: Vec::new(),
        ..wanted("left")
    };
    let left = store.create_document(left).await.expect("kept").uuid;
    for number in 0..FEW {
        let node = free(&format!("n{number}"));
        store.create_node(node).await.expect("a node");
    }
    let conductors = [
        conductor(&store, "host1").await,
        conductor(&store, "host2").await,
    ];
    for conductor in &conductors {
        conductor.start().await.expect("started");
    }
    let calls = (0..MANY).map(|number| {
        let conductor = conductors[number % 2].clone();
        let allocation = Allocation {
            traits: Vec::new(),
            ..wanted(&format!("a{number}"))
        };
        tokio::spawn(async move { conductor.create_allocation(allocation, None).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("no panic").expect("made");
    }
    let all = settled(&store, MANY + 1).await;
    let nodes = store.nodes(crate::store::NodeFilter::default()).await;
    let nodes = nodes.expect("read");
    let active: Vec<_> = all.iter().filter(|a| a.node_uuid.is_some()).collect();
    assert_eq!(active.len(), FEW);
    let taken: HashSet<_> = active.iter().map(|a| a.node_uuid).collect();
    assert_eq!(taken.len(), FEW, "a node was given twice");
    for allocation in &all {
        let id = allocation.uuid;
        match allocation.node_uuid {
            Some(node) => {
                assert_eq!(allocation.state, AllocationState::Active);
                let node = nodes.iter().find(|n| n.uuid == node).expect("a node");
                assert_eq!(node.allocation_uuid, Some(id.0));
                assert_eq!(node.instance_uuid, Some(id.0));
            }
            None => {
                assert_eq!(allocation.state, AllocationState::Error);
                let text = allocation.last_error.as_deref().unwrap_or_default();
                let head = format!("Failed to process allocation {id}: ");
                let why = text.strip_prefix(&head).unwrap_or(text);
                assert!(
                    [
                        "no available nodes match the resource class baremetal.",
                        "all nodes were filtered out during reservation.",
                    ]
                    .contains(&why),
                    "{text}"
                );
            }
        }
    }
    assert!(all.iter().any(|allocation| allocation.uuid == left));
    for conductor in conductors {
        conductor.stop().await;
    }
}
