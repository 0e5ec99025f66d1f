//! Acting on nodes as a person does it: the real binary on a pseudo-terminal, over a real service with
//! hardware that needs none.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cupola_tests::pty::Terminal;
use cupola_tests::serve::Serve;
use cupola_tests::{binary, venv};
use serde_json::Value;
use tempfile::TempDir;

const FAKE: &str = "drivers.enabled=[\"ipmi\",\"fake-hardware\"]";
const VERSION: &str = "X-OpenStack-Ironic-API-Version: latest";

/// A service with so many available nodes, `n1`, `n2`, ….
struct Rack {
    service: Serve,
    state: TempDir,
}

impl Rack {
    fn of(count: usize) -> Result<Self> {
        let state = TempDir::new()?;
        let service = Serve::start(state.path(), &["--set", FAKE])?;
        let rack = Self { service, state };
        for n in 1..=count {
            let name = format!("n{n}");
            let done = Command::new(binary::cupola()?)
                .args(["--api", rack.service.url(), "enroll", "--name", &name])
                .args(["--driver", "fake-hardware"])
                .output()?;
            ensure!(done.status.success(), "{done:?}");
        }
        Ok(rack)
    }

    /// A console on it, with these settings and arguments.
    fn console(&self, settings: &str, arguments: &[&str]) -> Result<Terminal> {
        let file = self.state.path().join("console.toml");
        std::fs::write(&file, settings)?;
        let settings = format!("CUPOLA_CONSOLE_CONFIG={}", file.display());
        let cache = format!("XDG_CACHE_HOME={}", self.state.path().display());
        let cupola = binary::cupola()?.display().to_string();
        let api = self.service.url();
        let mut all = vec![
            settings.as_str(),
            cache.as_str(),
            cupola.as_str(),
            "--api",
            api,
        ];
        all.extend(arguments);
        let console = Terminal::run(Path::new("/usr/bin/env"), &all, (80, 24))?;
        console.wait_for(": live")?;
        Ok(console)
    }

    fn get(&self, path: &str) -> Result<Value> {
        let url = format!("{}/v1/nodes/{path}", self.service.url());
        let got = Command::new("curl")
            .args(["-sS", "-H", VERSION, &url])
            .output()?;
        Ok(serde_json::from_slice(&got.stdout)?)
    }

    fn put(&self, path: &str, body: &str) -> Result<()> {
        let url = format!("{}/v1/nodes/{path}", self.service.url());
        let arguments = ["-sS", "--fail-with-body", "-X", "PUT", "-H", VERSION];
        let json = ["-H", "Content-Type: application/json", "-d", body, &url];
        let put = Command::new("curl").args(arguments).args(json).output()?;
        ensure!(put.status.success(), "{put:?}");
        Ok(())
    }

    /// Waits until a member of a node has this value.
    fn comes(&self, node: &str, member: &str, wanted: &Value) -> Result<()> {
        let start = Instant::now();
        loop {
            let found = self.get(node)?;
            if found.get(member) == Some(wanted) {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(60) {
                bail!("{node}: {member} is {:?}, not {wanted}", found.get(member));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the console copied last.
    fn copied(&self) -> Result<String> {
        let file = self.state.path().join("cupola/copied.txt");
        Ok(std::fs::read_to_string(file)?)
    }
}

#[test]
fn marked_nodes_go_through_a_preview_and_a_run_to_a_table_of_results() -> Result<()> {
    let rack = Rack::of(3)?;
    let mut console = rack.console("", &[])?;
    console.wait_for("3 nodes")?;
    console.press("   ")?;
    console.wait_for("3 marked")?;
    console.press(":manage\r")?;
    console.wait_for("can do it: 3 of 3 nodes")?;
    console.press("\r")?;
    console.wait("all of them", |s| {
        s.contains("3 reached") && s.contains("Over, after")
    })?;
    console.press("\x1b")?;
    console.wait_for("3 marked")?;
    console.press(":provide\rc")?;
    console.wait_for("ask before the others")?;
    console.press("\r")?;
    console.wait_for("The canary n1 ended well")?;
    console.press("c")?;
    console.wait("all of them", |s| {
        s.contains("3 reached") && s.contains("Over, after")
    })?;
    // A node that cannot take it says why, and the others go on.
    rack.put("n2/states/provision", r#"{"target":"manage"}"#)?;
    console.press("\x1b")?;
    console.wait_for("3 marked")?;
    console.press(":boot-pxe n1 n2\r\r")?;
    console.wait_for("2 reached")?;
    console.press("\x1b")?;
    console.wait("the list", |s| {
        s.contains("3 marked") && s.contains("manageable")
    })?;
    console.press(":provide\r")?;
    console.wait_for("can do it: 1 of 3 nodes")?;
    console.wait_for("2: only from manageable")?;
    console.press("\r")?;
    let screen = console.wait("one", |s| s.contains("1 reached") && s.contains("Over"))?;
    assert!(screen.contains("left out"), "{screen}");
    let results = rack.state.path().join("results.csv");
    console.press(&format!("s\x15{}\r", results.display()))?;
    console.wait_for("written to")?;
    let csv = std::fs::read_to_string(&results)?;
    assert!(csv.contains(",provide,reached,"), "{csv}");
    console.press("R")?;
    console.wait_for("HOW IT STANDS")?;
    console.press("q")?;
    assert!(console.ended()?.success());
    Ok(())
}

#[test]
fn a_guarded_profile_wants_its_name_and_grace_takes_an_undeploy_back() -> Result<()> {
    let rack = Rack::of(1)?;
    rack.put("n1/states/provision", r#"{"target":"active"}"#)?;
    rack.comes("n1", "provision_state", &"active".into())?;
    let settings = "[safety]\ngrace = 3\n[profiles.prod]\nguarded = true\n";
    let mut console = rack.console(settings, &["--profile", "prod"])?;
    console.wait_for("GUARDED: prod")?;
    console.press(":undeploy\r")?;
    console.wait_for("Type prod to go on")?;
    // Without the name Enter cancels.
    console.press("\t\r")?;
    console.wait("no question", |s| !s.contains("Type prod"))?;
    // It is taken back while it waits.
    console.press(":undeploy\rprod\t\r")?;
    console.wait_for("takes it back")?;
    console.press("\x1b")?;
    console.wait_for("taken back: undeploy")?;
    // Leaving asks while it waits.
    console.press(":undeploy\rprod\t\r")?;
    console.wait_for("takes it back")?;
    console.press("q")?;
    console.wait_for("not sent yet")?;
    console.press("\r")?;
    assert_eq!(rack.get("n1")?["provision_state"], "active");
    // Then it is sent.
    console.wait("the node as available", |s| s.contains("available"))?;
    rack.comes("n1", "provision_state", &"available".into())?;
    Ok(())
}

#[test]
fn what_was_done_is_undone() -> Result<()> {
    let rack = Rack::of(1)?;
    let mut console = rack.console("", &[])?;
    console.press("mfan dead\r")?;
    console.wait_for("u undoes it")?;
    rack.comes("n1", "maintenance", &true.into())?;
    console.wait_for("MAINT")?;
    console.press("u")?;
    console.wait_for("Undo: maintenance off 1 node?")?;
    console.press("y")?;
    rack.comes("n1", "maintenance", &false.into())
}

#[test]
fn a_read_only_console_changes_nothing() -> Result<()> {
    let rack = Rack::of(1)?;
    let mut console = rack.console("", &["--read-only"])?;
    console.wait_for("READ-ONLY")?;
    console.press(":power-on\r")?;
    console.wait_for("read-only (--read-only)")?;
    console.press("v")?;
    console.wait_for("no: read-only")?;
    console.press("\x1b")?;
    console.wait("no menu", |s| !s.contains("no: read-only"))?;
    console.press("q")?;
    assert!(console.ended()?.success());
    assert_ne!(rack.get("n1")?["power_state"], "power on");
    let refused = Command::new(binary::cupola()?)
        .args(["--api", rack.service.url(), "--profile", "nowhere"])
        .env("CUPOLA_CONSOLE_CONFIG", "/dev/null")
        .output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("no profile nowhere"), "{said}");
    Ok(())
}

/// The openstack client: the one of the contract tests where they have made it.
fn clients(test: &str) -> Result<Option<PathBuf>> {
    let requirements = "contract/requirements.txt";
    let made = Path::new("../target/contract-venv");
    let made = std::env::var_os("CUPOLA_VENV").map_or(made.to_owned(), PathBuf::from);
    let wanted = std::fs::read_to_string(requirements)?;
    if std::fs::read_to_string(made.join("installed.txt")).is_ok_and(|has| has == wanted) {
        return Ok(Some(std::fs::canonicalize(made)?));
    }
    venv::environment(test, "contract", requirements)
}

/// Runs a line as somebody who pasted it.
fn paste(line: &str, clients: &Path) -> Result<()> {
    let path = std::env::var("PATH").context("no PATH")?;
    let path = format!("{}:{path}", clients.join("bin").display());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", line])
        .env("PATH", path)
        .env("PASSWORD", "correct-horse");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OS_")) {
        shell.env_remove(name);
    }
    let run = shell.output()?;
    ensure!(run.status.success(), "{line}: {run:?}");
    Ok(())
}

/// Something that is done in the console, what it changes, and how that is set back.
struct Case {
    doing: String,
    member: &'static str,
    wanted: Value,
    undoing: &'static str,
    before: Value,
    /// What the list shows while it is done.
    shown: &'static str,
}

/// Does it, copies the command by these keys on the log, sets it back, and runs what was copied.
fn is_pasted(
    case: &Case,
    keys: &str,
    rack: &Rack,
    console: &mut Terminal,
    clients: &Path,
) -> Result<()> {
    console.press(&case.doing)?;
    rack.comes("n1", case.member, &case.wanted)?;
    console.wait_for("accepted for n1")?;
    console.press("@")?;
    console.wait_for("OUTCOME")?;
    console.press(keys)?;
    console.wait_for("copied.txt")?;
    let line = rack.copied()?;
    console.press("\x1b")?;
    for again in [true, false] {
        // What is undone must be possible in the eyes of the console.
        console.wait("the change", |s| {
            s.contains("SINCE") && s.contains(case.shown)
        })?;
        console.press(case.undoing)?;
        rack.comes("n1", case.member, &case.before)?;
        console.wait("it undone", |s| {
            !s.contains(case.shown) || case.shown == "n1"
        })?;
        if again {
            paste(&line, clients)?;
            rack.comes("n1", case.member, &case.wanted)?;
        }
    }
    Ok(())
}

#[test]
fn what_the_log_shows_does_the_same_when_it_is_pasted() -> Result<()> {
    let name = "what_the_log_shows_does_the_same_when_it_is_pasted";
    let Some(clients) = clients(name)? else {
        return Ok(());
    };
    let rack = Rack::of(1)?;
    let mut console = rack.console("[safety]\ngrace = 0\n", &[])?;
    let reason = "it's \"odd\" & $HOME";
    let case = |doing: &str, member, wanted, undoing, before, shown| Case {
        doing: doing.to_owned(),
        member,
        wanted,
        undoing,
        before,
        shown,
    };
    let maintenance = format!(":maint {reason}\r");
    let cases = [
        case(
            &maintenance,
            "maintenance_reason",
            reason.into(),
            "my",
            Value::Null,
            "MAINT",
        ),
        case(
            ":power-on\r",
            "power_state",
            "power on".into(),
            ":power-off\ry\r",
            "power off".into(),
            " on ",
        ),
        case(
            ":manage\r",
            "provision_state",
            "manageable".into(),
            ":provide\r",
            "available".into(),
            "manageable",
        ),
    ];
    for case in cases {
        for keys in ["y", "\ty"] {
            is_pasted(&case, keys, &rack, &mut console, &clients)?;
        }
    }
    rack.put("n1/states/provision", r#"{"target":"manage"}"#)?;
    console.wait_for("manageable")?;
    let retire = case(
        ":retire\r",
        "retired",
        true.into(),
        ":unretire\r",
        false.into(),
        "n1",
    );
    for keys in ["y", "\ty"] {
        is_pasted(&retire, keys, &rack, &mut console, &clients)?;
    }
    Ok(())
}
