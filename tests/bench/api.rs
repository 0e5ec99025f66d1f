//! API throughput with 1 000 nodes: list, detail and show, measured by `wrk` on the same machine.
//!
//! `cargo bench -p cupola-tests --bench api`. Prints requests per second, p50 and p99.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_tests::serve::Serve;
use cupola_tests::skip;
use serde_json::json;

const NODES: usize = 1_000;
const SECONDS: u32 = 8;

fn main() -> Result<()> {
    if !skip::has_program("wrk") {
        skip::skipped("bench api", "wrk is not installed: apt-get install wrk");
        return Ok(());
    }
    let state = tempfile::tempdir()?;
    let enabled = ["--set", r#"drivers.enabled=["fake-hardware"]"#];
    let serve = Serve::start(state.path(), &enabled)?;
    let uuid = fill(serve.url())?;
    println!("{NODES} nodes, wrk with 32 connections on the same machine, {SECONDS} s each");
    println!(
        "{:<44} {:>10} {:>10} {:>10} {:>9}",
        "request", "req/s", "p50", "p99", "RSS"
    );
    for path in [
        "/v1".to_owned(),
        format!("/v1/nodes/{uuid}"),
        "/v1/nodes?limit=1000".to_owned(),
        "/v1/nodes?limit=1000&fields=uuid,name,provision_state".to_owned(),
        "/v1/nodes/detail?limit=1000".to_owned(),
        "/cupola/v1/nodes".to_owned(),
    ] {
        let figures = load(&format!("{}{path}", serve.url()))?;
        let rss = resident(serve.pid())?;
        println!(
            "{path:<44} {:>10} {:>10} {:>10} {rss:>9}",
            figures.per_second, figures.p50, figures.p99
        );
    }
    Ok(())
}

fn fill(url: &str) -> Result<String> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let client = Client::new(RemoteTransport::new(url)?);
        let mut last = String::new();
        for i in 0..NODES {
            let body = json!({
                "name": format!("node-{i:04}"),
                "driver": "fake-hardware",
                "resource_class": "baremetal",
                "properties": { "cpus": 32, "memory_mb": 131_072, "cpu_arch": "x86_64" },
                "extra": { "rack": format!("r{}", i / 40), "u": i % 40 },
            });
            last = client.create_node(&body).await?.uuid.to_string();
        }
        Ok(last)
    })
}

struct Figures {
    per_second: String,
    p50: String,
    p99: String,
}

fn load(url: &str) -> Result<Figures> {
    let output = Command::new("wrk")
        .args(["-t1", "-c32", &format!("-d{SECONDS}s"), "--latency"])
        .args(["-H", "X-OpenStack-Ironic-API-Version: latest", url])
        .output()
        .context("wrk cannot be run")?;
    let text = String::from_utf8(output.stdout)?;
    let after = |label: &str| {
        text.lines()
            .filter_map(|line| line.trim().strip_prefix(label))
            .map(|rest| rest.trim().to_owned())
            .next()
    };
    ensure!(
        after("Non-2xx").is_none(),
        "{url} answered with errors:\n{text}"
    );
    let figure = |label: &str| after(label).with_context(|| format!("no {label} in:\n{text}"));
    Ok(Figures {
        per_second: figure("Requests/sec:")?,
        p50: figure("50%")?,
        p99: figure("99%")?,
    })
}

fn resident(pid: u32) -> Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
        .context("the process shows no resident size")?;
    Ok(format!("{} MiB", kib / 1024))
}
