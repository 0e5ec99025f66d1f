//! The real ironic-python-agent of PyPI, in a ramdisk of its own on a QEMU machine, taken through
//! inspection, cleaning and a deploy by our conductor. Nothing of our agent is in the machine.
//!
//! The machine boots by UEFI: there the agent also installs the boot loader, which BIOS spares it.
#![allow(clippy::print_stderr, reason = "a failure shows the service's log")]

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cupola_api::ProvisionState;
use cupola_api::event::{BootService, EventKind};
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use cupola_rack::qemu::Firmware;
use cupola_tests::qemu::boot_path::{BootPath, Dhcp};
use cupola_tests::qemu::deploy::{deploy, go};
use cupola_tests::qemu::image::ImageFormat;
use cupola_tests::qemu::ipa::{MEMORY_MIB, ipa_ramdisk};
use cupola_tests::qemu::lab::{Lab, LabConfig};
use cupola_tests::qemu::{OsImage, can_run, os_image, report};
use serde_json::{Map, Value};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qemu_ironic_python_agent_inspects_cleans_and_deploys() -> Result<()> {
    if !can_run("qemu_ipa") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let image = os_image()?;
    let ramdisk = ipa_ramdisk()?;
    let whole = Instant::now();
    let path = BootPath::new(Firmware::Uefi, Dhcp::Server, ImageFormat::Qcow2);
    let config = LabConfig {
        memory_mib: Some(MEMORY_MIB),
        append: "ipa-debug=1".to_owned(),
        // The agent would write the whole disk twice.
        settings: vec!["cleaning.erase_devices_priority=0".to_owned()],
        ..LabConfig::new(path, &ramdisk, &image.directory)
    };
    let lab = Lab::start(directory.path(), &config).await?;
    let result = life(&lab, &image).await;
    if result.is_err() {
        eprintln!("{}", lab.logs());
    }
    report("whole life with the ironic-python-agent", whole);
    result
}

async fn life(lab: &Lab, image: &OsImage) -> Result<()> {
    let node = lab.enrol(Map::new()).await?;
    go(lab, &node, "manage", ProvisionState::Manageable).await?;
    go(lab, &node, "inspect", ProvisionState::Manageable).await?;
    check_inspection(lab, &node).await?;
    go(lab, &node, "provide", ProvisionState::Available).await?;
    let times = deploy(lab, &node, image, ImageFormat::Qcow2, "written-by-ipa").await?;
    eprintln!("{times:.1?}");
    check_timeline(lab, &node).await
}

/// What the agent has found is on the node, in the agent's own words in the inventory.
async fn check_inspection(lab: &Lab, ident: &NodeIdent) -> Result<()> {
    let found = lab.client.inventory(ident).await?;
    let disks = found.inventory.get("disks").and_then(Value::as_array);
    ensure!(disks.is_some_and(|d| d.len() == 1), "disks: {disks:?}");
    // Only the ironic-python-agent says which collectors have run.
    ensure!(
        found.plugin_data.contains_key("configuration"),
        "{:?}",
        found.plugin_data.keys()
    );
    let node: Node = lab.client.node(ident).await?;
    for key in ["cpu_arch", "cpus", "memory_mb", "local_gb"] {
        ensure!(node.properties.contains_key(key), "{:?}", node.properties);
    }
    Ok(())
}

/// The agent was reached over TLS, and ran the steps that it had offered.
async fn check_timeline(lab: &Lab, node: &NodeIdent) -> Result<()> {
    let timeline = lab.client.timeline(node, None).await?;
    let heartbeat = timeline.events.iter().find_map(|event| match &event.kind {
        EventKind::BootContact {
            service: BootService::Heartbeat,
            message,
            ..
        } => Some(message.as_str()),
        _ => None,
    });
    let heartbeat = heartbeat.context("no heartbeat on the timeline")?;
    ensure!(heartbeat.contains("https://"), "{heartbeat}");
    for step in ["erase_devices_metadata", "write_image"] {
        let ran = timeline.events.iter().any(|event| match &event.kind {
            EventKind::StepFinished { step: name, .. } => name.ends_with(step),
            _ => false,
        });
        ensure!(ran, "{step} did not run: {:#?}", timeline.events);
    }
    Ok(())
}
