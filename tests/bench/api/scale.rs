//! Whether a page or a node gets slower when there are more nodes, and while others write.

use anyhow::{Context, Result};

use crate::load::{self, Figures, Load};
use crate::server::{Server, name};

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const CONNECTIONS: u32 = 16;
const SECONDS: u32 = 5;

pub(crate) async fn run() -> Result<()> {
    println!(
        "\nrequests per second (p99 in ms) by the number of nodes, {CONNECTIONS} connections, {SECONDS} s each"
    );
    let server = Server::cupola(tempfile::tempdir()?)?;
    let mut rows: Vec<(&str, Vec<Figures>)> = Vec::new();
    let mut there = 0;
    let mut memory = Vec::new();
    for nodes in SIZES {
        server.fill(there..nodes).await?;
        there = nodes;
        for (index, (what, figures)) in measure(&server, nodes).await?.into_iter().enumerate() {
            match rows.get_mut(index) {
                Some((_, row)) => row.push(figures),
                None => rows.push((what, vec![figures])),
            }
        }
        memory.push(server.memory()?);
    }
    print!("{:<44}", "");
    for nodes in SIZES {
        print!(" {nodes:>18}");
    }
    println!(" {:>8}", "slower");
    for (what, figures) in &rows {
        print!("{what:<44}");
        for figure in figures {
            print!(" {:>9.0} ({:>6.2})", figure.per_second, figure.p99);
        }
        let ends = figures.first().zip(figures.last());
        let slower = ends.map(|(first, last)| first.per_second / last.per_second);
        println!(" {:>8.2}", slower.unwrap_or_default());
    }
    println!("memory, MiB: {memory:.0?}");
    Ok(())
}

async fn measure(server: &Server, nodes: usize) -> Result<Vec<(&'static str, Figures)>> {
    let middle = server
        .get(&format!("/v1/nodes/{}", name(nodes / 2 - 1)))
        .await?;
    let middle = middle["uuid"].as_str().context("no uuid")?;
    let (show, change) = (load::show(nodes), load::change(nodes));
    let scripts = tempfile::tempdir()?;
    let run = |path: &str, script: Option<&str>| {
        let load = Load {
            connections: CONNECTIONS,
            seconds: SECONDS,
            script,
        };
        load::run(&format!("{}{path}", server.url()), load, scripts.path())
    };
    let written = |path: &str, script: Option<&str>| {
        let writes = Load {
            connections: 4,
            seconds: SECONDS,
            script: Some(&change),
        };
        let writer = load::start(server.url(), writes, scripts.path())?;
        let figures = run(path, script);
        load::figures(server.url(), writer)?;
        figures
    };
    let list = "/v1/nodes?limit=1000";
    let after = format!("{list}&marker={middle}");
    Ok(vec![
        ("GET /v1/nodes?limit=1000", run(list, None)?),
        ("the same from the middle", run(&after, None)?),
        (
            "GET /v1/nodes/detail?limit=1000",
            run("/v1/nodes/detail?limit=1000", None)?,
        ),
        ("GET /v1/nodes/{node}, any", run("", Some(&show))?),
        (
            "GET /v1/nodes?limit=1000 while others write",
            written(list, None)?,
        ),
        (
            "GET /v1/nodes/{node}, any, while others write",
            written("", Some(&show))?,
        ),
    ])
}
