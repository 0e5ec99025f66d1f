//! Chassis, port groups and volumes: kept, unique, paged, and deleted with what they belong to.

use cupola_api::chassis::Chassis;
use cupola_api::collection::Member;
use cupola_api::id::{NodeId, PortId};
use cupola_api::mac::MacAddress;
use cupola_api::port::Port;
use cupola_api::portgroup::Portgroup;
use cupola_api::volume_connector::VolumeConnector;
use cupola_api::volume_target::VolumeTarget;
use serde_json::json;
use uuid::Uuid;

use super::{PASSWORD, node, object};
use crate::store::{Cell, Conflict, Document, Only, Store, StoreError, Window};

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Conflict(conflict)) => conflict.to_string(),
        other => panic!("{other:?}"),
    }
}

fn is_missing<T>(result: &Result<T, StoreError>, what: &str) -> bool {
    matches!(result, Err(StoreError::NotFound { what: w, .. }) if *w == what)
}

fn of(node: NodeId) -> [Only; 1] {
    [Only::Is("node_uuid", Cell::text(node.to_string()))]
}

async fn page(store: &Store, after: Option<Uuid>, descending: bool) -> Vec<Uuid> {
    let window = Window {
        after,
        descending,
        limit: 2,
    };
    let page = store.document_page::<Chassis>(&[], window).await;
    let page = page.expect("a page");
    page.into_iter().map(|chassis| chassis.uuid.0).collect()
}

pub(super) async fn chassis_are_paged_and_kept_by_their_nodes(store: Store) {
    let mut uuids = Vec::new();
    for n in 0..3 {
        let chassis = Chassis {
            description: Some(format!("é {n}")),
            extra: object(json!({"deep": {"n": [n, null]}})),
            ..Chassis::default()
        };
        let made = store.create_document(chassis).await.expect("created");
        let read: Chassis = store.document(made.uuid.0).await.expect("read");
        assert_eq!(read, made);
        uuids.push(made.uuid.0);
    }
    assert_eq!(page(&store, None, false).await, uuids[..2]);
    assert_eq!(page(&store, Some(uuids[1]), false).await, uuids[2..]);
    assert_eq!(page(&store, Some(uuids[1]), true).await, uuids[..1]);
    let window = Window {
        after: Some(Uuid::new_v4()),
        descending: false,
        limit: 2,
    };
    let lost = store.document_page::<Chassis>(&[], window).await;
    assert!(is_missing(&lost, "Chassis"));

    let mut taken = Chassis::default();
    taken.uuid.0 = uuids[0];
    let text = refused(store.create_document(taken.clone()).await);
    assert_eq!(
        text,
        format!("A chassis with UUID {} already exists.", uuids[0])
    );
    taken.description = None;
    let saved = store.save_document(taken).await.expect("saved");
    assert!(saved.updated_at.is_some());
    let unknown = store.save_document(Chassis::default()).await;
    assert!(is_missing(&unknown, "Chassis"));

    let mut inside = node("n1");
    inside.chassis_uuid = Some(uuids[0]);
    let inside = store.create_node(inside).await.expect("created");
    let full = store.delete_document::<Chassis>(uuids[0]).await;
    assert!(matches!(
        full,
        Err(StoreError::Conflict(Conflict::NotEmpty { .. }))
    ));
    store.delete_node(inside.uuid).await.expect("deleted");
    let delete = async |id| store.delete_document::<Chassis>(id).await;
    delete(uuids[0]).await.expect("deleted");
    assert!(is_missing(&delete(uuids[0]).await, "Chassis"));
}

pub(super) async fn port_groups_hold_ports_and_go_with_their_node(store: Store) {
    let one = store.create_node(node("n1")).await.expect("created").uuid;
    let two = store.create_node(node("n2")).await.expect("created").uuid;
    let address = MacAddress::new([0x52, 0x54, 0, 0, 0, 1]);
    let mut group = Portgroup::new(one);
    group.name = Some("bond0".to_owned());
    group.address = Some(address);
    let group = store.create_document(group).await.expect("created");
    let mut same = Portgroup::new(two);
    same.name = group.name.clone();
    let text = refused(store.create_document(same.clone()).await);
    assert_eq!(text, "A portgroup with name bond0 already exists.");
    same.name = None;
    same.address = Some(address);
    let text = refused(store.create_document(same.clone()).await);
    assert!(text.starts_with("A portgroup with MAC address"), "{text}");
    same.address = None;
    let other = store.create_document(same).await.expect("created");
    let found: Vec<Portgroup> = store.documents(&of(one)).await.expect("it");
    assert_eq!(found, std::slice::from_ref(&group));
    let orphan = store
        .create_document(Portgroup::new(NodeId::random()))
        .await;
    assert!(is_missing(&orphan, "Node"));

    let mut port = Port::new(PortId::random(), one, address);
    port.portgroup_uuid = Some(group.uuid.0);
    let port = store.create_port(port).await.expect("created");
    let members = store.ports_of_portgroup(group.uuid).await.expect("ports");
    assert_eq!(members, std::slice::from_ref(&port));
    let full = store.delete_document::<Portgroup>(group.uuid.0).await;
    assert!(refused(full).ends_with("contains ports."));
    let mut changed = group.clone();
    changed.physical_network = Some("net1".to_owned());
    let mut member = port.clone();
    member.physical_network = changed.physical_network.clone();
    let saved = store.save_portgroup(changed, vec![member]).await;
    assert!(saved.expect("saved").updated_at.is_some());
    let read = store.port(port.uuid).await.expect("read");
    assert_eq!(read.physical_network.as_deref(), Some("net1"));
    let mut clash = group.clone();
    clash.uuid = other.uuid;
    let clash = store.save_portgroup(clash, vec![port.clone()]).await;
    refused(clash);
    let read = store.port(port.uuid).await.expect("read");
    assert_eq!(
        read.physical_network.as_deref(),
        Some("net1"),
        "all or none"
    );

    store
        .delete_node(one)
        .await
        .expect("deleted with its group");
    let left: Vec<Portgroup> = store.documents(&[]).await.expect("groups");
    assert_eq!(left, [other]);
    assert!(store.ports().await.expect("ports").is_empty());
}

pub(super) async fn volumes_are_unique_and_sealed(store: Store) {
    let one = store.create_node(node("n1")).await.expect("created").uuid;
    let two = store.create_node(node("n2")).await.expect("created").uuid;
    let connector = VolumeConnector::new(one, "iqn", "iqn.2026-01.test:1");
    let connector = store.create_document(connector).await.expect("created");
    let same = VolumeConnector::new(two, "iqn", "iqn.2026-01.test:1");
    let text = refused(store.create_document(same).await);
    let want =
        "A volume connector with type iqn and connector ID iqn.2026-01.test:1 already exists.";
    assert_eq!(text, want);
    let other = VolumeConnector::new(two, "ip", "iqn.2026-01.test:1");
    store.create_document(other).await.expect("another type");

    let mut target = VolumeTarget::new(one, "iscsi", 0, "v");
    target.properties = object(json!({"auth_password": PASSWORD}));
    let target = store.create_document(target).await.expect("created");
    let read: VolumeTarget = store.document(target.uuid.0).await.expect("read");
    assert_eq!(read, target);
    let taken = VolumeTarget::new(one, "iscsi", 0, "w");
    let text = refused(store.create_document(taken).await);
    let want = "A volume target with boot index '0' for the same node already exists.";
    assert_eq!(text, want);
    let mut moved = store
        .create_document(VolumeTarget::new(two, "iscsi", 0, "w"))
        .await
        .expect("another node");
    moved.node_uuid = one;
    assert_eq!(refused(store.save_document(moved.clone()).await), want);
    moved.boot_index = 1;
    store.save_document(moved.clone()).await.expect("saved");
    assert_eq!(
        uuids::<VolumeTarget>(&store, one).await,
        [target.uuid.0, moved.uuid.0]
    );
    store.delete_node(one).await.expect("deleted");
    assert!(uuids::<VolumeTarget>(&store, one).await.is_empty());
    let gone = store.document::<VolumeConnector>(connector.uuid.0).await;
    assert!(is_missing(&gone, "Volume connector"));
}

async fn uuids<D: Document>(store: &Store, node: NodeId) -> Vec<Uuid> {
    let found: Vec<D> = store.documents(&of(node)).await.expect("them");
    found.iter().map(Member::uuid).collect()
}

pub(super) async fn shards_are_counted(store: Store) {
    for (name, shard) in [
        ("a", None),
        ("b", Some("west")),
        ("c", Some("east")),
        ("d", Some("west")),
    ] {
        let mut node = node(name);
        node.shard = shard.map(str::to_owned);
        store.create_node(node).await.expect("created");
    }
    let named = |name: &str| Some(name.to_owned());
    let want = [(named("west"), 2), (None, 1), (named("east"), 1)];
    assert_eq!(store.shards().await.expect("counted"), want);
    let group = Portgroup::new(store.nodes(Default::default()).await.expect("nodes")[2].uuid);
    let group = store.create_document(group).await.expect("created");
    let of_shards = async |shards: &[&str]| {
        let shards = shards.iter().map(|s| (*s).to_owned()).collect();
        let only = [Only::OfNodesWith("shard", shards)];
        store.documents::<Portgroup>(&only).await.expect("groups")
    };
    assert_eq!(of_shards(&["north", "east"]).await, [group]);
    assert!(of_shards(&["west"]).await.is_empty());
    assert!(of_shards(&[]).await.is_empty());
}
