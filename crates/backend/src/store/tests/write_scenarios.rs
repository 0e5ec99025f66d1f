//! Writers at the same time: reservations, lost updates, callers that go away.

use std::collections::BTreeMap;
use std::time::Duration;

use super::node;
use crate::store::{Conflict, NodeFilter, ReserveError, Store, StoreError};

pub(super) async fn of_many_who_reserve_one_wins(store: Store) {
    let mut nodes = Vec::new();
    for n in 0..10 {
        let node = store.create_node(node(&format!("n{n}"))).await;
        nodes.push(node.expect("created").uuid);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..16 {
        let (store, nodes) = (store.clone(), nodes.clone());
        tasks.spawn(async move {
            let mut won = Vec::new();
            for id in nodes {
                match store.reserve(id, &format!("host-{worker}")).await {
                    Ok(reservation) => {
                        assert_eq!(
                            reservation.node.reservation.as_deref(),
                            Some(reservation.host.as_str())
                        );
                        won.push(id);
                    }
                    Err(ReserveError::Locked { host, .. }) => {
                        assert!(host.starts_with("host-"), "{host}");
                        assert_ne!(host, format!("host-{worker}"));
                    }
                    Err(ReserveError::Store(error)) => panic!("{error}"),
                }
            }
            (worker, won)
        });
    }
    let mut winners = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (worker, won) = done.expect("a worker");
        for id in won {
            assert_eq!(winners.insert(id, worker), None, "two winners of {id}");
        }
    }
    assert_eq!(winners.len(), nodes.len());
    for (id, worker) in winners {
        let stored = store.node_by_id(id).await.expect("the node");
        assert_eq!(stored.reservation, Some(format!("host-{worker}")));
    }
}

pub(super) async fn a_reservation_survives_a_stale_save(store: Store) {
    let stale = store.create_node(node("n1")).await.expect("created");
    let id = stale.uuid;
    let held = store.reserve(id, "one").await.expect("reserved");
    let saved = store.save_node(&stale).await.expect("saved");
    assert_eq!(saved.reservation.as_deref(), Some("one"));
    let refused = store.reserve(id, "two").await.expect_err("it is held");
    let want = format!(
        "Node {id} is locked by host one, please retry after the current operation is completed."
    );
    assert_eq!(refused.to_string(), want);
    assert!(!store.release(id, "two").await.expect("not held by two"));
    assert!(store.release(id, &held.host).await.expect("released"));
    assert!(!store.release(id, &held.host).await.expect("once only"));
    let _ = store.reserve(id, "two").await.expect("free again");
    assert!(store.release_all_of("one").await.expect("none").is_empty());
    assert_eq!(store.release_all_of("two").await.expect("one"), [id]);
    let free = store.node_by_id(id).await.expect("the node");
    assert_eq!(free.reservation, None);
    let unknown = store.reserve(cupola_api::NodeId::random(), "one").await;
    assert!(matches!(
        unknown,
        Err(ReserveError::Store(StoreError::NotFound { .. }))
    ));
}

pub(super) async fn no_concurrent_change_is_lost(store: Store) {
    let id = store.create_node(node("n1")).await.expect("created").uuid;
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            for turn in 0..5 {
                let key = format!("{worker}/{turn}");
                let changed = store.modify_node(id, |n| {
                    n.extra.insert(key.clone(), true.into());
                });
                changed.await.expect("changed");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a worker");
    }
    let after = store.node_by_id(id).await.expect("the node");
    assert_eq!(after.extra.len(), 40);
    let same = store.modify_node(id, |_| ()).await.expect("nothing to do");
    assert_eq!(same.revision, after.revision);
}

pub(super) async fn a_stale_revision_is_refused(store: Store) {
    let old = store.create_node(node("n1")).await.expect("created");
    let new = store.save_node(&old).await.expect("saved");
    let refused = store.save_node_if(&old, old.revision).await;
    let Err(StoreError::Conflict(conflict)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(conflict, Conflict::Changed(old.uuid));
    let saved = store.save_node_if(&new, new.revision).await.expect("saved");
    assert!(saved.revision > new.revision);
}

pub(super) async fn dropped_callers_leave_memory_and_database_alike(store: Store) {
    let mut nodes = Vec::new();
    for n in 0..4 {
        let node = store.create_node(node(&format!("n{n}"))).await;
        nodes.push(node.expect("created"));
    }
    for turn in 0..200_u32 {
        let (store, stored) = (store.clone(), nodes[turn as usize % 4].clone());
        let caller = tokio::spawn(async move {
            let mut node = stored.node.clone();
            node.description = Some(format!("turn {turn}"));
            let _ = store.save_node(&node).await;
            let _ = store.reserve(node.uuid, "caller").await;
            let _ = store.release(node.uuid, "caller").await;
        });
        tokio::time::sleep(Duration::from_micros(u64::from(turn % 23) * 40)).await;
        caller.abort();
        let _ = caller.await;
    }
    // One more write of each node comes after all that was left behind.
    for stored in &nodes {
        let id = stored.uuid;
        let _ = store.release_all_of("caller").await.expect("released");
        let last = store.modify_node(id, |n| n.description = Some("last".to_owned()));
        last.await.expect("changed");
    }
    let in_memory = store.nodes(NodeFilter::default()).await.expect("nodes");
    let loaded = crate::store::Snapshot::default();
    crate::store::nodes::load_all(store.database(), store.sealer(), &loaded)
        .await
        .expect("nodes");
    let in_database = loaded.after(&NodeFilter::default(), i64::MIN, usize::MAX);
    assert_eq!(in_memory, in_database);
}
