//! A power cut of the service in the middle of a deploy: `kill -9` while the image is being written, then a restart.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::time::Duration;

use cupola_api::ProvisionState;
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::event::{EventKind, StreamItem};
use cupola_api::id::NodeIdent;
use cupola_rack::machine::MachineSpec;
use cupola_tests::node_life::{choose_image, reach, released, verb};
use cupola_tests::sim::{self, Ports};
use futures_util::StreamExt;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(120);
const IMAGE_MIB: u64 = 48;
/// Slow enough that the service can be killed in the middle of writing.
const DISK_MIB_PER_SECOND: u32 = 6;

/// Waits until a good part of the image is on the disk, and returns how much.
async fn until_half_written(client: &Client, node: &NodeIdent) -> u8 {
    let id = client.node(node).await.unwrap().uuid;
    let mut events = client.events(None, Some(id)).await.unwrap();
    loop {
        let item = timeout(DEADLINE, events.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let StreamItem::Event(event) = item else {
            continue;
        };
        if let EventKind::StepProgress {
            percent: Some(percent),
            ..
        } = event.kind
            && percent >= 20
        {
            return percent;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_deploy_survives_the_death_of_the_service() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    let ports = Ports::free().unwrap();
    let image = sim::image(state, IMAGE_MIB).unwrap();
    let first = ports.serve(state).unwrap();
    let mut spec = MachineSpec::demo(0);
    spec.disk.write_mib_per_second = Some(DISK_MIB_PER_SECOND);
    let rack = ports.rack(state, vec![spec]).await.unwrap();
    let client = Client::new(RemoteTransport::new(first.url()).unwrap());

    let machine = &rack.machines()[0];
    let node = sim::enrol(&client, &rack, machine).await.unwrap();
    for (target, goal) in [
        ("manage", ProvisionState::Manageable),
        ("provide", ProvisionState::Available),
    ] {
        verb(&client, &node, target).await.unwrap();
        reach(&client, &node, goal, DEADLINE).await.unwrap();
    }
    choose_image(&client, &node, &image).await.unwrap();
    verb(&client, &node, "active").await.unwrap();
    let percent = until_half_written(&client, &node).await;
    assert!(
        percent < 100,
        "the image was written before the service could be killed"
    );
    let boots_before = machine.machine.boots();
    first.kill().unwrap();

    let second = ports.serve(state).unwrap();
    reach(&client, &node, ProvisionState::Active, DEADLINE)
        .await
        .unwrap();
    let active = released(&client, &node, DEADLINE).await.unwrap();
    assert_eq!(active.last_error, None);
    timeout(DEADLINE, machine.machine.screen().wait_for("login:"))
        .await
        .unwrap();
    // The ramdisk was left alone: one more boot, from the disk.
    assert_eq!(machine.machine.boots(), boots_before + 1);
    rack.stop().await;
    assert!(second.stop().unwrap().success());
}
