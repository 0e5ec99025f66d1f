//! Many simulated deploys at once: wall time of each phase, and what the service needed for it.
//!
//! `cargo bench -p cupola-tests --bench deploys [-- MACHINES]`. The rack, with every machine's
//! firmware and agent, runs on the same processors as the service.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

use anyhow::Result;
use cupola_api::ProvisionState as S;
use cupola_tests::node_life::choose_image;
use cupola_tests::room::{Room, machines};
use cupola_tests::sim;

const MACHINES: u32 = 100;
const IMAGE_MIB: u64 = 16;
const DEADLINE: Duration = Duration::from_secs(600);

fn main() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(run(machines(MACHINES)))
}

async fn run(machines: u32) -> Result<()> {
    let room = Room::start(machines).await?;
    let image = sim::image(room.state(), IMAGE_MIB)?;
    println!("{machines} simulated machines at once, image of {IMAGE_MIB} MiB written by each");

    let nodes = timed("enrol", room.enrol()).await?;
    let phase = async |name: &str, verb: &str, goal: S| {
        timed(name, room.bring_all(&nodes, verb, goal, DEADLINE)).await
    };
    phase("manage", "manage", S::Manageable).await?;
    phase("provide (cleaned)", "provide", S::Available).await?;
    for node in &nodes {
        choose_image(&room.client, node, &image).await?;
    }
    phase("deploy", "active", S::Active).await?;
    phase("undeploy (cleaned)", "deleted", S::Available).await?;
    for line in room.memory()? {
        println!("service {line}");
    }
    room.rack.stop().await;
    Ok(())
}

async fn timed<T>(name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let start = Instant::now();
    let done = work.await?;
    println!("{name:<20} {:>7.2} s", start.elapsed().as_secs_f64());
    Ok(done)
}
