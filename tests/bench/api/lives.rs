//! 100 fake nodes through their life, all at once: manage, provide, active, deleted; and power.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::server::{Server, at_once, name};

const NODES: usize = 100;
const AT_ONCE: usize = 16;

pub(crate) async fn run(ironic: Option<&Path>) -> Result<()> {
    println!("\n{NODES} fake nodes at once, wall time of each phase in seconds");
    let ours = lives(&Server::cupola(tempfile::tempdir()?)?).await?;
    let theirs = match ironic {
        Some(venv) => Some(lives(&Server::ironic(venv, tempfile::tempdir()?).await?).await?),
        None => None,
    };
    println!("{:<24} {:>8} {:>8} {:>7}", "", "cupola", "ironic", "ratio");
    for (index, (phase, our)) in ours.iter().enumerate() {
        match theirs.as_ref().and_then(|theirs| theirs.get(index)) {
            Some((_, their)) => {
                println!("{phase:<24} {our:>8.2} {their:>8.2} {:>7.1}", their / our);
            }
            None => println!("{phase:<24} {our:>8.2}"),
        }
    }
    Ok(())
}

async fn lives(server: &Server) -> Result<Vec<(&'static str, f64)>> {
    let mut took = Vec::new();
    let started = Instant::now();
    server.fill(0..NODES).await?;
    took.push(("enrol", started.elapsed().as_secs_f64()));
    let mut whole = 0.0;
    let verbs = [
        ("manage", "manageable"),
        ("provide", "available"),
        ("active", "active"),
        ("deleted", "available"),
    ];
    for (verb, goal) in verbs {
        let started = Instant::now();
        put(server, "provision", verb).await?;
        let is_there = |n: &Value| n["provision_state"] == goal && n["reservation"].is_null();
        server.wait(is_there).await?;
        let seconds = started.elapsed().as_secs_f64();
        took.push((verb, seconds));
        whole += seconds;
    }
    took.push(("manage to deleted", whole));
    for (target, goal) in [("power on", "power on"), ("power off", "power off")] {
        let started = Instant::now();
        put(server, "power", target).await?;
        let is_there = |n: &Value| {
            n["power_state"] == goal
                && n["target_power_state"].is_null()
                && n["reservation"].is_null()
        };
        server.wait(is_there).await?;
        took.push((target, started.elapsed().as_secs_f64()));
    }
    Ok(took)
}

/// Asks every node for the target, again while the conductor has no worker free or the node is held.
async fn put(server: &Server, states: &str, target: &str) -> Result<()> {
    at_once(AT_ONCE, 0..NODES, async |number| {
        let path = format!("/v1/nodes/{}/states/{states}", name(number));
        let body = json!({ "target": target });
        let mut again = tokio::time::interval(Duration::from_millis(50));
        loop {
            again.tick().await;
            let (status, answer) = server
                .call(reqwest::Method::PUT, &path, Some(&body))
                .await?;
            match status {
                202 => return Ok(()),
                409 | 503 => {}
                _ => bail!("{target}: {status} {answer}"),
            }
        }
    })
    .await
}
