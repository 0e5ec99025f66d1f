//! Watching, as a person does: the lens, the board while something runs, a search in a timeline, two
//! nodes compared, a step back in time, and a bundle for the ticket.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cupola_tests::binary;
use cupola_tests::pty::Terminal;
use cupola_tests::serve::Serve;
use tempfile::TempDir;

const FAKE: &str = "drivers.enabled=[\"ipmi\",\"fake-hardware\"]";
/// A secret of the node, which must not leave the console.
const CANARY: &str = "canary-5up3r";

fn enrol(service: &Serve, name: &str, more: &[&str]) -> Result<()> {
    let enrolled = Command::new(binary::cupola()?)
        .args(["--api", service.url(), "enroll", "--name", name])
        .args(["--driver", "fake-hardware"])
        .args(more)
        .output()?;
    ensure!(enrolled.status.success(), "{enrolled:?}");
    Ok(())
}

/// What is in the only archive of this directory.
fn unpacked(directory: &Path) -> Result<String> {
    let mut archives = std::fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path()));
    let archive = archives.find(|path| path.extension().is_some_and(|end| end == "gz"));
    let archive = archive.context("there is no archive")?;
    let read = Command::new("tar").arg("-xzOf").arg(archive).output()?;
    ensure!(read.status.success(), "{read:?}");
    Ok(String::from_utf8_lossy(&read.stdout).into_owned())
}

#[test]
fn what_runs_is_watched() -> Result<()> {
    let state = TempDir::new()?;
    let here = TempDir::new()?;
    let service = Serve::start(state.path(), &["--set", FAKE])?;
    let secret = format!("ipmi_password={CANARY}");
    let slow = [
        "--driver-info",
        "fake_deploy_delay=3",
        "--driver-info",
        &secret,
    ];
    enrol(&service, "one", &slow)?;
    enrol(&service, "two", &["--property", "cpus=8"])?;
    let cupola = binary::cupola()?;
    let mut console = Terminal::run_in(&cupola, &["--api", service.url()], (80, 24), here.path())?;
    console.wait("both nodes", |s| s.matches("available").count() >= 2)?;

    // The lens says what can be done, and why the rest cannot.
    console.press("i")?;
    console.wait("the lens", |s| s.contains("Can  ") && s.contains("Not now"))?;
    console.press("i")?;
    console.wait("no lens", |s| !s.contains("Not now"))?;

    // The board shows a cleaning while it runs, what is usual, and how it ended.
    console.press(":manage one\r")?;
    console.wait_for("manageable")?;
    console.press(":provide one\r")?;
    console.press("b")?;
    console.wait("the run", |s| {
        s.contains("board 1 running") && s.contains("cleaning")
    })?;
    console.wait_for("usual: cleaning")?;
    console.wait("the outcome", |s| {
        s.contains("1 ended") && s.contains("done")
    })?;

    // From its line to its timeline, where a text is found.
    console.press("t")?;
    console.wait_for("3 Timeline")?;
    console.press("&cleaning\r")?;
    console.wait("only some events", |s| {
        s.contains(" with \"cleaning\"") && s.contains("cleaning -> available")
    })?;
    Ok(())
}

#[test]
fn nodes_are_compared_gone_back_to_and_bundled() -> Result<()> {
    let state = TempDir::new()?;
    let here = TempDir::new()?;
    let service = Serve::start(state.path(), &["--set", FAKE])?;
    let secret = format!("ipmi_password={CANARY}");
    enrol(&service, "one", &["--driver-info", &secret])?;
    enrol(&service, "two", &["--property", "cpus=8"])?;
    let cupola = binary::cupola()?;
    let mut console = Terminal::run_in(&cupola, &["--api", service.url()], (80, 24), here.path())?;
    console.wait("both nodes", |s| s.matches("available").count() >= 2)?;

    console.press(":compare one two\r")?;
    console.wait("what differs", |s| s.contains("properties.cpus"))?;
    console.press("\x1b")?;
    console.wait_for("POWER")?;

    console.press("<")?;
    console.wait_for("read-only")?;
    console.press(":provide one\r")?;
    console.wait_for("Esc returns to now")?;
    console.press("\x1b")?;
    console.wait("now", |s| !s.contains("read-only"))?;

    console.press(":node one\r")?;
    console.wait_for("node one")?;
    console.press(":bundle\r")?;
    console.wait_for("written to")?;
    let bundle = unpacked(here.path())?;
    ensure!(!bundle.contains(CANARY), "the secret is in it:\n{bundle}");
    for text in [
        "fake-hardware",
        "cleaning -> available",
        "node one",
        "\"ipmi_password\": \"******\"",
    ] {
        ensure!(bundle.contains(text), "{text} is not in it:\n{bundle}");
    }
    Ok(())
}
