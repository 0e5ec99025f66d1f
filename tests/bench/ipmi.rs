//! Power status of many BMCs: our hub beside FreeIPMI's `ipmipower` and `ipmitool`, over the same
//! simulated BMCs, which run in a process of their own.
//!
//! `cargo bench -p cupola-tests --bench ipmi -- [BMCS ...]`; 500 and 5000 when nothing is said.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use cupola_api::Secret;
use cupola_drivers::ipmi::wire::suite::CipherSuite;
use cupola_drivers::ipmi::{IpmiClient, IpmiConfig, IpmiHub, IpmiTarget};
use cupola_tests::ipmi::{OwnBmc, PASSWORD, USER};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use tokio::task::JoinSet;

/// The argument with which this program is the BMCs.
const FARM: &str = "--bmcs";
/// How many `ipmitool` run at once: more is not faster on two cores.
const TOOLS: usize = 8;
/// How many BMCs `ipmitool` is measured with at most: it is a process for each.
const MOST_TOOLS: usize = 500;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = arguments.iter().filter_map(|it| it.parse().ok()).collect();
    // Thousands of sockets need more than the usual 1024.
    let (_, most) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, most, most)?;
    if arguments.iter().any(|it| it == FARM) {
        return farm(numbers.first().copied().unwrap_or(1));
    }
    let sizes = if numbers.is_empty() {
        vec![500, 5000]
    } else {
        numbers
    };
    for count in sizes {
        let bmcs = Farm::start(count)?;
        for suite in [CipherSuite::Suite3, CipherSuite::Suite17] {
            compare(&bmcs, suite)?;
        }
    }
    Ok(())
}

/// Is the BMCs: prints their addresses and serves until its input ends.
#[tokio::main]
async fn farm(count: usize) -> anyhow::Result<()> {
    let mut bmcs = Vec::new();
    for _ in 0..count {
        let bmc = OwnBmc::start(Duration::ZERO, |_| {}).await?;
        println!("{}", bmc.address);
        bmcs.push(bmc);
    }
    println!("ready");
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    Ok(())
}

/// The process with the BMCs; it ends when this is dropped.
struct Farm {
    process: Child,
    addresses: Vec<SocketAddr>,
}

impl Farm {
    fn start(count: usize) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([FARM, &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = process.stdout.take().context("the BMCs' output")?;
        let addresses = BufReader::new(said)
            .lines()
            .map_while(Result::ok)
            .map_while(|line| line.parse().ok())
            .collect();
        Ok(Self { process, addresses })
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        if let Err(error) = self.process.wait() {
            println!("the BMCs did not end: {error}");
        }
    }
}

/// What one program took for all BMCs.
struct Took {
    wall: Duration,
    cpu: Duration,
    answered: usize,
}

fn compare(bmcs: &Farm, suite: CipherSuite) -> anyhow::Result<()> {
    let count = bmcs.addresses.len();
    println!("\nsuite {suite}, {count} BMCs: log in, read the power state, close the session");
    let ours = ours(bmcs, suite)?;
    line("cupola", &ours, count, None);
    let power = ipmipower(bmcs, suite)?;
    line("ipmipower", &power, count, Some(&ours));
    let few = count.min(MOST_TOOLS);
    let tool = ipmitool(bmcs, suite, few)?;
    line("ipmitool", &tool, few, Some(&ours));
    let again = kept_sessions(bmcs, suite)?;
    line("cupola, sessions kept", &again, count, Some(&ours));
    Ok(())
}

/// Times are for each BMC that answered: a program that gives up on some of them is not faster for it.
#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn line(name: &str, took: &Took, count: usize, beside: Option<&Took>) {
    let each = |took: &Took, time: Duration| time.as_secs_f64() * 1e6 / took.answered.max(1) as f64;
    print!(
        "  {name:<22} {count:>5} BMCs, {:>5} answered: {:>8.3} s wall, {:>8.3} s CPU, {:>7.0} us CPU each",
        took.answered,
        took.wall.as_secs_f64(),
        took.cpu.as_secs_f64(),
        each(took, took.cpu),
    );
    if let Some(ours) = beside {
        print!(
            "; {:.1} x our CPU, {:.1} x our wall time",
            each(took, took.cpu) / each(ours, ours.cpu),
            each(took, took.wall) / each(ours, ours.wall),
        );
    }
    println!();
}

fn measure(who: UsageWho, work: impl FnOnce() -> anyhow::Result<usize>) -> anyhow::Result<Took> {
    let (started, before) = (Instant::now(), cpu(&getrusage(who)?));
    let answered = work()?;
    Ok(Took {
        wall: started.elapsed(),
        cpu: cpu(&getrusage(who)?).saturating_sub(before),
        answered,
    })
}

fn cpu(usage: &Usage) -> Duration {
    let micros = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec())
        .iter()
        .sum::<i64>();
    Duration::from_micros(micros.try_into().unwrap_or(0))
}

fn clients(hub: &IpmiHub, bmcs: &Farm, suite: CipherSuite) -> Arc<Vec<IpmiClient>> {
    let clients = bmcs.addresses.iter().map(|address| {
        let mut target = IpmiTarget::new(*address, USER, Secret::new(PASSWORD));
        target.cipher_suite = Some(suite);
        hub.client(target)
    });
    Arc::new(clients.collect())
}

async fn sweep(clients: &[IpmiClient]) -> anyhow::Result<usize> {
    let mut work = JoinSet::new();
    for client in clients {
        let client = client.clone();
        work.spawn(async move { client.power_state().await.is_ok() });
    }
    let mut answered = 0;
    while let Some(done) = work.join_next().await {
        answered += usize::from(done?);
    }
    Ok(answered)
}

fn hub() -> anyhow::Result<IpmiHub> {
    Ok(IpmiHub::new(IpmiConfig {
        deadline: Duration::from_secs(60),
        ..Default::default()
    })?)
}

/// As the peers do it: a new login for one reading, and the session closed.
fn ours(bmcs: &Farm, suite: CipherSuite) -> anyhow::Result<Took> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    measure(UsageWho::RUSAGE_SELF, || {
        runtime.block_on(async {
            let hub = hub()?;
            let answered = sweep(&clients(&hub, bmcs, suite)).await?;
            hub.close_sessions().await;
            Ok(answered)
        })
    })
}

/// As the service does it: the second reading over sessions that are kept.
fn kept_sessions(bmcs: &Farm, suite: CipherSuite) -> anyhow::Result<Took> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (hub, clients) = runtime.block_on(async {
        let hub = hub()?;
        let clients = clients(&hub, bmcs, suite);
        sweep(&clients).await?;
        anyhow::Ok((hub, clients))
    })?;
    let took = measure(UsageWho::RUSAGE_SELF, || runtime.block_on(sweep(&clients)))?;
    runtime.block_on(hub.close_sessions());
    Ok(took)
}

fn ipmipower(bmcs: &Farm, suite: CipherSuite) -> anyhow::Result<Took> {
    let hosts: Vec<String> = bmcs.addresses.iter().map(ToString::to_string).collect();
    measure(UsageWho::RUSAGE_CHILDREN, || {
        let output = Command::new("ipmipower")
            .args(["-D", "LAN_2_0", "-I", &suite.id().to_string()])
            .args(["-u", USER, "-p", PASSWORD, "--stat", "-h", &hosts.join(",")])
            .output()
            .context("ipmipower (package freeipmi-tools)")?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(said
            .lines()
            .filter(|it| it.ends_with(": off") || it.ends_with(": on"))
            .count())
    })
}

fn ipmitool(bmcs: &Farm, suite: CipherSuite, few: usize) -> anyhow::Result<Took> {
    measure(UsageWho::RUSAGE_CHILDREN, || {
        let mut answered = 0;
        let few: Vec<&SocketAddr> = bmcs.addresses.iter().take(few).collect();
        for some in few.chunks(TOOLS) {
            let running = some.iter().map(|address| one_ipmitool(address, suite));
            let running: Vec<Child> = running.collect::<anyhow::Result<_>>()?;
            for process in running {
                answered += usize::from(process.wait_with_output()?.status.success());
            }
        }
        Ok(answered)
    })
}

fn one_ipmitool(address: &SocketAddr, suite: CipherSuite) -> anyhow::Result<Child> {
    Command::new("ipmitool")
        .args(["-I", "lanplus", "-C", &suite.id().to_string()])
        .args([
            "-H",
            &address.ip().to_string(),
            "-p",
            &address.port().to_string(),
        ])
        .args(["-U", USER, "-P", PASSWORD, "power", "status"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("ipmitool")
}
