//! The main job from end to end on real firmware: a QEMU machine behind OpenIPMI's `ipmi_sim`, in a
//! network namespace with `cupola serve`, is enrolled, inspected, cleaned, deployed and undeployed
//! through the API. It counts as deployed when its own disk's login prompt shows the hostname of
//! the config drive.
#![allow(clippy::print_stderr, reason = "a failure shows the service's log")]

use std::time::Instant;

use anyhow::{Result, ensure};
use cupola_api::ProvisionState;
use cupola_rack::qemu::Firmware;
use cupola_tests::qemu::boot_path::{BootPath, Dhcp};
use cupola_tests::qemu::deploy::{deploy, go};
use cupola_tests::qemu::image::ImageFormat;
use cupola_tests::qemu::lab::{Lab, LabConfig};
use cupola_tests::qemu::{OsImage, agent_ramdisk, can_run, os_image, report};
use serde_json::{Map, Value};

/// One machine at a time: two emulated ones at once on a small host only wait for each other.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn story(lab: &Lab, image: &OsImage, hostname: &str) -> Result<()> {
    let node = lab.enrol(Map::new()).await?;
    go(lab, &node, "manage", ProvisionState::Manageable).await?;
    go(lab, &node, "inspect", ProvisionState::Manageable).await?;
    let inventory = lab.client.inventory(&node).await?;
    let disks = inventory.inventory.get("disks").and_then(Value::as_array);
    ensure!(
        disks.is_some_and(|disks| !disks.is_empty()),
        "no disk was found: {inventory:?}"
    );
    go(lab, &node, "provide", ProvisionState::Available).await?;
    let started = Instant::now();
    let times = deploy(lab, &node, image, ImageFormat::Qcow2, hostname).await?;
    report("deploy to login prompt", started);
    report(&format!("{times:.1?}"), started);
    go(lab, &node, "deleted", ProvisionState::Available).await
}

async fn life_of_a_machine(firmware: Firmware) -> Result<()> {
    let path = BootPath::new(firmware, Dhcp::Server, ImageFormat::Qcow2);
    let test = format!("qemu_e2e ({path})");
    if !can_run(&test) {
        return Ok(());
    }
    let _alone = ONE_AT_A_TIME.lock().await;
    report(&test, Instant::now());
    let directory = tempfile::tempdir()?;
    let image = os_image()?;
    let ramdisk = agent_ramdisk()?;

    let whole = Instant::now();
    let config = LabConfig::new(path, &ramdisk, &image.directory);
    let lab = Lab::start(directory.path(), &config).await?;
    report("rack and service up", whole);
    let result = story(
        &lab,
        &image,
        &format!("deployed-{}", config.path.boot_mode()),
    )
    .await;
    if result.is_err() {
        eprintln!("{}", lab.logs());
    }
    report("whole life", whole);
    result
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qemu_bios_machine_is_enrolled_deployed_and_undeployed() -> Result<()> {
    life_of_a_machine(Firmware::Bios).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qemu_uefi_machine_is_enrolled_deployed_and_undeployed() -> Result<()> {
    life_of_a_machine(Firmware::Uefi).await
}
