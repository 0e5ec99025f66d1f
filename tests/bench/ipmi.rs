//! How many BMCs one hub serves: logins and power readings per second over simulated BMCs in the
//! same process, for both cipher suites. `cargo bench -p cupola-tests --bench ipmi -- [BMCS]`.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use cupola_drivers::ipmi::wire::suite::CipherSuite;
use cupola_drivers::ipmi::{IpmiClient, IpmiConfig, IpmiHub};
use cupola_tests::ipmi::OwnBmc;
use tokio::task::JoinSet;

/// Readings of each BMC after its login.
const ROUNDS: usize = 5;

fn main() -> anyhow::Result<()> {
    let count = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    for suite in [CipherSuite::Suite3, CipherSuite::Suite17] {
        runtime.block_on(measure(suite, count.unwrap_or(500)))?;
    }
    Ok(())
}

async fn measure(suite: CipherSuite, count: usize) -> anyhow::Result<()> {
    let hub = IpmiHub::new(IpmiConfig {
        deadline: Duration::from_secs(60),
        ..Default::default()
    })?;
    let mut bmcs = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..count {
        let bmc = OwnBmc::start(Duration::ZERO, |_| {})
            .await
            .context("a BMC's socket")?;
        let mut target = bmc.target();
        target.cipher_suite = Some(suite);
        clients.push(hub.client(target));
        bmcs.push(bmc);
    }
    let clients = Arc::new(clients);
    let logins = sweep(&clients, 1).await?;
    let readings = sweep(&clients, ROUNDS).await?;
    println!(
        "suite {suite}: {count} BMCs; login + first reading {:.2} s ({:.0}/s); {} readings {:.2} s \
         ({:.0}/s); {} MB resident, BMCs included",
        logins.as_secs_f64(),
        rate(count, logins),
        count * ROUNDS,
        readings.as_secs_f64(),
        rate(count * ROUNDS, readings),
        resident_megabytes().unwrap_or(0),
    );
    hub.close_sessions().await;
    Ok(())
}

async fn sweep(clients: &[IpmiClient], rounds: usize) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut work = JoinSet::new();
    for client in clients {
        let client = client.clone();
        work.spawn(async move {
            for _ in 0..rounds {
                client.power_state().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = work.join_next().await {
        done??;
    }
    Ok(started.elapsed())
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn resident_megabytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<usize>()
        .ok()
        .map(|kilobytes| kilobytes / 1024)
}
