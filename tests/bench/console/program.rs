//! The program as a person runs it: how soon the first frame is there, what it costs while nobody touches it, and whether keys get
//! through while everything changes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_tests::pty::Terminal;
use cupola_tests::serve::Serve;
use futures_util::stream::TryStreamExt;
use serde_json::json;
use tempfile::TempDir;

use super::changes::Changes;
use super::spread;

const SIZES: [u64; 2] = [10_000, 100_000];
const STARTS: usize = 11;
const IDLE: Duration = Duration::from_secs(10);
/// Nodes that change while nobody touches it: those that are seen.
const ON_SCREEN: u64 = 20;
/// Nodes that change while somebody types.
const CHANGED: u64 = 1_000;
/// Typed into the filter, letter by letter.
const TYPED: &str = "name:node-00";
const ROUNDS: usize = 20;

pub(crate) fn run() -> Result<()> {
    let state = tempfile::tempdir()?;
    let enabled = ["--set", r#"drivers.enabled=["fake-hardware"]"#];
    let serve = Serve::start(state.path(), &enabled)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let console = Console {
        binary: cupola_tests::binary::cupola()?,
        url: serve.url().to_owned(),
        directory: std::env::current_dir()?,
    };
    let mut there = 0;
    for nodes in SIZES {
        runtime.block_on(fill(serve.url(), there, nodes))?;
        there = nodes;
        println!("\n{nodes} nodes of a service beside it, 80x24");
        measure(&console, nodes)?;
    }
    Ok(())
}

/// The name of the node of this number.
pub(crate) fn name(number: u64) -> String {
    format!("node-{number:06}")
}

fn measure(console: &Console, nodes: u64) -> Result<()> {
    let all = format!("{nodes} nodes");
    let mut home = tempfile::tempdir()?;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for round in 0..=STARTS {
        let start = Instant::now();
        let terminal = console.start(home)?;
        terminal.wait_for(&name(1))?;
        let times = if round == 0 { &mut cold } else { &mut warm };
        times.push(start.elapsed());
        terminal.wait_for(&all)?;
        home = terminal.leave()?;
    }
    println!("first complete frame, first start ever: {}", spread(cold));
    println!("first complete frame, list remembered: {}", spread(warm));
    let mut terminal = console.start(home)?;
    terminal.wait("the whole list", |screen| {
        screen.contains(&all) && !screen.contains("connecting")
    })?;
    println!("memory: {:.1} MiB", memory(terminal.process_id()?)?);
    for per_second in [0, 1, 10] {
        idle(console, &terminal, per_second)?;
    }
    keys(console, &mut terminal, 1_000)?;
    println!("memory then: {:.1} MiB", memory(terminal.process_id()?)?);
    Ok(())
}

struct Console {
    binary: PathBuf,
    url: String,
    directory: PathBuf,
}

impl Console {
    fn start(&self, home: TempDir) -> Result<Terminal> {
        let arguments = ["--api", self.url.as_str()];
        Terminal::run_at_home(
            self.binary.as_path(),
            &arguments,
            (80, 24),
            Path::new(&self.directory),
            home,
        )
    }
}

/// What it takes of a processor and of the line while nobody touches it.
fn idle(console: &Console, terminal: &Terminal, per_second: u32) -> Result<()> {
    let changes = match per_second {
        0 => None,
        rate => Some(Changes::start(&console.url, rate, ON_SCREEN)?),
    };
    let pid = terminal.process_id()?;
    let (bytes, busy, start) = (terminal.written(), processor(pid)?, Instant::now());
    std::thread::sleep(IDLE);
    let share = (processor(pid)? - busy) / start.elapsed().as_secs_f64();
    let bytes = terminal.written() - bytes;
    let rate = changes.map_or(Ok(0.0), Changes::stop)?;
    println!(
        "idle for {IDLE:?} at {rate:.0} changes/s: {:.2} % of a processor, {bytes} bytes",
        share * 100.0
    );
    Ok(())
}

/// Types into the filter while nodes change; a letter that is not shown would end this with an error.
fn keys(console: &Console, terminal: &mut Terminal, per_second: u32) -> Result<()> {
    let changes = Changes::start(&console.url, per_second, CHANGED)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        terminal.press("/")?;
        terminal.wait("the prompt", |screen| last_line(screen).starts_with('/'))?;
        for end in 1..=TYPED.len() {
            let typed = TYPED.get(..end).unwrap_or_default();
            let start = Instant::now();
            terminal.press(typed.get(end - 1..).unwrap_or_default())?;
            terminal.wait(typed, |screen| last_line(screen).contains(typed))?;
            times.push(start.elapsed());
        }
        terminal.press("\x1b")?;
        terminal.wait("no prompt", |screen| !last_line(screen).starts_with('/'))?;
    }
    let rate = changes.stop()?;
    println!(
        "a letter of the filter until it shows, at {rate:.0} changes/s: {}, none lost",
        spread(times)
    );
    Ok(())
}

/// The line that holds a prompt: the one above the keys.
fn last_line(screen: &str) -> &str {
    screen.lines().rev().nth(1).unwrap_or_default()
}

/// Proportional set size, MiB.
fn memory(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&file).with_context(|| file.clone())?;
    let kib: Option<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok());
    Ok(kib.with_context(|| format!("{file} tells no size"))? / 1024.0)
}

/// Seconds of processor time so far (`utime` and `stime`, proc_pid_stat(5)).
fn processor(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&file).with_context(|| file.clone())?;
    // The name of the program may hold blanks, and ends with a parenthesis.
    let (_, fields) = text.rsplit_once(") ").context("no such line")?;
    let ticks: Vec<f64> = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?;
    let per_second = per_second.context("no clock ticks")?;
    Ok(ticks.iter().sum::<f64>() / per_second as f64)
}

async fn fill(url: &str, there: u64, nodes: u64) -> Result<()> {
    let client = Client::new(RemoteTransport::new(url)?);
    futures_util::stream::iter((there + 1..=nodes).map(anyhow::Ok))
        .try_for_each_concurrent(16, async |number| {
            let body = json!({ "name": name(number), "driver": "fake-hardware" });
            client.create_node(&body).await?;
            Ok(())
        })
        .await
}
