//! The console as a person meets it: the real binary on a pseudo-terminal, over a real service.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;
use cupola_tests::binary;
use cupola_tests::pty::Terminal;
use cupola_tests::serve::Serve;
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// A service with hardware that needs none, and the console on it.
struct Desk {
    console: Terminal,
    _service: Serve,
    _state: TempDir,
}

const FAKE: &str = "drivers.enabled=[\"ipmi\",\"fake-hardware\"]";

fn desk(said: (u16, u16)) -> Result<Desk> {
    let state = TempDir::new()?;
    let service = Serve::start(state.path(), &["--set", FAKE])?;
    let cupola = binary::cupola()?;
    let console = Terminal::run(&cupola, &["--api", service.url()], said)?;
    console.wait_for(": live")?;
    Ok(Desk {
        console,
        _service: service,
        _state: state,
    })
}

/// Enrols a node of `fake-hardware` through the wizard.
fn enrol(console: &mut Terminal, name: &str) -> Result<()> {
    console.press("e")?;
    console.wait_for("1 BMC")?;
    console.wait_for("< ipmi >")?;
    // Name, then the driver, then on.
    console.press(&format!("{name}\t\x1b[C"))?;
    console.wait_for("< fake-hardware >")?;
    console.press("\x1b[19~")?;
    console.wait_for("MAC 1")?;
    console.press("525400000001\x1b[19~")?;
    console.wait_for("Inspect it")?;
    console.press(" \x1b[19~")?;
    console.wait_for("Enter enrols it")?;
    console.press("\r")?;
    console.wait_for(" is available")?;
    console.press("\x1b")?;
    console.wait_for("1 node")?;
    Ok(())
}

#[test]
fn a_node_is_enrolled_looked_at_and_deleted_with_the_keyboard() -> Result<()> {
    let mut desk = desk((80, 24))?;
    let console = &mut desk.console;
    console.wait_for("There is no node yet")?;
    enrol(console, "first")?;
    console.wait("the node as available", |s| {
        s.contains("first") && s.contains("available")
    })?;
    console.press("\r")?;
    console.wait_for("manageable -> cleaning")?;
    console.press("\x1b[3~")?;
    console.wait_for("delete 1 node?")?;
    console.press("\r")?;
    console.wait("no question", |s| !s.contains("delete 1 node?"))?;
    console.press("\x1b[3~")?;
    console.wait_for("delete 1 node?")?;
    console.press("\t\r")?;
    console.wait_for("This node is gone")?;
    console.press("\x1b")?;
    console.wait_for("There is no node yet")?;
    console.press("q")?;
    assert!(console.ended()?.success());
    assert!(console.is_restored());
    Ok(())
}

#[test]
fn nothing_is_written_while_nothing_happens() -> Result<()> {
    let mut desk = desk((80, 24))?;
    enrol(&mut desk.console, "idle")?;
    // What is still under way has two seconds to end.
    std::thread::sleep(Duration::from_secs(2));
    let before = desk.console.written();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(desk.console.written(), before);
    Ok(())
}

#[test]
fn signals_end_it_and_the_terminal_is_as_before() -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut desk = desk((80, 24))?;
        assert!(!desk.console.is_restored());
        desk.console.signal(signal)?;
        assert!(desk.console.ended()?.success(), "{signal}");
        assert!(desk.console.is_restored(), "{signal}");
    }
    Ok(())
}

#[test]
fn a_terminal_that_goes_away_ends_it_at_once() -> Result<()> {
    let mut desk = desk((80, 24))?;
    desk.console.hang_up()?;
    let start = Instant::now();
    desk.console.ended()?;
    assert!(start.elapsed() < Duration::from_secs(10));
    Ok(())
}

#[test]
fn a_panic_in_a_task_ends_it_and_is_told_on_a_usable_terminal() -> Result<()> {
    let mut desk = desk((80, 24))?;
    desk.console.press(":debug-panic\r")?;
    assert_eq!(desk.console.ended()?.exit_code(), 1);
    assert!(desk.console.is_restored());
    desk.console.wait_for("asked for with :debug-panic")?;
    Ok(())
}

#[test]
fn it_follows_the_size_of_its_window() -> Result<()> {
    let desk = desk((80, 24))?;
    desk.console.resize(20, 5)?;
    desk.console.wait_for("40x10")?;
    desk.console.resize(132, 40)?;
    desk.console.wait("wide columns", |s| {
        s.contains("CLASS") && s.contains("Quit")
    })?;
    Ok(())
}

#[test]
fn a_serial_line_that_knows_no_size_gets_80x24() -> Result<()> {
    let desk = desk((0, 0))?;
    let screen = desk.console.wait_for("Enrol")?;
    assert!(screen.lines().count() >= 23, "{screen}");
    Ok(())
}

#[test]
fn without_a_terminal_it_says_what_to_do() -> Result<()> {
    let output = Command::new(binary::cupola()?)
        .args(["--api", "http://127.0.0.1:9"])
        .stdin(Stdio::null())
        .output()?;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ssh -t"));
    Ok(())
}

#[test]
fn without_a_terminal_nothing_is_made() -> Result<()> {
    let directory = TempDir::new()?;
    let state = directory.path().join("state");
    let cupola = binary::cupola()?;
    let run = Command::new(cupola)
        .arg("--state-dir")
        .arg(&state)
        .args(["--set", "api.listen=\"127.0.0.1:0\""])
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(said.contains("needs a terminal"), "{said}");
    assert!(!state.exists(), "it made {}", state.display());
    Ok(())
}

#[test]
fn watch_fails_where_nothing_can_be_written() -> Result<()> {
    let state = TempDir::new()?;
    let service = Serve::start(state.path(), &["--set", FAKE])?;
    let cupola = || -> Result<Command> {
        let mut command = Command::new(binary::cupola()?);
        command.args(["--api", service.url()]);
        Ok(command)
    };
    let enroll = ["enroll", "--name", "n", "--driver", "fake-hardware"];
    let enrolled = cupola()?.args(enroll).output()?;
    assert!(enrolled.status.success(), "{enrolled:?}");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full")?;
    let watched = cupola()?.args(["watch", "n"]).stdout(full).output()?;
    assert_eq!(watched.status.code(), Some(1), "{watched:?}");
    Ok(())
}
