//! TFTP of a ramdisk beside `tftpd-hpa` and dnsmasq: one client and many at once, with the block
//! sizes and windows that firmware and loaders use. One client of ours for all three servers, and
//! curl as a foreign one. Each server is a process of its own on one processor, its clients are on
//! another; the servers' processor time is taken too.
//! All of it happens in a network namespace; tftpd-hpa needs root there.
//!
//! `cargo bench -p cupola-tests --bench tftp [-- CLIENTS]`.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "tftp/client.rs"]
mod client;
#[path = "tftp/processor.rs"]
mod processor;
#[path = "tftp/server.rs"]
mod server;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use client::{Terms, fetch_all};
use server::{Kind, Server};

/// The ramdisk's size.
const MIB: usize = 30;

const CLIENTS: usize = 100;

/// The best of so many runs of a single client counts: others run on this machine too.
const ROUNDS: usize = 3;

/// Block size and window of each kind of client; 0 where it does not ask for the option.
const PROFILES: [(&str, Terms); 6] = [
    ("RFC 1350", Terms::new(0, 0)),
    ("GRUB 2.06", Terms::new(1024, 0)),
    ("iPXE", Terms::new(1432, 0)),
    ("PXE ROM", Terms::new(1468, 0)),
    ("UEFI (EDK2)", Terms::new(1468, 4)),
    ("window 16", Terms::new(1468, 16)),
];

/// Set where this program runs in the namespace.
const INSIDE: &str = "CUPOLA_BENCH_INSIDE";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(server::SERVE) {
        return server::serve(Path::new(&arguments.next().context("a directory")?));
    }
    if std::env::var_os(INSIDE).is_none() {
        return again_inside();
    }
    processor::be_the_clients()?;
    let clients = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(CLIENTS);
    let directory = tempfile::tempdir()?;
    let content: Vec<u8> = (0..MIB << 20).map(|n| (n % 251) as u8).collect();
    std::fs::write(directory.path().join("ramdisk"), &content)?;
    println!("{MIB} MiB over loopback; a single client: best of {ROUNDS}");
    for count in [1, clients] {
        // With many, one profile of each kind is enough to see it.
        let profiles = if count == 1 {
            &PROFILES[..]
        } else {
            &PROFILES[1..5]
        };
        for (name, terms) in profiles {
            compare(directory.path(), name, *terms, count, &content)?;
        }
    }
    foreign(directory.path())
}

/// Runs this program again in a network namespace of its own, where the port of TFTP is free.
fn again_inside() -> Result<()> {
    let mut command = std::process::Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let status = command
        .args(["--net", "sh", "-c"])
        .args(["ip link set lo up && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe()?)
        .args(std::env::args().skip(1))
        .env(INSIDE, "1")
        .status()
        .context("unshare cannot be run")?;
    anyhow::ensure!(status.success(), "the benchmark failed");
    Ok(())
}

/// One line for each server, and how many times faster ours is than the faster peer.
fn compare(
    directory: &Path,
    name: &str,
    terms: Terms,
    clients: usize,
    content: &[u8],
) -> Result<()> {
    println!("{clients} x {name}: {terms}");
    let rounds = if clients == 1 { ROUNDS } else { 1 };
    let mut times = Vec::new();
    for kind in Kind::ALL {
        let Some(server) = Server::start(kind, directory)? else {
            println!("  {kind:<10} SKIPPED: it is not installed, or cannot run here without root");
            continue;
        };
        let mut best: Option<(Duration, Option<Duration>)> = None;
        for _ in 0..rounds {
            let before = server.processor_time();
            let took = fetch_all(server.address(), kind.file(), terms, clients, content)?;
            let spent = server
                .processor_time()
                .zip(before)
                .map(|(after, before)| after.saturating_sub(before));
            if best.is_none_or(|(time, _)| took < time) {
                best = Some((took, spent));
            }
        }
        let (took, spent) = best.context("no round")?;
        let spent = spent.map_or_else(String::new, |spent| {
            format!("  server {:>6.2} s of processor", spent.as_secs_f64())
        });
        println!(
            "  {kind:<10} {:>8.3} s  {:>7.1} MiB/s{spent}",
            took.as_secs_f64(),
            megabytes(clients) / took.as_secs_f64(),
        );
        times.push((kind, took));
    }
    let ours = times.iter().find(|(kind, _)| *kind == Kind::Cupola);
    let peer = times
        .iter()
        .filter(|(kind, _)| *kind != Kind::Cupola)
        .min_by_key(|(_, took)| *took);
    if let (Some((_, ours)), Some((peer, took))) = (ours, peer) {
        let ratio = took.as_secs_f64() / ours.as_secs_f64();
        println!("  {ratio:.2} times as fast as {peer}");
    }
    Ok(())
}

/// The same with curl, which asks for no window.
fn foreign(directory: &Path) -> Result<()> {
    println!("1 x curl: block size 1468");
    for kind in Kind::ALL {
        let Some(server) = Server::start(kind, directory)? else {
            continue;
        };
        let url = format!("tftp://{}/{}", server.address(), kind.file());
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let started = std::time::Instant::now();
            let output = std::process::Command::new("curl")
                .args(["-sS", "--tftp-blksize", "1468", "-o", "/dev/null", &url])
                .output()
                .context("curl cannot be run")?;
            anyhow::ensure!(output.status.success(), "{kind}: {output:?}");
            best = best.min(started.elapsed());
        }
        println!("  {kind:<10} {:>8.3} s", best.as_secs_f64());
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn megabytes(clients: usize) -> f64 {
    (clients * MIB) as f64
}
