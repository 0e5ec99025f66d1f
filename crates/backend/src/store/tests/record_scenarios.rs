//! What belongs to nodes: ports, history, inventory, steps, timelines; and conductors.

use std::net::Ipv4Addr;
use std::time::Duration;

use cupola_api::event::{Event, EventId, EventKind};
use cupola_api::id::{HistoryId, NodeId, PortId};
use cupola_api::mac::MacAddress;
use cupola_api::port::Port;
use cupola_api::resource::{HistoryEntry, NodeInventory};
use cupola_drivers::boot::{BootDirectory as _, Lease};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::{node, object};
use crate::conductor::boot_directory::StoreBootDirectory;
use crate::store::{Conflict, HISTORY_ENTRIES, NewStep, Phase, StepState, Store, StoreError};

fn mac(last: u8) -> MacAddress {
    MacAddress::new([0x52, 0x54, 0, 0, 0, last])
}

fn is_missing<T>(result: &Result<T, StoreError>, what: &str) -> bool {
    matches!(result, Err(StoreError::NotFound { what: w, .. }) if *w == what)
}

/// A lease for another hour, or one that has run out.
fn lease(machine: u8, last: u8, runs: bool) -> Lease {
    let hours = if runs { 1 } else { -1 };
    let expires = Timestamp::now() + SignedDuration::from_hours(hours);
    Lease {
        mac: mac(machine),
        address: Ipv4Addr::new(10, 0, 0, last),
        node: NodeId::random(),
        // As precise as it is kept.
        expires: Timestamp::from_microsecond(expires.as_microsecond()).expect("a time"),
    }
}

pub(super) async fn leases_replace_what_their_machine_and_their_address_had(store: Store) {
    let save = async |leases: &[Lease]| {
        let saved = store.save_dhcp_leases("here", leases, Timestamp::now());
        assert_eq!(saved.await.expect("saved"), []);
    };
    let kept = async || {
        let mut kept = store.dhcp_leases("here").await.expect("read");
        kept.sort_by_key(|lease| lease.address);
        kept
    };
    let (one, two) = (lease(1, 11, true), lease(2, 12, true));
    let both = [one.clone(), two.clone()];
    save(&both).await;
    assert_eq!(kept().await, both);
    // The second machine moves to a third address, and the first machine takes its old one.
    let (moved, taken) = (lease(2, 13, true), lease(1, 12, true));
    save(&[moved.clone(), taken.clone()]).await;
    assert_eq!(kept().await, [taken, moved.clone()]);
    let (before, after) = (lease(3, 14, true), lease(3, 12, true));
    save(&[before, after.clone()]).await;
    assert_eq!(kept().await, [after, moved], "the later one of a list");
    save(&[]).await;
}

pub(super) async fn no_server_takes_what_another_has_leased(store: Store) {
    let save = async |server: &str, leases: &[Lease]| {
        let saved = store.save_dhcp_leases(server, leases, Timestamp::now());
        saved.await.expect("saved")
    };
    let (first, free) = (lease(1, 11, true), lease(2, 12, true));
    assert_eq!(save("here", std::slice::from_ref(&first)).await, []);
    // Of a list, what is nobody's is kept.
    let moved = lease(3, 13, true);
    let others = save("there", &[lease(2, 11, true), moved.clone()]).await;
    assert_eq!(others, std::slice::from_ref(&first));
    assert_eq!(save("there", std::slice::from_ref(&free)).await, []);
    let mut kept = store.dhcp_leases("there").await.expect("read");
    assert_eq!(kept.pop(), Some(first), "the others' come last");
    kept.sort_by_key(|lease| lease.address);
    assert_eq!(kept, [free, moved]);
    // The machine itself may come to the other server, and have one address of each.
    assert_eq!(save("there", &[lease(1, 11, true)]).await, []);
    assert_eq!(save("here", &[lease(1, 14, true)]).await, []);
    assert_eq!(store.dhcp_leases("here").await.expect("read").len(), 4);
    // What has run out is free again.
    assert_eq!(save("there", &[lease(2, 12, false)]).await, []);
    assert_eq!(save("here", &[lease(5, 12, true)]).await, []);
}

pub(super) async fn of_servers_that_want_one_address_one_gets_it(store: Store) {
    let servers = (1..=8_u8).map(|server| {
        let store = store.clone();
        tokio::spawn(async move {
            let (name, wanted) = (format!("host{server}"), [lease(server, 11, true)]);
            let saved = store.save_dhcp_leases(&name, &wanted, Timestamp::now());
            saved.await.expect("saved").is_empty()
        })
    });
    let mut won = 0;
    for server in servers.collect::<Vec<_>>() {
        won += u32::from(server.await.expect("no panic"));
    }
    assert_eq!(won, 1);
}

pub(super) async fn reservations_follow_the_ports(store: Store) {
    let directory = StoreBootDirectory::new(store.clone());
    let address = Ipv4Addr::new(10, 0, 0, 7);
    let is_kept = async || {
        let reservations = directory.reservations().await.expect("read");
        assert!(!reservations.keep_from(&mac(1), address), "its own");
        reservations.keep_from(&mac(2), address)
    };
    assert!(!is_kept().await);
    let node = store.create_node(node("n1")).await.expect("created").uuid;
    let mut port = Port::new(PortId::random(), node, mac(1));
    port.extra = object(json!({"ip_address": address.to_string()}));
    let mut port = store.create_port(port).await.expect("created");
    assert!(is_kept().await);
    port.extra = object(json!({"note": "not \"ip_address\" any more"}));
    let mut port = store.save_port(&port).await.expect("saved");
    assert!(!is_kept().await);
    port.extra = object(json!({"ip_address": address.to_string()}));
    store.save_port(&port).await.expect("saved");
    assert!(is_kept().await);
    store.delete_node(node).await.expect("deleted");
    assert!(!is_kept().await);
}

pub(super) async fn ports_belong_to_nodes_and_addresses_to_ports(store: Store) {
    let one = store.create_node(node("n1")).await.expect("created").uuid;
    let two = store.create_node(node("n2")).await.expect("created").uuid;
    let mut first = Port::new(PortId::random(), one, mac(1));
    first.extra = object(json!({"a": [1]}));
    first.name = Some("eth0".to_owned());
    let first = store.create_port(first).await.expect("created");
    assert_eq!(store.port(first.uuid).await.expect("read"), first);
    let second = store
        .create_port(Port::new(PortId::random(), one, mac(2)))
        .await;
    let second = second.expect("created");
    let third = store
        .create_port(Port::new(PortId::random(), two, mac(3)))
        .await;
    let third = third.expect("created");

    let taken = store
        .create_port(Port::new(PortId::random(), two, mac(1)))
        .await;
    let Err(StoreError::Conflict(conflict)) = taken else {
        panic!("{taken:?}")
    };
    assert_eq!(conflict, Conflict::PortAddress(mac(1).to_string()));
    let taken = store.create_port(Port::new(first.uuid, two, mac(9))).await;
    assert!(matches!(
        taken,
        Err(StoreError::Conflict(Conflict::PortUuid(_)))
    ));
    let mut renamed = second.clone();
    renamed.name = first.name.clone();
    let taken = store.save_port(&renamed).await;
    assert!(matches!(
        taken,
        Err(StoreError::Conflict(Conflict::PortName(_)))
    ));
    let orphan = Port::new(PortId::random(), NodeId::random(), mac(8));
    assert!(is_missing(&store.create_port(orphan.clone()).await, "Node"));
    assert!(is_missing(&store.save_port(&orphan).await, "Port"));

    let of_one = store.ports_of(one).await.expect("ports");
    assert_eq!(of_one, [first.clone(), second.clone()]);
    let by_address = store.port_by_address(mac(3)).await.expect("a port");
    assert_eq!(by_address, Some(third));
    let nodes = store.nodes_with_addresses(&[mac(1), mac(2)]).await;
    assert_eq!(nodes.expect("nodes"), [one]);
    let nodes = store.nodes_with_addresses(&[mac(1), mac(3), mac(7)]).await;
    assert_eq!(nodes.expect("nodes").len(), 2);
    assert!(
        store
            .nodes_with_addresses(&[])
            .await
            .expect("none")
            .is_empty()
    );

    let mut moved = second;
    moved.address = mac(4);
    moved.node_uuid = two;
    let moved = store.save_port(&moved).await.expect("saved");
    assert!(moved.updated_at.is_some());
    assert_eq!(store.port_by_address(mac(2)).await.expect("none"), None);
    assert_eq!(store.ports_of(two).await.expect("ports").len(), 2);
    store.delete_port(moved.uuid).await.expect("deleted");
    assert!(is_missing(&store.delete_port(moved.uuid).await, "Port"));
    assert_eq!(store.ports().await.expect("ports").len(), 2);
}

pub(super) async fn history_is_trimmed(store: Store) {
    let id = store.create_node(node("n1")).await.expect("created").uuid;
    let other = store.create_node(node("n2")).await.expect("created").uuid;
    let entry = |event: String| HistoryEntry {
        state: None,
        target_provision_state: None,
        duration_seconds: None,
        uuid: HistoryId::random(),
        created_at: None,
        severity: Some("ERROR".to_owned()),
        event: Some(event),
        event_type: Some("deploying".to_owned()),
        conductor: None,
        user: None,
    };
    let kept = store.add_history(other, entry("kept".to_owned())).await;
    let kept = kept.expect("added");
    for n in 0..HISTORY_ENTRIES + 5 {
        let added = store.add_history(id, entry(n.to_string())).await;
        assert!(added.expect("added").created_at.is_some());
    }
    let all = store.history(id).await.expect("history");
    assert_eq!(all.len() as i64, HISTORY_ENTRIES);
    assert_eq!(all[0].event.as_deref(), Some("5"), "the oldest went");
    let one = store.history_entry(id, all[7].uuid).await.expect("one");
    assert_eq!(one, all[7]);
    assert_eq!(
        store.history(other).await.expect("history"),
        std::slice::from_ref(&kept)
    );
    assert!(is_missing(
        &store.history_entry(id, kept.uuid).await,
        "Node history"
    ));
    let orphan = store.add_history(NodeId::random(), entry(String::new()));
    assert!(is_missing(&orphan.await, "Node"));
}

pub(super) async fn inventory_is_replaced(store: Store) {
    let id = store.create_node(node("n1")).await.expect("created").uuid;
    assert_eq!(store.inventory(id).await.expect("none yet"), None);
    for cpus in [4, 8] {
        let found = NodeInventory {
            inventory: object(json!({"cpu": {"count": cpus}})),
            plugin_data: object(json!({})),
        };
        store.put_inventory(id, &found).await.expect("kept");
        assert_eq!(store.inventory(id).await.expect("read"), Some(found));
    }
    let orphan = store
        .put_inventory(NodeId::random(), &NodeInventory::default())
        .await;
    assert!(is_missing(&orphan, "Node"));
}

pub(super) async fn conductors_come_and_go(store: Store) {
    let long = Duration::from_secs(60);
    let drivers = ["ipmi".to_owned()];
    store
        .register_conductor("b", "", &drivers)
        .await
        .expect("b");
    store
        .register_conductor("a", "rack1", &[])
        .await
        .expect("a");
    store.heartbeat_conductor("b").await.expect("heard of");
    let all = store.conductors(long).await.expect("conductors");
    let names: Vec<_> = all.iter().map(|c| c.hostname.as_str()).collect();
    assert_eq!(names, ["b", "a"], "in the order of their first start");
    assert!(all.iter().all(|c| c.alive));
    assert_eq!(all[0].drivers, drivers);
    assert_eq!(all[1].conductor_group, "rack1");
    store.unregister_conductor("a").await.expect("gone");
    let all = store.conductors(long).await.expect("conductors");
    assert_eq!((all[0].alive, all[1].alive), (true, false));
    let later = store.conductors(Duration::ZERO).await.expect("them");
    assert!(later.iter().all(|c| !c.alive), "not heard of just now");
    store
        .register_conductor("a", "", &drivers)
        .await
        .expect("back");
    let back = store.conductors(long).await.expect("conductors");
    assert!(back[1].alive);
    assert_eq!(back[1].created_at, all[1].created_at);
    assert!(is_missing(
        &store.heartbeat_conductor("c").await,
        "Conductor"
    ));
}

fn steps(names: &[&str]) -> Vec<NewStep> {
    let step = |(name, priority): (&&str, i64)| NewStep {
        interface: "deploy".to_owned(),
        step: (*name).to_owned(),
        args: object(json!({"of": name})),
        priority,
    };
    names.iter().zip(10..).map(step).collect()
}

pub(super) async fn steps_are_written_down(store: Store) {
    let id = store.create_node(node("n1")).await.expect("created").uuid;
    assert_eq!(store.run(id).await.expect("none"), None);
    let list = steps(&["deploy", "write_image", "boot_instance"]);
    let begun = store
        .begin_run(id, Phase::Deploy, &list)
        .await
        .expect("begun");
    assert_eq!(store.run(id).await.expect("a run"), Some(begun.clone()));
    let run = begun.run;
    store.start_step(id, run, 1).await.expect("started");
    store.finish_step(id, run, 1, Ok(())).await.expect("done");
    store.start_step(id, run, 2).await.expect("started");
    store.wait_step(id, run, 2).await.expect("waits");
    let now = store.run(id).await.expect("read").expect("a run");
    let current = now.current().expect("a step");
    assert_eq!((current.index, current.state), (2, StepState::Waiting));
    assert_eq!(current.name(), "deploy.write_image");
    assert_eq!(current.what, list[1]);
    assert!(current.started_at.is_some() && current.finished_at.is_none());
    assert_eq!(now.next().map(|s| s.index), Some(3));
    // After a crash the step is started again.
    store.start_step(id, run, 2).await.expect("again");
    let failed = store.finish_step(id, run, 2, Err("no space".to_owned()));
    failed.await.expect("failed");
    let now = store.run(id).await.expect("read").expect("a run");
    assert_eq!(now.steps[1].state, StepState::Failed);
    assert_eq!(now.steps[1].message.as_deref(), Some("no space"));
    assert!(now.steps[1].finished_at >= now.steps[1].started_at);
    assert!(now.current().is_none() && !now.is_done());

    let ended = store.start_step(id, run, 2).await;
    let want = Conflict::Step {
        node: id,
        index: 2,
        state: "failed",
    };
    assert!(matches!(ended, Err(StoreError::Conflict(c)) if c == want));
    assert!(store.wait_step(id, run, 3).await.is_err(), "never started");
    assert!(is_missing(&store.start_step(id, run, 4).await, "Step"));
    assert!(is_missing(
        &store.start_step(id, Uuid::new_v4(), 3).await,
        "Step"
    ));

    let next = store.begin_run(id, Phase::Clean, &list[..1]).await;
    let next = next.expect("another run");
    assert!(
        is_missing(&store.start_step(id, run, 1).await, "Step"),
        "the old run"
    );
    assert_eq!(store.run(id).await.expect("read"), Some(next));
    store.clear_run(id).await.expect("cleared");
    assert_eq!(store.run(id).await.expect("none"), None);
    let orphan = store.begin_run(NodeId::random(), Phase::Clean, &list).await;
    assert!(is_missing(&orphan, "Node"));
}

pub(super) async fn steps_that_have_not_started_can_be_replaced(store: Store) {
    let id = store.create_node(node("n1")).await.expect("created").uuid;
    let begun = store
        .begin_run(id, Phase::Deploy, &steps(&["deploy", "later"]))
        .await;
    let run = begun.expect("begun").run;
    store.start_step(id, run, 1).await.expect("started");
    let more = steps(&["write_image", "boot_instance"]);
    let now = store
        .replace_pending_steps(id, run, &more)
        .await
        .expect("it");
    let names: Vec<_> = now.steps.iter().map(|s| (s.index, s.name())).collect();
    let want = [
        "deploy.deploy",
        "deploy.write_image",
        "deploy.boot_instance",
    ];
    assert_eq!(
        names,
        (1..).zip(want.map(str::to_owned)).collect::<Vec<_>>()
    );
    assert_eq!(now.current().map(|s| s.index), Some(1));
    let other = store.replace_pending_steps(id, Uuid::new_v4(), &more).await;
    assert!(is_missing(&other, "Step run"));
}

pub(super) async fn timelines_are_trimmed(store: Store) {
    let (one, two) = (NodeId::random(), NodeId::random());
    let event = |id: i64| Event {
        id: EventId(id),
        at: Timestamp::from_microsecond(id).expect("a time"),
        node: [Some(one), Some(two), None][id as usize % 3],
        kind: EventKind::Power {
            state: "power on".to_owned(),
            cause: "sync".to_owned(),
        },
    };
    let events: Vec<_> = (0..30).map(event).collect();
    store.append_events(&events).await.expect("appended");
    store
        .append_events(&events)
        .await
        .expect("a batch that was sent twice");
    let all = store.timeline(one, None, 100).await.expect("a timeline");
    assert_eq!(all.len(), 10);
    assert_eq!(all[1], events[3]);
    assert_eq!(store.trim_timeline(one, 4).await.expect("trimmed"), 6);
    let left = store.timeline(one, None, 100).await.expect("a timeline");
    assert_eq!(left, all[6..]);
    assert_eq!(store.trim_timeline(one, 4).await.expect("nothing"), 0);
    let other = store.timeline(two, Some(EventId(20)), 2).await.expect("it");
    assert_eq!(other, [events[22].clone(), events[25].clone()]);

    let owner = store.create_node(node("n1")).await.expect("created").uuid;
    let mut owned = event(30);
    owned.node = Some(owner);
    store.append_events([&owned]).await.expect("appended");
    assert_eq!(store.trim_orphan_events(5).await.expect("trimmed"), 19);
    let kept = store.timeline(owner, None, 9).await.expect("it");
    assert_eq!(kept, [owned], "a node's own are trimmed on their own");
    let newest = store.timeline(one, None, 9).await.expect("it");
    assert_eq!(newest, [events[27].clone()]);
}

pub(super) async fn event_ids_are_never_given_twice(store: Store) {
    let first = store.take_event_ids(100).await.expect("ids");
    let second = store.take_event_ids(50).await.expect("ids");
    assert_eq!((first, second), (EventId(100), EventId(150)));
    store
        .return_event_ids(EventId(120), second)
        .await
        .expect("back");
    let third = store.take_event_ids(10).await.expect("ids");
    assert_eq!(third, EventId(130));
    // Others took some since: nothing can be returned.
    store
        .return_event_ids(EventId(1), second)
        .await
        .expect("no");
    assert_eq!(store.take_event_ids(1).await.expect("ids"), EventId(131));
}
