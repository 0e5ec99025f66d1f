//! Requests per second with 1 000 nodes, ours and Ironic's under the same load.

use std::path::Path;

use anyhow::Result;

use crate::load::{self, Figures, Load};
use crate::server::{Server, name};

const NODES: usize = 1_000;
const CONNECTIONS: u32 = 16;
const SECONDS: u32 = 10;

pub(crate) async fn run(ironic: Option<&Path>) -> Result<()> {
    println!(
        "\n{NODES} nodes, wrk with {CONNECTIONS} connections on the same machine, {SECONDS} s each"
    );
    let ours = Server::cupola(tempfile::tempdir()?)?;
    ours.fill(0..NODES).await?;
    let theirs = match ironic {
        Some(venv) => {
            let theirs = Server::ironic(venv, tempfile::tempdir()?).await?;
            theirs.fill(0..NODES).await?;
            Some(theirs)
        }
        None => None,
    };
    println!(
        "{:<36} {:>9} {:>8} {:>8} {:>9} {:>9} {:>9} {:>7}",
        "", "cupola/s", "p50 ms", "p99 ms", "ironic/s", "p50 ms", "p99 ms", "ratio"
    );
    let one = format!("/v1/nodes/{}", name(NODES / 2));
    let (change, maintain) = (load::change(NODES), load::maintain(NODES));
    let asked: [(&str, &str, Option<&str>); 8] = [
        ("GET /v1/nodes?limit=1000", "/v1/nodes?limit=1000", None),
        (
            "GET, three fields",
            "/v1/nodes?limit=1000&fields=uuid,name,provision_state",
            None,
        ),
        (
            "GET /v1/nodes/detail?limit=1000",
            "/v1/nodes/detail?limit=1000",
            None,
        ),
        ("GET /v1/nodes/{node}", &one, None),
        (
            "GET /v1/nodes/{node}/states",
            &format!("{one}/states"),
            None,
        ),
        ("PATCH /v1/nodes/{node}", "", Some(&change)),
        ("PUT /v1/nodes/{node}/maintenance", "", Some(&maintain)),
        // Last: it makes the lists longer.
        ("POST /v1/nodes", "", Some(load::CREATE)),
    ];
    for (what, path, script) in asked {
        let measured = |server: &Server| -> Result<Figures> {
            let load = Load {
                connections: CONNECTIONS,
                seconds: SECONDS,
                script,
            };
            let scripts = tempfile::tempdir()?;
            load::run(&format!("{}{path}", server.url()), load, scripts.path())
        };
        let our = measured(&ours)?;
        print!(
            "{what:<36} {:>9.0} {:>8.2} {:>8.2}",
            our.per_second, our.p50, our.p99
        );
        match &theirs {
            Some(theirs) => {
                let their = measured(theirs)?;
                println!(
                    " {:>9.1} {:>9.0} {:>9.0} {:>7.0}",
                    their.per_second,
                    their.p50,
                    their.p99,
                    our.per_second / their.per_second
                );
            }
            None => println!(" {:>9}", "-"),
        }
    }
    Ok(())
}
