//! The deploy ramdisk: its size, the time from kernel start to the agent's lookup, and the agent's
//! memory while it writes an image.
//!
//! `cargo bench -p cupola-tests --bench ramdisk [-- RUNS]`, on QEMU machines, as root.
//! `CUPOLA_RAMDISK=DIR` takes the kernel and ramdisk of that directory, such as those of
//! `cupola ramdisk build` with the static agent, else both are built with the agent of
//! `CUPOLA_AGENT_BIN`. `CUPOLA_IPA_RAMDISK=DIR` names a directory with the kernel and ramdisk of
//! the ironic-python-agent, which is then booted beside it.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use cupola_api::ProvisionState;
use cupola_rack::qemu::Firmware;
use cupola_tests::qemu::boot_path::{BootPath, Dhcp};
use cupola_tests::qemu::deploy::{deploy, go};
use cupola_tests::qemu::image::ImageFormat;
use cupola_tests::qemu::lab::{Lab, LabConfig};
use cupola_tests::qemu::lookup::{DeployRamdisk, median, netboot_until_lookup, ours};
use cupola_tests::qemu::{agent_ramdisk, can_run, os_image};
use serde_json::{Map, json};

const RUNS: usize = 3;

/// Memory that the ironic-python-agent's ramdisk needs, in MiB.
const PEER_MEMORY: u32 = 2048;

fn main() -> Result<()> {
    let runs = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(RUNS);
    if !can_run("bench ramdisk") {
        return Ok(());
    }
    tokio::runtime::Runtime::new()?.block_on(run(runs))
}

async fn run(runs: usize) -> Result<()> {
    let directory = match std::env::var_os("CUPOLA_RAMDISK") {
        Some(directory) => PathBuf::from(directory),
        None => agent_ramdisk()?,
    };
    let own = measure("cupola-agent", &ours(&directory), runs).await?;
    if let Some(peer) = std::env::var_os("CUPOLA_IPA_RAMDISK") {
        let peer = PathBuf::from(peer);
        let peer = DeployRamdisk {
            memory_mib: PEER_MEMORY,
            ..ours(&peer)
        };
        let theirs = measure("ironic-python-agent", &peer, runs).await?;
        let ratio = theirs.as_secs_f64() / own.as_secs_f64();
        println!("kernel start to lookup: {ratio:.1} times as fast as ironic-python-agent");
    }
    let peak = peak_memory(&directory).await?;
    println!(
        "cupola-agent, peak resident set over a deploy: {:.1} MiB",
        peak as f64 / 1024.0
    );
    Ok(())
}

/// Prints the sizes and the median time, which it returns.
async fn measure(name: &str, ramdisk: &DeployRamdisk, runs: usize) -> Result<Duration> {
    let mebibytes = |path: &Path| path.metadata().map(|m| m.len() as f64 / 1_048_576.0);
    println!(
        "{name}: kernel {:.1} MiB, ramdisk {:.1} MiB",
        mebibytes(&ramdisk.kernel)?,
        mebibytes(&ramdisk.ramdisk)?
    );
    let mut times = Vec::new();
    for _ in 0..runs {
        let netboot = netboot_until_lookup(Firmware::Uefi, ramdisk).await?;
        println!(
            "{name}: firmware {:.1} s, loading {:.1} s, kernel start to lookup {:.1} s",
            netboot.firmware.as_secs_f64(),
            netboot.loading.as_secs_f64(),
            netboot.ramdisk.as_secs_f64()
        );
        times.push(netboot.ramdisk);
    }
    let median = median(times);
    println!(
        "{name}: kernel start to lookup, median of {runs}: {:.1} s",
        median.as_secs_f64()
    );
    Ok(median)
}

/// The agent's peak resident set in KiB, as the ramdisk says on its console during a deploy.
async fn peak_memory(ramdisk: &Path) -> Result<u64> {
    let image = os_image()?;
    let directory = tempfile::tempdir()?;
    let path = BootPath::new(Firmware::Bios, Dhcp::Server, ImageFormat::Qcow2);
    let mut config = LabConfig::new(path, ramdisk, &image.directory);
    config.append = "cupola.memory".to_owned();
    let lab = Lab::start(directory.path(), &config).await?;
    let mut extra = Map::new();
    extra.insert("automated_clean".to_owned(), json!(false));
    let node = lab.enrol(extra).await?;
    go(&lab, &node, "manage", ProvisionState::Manageable).await?;
    go(&lab, &node, "provide", ProvisionState::Available).await?;
    deploy(&lab, &node, &image, ImageFormat::Qcow2, "measured").await?;
    let serial = std::fs::read(lab.machine()?.machine.console().log())?;
    String::from_utf8_lossy(&serial)
        .lines()
        .filter_map(|line| {
            line.split_once("agent peak memory ")?
                .1
                .split(' ')
                .next()?
                .parse()
                .ok()
        })
        .max()
        .context("the ramdisk has not said how much memory its agent takes")
}
