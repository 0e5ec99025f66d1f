//! The console: first complete frame of the real program on a pseudo-terminal, then what a frame costs with 10 000 and 100 000 nodes.
//!
//! `cargo bench -p cupola-tests --bench console`. Bytes are those of a VGA console (`TERM=linux`).

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_console::measure;
use cupola_tests::pty::Terminal;
use cupola_tests::serve::Serve;
use futures_util::stream::TryStreamExt;
use serde_json::json;

const NODES: usize = 10_000;
const STARTS: usize = 11;
const IDLE: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    starts()?;
    for (nodes, columns, rows) in [(10_000, 80, 24), (100_000, 80, 24), (100_000, 200, 60)] {
        println!("\n{nodes} nodes at {columns}x{rows}");
        println!(
            "{:<30} {:>12} {:>12} {:>8}",
            "event", "median", "longest", "bytes"
        );
        for cost in measure::frames(nodes, columns, rows)? {
            let (median, longest) = (millis(cost.median), millis(cost.longest));
            println!(
                "{:<30} {median:>9.3} ms {longest:>9.3} ms {:>8}",
                cost.event, cost.bytes
            );
        }
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// From the start of the process to a screen that shows nodes of a real service.
fn starts() -> Result<()> {
    let state = tempfile::tempdir()?;
    let enabled = ["--set", r#"drivers.enabled=["fake-hardware"]"#];
    let serve = Serve::start(state.path(), &enabled)?;
    tokio::runtime::Runtime::new()?.block_on(fill(serve.url()))?;
    let binary = cupola_tests::binary::cupola()?;
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..STARTS {
        let start = Instant::now();
        let terminal = Terminal::run(&binary, &["--api", serve.url()], (80, 24))?;
        terminal.wait_for("node-00001")?;
        times.push(start.elapsed());
        last = Some(terminal);
    }
    times.sort_unstable();
    let median = times.get(STARTS / 2).copied().unwrap_or_default();
    let longest = times.last().copied().unwrap_or_default();
    println!(
        "first complete frame, {NODES} nodes of a service beside it: median {:.1} ms, longest {:.1} ms of {STARTS}",
        millis(median),
        millis(longest)
    );
    let terminal = last.context("the console was never started")?;
    // Let what belongs to the start arrive, then look at a console that nobody touches.
    std::thread::sleep(Duration::from_secs(2));
    let before = terminal.written();
    std::thread::sleep(IDLE);
    println!(
        "idle for {IDLE:?}: {} bytes written",
        terminal.written() - before
    );
    Ok(())
}

async fn fill(url: &str) -> Result<()> {
    let client = Client::new(RemoteTransport::new(url)?);
    futures_util::stream::iter((1..=NODES).map(anyhow::Ok))
        .try_for_each_concurrent(16, async |number| {
            let body = json!({ "name": format!("node-{number:05}"), "driver": "fake-hardware" });
            client.create_node(&body).await?;
            Ok(())
        })
        .await
}
