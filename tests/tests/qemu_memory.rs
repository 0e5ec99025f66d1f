//! Instances that machines boot from memory (`deploy_interface` `ramdisk`): a kernel with its ramdisk,
//! and ISO images, each to the instance's own words on the serial console and to `active`; then
//! undeployed, cleaned by the agent, and available.
//!
//! By default it runs the one that takes least; all with `CUPOLA_BOOT_PATHS=all` (`scripts/test qemu`).
#![allow(
    clippy::print_stderr,
    reason = "a failure shows the logs of the service and the machine"
)]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cupola_api::ProvisionState;
use cupola_api::id::NodeIdent;
use cupola_api::patch::PatchOperation;
use cupola_rack::qemu::Firmware;
use cupola_tests::qemu::boot_path::{BootPath, Dhcp};
use cupola_tests::qemu::deploy::{PHASE_DEADLINE, go};
use cupola_tests::qemu::image::ImageFormat;
use cupola_tests::qemu::instance::{MemoryInstance, greeting};
use cupola_tests::qemu::lab::{Lab, LabConfig};
use cupola_tests::qemu::{agent_ramdisk, can_run, report};
use cupola_tests::skip::{has_program, skipped};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Map, Value, json};

/// On the machine's disk before: an instance in memory leaves it there, and cleaning does not.
const OLD_DATA: &[u8] = b"what the tenant before has left";
const GREETING: &str = "hello-from-memory";

/// What the instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Medium {
    /// A kernel and a ramdisk, files of the conductor's host.
    Kernel,
    /// An ISO image that the machine reads from a web server.
    WebIso,
    /// An ISO image that is a file of the conductor's host.
    LocalIso,
}

impl Medium {
    const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::WebIso => "web_iso",
            Self::LocalIso => "local_iso",
        }
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let all = std::env::var("CUPOLA_BOOT_PATHS").is_ok_and(|value| value == "all");
    let mut instances = vec![(Firmware::Bios, Medium::Kernel)];
    if all {
        instances.extend([
            (Firmware::Bios, Medium::WebIso),
            (Firmware::Uefi, Medium::Kernel),
            (Firmware::Uefi, Medium::LocalIso),
        ]);
    }
    // Two emulated machines at once only wait for each other.
    let alone = Arc::new(Mutex::new(()));
    let trials = instances.into_iter().map(|(firmware, medium)| {
        let path = BootPath::new(firmware, Dhcp::Server, ImageFormat::Raw);
        let test = format!("qemu_memory_{}_{}", path.boot(), medium.name());
        let alone = Arc::clone(&alone);
        Trial::test(test.clone(), move || {
            let _alone = alone.lock().unwrap_or_else(PoisonError::into_inner);
            take(&test, path, medium).map_err(|error| Failed::from(format!("{error:#}")))
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn take(test: &str, path: BootPath, medium: Medium) -> Result<()> {
    if !can_run(test) {
        return Ok(());
    }
    if medium != Medium::Kernel && !(has_program("grub-mkrescue") && has_program("xorriso")) {
        skipped(test, "grub-mkrescue needs grub-common and xorriso");
        return Ok(());
    }
    let started = Instant::now();
    report(test, started);
    let directory = tempfile::tempdir()?;
    let ramdisk = agent_ramdisk()?;
    let images = directory.path().join("images");
    let instance = MemoryInstance::build(&images)?;
    instance_iso(medium, &instance, &images)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let config = LabConfig::new(path, &ramdisk, &images);
        let lab = Lab::start(directory.path(), &config).await?;
        let result = life(&lab, medium, &instance, &images).await;
        if result.is_err() {
            eprintln!("{}", lab.logs());
        }
        result
    })?;
    report(&format!("{test} done in"), started);
    Ok(())
}

fn instance_iso(medium: Medium, instance: &MemoryInstance, images: &Path) -> Result<()> {
    if medium == Medium::Kernel {
        return Ok(());
    }
    instance.iso(&images.join("instance.iso"), GREETING)
}

async fn life(lab: &Lab, medium: Medium, instance: &MemoryInstance, images: &Path) -> Result<()> {
    let disk = &lab.machine()?.disk;
    let writable = OpenOptions::new().write(true).open(disk)?;
    writable.write_all_at(OLD_DATA, 0)?;
    let mut extra = Map::new();
    extra.insert("deploy_interface".to_owned(), json!("ramdisk"));
    extra.insert("automated_clean".to_owned(), json!(false));
    let node = lab.enrol(extra).await?;
    go(lab, &node, "manage", ProvisionState::Manageable).await?;
    go(lab, &node, "provide", ProvisionState::Available).await?;

    let file = |path: &Path| json!(format!("file://{}", path.display()));
    let info: Value = match medium {
        Medium::Kernel => json!({
            "kernel": file(&instance.kernel),
            "ramdisk": file(&instance.ramdisk),
            "ramdisk_kernel_arguments": format!("greeting={GREETING}"),
        }),
        Medium::WebIso => json!({"boot_iso": format!("{}/instance.iso", lab.images())}),
        Medium::LocalIso => json!({
            "boot_iso": file(&images.join("instance.iso")),
        }),
    };
    lab.client
        .patch_node(&node, &[PatchOperation::add("/instance_info", info)])
        .await?;
    deploy(lab, &node).await?;
    ensure!(begins_with_old_data(disk)?, "the disk was written to");

    // Cleaned this once, which is what the undeploying of a machine is.
    let clean = [PatchOperation::add("/automated_clean", true)];
    lab.client.patch_node(&node, &clean).await?;
    go(lab, &node, "deleted", ProvisionState::Available).await?;
    ensure!(!begins_with_old_data(disk)?, "the disk was not cleaned");
    Ok(())
}

async fn deploy(lab: &Lab, node: &NodeIdent) -> Result<()> {
    let console = lab.machine()?.machine.console();
    let from = console.position();
    let started = Instant::now();
    go(lab, node, "active", ProvisionState::Active).await?;
    console
        .wait_for(from, &greeting(GREETING), PHASE_DEADLINE)
        .await
        .context("the instance does not run")?;
    report("the instance runs", started);
    let now = lab.client.node(node).await?;
    ensure!(
        now.provision_state == ProvisionState::Active && now.last_error.is_none(),
        "{now:?}"
    );
    Ok(())
}

fn begins_with_old_data(disk: &Path) -> Result<bool> {
    let mut begin = vec![0; OLD_DATA.len()];
    File::open(disk)?.read_exact_at(&mut begin, 0)?;
    Ok(begin == OLD_DATA)
}
