//! A database that is full, read-only or gone while machines are deployed: the API says so, nothing
//! is half-written, and the deploys go on by themselves when it is back.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cupola_api::ProvisionState;
use cupola_api::client::{Client, ClientError};
use cupola_api::event::{EventId, EventKind, StreamItem};
use cupola_api::id::NodeIdent;
use cupola_api::patch::PatchOperation;
use cupola_rack::machine::MachineSpec;
use cupola_rack::virtual_rack::VirtualRack;
use cupola_tests::crash::{self, Site};
use cupola_tests::node_life::{choose_image, reach, verb};
use cupola_tests::postgres::Postgres;
use cupola_tests::serve::Serve;
use cupola_tests::skip::{can_make_namespaces, skipped};
use cupola_tests::{binary, sim};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(120);
const MACHINES: u32 = 3;
const IMAGE_MIB: u64 = 48;
/// Slow enough that the database can go away in the middle of writing.
const DISK_MIB_PER_SECOND: u32 = 4;
/// Writes that a database may still take from what it has set aside.
const MOST_WRITES: u32 = 2_000;

/// A service with machines that are being deployed.
struct Deploys {
    client: Client,
    nodes: Vec<NodeIdent>,
    rack: VirtualRack,
    /// When a part of the first machine's image was on its disk.
    written: EventId,
    // Dropped last: it ends with them.
    _serve: Serve,
}

impl Deploys {
    async fn begin(site: &Site, serve: Serve) -> Result<Self> {
        let image = sim::image(site.state(), IMAGE_MIB)?;
        let client = crash::client(&serve)?;
        let specs = (0..MACHINES).map(|index| {
            let mut spec = MachineSpec::demo(index);
            spec.disk.write_mib_per_second = Some(DISK_MIB_PER_SECOND);
            spec
        });
        let rack = site.ports().rack(site.state(), specs.collect()).await?;
        let machines = rack.machines().iter();
        let nodes =
            try_join_all(machines.map(|machine| sim::enrol(&client, &rack, machine))).await?;
        for node in &nodes {
            for (target, goal) in [
                ("manage", ProvisionState::Manageable),
                ("provide", ProvisionState::Available),
            ] {
                verb(&client, node, target).await?;
                reach(&client, node, goal, DEADLINE).await?;
            }
            choose_image(&client, node, &image).await?;
        }
        let mut deploys = Self {
            client,
            nodes,
            rack,
            written: EventId(0),
            _serve: serve,
        };
        for node in &deploys.nodes {
            verb(&deploys.client, node, "active").await?;
        }
        deploys.written = deploys.until_written(10).await?;
        Ok(deploys)
    }

    /// Waits until so many percent of the first machine's image are on its disk.
    async fn until_written(&self, wanted: u8) -> Result<EventId> {
        let id = self.client.node(&self.nodes[0]).await?.uuid;
        let after = Some(self.written).filter(|id| id.0 > 0);
        let mut events = self.client.events(after, Some(id)).await?;
        let wait = async {
            while let Some(item) = events.next().await {
                if let StreamItem::Event(event) = item?
                    && let EventKind::StepProgress { percent, .. } = event.kind
                    && percent >= Some(wanted)
                {
                    return anyhow::Ok(event.id);
                }
            }
            bail!("the event stream ended")
        };
        timeout(DEADLINE, wait)
            .await
            .context("the image is not written")?
    }

    /// Enrols nodes until the service refuses; what it says.
    async fn refusal(&self) -> Result<String> {
        let body = json!({
            "driver": "ipmi",
            "driver_info": { "ipmi_address": "127.0.0.1" },
            "extra": { "filler": "x".repeat(30_000) },
        });
        for _ in 0..MOST_WRITES {
            match self.client.create_node(&body).await {
                Ok(_) => {}
                Err(ClientError::Refused(fault)) => {
                    ensure!(fault.status == 503, "{} {}", fault.status, fault.message);
                    return Ok(fault.message);
                }
                Err(other) => return Err(other.into()),
            }
        }
        bail!("the service took {MOST_WRITES} new nodes")
    }

    /// The database is back: everything goes on.
    async fn end(self) -> Result<()> {
        for (node, machine) in self.nodes.iter().zip(self.rack.machines()) {
            reach(&self.client, node, ProvisionState::Active, DEADLINE).await?;
            crash::at_rest(&self.client, node, DEADLINE).await?;
            crash::check(&self.client, node, machine).await?;
        }
        let patch = [PatchOperation::add("/extra/filler", "written again")];
        self.client.patch_node(&self.nodes[0], &patch).await?;
        self.rack.stop().await;
        Ok(())
    }
}

/// Takes all space of the file system at `directory`.
fn fill(directory: &Path) -> Result<PathBuf> {
    let path = directory.join("filler");
    let mut file = std::fs::File::create(&path)?;
    for size in [1 << 20, 1 << 12] {
        let block = vec![0xa5_u8; size];
        while file.write_all(&block).is_ok() {}
    }
    Ok(path)
}

async fn full_disk() -> Result<()> {
    let site = Site::new(Vec::new())?;
    let small = site.state().join("small");
    std::fs::create_dir(&small)?;
    // Its own mount namespace, which goes when it goes.
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c"]);
    command.arg("mount -t tmpfs -o size=16m none \"$0\" && exec \"$@\"");
    command.arg(&small).arg(binary::cupola()?);
    let url = format!("database.url=sqlite://{}/cupola.sqlite", small.display());
    let serve = site.ports().serve_with(site.state(), command, &[url])?;
    let inside = PathBuf::from(format!("/proc/{}/root", serve.pid()));
    let inside = inside.join(small.strip_prefix("/")?);
    let deploys = Deploys::begin(&site, serve).await?;

    let filler = tokio::task::spawn_blocking(move || fill(&inside)).await??;
    let said = deploys.refusal().await?;
    ensure!(said.contains("its disk is full; free space"), "{said}");
    let seen = deploys.client.node(&deploys.nodes[0]).await;
    seen.context("what is in memory is not answered")?;
    deploys.until_written(50).await?;
    std::fs::remove_file(filler)?;
    deploys.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_deploys_go_on_after_the_disk_was_full() {
    if !can_make_namespaces() {
        let reason = "it mounts a small file system, which needs root";
        return skipped("sim_deploys_go_on_after_the_disk_was_full", reason);
    }
    Box::pin(full_disk()).await.unwrap();
}

async fn server_away(mut cluster: Postgres) -> Result<()> {
    let url = cluster.create_database("away")?;
    let site = Site::new(vec![format!("database.url={url}")])?;
    let serve = site.start(None, &[])?;
    let deploys = Deploys::begin(&site, serve).await?;

    let read_only = "ALTER SYSTEM SET default_transaction_read_only = on";
    cluster.administer(&[read_only, "SELECT pg_reload_conf()"])?;
    let said = deploys.refusal().await?;
    ensure!(said.contains("it is read-only; make"), "{said}");
    let seen = deploys.client.node(&deploys.nodes[0]).await;
    seen.context("what can be read is not answered")?;
    let writable = "ALTER SYSTEM RESET default_transaction_read_only";
    cluster.administer(&[writable, "SELECT pg_reload_conf()"])?;

    cluster.kill()?;
    let said = deploys.refusal().await?;
    ensure!(said.contains("it does not answer"), "{said}");
    cluster.start_again()?;
    deploys.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_deploys_go_on_after_postgresql_was_away() {
    match Postgres::start() {
        Ok(cluster) => Box::pin(server_away(cluster)).await.unwrap(),
        Err(reason) => {
            let reason = reason.to_string();
            skipped("sim_deploys_go_on_after_postgresql_was_away", &reason);
        }
    }
}
