//! Cleaning on disks with commands of their own: a machine with an NVMe disk, which formats itself, and
//! a SCSI disk, which has no such command and is overwritten.
#![allow(clippy::print_stderr, reason = "a failure shows the service's log")]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use cupola_api::ProvisionState;
use cupola_api::resource::ProvisionRequest;
use cupola_rack::qemu::Firmware;
use cupola_tests::node_life::{reach, released};
use cupola_tests::qemu::boot_path::{BootPath, Dhcp};
use cupola_tests::qemu::deploy::{PHASE_DEADLINE, go};
use cupola_tests::qemu::image::ImageFormat;
use cupola_tests::qemu::lab::{Lab, LabConfig};
use cupola_tests::qemu::{build_ramdisk_with, can_run, report};
use serde_json::{Map, json};

const MIB: u64 = 1 << 20;
/// Large enough that overwriting it would show.
const NVME_BYTES: u64 = 2048 * MIB;
/// Small: it is overwritten twice by an emulated machine.
const SCSI_BYTES: u64 = 32 * MIB;
const OLD_DATA: &[u8] = b"what the tenant before has left";

/// In the middle of the disk, where only erasing all of it reaches.
fn leave_data(disk: &Path, size: u64) -> Result<()> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(disk)?;
    file.set_len(size)?;
    Ok(file.write_all_at(OLD_DATA, size / 2)?)
}

fn has_data(disk: &Path, size: u64) -> Result<bool> {
    let mut found = vec![0; OLD_DATA.len()];
    File::open(disk)?.read_exact_at(&mut found, size / 2)?;
    Ok(found == OLD_DATA)
}

async fn erases(lab: &Lab, nvme: &Path) -> Result<()> {
    let machine = lab.machine()?;
    leave_data(&machine.disk, SCSI_BYTES)?;
    let node = lab.enrol(Map::new()).await?;
    go(lab, &node, "manage", ProvisionState::Manageable).await?;
    let from = machine.machine.console().position();
    let started = Instant::now();
    let request = ProvisionRequest {
        target: "clean".to_owned(),
        clean_steps: Some(vec![
            json!({"interface": "deploy", "step": "erase_devices"}),
        ]),
        ..ProvisionRequest::default()
    };
    lab.client.provision(&node, &request).await?;
    let console = machine.machine.console();
    for said in ["/dev/nvme0n1 has erased itself", "erasing /dev/sda"] {
        console.wait_for(from, said, PHASE_DEADLINE).await?;
    }
    reach(
        &lab.client,
        &node,
        ProvisionState::Manageable,
        PHASE_DEADLINE,
    )
    .await?;
    released(&lab.client, &node, PHASE_DEADLINE).await?;
    report("erase_devices", started);
    ensure!(!has_data(nvme, NVME_BYTES)?, "the NVMe disk is not erased");
    ensure!(
        !has_data(&machine.disk, SCSI_BYTES)?,
        "the SCSI disk is not erased"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qemu_an_nvme_disk_erases_itself_and_another_is_overwritten() -> Result<()> {
    if !can_run("qemu_erase") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let ramdisk = directory.path().join("ramdisk");
    let tools = ["--disk-tools", "true"];
    build_ramdisk_with(&cupola_tests::binary::agent()?, &ramdisk, &tools)?;
    let nvme = directory.path().join("nvme.raw");
    leave_data(&nvme, NVME_BYTES)?;

    let path = BootPath::new(Firmware::Bios, Dhcp::Server, ImageFormat::Raw);
    let mut config = LabConfig::new(path, &ramdisk, directory.path());
    config.disk_bytes = Some(SCSI_BYTES);
    let drive = format!(
        "if=none,id=nvme0,format=raw,cache=unsafe,discard=unmap,detect-zeroes=unmap,file={}",
        nvme.display()
    );
    let device = "nvme,drive=nvme0,serial=CUPOLANVME";
    config.arguments = ["-drive", &drive, "-device", device]
        .map(Into::into)
        .to_vec();
    let lab = Lab::start(directory.path(), &config).await?;
    let result = erases(&lab, &nvme).await;
    if result.is_err() {
        eprintln!("{}", lab.logs());
    }
    result
}
