//! The conductor's image cache under deploys: what goes when it is full, what never does, and a disk
//! without room. The images are on a web server, and the machines get them from the conductor.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cupola_api::client::Client;
use cupola_api::cupola::Image;
use cupola_api::id::NodeIdent;
use cupola_api::{Node, ProvisionState};
use cupola_rack::fault::{FaultPlan, RamdiskFault, RamdiskMoment};
use cupola_rack::machine::MachineSpec;
use cupola_rack::virtual_rack::VirtualRack;
use cupola_tests::crash::{self, Site};
use cupola_tests::node_life::{choose_image, failed, reach, released, verb};
use cupola_tests::serve::Serve;
use cupola_tests::skip::{can_make_namespaces, skipped};
use cupola_tests::web::Web;
use cupola_tests::{binary, sim};
use futures_util::future::try_join_all;

const DEADLINE: Duration = Duration::from_secs(120);
const MIB: u64 = 1 << 20;

/// A service that keeps images for its machines, and machines that are available.
struct Room {
    client: Client,
    nodes: Vec<NodeIdent>,
    rack: VirtualRack,
    // Dropped last: it ends with them.
    _serve: Serve,
}

impl Room {
    async fn begin(site: &Site, serve: Serve, machines: u32) -> Result<Self> {
        let specs = (0..machines).map(MachineSpec::demo).collect();
        let client = crash::client(&serve)?;
        let rack = site.ports().rack(site.state(), specs).await?;
        let machines = rack.machines().iter();
        let nodes =
            try_join_all(machines.map(|machine| sim::enrol(&client, &rack, machine))).await?;
        for (target, goal) in [
            ("manage", ProvisionState::Manageable),
            ("provide", ProvisionState::Available),
        ] {
            try_join_all(nodes.iter().map(|node| verb(&client, node, target))).await?;
            let there = nodes
                .iter()
                .map(|node| reach(&client, node, goal, DEADLINE));
            try_join_all(there).await?;
        }
        Ok(Self {
            client,
            nodes,
            rack,
            _serve: serve,
        })
    }

    async fn begin_deploy(&self, machine: usize, image: &Image) -> Result<()> {
        let node = &self.nodes[machine];
        choose_image(&self.client, node, image).await?;
        verb(&self.client, node, "active").await
    }

    async fn active(&self, machine: usize) -> Result<()> {
        let node = &self.nodes[machine];
        reach(&self.client, node, ProvisionState::Active, DEADLINE).await?;
        released(&self.client, node, DEADLINE).await.map(drop)
    }

    async fn deploy(&self, machine: usize, image: &Image) -> Result<()> {
        self.begin_deploy(machine, image).await?;
        self.active(machine).await
    }

    /// Begins a deploy whose image is in use until the machine is repaired.
    async fn deploy_until_in_use(&self, machine: usize, image: &Image) -> Result<()> {
        self.rack.machines()[machine].break_down(FaultPlan::Ramdisk {
            fault: RamdiskFault::WritesSlowly { kib_per_second: 0 },
            from: RamdiskMoment::Step("write_image".to_owned()),
        });
        self.begin_deploy(machine, image).await?;
        let (node, goal) = (&self.nodes[machine], ProvisionState::DeployWait);
        reach(&self.client, node, goal, DEADLINE).await.map(drop)
    }

    async fn is_repaired(&self, machine: usize) -> Result<()> {
        self.rack.machines()[machine].repair();
        self.active(machine).await
    }

    /// Takes the instance from its machine.
    async fn available_again(&self, machine: usize) -> Result<()> {
        let node = &self.nodes[machine];
        verb(&self.client, node, "deleted").await?;
        reach(&self.client, node, ProvisionState::Available, DEADLINE).await?;
        released(&self.client, node, DEADLINE).await.map(drop)
    }

    async fn deploy_fails(&self, machine: usize, image: &Image) -> Result<String> {
        self.begin_deploy(machine, image).await?;
        let node: Node = failed(&self.client, &self.nodes[machine], DEADLINE).await?;
        ensure!(node.provision_state == ProvisionState::DeployFailed);
        node.last_error.context("it failed without a reason")
    }
}

fn settings(cache_mib: u64) -> Vec<String> {
    vec![
        "agent.image_download_source=local".to_owned(),
        format!("boot.image_cache_size={cache_mib}"),
        "conductor.automated_clean=false".to_owned(),
    ]
}

/// Sizes in MiB of what the cache has, which tell the images apart.
fn kept(cache: &Path) -> Result<Vec<u64>> {
    let mut sizes = Vec::new();
    for entry in std::fs::read_dir(cache.join("files"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        ensure!(!name.contains('.'), "{name} is half a file");
        sizes.push(entry.metadata()?.len() / MIB);
    }
    sizes.sort_unstable();
    Ok(sizes)
}

async fn small_cache() -> Result<()> {
    // Any two of the images fit.
    let site = Site::new(settings(36))?;
    let serve = site.start(None, &[])?;
    let web = Web::start().await?;
    let [first, second, third] = [web.image(16)?, web.image(17)?, web.image(18)?];
    let room = Room::begin(&site, serve, 4).await?;
    let cache = site.state().join("image-cache");

    room.deploy(0, &first).await?;
    room.deploy(1, &second).await?;
    room.deploy(2, &first).await?;
    ensure!(kept(&cache)? == [16, 17]);
    room.deploy(3, &third).await?;
    ensure!(
        kept(&cache)? == [16, 18],
        "the second was used the longest ago"
    );

    // The first is now the one that was used the longest ago, but in use.
    room.available_again(0).await?;
    room.deploy_until_in_use(0, &first).await?;
    room.available_again(3).await?;
    room.deploy(3, &third).await?;
    room.available_again(1).await?;
    room.deploy_until_in_use(1, &second).await?;
    ensure!(kept(&cache)? == [16, 17], "the first is in use");

    room.available_again(2).await?;
    let said = room.deploy_fails(2, &third).await?;
    ensure!(
        said.contains("os-18.raw has 18 MiB, and the image cache has room for 3 of its 36 MiB")
            && said.contains("raise boot.image_cache_size"),
        "{said}"
    );
    ensure!(kept(&cache)? == [16, 17], "both are in use");

    // What was in use has reached its machines whole, and may go then.
    room.is_repaired(0).await?;
    room.is_repaired(1).await?;
    verb(&room.client, &room.nodes[2], "active").await?;
    room.active(2).await?;
    ensure!(
        kept(&cache)? == [17, 18],
        "the first was used the longest ago"
    );
    room.rack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_the_least_recently_used_image_goes_and_never_one_in_use() {
    Box::pin(small_cache()).await.unwrap();
}

/// Starts the service with a file system of `mib` MiB of its own for the cache; where this process
/// finds it.
fn start_on_small_disk(site: &Site, mib: u64) -> Result<(Serve, PathBuf)> {
    let cache = site.state().join("image-cache");
    std::fs::create_dir_all(&cache)?;
    // Its own mount namespace, which goes when it goes.
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c"]);
    command.arg(format!(
        "mount -t tmpfs -o size={mib}m none \"$0\" && exec \"$@\""
    ));
    command.arg(&cache).arg(binary::cupola()?);
    let serve = site
        .ports()
        .serve_with(site.state(), command, &settings(1024))?;
    let inside = PathBuf::from(format!("/proc/{}/root", serve.pid()));
    let inside = inside.join(cache.strip_prefix("/")?);
    Ok((serve, inside))
}

async fn full_disk() -> Result<()> {
    let site = Site::new(Vec::new())?;
    let (serve, cache) = start_on_small_disk(&site, 40)?;
    let filler = cache.join("filler");
    std::fs::write(&filler, vec![0xa5_u8; 30 << 20])?;
    let web = Web::start().await?;
    let [first, second] = [web.image(16)?, web.image(32)?];
    let room = Room::begin(&site, serve, 2).await?;

    let said = room.deploy_fails(0, &first).await?;
    let directory = site.state().join("image-cache");
    ensure!(
        said.contains(&format!("{}: the disk is full", directory.display()))
            && said.contains("os-16.raw")
            && said.contains("free space there"),
        "{said}"
    );
    ensure!(kept(&cache)?.is_empty(), "{:?}", kept(&cache)?);

    std::fs::remove_file(filler)?;
    verb(&room.client, &room.nodes[0], "active").await?;
    room.active(0).await?;
    ensure!(kept(&cache)? == [16]);

    // An image that nobody uses makes room on the disk too.
    room.deploy(1, &second).await?;
    ensure!(kept(&cache)? == [32]);
    room.rack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_full_disk_fails_the_deploy_and_leaves_no_half_image() {
    if !can_make_namespaces() {
        let reason = "it mounts a small file system, which needs root";
        let test = "sim_a_full_disk_fails_the_deploy_and_leaves_no_half_image";
        return skipped(test, reason);
    }
    Box::pin(full_disk()).await.unwrap();
}
