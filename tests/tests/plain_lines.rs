//! The console in plain lines: a script over a pipe, and a person on a terminal that has nothing else.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use cupola_tests::binary;
use cupola_tests::pty::Terminal;
use tempfile::TempDir;

/// What the lines of a script bring over a small rack.
fn script(lines: &[&str], more: &[&str]) -> Result<(String, Output)> {
    let home = TempDir::new()?;
    let mut command = Command::new(binary::cupola()?);
    command.args(["demo", "--nodes", "6", "--fast", "--plain"]);
    command.args(more);
    for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
        command.env(name, home.path());
    }
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = pipes.stderr(Stdio::piped()).spawn()?;
    let mut to = running.stdin.take().context("a pipe")?;
    writeln!(to, "{}", lines.join("\n"))?;
    drop(to);
    let output = running.wait_with_output()?;
    Ok((String::from_utf8(output.stdout.clone())?, output))
}

#[test]
fn a_script_takes_a_machine_through_its_life() -> Result<()> {
    let lines = [
        "wait r01u01 r01u02 until available",
        "images",
        "deploy r01u01 image cupola-demo",
        "yes",
        "wait r01u01 until active",
        "maintenance on r01u02 because the fan is loud",
        "list maintenance:yes",
        "show r01u02",
        "undeploy where state:active",
        "yes",
        "wait r01u01 until available",
        "events r01u01",
    ];
    let (said, output) = script(&lines, &[])?;
    assert!(output.status.success(), "{said}");
    for wanted in [
        "1 image.",
        "What is on its disk is overwritten.",
        "deploy: accepted for 1 node.",
        "r01u01: active, power on",
        "r01u02: available, power off, in maintenance",
        "1 node of 4.",
        "the fan is loud",
        "undeploy, 1 node: r01u01.",
        "There is no way back.",
        "r01u01: available",
        "active -> deleting",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
    assert!(!said.contains('\x1b'), "nothing but text: {said:?}");
    Ok(())
}

#[test]
fn what_cannot_be_done_is_told_and_counted() -> Result<()> {
    let lines = [
        "wait r01u01 r01u02 r01u03 r01u04 until available",
        "frobnicate r01u01",
        "undeploy r01u01",
        "deploy r01u01 image nothing",
        "delete r01u01",
        "certainly",
        "delete where state:available",
        "3",
        "list state:available",
        "show r09u09",
    ];
    let (said, output) = script(&lines, &[])?;
    assert_eq!(output.status.code(), Some(1), "{said}");
    for wanted in [
        "Not done: there is no order frobnicate",
        "Cannot: r01u01: only from",
        "there is no image nothing",
        "Type yes to go on",
        "Type 4 to go on",
        "Nothing was sent.",
        "4 nodes of 4.",
        "r09u09",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
    let told = String::from_utf8(output.stderr)?;
    assert!(told.contains("4 lines could not be carried out"), "{told}");
    Ok(())
}

#[test]
fn who_may_only_look_changes_nothing() -> Result<()> {
    let lines = ["wait r01u01 until available", "power-on r01u01", "enrol"];
    let (said, output) = script(&lines, &["--read-only"])?;
    assert_eq!(output.status.code(), Some(1), "{said}");
    let refusals = said.matches("Not done: read-only (--read-only)").count();
    assert_eq!(refusals, 2, "{said}");
    Ok(())
}

#[test]
fn a_dumb_terminal_gets_lines_by_itself() -> Result<()> {
    let cupola = binary::cupola()?;
    let cupola = cupola.to_string_lossy();
    let arguments = ["TERM=dumb", &cupola, "demo", "--nodes", "6", "--fast"];
    let mut console = Terminal::run(Path::new("/usr/bin/env"), &arguments, (80, 24))?;
    console.wait_for("Cupola in lines")?;
    console.wait_for("> ")?;
    console.press("watch nothing\r")?;
    console.wait_for("No changes are told.")?;
    console.press("wait r01u01 until available\r")?;
    console.wait_for("r01u01: available")?;
    console.press("deploy r01u01 image cupola-demo\r")?;
    console.wait_for("Type yes to go on")?;
    console.press("yes\r")?;
    console.wait_for("Enter takes it back")?;
    console.press("\r")?;
    console.wait_for("Nothing was sent.")?;
    console.press("quit\r")?;
    assert!(console.ended()?.success());
    Ok(())
}
