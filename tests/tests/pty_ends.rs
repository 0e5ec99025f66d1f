//! However the console ends, and wherever it is then, the terminal is as a shell wants it; and it goes
//! on where it was when the window was small for a while, or the console was stopped.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cupola_tests::binary;
use cupola_tests::pty::Terminal;
use cupola_tests::screen::words;
use cupola_tests::serve::Serve;
use nix::sys::signal::Signal;
use tempfile::TempDir;

const FAKE: &str = "drivers.enabled=[\"ipmi\",\"fake-hardware\"]";

/// Where the console can be: the keys that lead there from the list of two nodes, and what shows.
const STAGES: [(&str, &str, &str); 22] = [
    ("the list", "", "2 nodes"),
    ("the help", "?", "Keys of this screen"),
    ("a filter", "/state:enr", "2 of 2 nodes"),
    ("the command bar", ":powe", "power-on"),
    ("a reason", "mfan", "reason"),
    ("the drawer", "\x0c", "diagnostics of this program"),
    ("a menu", "v", "Provision verbs"),
    ("a question", "\x1b[3~", "delete 1 node?"),
    ("the node", "\r", "UUID"),
    ("verbs", "\r2", "manage"),
    ("the timeline", "\r3", "0 events"),
    ("the logs", "\r4", "logs"),
    ("the lens", "i", "first"),
    ("the dashboard", "D", "Conductors"),
    ("the board", "b", "0 running"),
    ("the wizard", "e", "1 BMC"),
    ("discovery", ":enroll 127.0.0.1\r", "F8 look"),
    ("comparing", "=", "compare first"),
    ("runs", "R", "runs"),
    ("commands", "@", "commands"),
    ("the past", "<", "as of"),
    ("grace", "\x1b[3~\t\r", "takes it back"),
];

/// A service with two nodes, and consoles on it.
struct Room {
    service: Serve,
    home: TempDir,
}

impl Room {
    fn open() -> Result<Self> {
        let home = TempDir::new()?;
        let service = Serve::start(home.path(), &["--set", FAKE])?;
        for name in ["first", "second"] {
            let node = format!(
                "{{\"name\": \"{name}\", \"driver\": \"fake-hardware\", \"resource_class\": \"metal\"}}"
            );
            let made = Command::new("curl")
                .args(["-sS", "--fail-with-body", "-d", &node])
                .args(["-H", "Content-Type: application/json"])
                .args(["-H", "X-OpenStack-Ironic-API-Version: 1.115"])
                .arg(format!("{}/v1/nodes", service.url()))
                .output()?;
            ensure!(made.status.success(), "{made:?}");
        }
        Ok(Self { service, home })
    }

    /// A console at this stage.
    fn console(&self, (_, keys, shows): (&str, &str, &str)) -> Result<Terminal> {
        let cupola = binary::cupola()?;
        let arguments = ["--api", self.service.url()];
        let mut console = Terminal::run_in(&cupola, &arguments, (80, 24), self.home.path())?;
        console.wait("the node", |screen| {
            screen.contains("second") && screen.contains(": live")
        })?;
        ensure!(!console.is_restored());
        console.press(keys)?;
        console.wait(&format!("{shows:?}"), |screen| {
            words(screen).contains(shows)
        })?;
        Ok(console)
    }
}

#[test]
fn signals_leave_the_terminal_as_it_was_wherever_they_come() -> Result<()> {
    let room = Room::open()?;
    for stage in STAGES {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            let mut console = room.console(stage)?;
            console.signal(signal)?;
            ensure!(console.ended()?.success(), "{signal} at {}", stage.0);
            ensure!(console.is_restored(), "{signal} at {}", stage.0);
        }
    }
    Ok(())
}

#[test]
fn a_lost_terminal_ends_it_wherever_it_is() -> Result<()> {
    for stage in STAGES {
        // This end of the terminal types Enter when it is dropped, and a console that is quick enough
        // does what that asks for: each has a service of its own.
        let room = Room::open()?;
        let mut console = room.console(stage)?;
        console.hang_up().with_context(|| stage.0)?;
        console.ended().with_context(|| stage.0)?;
    }
    Ok(())
}

#[test]
fn a_window_that_was_small_for_a_while_shows_the_same_again() -> Result<()> {
    let room = Room::open()?;
    for stage in STAGES {
        let mut console = room.console(stage)?;
        let shows = |screen: &str| words(screen).contains(stage.2);
        console.resize(40, 10)?;
        console.wait("the bar of a small screen", |screen| {
            let lines: Vec<&str> = screen.lines().collect();
            lines.len() <= 10 && lines.iter().all(|line| line.chars().count() <= 40)
        })?;
        console.resize(1, 1)?;
        console.resize(80, 24)?;
        console.wait(stage.0, shows)?;
        console.signal(Signal::SIGTERM)?;
        ensure!(console.ended()?.success(), "{}", stage.0);
        ensure!(console.is_restored(), "{}", stage.0);
    }
    Ok(())
}

/// Only a shell can stop it: a shell runs it here.
#[test]
fn stopped_and_brought_back_it_is_where_it_was() -> Result<()> {
    let room = Room::open()?;
    let cupola = binary::cupola()?.display().to_string();
    let shell = ["--norc", "--noprofile", "--noediting", "-i"];
    let mut shell = Terminal::run(Path::new("/bin/bash"), &shell, (80, 24))?;
    shell.press("PS1=rea'dy> '\r")?;
    shell.wait_for("ready>")?;
    shell.press(&format!("{cupola} --api {}\r", room.service.url()))?;
    shell.wait_for(": live")?;
    shell.press("\r2")?;
    shell.wait_for("manage")?;
    for (stop, (a, b)) in [("\x1a", (6, 7)), (":suspend\r", (7, 8))] {
        shell.press(stop)?;
        shell.wait_for("Stopped")?;
        ensure!(shell.is_restored(), "{stop:?}");
        shell.press(&format!("echo it is $(({a} * {b})) now\r"))?;
        shell.wait_for(&format!("it is {} now", a * b))?;
        // What the shell shows now must not be taken for what it says of the next stop.
        shell.press("printf '\\033[H\\033[J'; fg\r")?;
        shell.wait("the verbs of the node", |screen| {
            screen.contains(": live") && screen.contains("manage")
        })?;
    }
    shell.press(":q\r")?;
    shell.wait("the shell", |screen| {
        let last = screen.lines().rfind(|line| !line.trim().is_empty());
        last.is_some_and(|line| line.trim() == "ready>")
    })?;
    shell.press("exit\r")?;
    ensure!(shell.ended()?.success());
    Ok(())
}
