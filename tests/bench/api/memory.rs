//! From the start of the process to the first answer, and how much memory the service takes: idle,
//! and with many nodes that were listed once.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::server::Server;

const FEW: usize = 1_000;
const MANY: usize = 10_000;

/// What one of the two needs with so many nodes.
struct Weight {
    nodes: usize,
    start_ms: f64,
    started: f64,
    listed: f64,
    detailed: f64,
}

pub(crate) async fn run(ironic: Option<&Path>) -> Result<()> {
    println!("\nstart to the first answer, and proportional set size in MiB");
    let ours = weigh(None).await?;
    let theirs = match ironic {
        Some(venv) => Some(weigh(Some(venv)).await?),
        None => None,
    };
    println!(
        "{:>7} {:<8} {:>9} {:>9} {:>9} {:>9}",
        "nodes", "", "start ms", "started", "listed", "in detail"
    );
    for (index, our) in ours.iter().enumerate() {
        line("cupola", our);
        let Some(their) = theirs.as_ref().and_then(|theirs| theirs.get(index)) else {
            continue;
        };
        line("ironic", their);
        println!(
            "{:>7} {:<8} {:>9.0} {:>9.1} {:>9.1} {:>9.1}",
            "",
            "times",
            their.start_ms / our.start_ms,
            their.started / our.started,
            their.listed / our.listed,
            their.detailed / our.detailed
        );
    }
    Ok(())
}

fn line(who: &str, weight: &Weight) {
    println!(
        "{:>7} {who:<8} {:>9.0} {:>9.1} {:>9.1} {:>9.1}",
        weight.nodes, weight.start_ms, weight.started, weight.listed, weight.detailed
    );
}

async fn weigh(ironic: Option<&Path>) -> Result<Vec<Weight>> {
    let mut directory = tempfile::tempdir()?;
    if let Some(venv) = ironic {
        // The first start creates the schema, which upstream has a command for: not counted.
        directory = Server::ironic(venv, directory).await?.stop()?;
    }
    let mut weights = Vec::new();
    for nodes in [0, FEW, MANY] {
        directory = grow(ironic, directory, nodes).await?;
        let begun = Instant::now();
        let server = start(ironic, directory).await?;
        server.get("/v1/nodes?limit=1").await?;
        let start_ms = begun.elapsed().as_secs_f64() * 1_000.0;
        let started = server.memory()?;
        ensure!(
            server.read_all("/v1/nodes").await? == nodes,
            "nodes are missing"
        );
        let listed = server.memory()?;
        server.read_all("/v1/nodes/detail").await?;
        weights.push(Weight {
            nodes,
            start_ms,
            started,
            listed,
            detailed: server.memory()?,
        });
        directory = server.stop()?;
    }
    Ok(weights)
}

async fn start(ironic: Option<&Path>, directory: TempDir) -> Result<Server> {
    match ironic {
        Some(venv) => Server::ironic(venv, directory).await,
        None => Server::cupola(directory),
    }
}

/// Brings a stopped service to so many nodes.
async fn grow(ironic: Option<&Path>, directory: TempDir, nodes: usize) -> Result<TempDir> {
    if nodes == 0 {
        return Ok(directory);
    }
    let server = start(ironic, directory).await?;
    let there = server.read_all("/v1/nodes").await?;
    match ironic {
        // Ironic would create nine thousand nodes for minutes: they are copied.
        Some(venv) if there > 0 => copy(venv, server.stop()?, nodes),
        _ => {
            server.fill(there..nodes).await?;
            server.stop()
        }
    }
}

/// Copies the first row of Ironic's table of nodes until there are so many.
fn copy(venv: &Path, directory: TempDir, nodes: usize) -> Result<TempDir> {
    const SCRIPT: &str = "
import sqlite3, sys, uuid
database = sqlite3.connect(sys.argv[1])
database.row_factory = sqlite3.Row
row = dict(database.execute('SELECT * FROM nodes ORDER BY id LIMIT 1').fetchone())
del row['id']
there = database.execute('SELECT count(*) FROM nodes').fetchone()[0]
names = ', '.join(row)
places = ', '.join('?' * len(row))
for number in range(there, int(sys.argv[2])):
    row['uuid'], row['name'] = str(uuid.uuid4()), f'node-{number:06}'
    database.execute(f'INSERT INTO nodes ({names}) VALUES ({places})', list(row.values()))
database.commit()
";
    let copied = Command::new(venv.join("bin/python"))
        .args(["-c", SCRIPT])
        .arg(directory.path().join("ironic.sqlite"))
        .arg(nodes.to_string())
        .status()?;
    ensure!(copied.success(), "Ironic's nodes were not copied");
    Ok(directory)
}
