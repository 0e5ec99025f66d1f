//! The store on both databases: every scenario runs on SQLite with and without the nodes in
//! memory, and on PostgreSQL, each in a new database.

mod allocation_scenarios;
mod bios_scenarios;
mod duration_scenarios;
mod files;
mod group_scenarios;
mod node_scenarios;
mod page_scenarios;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "one file for these tests and for those across crates, which use more of it"
)]
#[path = "../../../../tests/src/postgres.rs"]
pub(crate) mod postgres;
mod record_scenarios;
mod rule_scenarios;
mod write_scenarios;

use std::path::Path;

use cupola_api::id::NodeId;
use cupola_api::node::{Node, Object};
use postgres::Postgres;
use serde_json::{Value, json};

use super::{Store, StoreOptions};

/// A password that must not be found in any file of a database.
const PASSWORD: &str = "correct-horse-battery-staple-9173";

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

fn node(name: &str) -> Node {
    let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
    node.name = Some(name.to_owned());
    node.driver_info = object(json!({"ipmi_address": "192.0.2.7", "ipmi_password": PASSWORD}));
    node
}

async fn sqlite(directory: &Path, exclusive: bool) -> Store {
    let mut options = StoreOptions::new(directory);
    options.exclusive = Some(exclusive);
    Store::open(&options).await.expect("a store")
}

macro_rules! scenarios {
    ($($module:ident :: $name:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            for exclusive in [true, false] {
                let directory = tempfile::tempdir().expect("a directory");
                let store = sqlite(directory.path(), exclusive).await;
                $module::$name(store).await;
            }
        })*

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn everything_on_postgresql() {
            let mut cluster = match Postgres::start() {
                Ok(cluster) => cluster,
                Err(reason) => {
                    eprintln!("SKIPPED everything_on_postgresql: {reason:#}");
                    return;
                }
            };
            let state = tempfile::tempdir().expect("a directory");
            $({
                eprintln!("{}", stringify!($name));
                let database = cluster.create_database(stringify!($name));
                let options = StoreOptions::new(state.path())
                    .with_url(database.expect("a database"));
                let store = Store::open(&options).await.expect("a store");
                $module::$name(store.clone()).await;
                store.close().await;
            })*
            cluster.stop().expect("an end");
            files::assert_absent(&cluster.data(), PASSWORD);
        }
    };
}

scenarios! {
    node_scenarios::every_field_is_kept;
    node_scenarios::names_and_instances_are_unique;
    node_scenarios::a_deleted_node_takes_everything_along;
    node_scenarios::children_of_a_deleted_node_have_no_parent;
    node_scenarios::progress_is_kept_and_shown;
    node_scenarios::traits_are_a_sorted_set;
    write_scenarios::of_many_who_reserve_one_wins;
    write_scenarios::a_reservation_survives_a_stale_save;
    write_scenarios::no_concurrent_change_is_lost;
    write_scenarios::a_stale_revision_is_refused;
    write_scenarios::dropped_callers_leave_memory_and_database_alike;
    page_scenarios::pages_are_the_same_in_memory_and_in_sql;
    page_scenarios::an_unknown_marker_is_not_found;
    group_scenarios::chassis_are_paged_and_kept_by_their_nodes;
    group_scenarios::port_groups_hold_ports_and_go_with_their_node;
    group_scenarios::volumes_are_unique_and_sealed;
    group_scenarios::shards_are_counted;
    allocation_scenarios::an_allocation_and_its_node_agree;
    allocation_scenarios::no_node_is_given_twice;
    rule_scenarios::runbooks_and_rules_are_kept;
    rule_scenarios::what_is_public_is_filled_in;
    bios_scenarios::bios_settings_are_replaced;
    record_scenarios::ports_belong_to_nodes_and_addresses_to_ports;
    record_scenarios::leases_replace_what_their_machine_and_their_address_had;
    record_scenarios::reservations_follow_the_ports;
    record_scenarios::no_server_takes_what_another_has_leased;
    record_scenarios::of_servers_that_want_one_address_one_gets_it;
    record_scenarios::history_is_trimmed;
    record_scenarios::inventory_is_replaced;
    record_scenarios::conductors_come_and_go;
    record_scenarios::steps_are_written_down;
    record_scenarios::steps_that_have_not_started_can_be_replaced;
    record_scenarios::timelines_are_trimmed;
    record_scenarios::event_ids_are_never_given_twice;
    duration_scenarios::durations_are_kept_and_trimmed;
}
