//! Many simulated deploys at once: wall time of each phase, and what the service needed for it.
//!
//! `cargo bench -p cupola-tests --bench deploys [-- MACHINES]`. The rack, with every machine's
//! firmware and agent, runs on the same processors as the service.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cupola_api::ProvisionState;
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::id::NodeIdent;
use cupola_rack::machine::MachineSpec;
use cupola_tests::node_life::{choose_image, reach, released, verb};
use cupola_tests::sim::{self, Ports};
use futures_util::future::try_join_all;

const MACHINES: u32 = 100;
const IMAGE_MIB: u64 = 16;
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
    let image = sim::image(state, IMAGE_MIB)?;
    let serve = ports.serve(state)?;
    let rack = ports
        .rack(state, (0..machines).map(MachineSpec::demo).collect())
        .await?;
    let client = Client::new(RemoteTransport::new(serve.url())?);
    println!("{machines} simulated machines at once, image of {IMAGE_MIB} MiB written by each");

    let nodes = timed("enrol", async {
        try_join_all(
            rack.machines()
                .iter()
                .map(|machine| sim::enrol(&client, &rack, machine)),
        )
        .await
    })
    .await?;
    phase(
        "manage",
        &client,
        &nodes,
        "manage",
        ProvisionState::Manageable,
    )
    .await?;
    phase(
        "provide (cleaned)",
        &client,
        &nodes,
        "provide",
        ProvisionState::Available,
    )
    .await?;
    for node in &nodes {
        choose_image(&client, node, &image).await?;
    }
    phase("deploy", &client, &nodes, "active", ProvisionState::Active).await?;
    phase(
        "undeploy (cleaned)",
        &client,
        &nodes,
        "deleted",
        ProvisionState::Available,
    )
    .await?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.pid()))?;
    for label in ["VmHWM", "VmRSS"] {
        let line = status.lines().find(|line| line.starts_with(label));
        println!(
            "service {}",
            line.context("the service shows no memory figures")?
        );
    }
    rack.stop().await;
    Ok(())
}

async fn timed<T>(name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let start = Instant::now();
    let done = work.await?;
    println!("{name:<20} {:>7.2} s", start.elapsed().as_secs_f64());
    Ok(done)
}

async fn phase(
    name: &str,
    client: &Client,
    nodes: &[NodeIdent],
    target: &str,
    goal: ProvisionState,
) -> Result<()> {
    timed(name, async {
        try_join_all(nodes.iter().map(async |node| {
            verb(client, node, target).await?;
            reach(client, node, goal, DEADLINE).await?;
            released(client, node, DEADLINE).await
        }))
        .await
    })
    .await
    .map(drop)
}
