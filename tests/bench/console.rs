//! The console: the real program on a pseudo-terminal beside a service of 10 000 and 100 000 nodes, then what a frame costs.
//!
//! `cargo bench -p cupola-tests --bench console [-- program|frames]`. Bytes are those of a VGA console (`TERM=linux`).

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "console/changes.rs"]
mod changes;
#[path = "console/program.rs"]
mod program;

use std::time::Duration;

use anyhow::Result;
use cupola_console::measure;

fn main() -> Result<()> {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_asked = |what: &str| asked.is_empty() || asked.iter().any(|word| word == what);
    if is_asked("program") {
        program::run()?;
    }
    if is_asked("frames") {
        frames()?;
    }
    Ok(())
}

fn frames() -> Result<()> {
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

/// `median 1.0 ms, longest 2.0 ms of 3`
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let longest = times.last().copied().unwrap_or_default();
    let (median, longest) = (millis(median), millis(longest));
    format!(
        "median {median:.1} ms, longest {longest:.1} ms of {}",
        times.len()
    )
}
