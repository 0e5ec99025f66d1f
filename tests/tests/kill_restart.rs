//! A power cut of the service in the middle of a deploy: `kill -9` while the image is being written, then a restart.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;

use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::cupola::Image;
use cupola_api::event::{EventKind, StreamItem};
use cupola_api::id::NodeIdent;
use cupola_api::{ProvisionState, Secret};
use cupola_console::demo::network::{self, BootPorts};
use cupola_rack::demo_image;
use cupola_rack::machine::MachineSpec;
use cupola_rack::virtual_rack::{RackConfig, VirtualRack};
use cupola_tests::node_life::{choose_image, reach, released, verb};
use cupola_tests::serve::Serve;
use futures_util::StreamExt;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(120);
const IMAGE_MIB: u64 = 48;
/// Slow enough that the service can be killed in the middle of writing.
const DISK_MIB_PER_SECOND: u32 = 6;

/// Ports that were free a moment ago: the service must come back on the same ones.
fn free_ports() -> (u16, BootPorts) {
    let tcp = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let udp = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let tcp = tcp.map(|socket| socket.local_addr().unwrap().port());
    let udp = udp.map(|socket| socket.local_addr().unwrap().port());
    (
        tcp[0],
        BootPorts {
            dhcp: udp[0],
            tftp: udp[1],
            http: tcp[1],
        },
    )
}

fn serve(state: &Path, api: u16, ports: BootPorts) -> Serve {
    let mut arguments = Vec::new();
    for setting in network::overrides(state, ports) {
        arguments.extend(["--set".to_owned(), setting]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let command = std::process::Command::new(cupola_tests::binary::cupola().unwrap());
    Serve::start_with(command, &format!("127.0.0.1:{api}"), state, &arguments).unwrap()
}

async fn rack(state: &Path, ports: BootPorts) -> VirtualRack {
    let mut spec = MachineSpec::demo(0);
    spec.disk.write_mib_per_second = Some(DISK_MIB_PER_SECOND);
    let dhcp = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.dhcp));
    let config = RackConfig {
        machines: vec![spec],
        disks: state.join("disks"),
        network: network::machine_network(dhcp, ports.tftp),
        user: "admin".to_owned(),
        password: Secret::from("secret"),
    };
    VirtualRack::start(config).await.unwrap()
}

fn image(state: &Path) -> Image {
    let images = state.join("images");
    std::fs::create_dir_all(&images).unwrap();
    let path = images.join("os.raw");
    let made = demo_image::write(&path, IMAGE_MIB).unwrap();
    Image {
        name: "os".to_owned(),
        source: format!("file://{}", path.display()),
        disk_format: "raw".to_owned(),
        hash_algo: "sha256".to_owned(),
        hash_value: made.sha256,
        size: Some(made.size),
    }
}

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
    let (api, ports) = free_ports();
    network::write_ramdisk(state).unwrap();
    let image = image(state);
    let first = serve(state, api, ports);
    let rack = rack(state, ports).await;
    let client = Client::new(RemoteTransport::new(first.url()).unwrap());

    let machine = &rack.machines()[0];
    let created = client.create_node(&rack.enrolment(machine)).await.unwrap();
    let node = NodeIdent::Id(created.uuid);
    client
        .create_port(created.uuid, machine.machine.spec().macs[0])
        .await
        .unwrap();
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

    let second = serve(state, api, ports);
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
