//! Death at random moments under load: a rack of machines is deployed and torn down again and again
//! while the service is killed and started, on SQLite and on PostgreSQL whose server is killed too.
//!
//! A short storm by default. `CUPOLA_CRASH_KILLS=100` is the long one, on 50 machines;
//! `CUPOLA_CRASH_SEED` repeats a storm.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test, and \
              what a run consisted of is printed"
)]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cupola_api::ProvisionState;
use cupola_api::client::Client;
use cupola_api::cupola::Image;
use cupola_api::id::NodeIdent;
use cupola_rack::machine::MachineSpec;
use cupola_tests::crash::{self, Site};
use cupola_tests::postgres::Postgres;
use cupola_tests::skip::skipped;
use cupola_tests::{node_life, sim};
use futures_util::StreamExt;
use futures_util::future::{join_all, try_join_all};
use tokio::task::JoinSet;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(300);
const IMAGE_MIB: u64 = 4;
/// The short storm, and the machines of the long one.
const KILLS: u32 = 8;
const MACHINES: u32 = 10;
const MANY_MACHINES: u32 = 50;
/// The service dies after so many events at the most, or after so long without enough of them.
const MOST_EVENTS: u64 = 600;
const LONGEST_LIFE: Duration = Duration::from_secs(20);
/// How often a node that failed is tried again before that is taken for a fault.
const ATTEMPTS: u32 = 6;

/// SplitMix64: good enough to choose moments, and the same for the same seed.
struct Moments(u64);

impl Moments {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Takes a node round and round until the service is dead.
async fn keep_going(client: Client, node: NodeIdent, image: Image) {
    while crash::push(&client, &node, &image).await.is_ok()
        && crash::at_rest(&client, &node, DEADLINE).await.is_ok()
    {}
}

/// Lets the service live for a while.
async fn live(client: &Client, events: u64) -> Result<()> {
    let mut stream = client.events(None, None).await?;
    let many = async {
        for _ in 0..events {
            stream.next().await.context("the event stream ended")??;
        }
        anyhow::Ok(())
    };
    // A calm service is killed all the same.
    timeout(LONGEST_LIFE, many).await.unwrap_or(Ok(()))
}

/// Takes a node to `active`; the reasons for which it failed on the way.
async fn to_active(client: &Client, node: &NodeIdent, image: &Image) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    for _ in 0..ATTEMPTS {
        let now = crash::at_rest(client, node, DEADLINE).await?;
        if now.provision_state == ProvisionState::Active {
            return Ok(reasons);
        }
        if now.provision_state.is_failed() {
            let reason = now.last_error.filter(|reason| !reason.is_empty());
            reasons.push(reason.with_context(|| format!("{node} failed without a reason"))?);
        }
        crash::push(client, node, image).await?;
    }
    bail!("{node} does not become active: {reasons:#?}")
}

async fn storm(mut settings: Vec<String>, mut database: Option<Postgres>) -> Result<()> {
    let kills = number("CUPOLA_CRASH_KILLS").map_or(KILLS, |n| u32::try_from(n).unwrap_or(KILLS));
    let machines = if kills > KILLS {
        MANY_MACHINES
    } else {
        MACHINES
    };
    let seed = number("CUPOLA_CRASH_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("{machines} machines, {kills} kills, CUPOLA_CRASH_SEED={seed}");
    let mut moments = Moments(seed);
    // A simulated machine boots in a second or two, and gives up as fast.
    settings.push("conductor.boot_wait_after_restart=5".to_owned());
    let site = Site::new(settings)?;
    let image = sim::image(site.state(), IMAGE_MIB)?;
    let specs = (0..machines).map(MachineSpec::demo).collect();
    let rack = site.ports().rack(site.state(), specs).await?;
    let serve = site.start(None, &[])?;
    let client = crash::client(&serve)?;
    let nodes = try_join_all(
        rack.machines()
            .iter()
            .map(|machine| sim::enrol(&client, &rack, machine)),
    )
    .await?;
    for node in &nodes {
        node_life::verb(&client, node, "manage").await?;
    }
    serve.kill()?;

    let begun = Instant::now();
    for _ in 0..kills {
        let serve = site.start(None, &[])?;
        let client = crash::client(&serve)?;
        let mut load = JoinSet::new();
        for node in &nodes {
            load.spawn(keep_going(client.clone(), node.clone(), image.clone()));
        }
        live(&client, 1 + moments.below(MOST_EVENTS)).await?;
        serve.kill()?;
        load.shutdown().await;
        if let Some(database) = &mut database
            && moments.below(3) == 0
        {
            database.kill()?;
            database.start_again()?;
        }
    }
    println!("{kills} kills took {:.1} s", begun.elapsed().as_secs_f64());

    let serve = site.start(None, &[])?;
    let client = crash::client(&serve)?;
    let ends = join_all(nodes.iter().map(|node| to_active(&client, node, &image))).await;
    let mut failures = 0;
    for (end, (node, machine)) in ends.into_iter().zip(nodes.iter().zip(rack.machines())) {
        let reasons = end?;
        failures += reasons.len();
        for reason in reasons {
            println!("failed with a reason, then deployed: {reason}");
        }
        crash::check(&client, node, machine).await?;
    }
    println!("all active; {failures} had failed with a reason before");
    rack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_deaths_at_random_moments_are_survived() {
    Box::pin(storm(Vec::new(), None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_deaths_of_service_and_postgresql_are_survived() {
    let cluster = match Postgres::start() {
        Ok(cluster) => cluster,
        Err(reason) => {
            let reason = reason.to_string();
            return skipped("sim_deaths_of_service_and_postgresql_are_survived", &reason);
        }
    };
    let url = cluster.create_database("storm").unwrap();
    let settings = vec![format!("database.url={url}")];
    Box::pin(storm(settings, Some(cluster))).await.unwrap();
}
