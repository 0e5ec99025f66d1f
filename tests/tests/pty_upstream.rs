//! The console on a real Ironic of PyPI, with fake hardware: what it shows and does, and what it says
//! of what that server cannot give.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cupola_tests::binary;
use cupola_tests::pty::Terminal;
use cupola_tests::screen;
use cupola_tests::upstream::{Access, Hardware, UpstreamIronic, environment};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A running Ironic, and whom it lets in.
struct Peer {
    ironic: UpstreamIronic,
    access: Access,
    directory: TempDir,
    /// The peer is started on it.
    _runtime: Runtime,
}

impl Peer {
    fn start(test: &str, access: Access) -> Result<Option<Self>> {
        let Some(venv) = environment(test)? else {
            return Ok(None);
        };
        let directory = TempDir::new()?;
        let runtime = Runtime::new()?;
        let started = UpstreamIronic::start_for(&venv, directory.path(), Hardware::Fake, access);
        let ironic = runtime.block_on(started)?;
        Ok(Some(Self {
            ironic,
            access,
            directory,
            _runtime: runtime,
        }))
    }

    /// Enrols nodes of these names.
    fn enrol(&self, names: &[(&str, &str)]) -> Result<()> {
        for (name, class) in names {
            let mut enrol = Command::new(binary::cupola()?);
            enrol
                .args(["--api", self.ironic.url(), "enroll", "--name", name])
                .args(["--driver", "fake-hardware", "--resource-class", class]);
            if let Access::Password(user, password) = self.access {
                enrol.env("OS_USERNAME", user).env("OS_PASSWORD", password);
            }
            let done = enrol.output()?;
            ensure!(done.status.success(), "{done:?}\n{}", self.ironic.log());
        }
        Ok(())
    }

    /// A console with this environment and these arguments.
    fn console(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Result<Terminal> {
        console(self.directory.path(), environment, arguments)
    }
}

fn console(home: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Result<Terminal> {
    let cupola = binary::cupola()?.display().to_string();
    let mut all: Vec<String> = vec![format!("HOME={}", home.display())];
    all.extend(
        environment
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    all.push(cupola);
    all.extend(arguments.iter().map(ToString::to_string));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    Terminal::run_in(Path::new("/usr/bin/env"), &all, (80, 24), home)
}

/// The screen without what is another at each run: the address, times and identifiers, and how many
/// events were seen between two answers.
fn lasting(screen: &str, url: &str) -> String {
    let screen = screen::lasting(&screen.replace(url, "http://127.0.0.1:PORT"));
    let lines = screen
        .lines()
        .map(|line| match line.split_once(" events,") {
            Some((before, after)) => {
                let before = before.trim_end_matches(|c: char| c.is_ascii_digit());
                format!("{before}N events,{after}")
            }
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn nodes_of_an_ironic_are_found_and_grouped() -> Result<()> {
    let Some(peer) = Peer::start("pty_upstream_finding", Access::Anybody)? else {
        return Ok(());
    };
    peer.enrol(&[("web-1", "small"), ("web-2", "small"), ("db-1", "large")])?;
    let url = peer.ironic.url().to_owned();
    let mut console = peer.console(&[], &["--api", &url])?;
    let shown = console.wait_for("3 nodes")?;
    ensure!(shown.contains("Ironic 1."), "{shown}");
    console.press(":sort name\r")?;
    let shown = console.wait("the other order", |s| {
        let places = s.find("web-2").zip(s.find("db-1"));
        places.is_some_and(|(web, db)| web < db)
    })?;
    insta::assert_snapshot!("list", lasting(&shown, &url));
    console.press("/name:web*\r")?;
    console.wait_for("2 of 3 nodes")?;
    console.press("\x1b")?;
    console.wait("no filter", |s| !s.contains(" of 3 nodes"))?;
    console.press(":group class\r")?;
    console.wait_for("class small: 2 nodes")?;
    console.press(":group\r:dashboard\r")?;
    let shown = console.wait("conductors", |s| {
        s.contains("Conductors") && s.contains("conductor-1")
    })?;
    insta::assert_snapshot!("dashboard", lasting(&shown, &url));
    console.press("\x1b")?;
    // Another client changes a node, and makes one.
    console.wait_for("web-2")?;
    peer.enrol(&[("late-1", "small")])?;
    let start = Instant::now();
    console.wait("the new node", |s| {
        s.contains("late-1") && s.contains("4 nodes")
    })?;
    ensure!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    console.press("q")?;
    ensure!(console.ended()?.success());
    Ok(())
}

#[test]
fn nodes_of_an_ironic_are_acted_on_and_watched() -> Result<()> {
    let Some(peer) = Peer::start("pty_upstream_acting", Access::Anybody)? else {
        return Ok(());
    };
    let url = peer.ironic.url().to_owned();
    let mut console = peer.console(&[], &["--api", &url])?;
    console.wait_for("There is no node yet")?;
    enrol(&mut console, "first", "525400000001")?;
    enrol(&mut console, "second", "525400000002")?;
    console.wait("both as available", |s| s.matches("available").count() >= 2)?;
    // One node: power and maintenance.
    console.press(":power-on first\r")?;
    console.wait("the power", |s| line_of(s, "first").contains(" on"))?;
    console.press(":maint first fan dead\r")?;
    console.wait("maintenance", |s| line_of(s, "first").contains("MAINT"))?;
    console.press(":maint first\r")?;
    console.wait_for("maintenance off 1 node?")?;
    console.press("y")?;
    console.wait("no maintenance", |s| !line_of(s, "first").contains("MAINT"))?;
    // Both: a preview, a run, a table.
    console.press("*:manage\r")?;
    console.wait_for("can do it: 2 of 2 nodes")?;
    console.press("\r")?;
    let shown = console.wait("the results", |s| {
        s.contains("2 reached") && s.contains("Over, after")
    })?;
    insta::assert_snapshot!("run", lasting(&shown, &url));
    console.press("\x1b")?;
    console.wait_for("2 marked")?;
    console.press(":provide\r")?;
    console.wait_for("can do it: 2 of 2 nodes")?;
    console.press("\r")?;
    console.wait("the results", |s| {
        s.contains("2 reached") && s.contains("Over, after")
    })?;
    console.press("\x1b")?;
    console.wait_for("2 marked")?;
    // The lens says what there is not.
    console.press("i")?;
    let shown = console.wait_for("it explains nothing")?;
    insta::assert_snapshot!("lens", lasting(&shown, &url));
    console.press("i\r")?;
    console.wait_for("Timeline")?;
    console.press("3")?;
    let shown = console.wait_for("it keeps no timeline")?;
    ensure!(!shown.contains("404"), "{shown}");
    console.press("4")?;
    let shown = console.wait_for("it hands out no logs")?;
    insta::assert_snapshot!("logs", lasting(&shown, &url));
    console.press("1")?;
    console.wait_for("fake-hardware")?;
    console.press("\x1b")?;
    console.wait_for("POWER")?;
    deploy(&mut console, &url)
}

/// A line of the screen with this word in it.
fn line_of<'a>(screen: &'a str, word: &str) -> &'a str {
    screen
        .lines()
        .find(|line| line.contains(word))
        .unwrap_or_default()
}

/// Enrols a node of fake hardware with the wizard.
fn enrol(console: &mut Terminal, name: &str, mac: &str) -> Result<()> {
    console.press("e")?;
    console.wait_for("< fake-hardware >")?;
    console.press(&format!("{name}\x1b[19~"))?;
    console.wait_for("MAC 1")?;
    console.press(&format!("{mac}\x1b[19~"))?;
    console.wait_for("Inspect it")?;
    console.press(" \x1b[19~")?;
    console.wait_for("Enter enrols it")?;
    console.press("\r")?;
    console.wait_for(" is available")?;
    console.press("\x1b")?;
    console.wait("the list", |s| {
        s.contains("POWER") && line_of(s, name).contains("available")
    })?;
    Ok(())
}

fn deploy(console: &mut Terminal, url: &str) -> Result<()> {
    console.press(":deploy first\r")?;
    let shown = console.wait_for("it has no list of them")?;
    insta::assert_snapshot!("images", lasting(&shown, url));
    Ok(())
}

#[test]
fn an_ironic_with_passwords_is_reached_by_variables_and_clouds() -> Result<()> {
    let access = Access::Password("operator", "correct horse");
    let Some(peer) = Peer::start("pty_upstream_passwords", access)? else {
        return Ok(());
    };
    peer.enrol(&[("web-1", "small")])?;
    let url = peer.ironic.url().to_owned();
    let wrong = [("OS_USERNAME", "operator"), ("OS_PASSWORD", "battery")];
    let mut console = peer.console(&wrong, &["--api", &url])?;
    let shown = console.wait_for("NOT LET IN")?;
    ensure!(
        shown.contains("OS_USERNAME") && !shown.contains("battery"),
        "{shown}"
    );
    insta::assert_snapshot!("wrong_password", lasting(&shown, &url));
    console.press(":q\r")?;
    console.ended()?;

    let right = [
        ("OS_AUTH_TYPE", "http_basic"),
        ("OS_ENDPOINT", url.as_str()),
        ("OS_USERNAME", "operator"),
        ("OS_PASSWORD", "correct horse"),
    ];
    let mut console = peer.console(&right, &[])?;
    console.wait_for("1 node")?;
    console.press(":maint web-1 tidy\r")?;
    console.wait("maintenance", |s| line_of(s, "web-1").contains("MAINT"))?;
    console.press(":q\r")?;
    console.ended()?;

    let clouds = format!(
        "clouds:\n  metal:\n    auth_type: http_basic\n    auth:\n      endpoint: {url}\n      \
         username: operator\n      password: correct horse\n"
    );
    std::fs::write(peer.directory.path().join("clouds.yaml"), clouds)?;
    let mut console = peer.console(&[], &["--cloud", "metal"])?;
    console.wait("the node", |s| line_of(s, "web-1").contains("MAINT"))?;
    console.press(":power-on web-1\r")?;
    console.wait("the power", |s| line_of(s, "web-1").contains(" on"))?;
    console.press(":q\r")?;
    ensure!(console.ended()?.success());
    Ok(())
}

#[test]
fn what_is_no_ironic_is_told_with_what_to_do() -> Result<()> {
    let home = TempDir::new()?;
    let runtime = Runtime::new()?;
    let _guard = runtime.enter();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let web = listener.local_addr()?;
    let pages = axum::Router::new().fallback(|| async { "<html>Welcome</html>" });
    let listener = tokio::net::TcpListener::from_std(listener)?;
    runtime.spawn(async move { axum::serve(listener, pages).await });
    let told = |url: &str, word: &str| -> Result<String> {
        let mut console = console(home.path(), &[], &["--api", url])?;
        let shown = console.wait_for(word)?;
        console.press(":q\r")?;
        console.ended()?;
        Ok(shown)
    };
    let url = format!("http://{web}");
    let shown = told(&url, "is no Bare Metal API")?;
    ensure!(shown.contains("NO BARE METAL API"), "{shown}");
    insta::assert_snapshot!("no_ironic", lasting(&shown, &url));
    told(&format!("https://{web}"), "begins with http://")?;
    let free = TcpListener::bind("127.0.0.1:0")?
        .local_addr()
        .context("no port")?;
    let shown = told(&format!("http://{free}"), "nothing listens on that port")?;
    ensure!(shown.contains("LOST"), "{shown}");
    Ok(())
}
