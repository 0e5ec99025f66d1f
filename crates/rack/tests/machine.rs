//! A rack of simulated machines without any boot service: what the machines do by themselves.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use cupola_api::Secret;
use cupola_drivers::ipmi::wire::chassis::ChassisControl;
use cupola_rack::bmc::{Chassis, ChassisRefusal};
use cupola_rack::demo_image;
use cupola_rack::firmware::{Downloads, FirmwareTiming};
use cupola_rack::machine::{MachineNetwork, MachineSpec, Running};
use cupola_rack::virtual_rack::{RackConfig, VirtualRack};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(10);

async fn rack(disks: &Path) -> VirtualRack {
    let network = MachineNetwork {
        // Nobody listens here.
        dhcp_server: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
        tftp_port: 9,
        downloads: Downloads::HeadOnly,
        timing: FirmwareTiming {
            dhcp_waits: vec![Duration::from_millis(50)],
            ..FirmwareTiming::quick()
        },
        self_test: Duration::ZERO,
    };
    let config = RackConfig {
        machines: vec![MachineSpec::demo(0)],
        disks: disks.to_owned(),
        network,
        user: "admin".to_owned(),
        password: Secret::from("secret"),
    };
    VirtualRack::start(config).await.unwrap()
}

async fn power_on_until(rack: &VirtualRack, state: Running) -> Vec<String> {
    let machine = &rack.machines()[0].machine;
    machine.control(ChassisControl::PowerUp).await.unwrap();
    let mut running = machine.running();
    timeout(DEADLINE, running.wait_for(|now| *now == state))
        .await
        .unwrap()
        .unwrap();
    machine.screen().lines()
}

#[tokio::test]
async fn an_empty_machine_finds_nothing_to_boot() {
    let disks = tempfile::tempdir().unwrap();
    let rack = rack(disks.path()).await;
    let lines = power_on_until(&rack, Running::Halted).await;
    assert_eq!(
        lines.last().map(String::as_str),
        Some("No bootable device.")
    );
    assert!(rack.machines()[0].machine.power_on());
    rack.stop().await;
    assert!(!rack.machines()[0].machine.power_on());
}

#[tokio::test]
async fn a_machine_with_an_image_on_its_disk_starts_it() {
    let disks = tempfile::tempdir().unwrap();
    let rack = rack(disks.path()).await;
    let image = disks.path().join("image.raw");
    demo_image::write(&image, 16).unwrap();
    let disk = rack.machines()[0].machine.disk().to_owned();
    let content = std::fs::read(&image).unwrap();
    std::os::unix::fs::FileExt::write_all_at(
        &std::fs::OpenOptions::new().write(true).open(disk).unwrap(),
        &content,
        0,
    )
    .unwrap();
    let lines = power_on_until(&rack, Running::OperatingSystem).await;
    assert!(
        lines.iter().all(|line| line != "No bootable device."),
        "{lines:?}"
    );
    let screen = rack.machines()[0].machine.screen().clone();
    assert_eq!(
        timeout(DEADLINE, screen.wait_for("login:")).await.unwrap(),
        "localhost login: "
    );
    rack.stop().await;
}

#[tokio::test]
async fn a_machine_that_is_off_cannot_be_reset() {
    let disks = tempfile::tempdir().unwrap();
    let rack = rack(disks.path()).await;
    let machine = &rack.machines()[0].machine;
    let refused = machine.control(ChassisControl::HardReset).await;
    assert_eq!(refused, Err(ChassisRefusal::NotInPresentState));
}
