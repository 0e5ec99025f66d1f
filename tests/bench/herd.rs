//! A room of machines powered on at once, through the whole service: power on by IPMI, DHCP, the
//! loader by TFTP, script, kernel and ramdisk by HTTP, the agent's lookup. An inspection is what
//! each machine is started for; its times are those of the node's timeline.
//!
//! `cargo bench -p cupola-tests --bench herd [-- MACHINES]`. The rack, with every machine's
//! firmware and agent, runs on the same processors as the service.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

use anyhow::Result;
use cupola_api::ProvisionState;
use cupola_api::client::Client;
use cupola_api::event::EventKind;
use cupola_api::id::NodeIdent;
use cupola_tests::room::{Room, machines};
use futures_util::future::join_all;

const MACHINES: u32 = 200;
const DEADLINE: Duration = Duration::from_secs(600);

fn main() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(run(machines(MACHINES)))
}

async fn run(machines: u32) -> Result<()> {
    let room = Room::start(machines).await?;
    let nodes = room.enrol().await?;
    let manageable = ProvisionState::Manageable;
    room.bring_all(&nodes, "manage", manageable, DEADLINE)
        .await?;

    println!("{machines} machines powered on at once");
    let before = room.processor_seconds()?;
    let started = Instant::now();
    let outcomes = join_all(nodes.iter().map(async |node| {
        room.bring(node, "inspect", manageable, DEADLINE).await?;
        anyhow::Ok(started.elapsed())
    }))
    .await;
    let spent = room.processor_seconds()? - before;
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
        let (took, faults) = contacts(&room.client, node).await?;
        rungs.extend(took);
        broken += faults;
    }
    rungs.sort_unstable();
    print_times("from its first DHCP packet to its lookup", &rungs);
    println!("  failures {failures}, contacts that did not end well {broken}");
    println!("  service: {spent:.2} s of processor");
    for line in room.memory()? {
        println!("  service {line}");
    }
    room.rack.stop().await;
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
