//! Upstream Ironic and Cupola get the same requests, and their answers are compared (see
//! `tests/src/differential.rs`). A sample of them by default; `CUPOLA_DIFFERENTIAL=all`, or
//! `scripts/test differential`, asks all, and with `UPDATE_DIFFERENCES=1` writes the list of those
//! that are open anew. `CUPOLA_DIFFERENTIAL_CHAPTER` asks the chapters whose names begin so;
//! `CUPOLA_DIFFERENTIAL_REPORT` names a file for all that is open, with what was answered. With
//! `CUPOLA_DIFFERENTIAL_RECORDED=1` upstream's answers are those of the last whole run where its
//! requests were the same, so that a mend is seen within seconds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use cupola_tests::differential::case::Chapter;
use cupola_tests::differential::peer::Peer;
use cupola_tests::differential::recording::Recording;
use cupola_tests::differential::report::Findings;
use cupola_tests::differential::run::{Outcome, Pair};
use cupola_tests::differential::{known, recording, script};
use cupola_tests::qemu::report;
use cupola_tests::serve::Serve;
use cupola_tests::upstream::{Hardware, UpstreamIronic, description, environment};

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

/// Which cases are asked, and whether upstream's recorded answers will do.
struct Choice {
    all: bool,
    only: Option<String>,
    recorded: bool,
}

impl Choice {
    fn of_environment() -> Self {
        Self {
            all: std::env::var("CUPOLA_DIFFERENTIAL").is_ok_and(|v| v == "all"),
            only: std::env::var("CUPOLA_DIFFERENTIAL_CHAPTER").ok(),
            recorded: std::env::var_os("CUPOLA_DIFFERENTIAL_RECORDED").is_some(),
        }
    }

    fn takes(&self, chapter: &Chapter) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| chapter.name.starts_with(only.as_str()))
    }
}

/// The chapters to be asked, with what is recorded of them.
fn chapters(choice: &Choice, upstream: &str) -> Result<Vec<(Chapter, Option<Recording>)>> {
    let chapters = script::chapters(SEED).into_iter();
    let chapters = chapters.filter(|chapter| choice.takes(chapter));
    let with_recording = chapters.map(|chapter| {
        let may = choice.all && choice.recorded;
        let found = may
            .then(|| recording::read(&chapter, upstream))
            .transpose()?;
        Ok((chapter, found.flatten()))
    });
    with_recording.collect()
}

async fn play(choice: &Choice) -> Result<Option<Vec<Outcome>>> {
    let Some(venv) = environment("differential")? else {
        return Ok(None);
    };
    let directory = tempfile::tempdir()?;
    let description = description(Hardware::Fake)?;
    let chapters = chapters(choice, &description)?;
    let mut ironic = None;
    if chapters.iter().any(|(_, recording)| recording.is_none()) {
        let started = Instant::now();
        let started_one = UpstreamIronic::start_with(&venv, directory.path(), Hardware::Fake);
        ironic = Some(started_one.await?);
        report("ironic up", started);
    }
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
    let upstream = ironic.as_ref().map(|ironic| Peer::new(ironic.url()));
    let pair = Pair::new(upstream.transpose()?, Peer::new(serve.url())?);
    let mut outcomes = Vec::new();
    for (chapter, recorded) in chapters {
        let started = Instant::now();
        let played = if let Some(recorded) = recorded {
            pair.replay(&chapter, &recorded).await?
        } else {
            let played = pair
                .play(&chapter, |name| choice.all || is_in_sample(name))
                .await
                .inspect_err(|_| {
                    let log = ironic.as_ref().map(UpstreamIronic::log);
                    say(&last_lines(&log.unwrap_or_default()));
                })?;
            if choice.all {
                recording::write(&chapter, &description, &played.recording)?;
            }
            played.outcomes
        };
        report(&format!("{} ({})", chapter.name, played.len()), started);
        outcomes.extend(played);
    }
    Ok(Some(outcomes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upstream_and_cupola_answer_the_same() -> Result<()> {
    let choice = Choice::of_environment();
    let Some(outcomes) = play(&choice).await? else {
        return Ok(());
    };
    let findings = Findings::of(&outcomes);
    let update = std::env::var_os("UPDATE_DIFFERENCES").is_some();
    let is_whole = choice.all && choice.only.is_none();
    if update && is_whole {
        known::write(&findings.lines)?;
    }
    let known = known::read()?;
    if let Some(path) = std::env::var_os("CUPOLA_DIFFERENTIAL_REPORT") {
        std::fs::write(path, findings.open(Some(&findings.lines)))?;
    }
    say(&findings.table());
    say(&format!("differences explained:\n{}", findings.rules()));
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
