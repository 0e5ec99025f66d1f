//! Upstream Ironic and Cupola get the same requests, and their answers are compared (see
//! `tests/src/differential.rs`). A sample of them by default; `CUPOLA_DIFFERENTIAL=all`, or
//! `scripts/test differential`, asks all, and with `UPDATE_DIFFERENCES=1` writes the list of those
//! that are open anew. `CUPOLA_DIFFERENTIAL_CHAPTER` asks the chapters whose names begin so;
//! `CUPOLA_DIFFERENTIAL_REPORT` names a file for all that is open, with what was answered.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use cupola_tests::differential::peer::Peer;
use cupola_tests::differential::report::Findings;
use cupola_tests::differential::run::{Outcome, Pair};
use cupola_tests::differential::{known, script};
use cupola_tests::qemu::report;
use cupola_tests::serve::Serve;
use cupola_tests::upstream::{Hardware, UpstreamIronic, environment};

/// What random requests are drawn from.
const SEED: u64 = 39;

/// One case of so many is in the sample.
const SAMPLE: u64 = 25;

/// Straight to the process's standard error: the test harness would hide what is printed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether a case is in the sample: by its name, so that the sample is the same in every run (FNV-1a).
fn is_in_sample(name: &str) -> bool {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, mix) % SAMPLE == 0
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

async fn play(all: bool, only: Option<&str>) -> Result<Option<Vec<Outcome>>> {
    let Some(venv) = environment("differential")? else {
        return Ok(None);
    };
    let directory = tempfile::tempdir()?;
    let started = Instant::now();
    let ironic = UpstreamIronic::start_with(&venv, directory.path(), Hardware::Fake).await?;
    report("ironic up", started);
    let state = directory.path().join("cupola");
    std::fs::create_dir_all(&state)?;
    let serve = Serve::start(
        &state,
        &[
            "--set",
            r#"drivers.enabled=["fake-hardware"]"#,
            "--set",
            r#"conductor.host="conductor-1""#,
        ],
    )?;
    let pair = Pair::new(Peer::new(ironic.url())?, Peer::new(serve.url())?);
    let mut outcomes = Vec::new();
    for chapter in script::chapters(SEED) {
        if only.is_some_and(|only| !chapter.name.starts_with(only)) {
            continue;
        }
        let started = Instant::now();
        let played = pair
            .play(&chapter, |name| all || is_in_sample(name))
            .await
            .inspect_err(|_| say(&last_lines(&ironic.log())))?;
        report(&format!("{} ({})", chapter.name, played.len()), started);
        outcomes.extend(played);
    }
    Ok(Some(outcomes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upstream_and_cupola_answer_the_same() -> Result<()> {
    let all = std::env::var("CUPOLA_DIFFERENTIAL").is_ok_and(|v| v == "all");
    let only = std::env::var("CUPOLA_DIFFERENTIAL_CHAPTER").ok();
    let Some(outcomes) = play(all, only.as_deref()).await? else {
        return Ok(());
    };
    let findings = Findings::of(&outcomes);
    let update = std::env::var_os("UPDATE_DIFFERENCES").is_some();
    let is_whole = all && only.is_none();
    if update && is_whole {
        known::write(&findings.lines)?;
    }
    let known = known::read()?;
    if let Some(path) = std::env::var_os("CUPOLA_DIFFERENTIAL_REPORT") {
        std::fs::write(path, findings.open(Some(&findings.lines)))?;
    }
    say(&findings.table());
    // A case that is open may differ otherwise than it did: whoever mends it in steps is not stopped.
    let open: BTreeSet<&str> = known.iter().map(|line| known::case(line)).collect();
    let is_new = |line: &&String| !open.contains(known::case(line));
    let new: BTreeSet<String> = findings.lines.iter().filter(is_new).cloned().collect();
    if !known.is_empty() {
        say(&format!(
            "OPEN: {} differences from Ironic are neither mended nor explained \
             (tests/differential/known.txt)",
            known.len()
        ));
    }
    if is_whole {
        for gone in known.difference(&findings.lines) {
            say(&format!("gone, take it off the list: {gone}"));
        }
        for topic in findings.idle() {
            say(&format!("this rule explains nothing: {topic}"));
        }
    }
    ensure!(
        new.is_empty(),
        "{} differences from Ironic that are new:\n{}",
        new.len(),
        findings.open(Some(&new))
    );
    Ok(())
}
