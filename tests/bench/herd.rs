//! A room of machines powered on at once, through the whole service: power on by IPMI, DHCP, the
//! loader by TFTP, script, kernel and ramdisk by HTTP, the agent's lookup. An inspection is what
//! each machine is started for; its times are those of the node's timeline.
//!
//! `cargo bench -p cupola-tests --bench herd [-- MACHINES]`. The rack, with every machine's
//! firmware and agent, runs on the same processors as the service.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cupola_api::ProvisionState;
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::event::EventKind;
use cupola_api::id::NodeIdent;
use cupola_rack::machine::MachineSpec;
use cupola_tests::node_life::{reach, verb};
use cupola_tests::sim::{self, Ports};
use futures_util::future::{join_all, try_join_all};

const MACHINES: u32 = 200;
const DEADLINE: Duration = Duration::from_secs(600);

fn main() -> Result<()> {
    let machines = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(MACHINES);
    tokio::runtime::Runtime::new()?.block_on(run(machines))
}

async fn run(machines: u32) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let state = directory.path();
    let ports = Ports::free()?;
    let serve = ports.serve(state)?;
    let rack = ports
        .rack(state, (0..machines).map(MachineSpec::demo).collect())
        .await?;
    let client = Client::new(RemoteTransport::new(serve.url())?);
    let enrolled = rack.machines().iter();
    let nodes = try_join_all(enrolled.map(|machine| sim::enrol(&client, &rack, machine))).await?;
    try_join_all(nodes.iter().map(async |node| {
        verb(&client, node, "manage").await?;
        reach(&client, node, ProvisionState::Manageable, DEADLINE).await
    }))
    .await?;

    println!("{machines} machines powered on at once");
    let before = processor_seconds(serve.pid())?;
    let started = Instant::now();
    let outcomes = join_all(nodes.iter().map(async |node| {
        verb(&client, node, "inspect").await?;
        reach(&client, node, ProvisionState::Manageable, DEADLINE).await?;
        anyhow::Ok(started.elapsed())
    }))
    .await;
    let spent = processor_seconds(serve.pid())? - before;
    let mut times: Vec<Duration> = Vec::new();
    let mut failures = 0;
    for outcome in outcomes {
        match outcome {
            Ok(time) => times.push(time),
            Err(error) => {
                failures += 1;
                println!("  failed: {error:#}");
            }
        }
    }
    times.sort_unstable();
    print_times("to the end of its inspection", &times);
    let (mut rungs, mut broken) = (Vec::new(), 0);
    for node in &nodes {
        let (took, faults) = contacts(&client, node).await?;
        rungs.extend(took);
        broken += faults;
    }
    rungs.sort_unstable();
    print_times("from its first DHCP packet to its lookup", &rungs);
    println!("  failures {failures}, contacts that did not end well {broken}");
    println!("  service: {spent:.2} s of processor");
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.pid()))?;
    for label in ["VmHWM", "VmRSS"] {
        let line = status.lines().find(|line| line.starts_with(label));
        println!("  service {}", line.context("no memory figures")?);
    }
    rack.stop().await;
    Ok(())
}

/// How long the machine took from its first contact to the lookup, and how many contacts did not
/// end well.
async fn contacts(client: &Client, node: &NodeIdent) -> Result<(Option<Duration>, usize)> {
    let timeline = client.timeline(node, None).await?;
    let (mut first, mut lookup, mut broken) = (None, None, 0);
    for event in &timeline.events {
        if let EventKind::BootContact {
            service,
            ok,
            message,
            ..
        } = &event.kind
        {
            first = first.or(Some(event.at));
            if *service == cupola_api::event::BootService::Lookup {
                lookup = lookup.or(Some(event.at));
            }
            // A ROM asks for the loader's size first, and breaks that transfer off.
            if !ok && !message.contains("ended it with error 8") {
                broken += 1;
                println!("  {node}: {message}");
            }
        }
    }
    let took = first
        .zip(lookup)
        .and_then(|(first, lookup)| Duration::try_from(lookup.duration_since(first)).ok());
    Ok((took, broken))
}

fn print_times(what: &str, times: &[Duration]) {
    let at = |share: usize| {
        let place = times.len().saturating_sub(1) * share / 100;
        times.get(place).copied().unwrap_or_default().as_secs_f64()
    };
    println!(
        "  {what}: p50 {:.2} s, p99 {:.2} s, longest {:.2} s",
        at(50),
        at(99),
        at(100)
    );
}

/// User and system time of a process.
fn processor_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u32>().ok())
        .sum();
    // Linux counts them in hundredths of a second for user space.
    Ok(f64::from(ticks) / 100.0)
}
