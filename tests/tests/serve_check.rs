//! `cupola serve` and `cupola check` on configurations that cannot work: both say the same, name the
//! key and what to do, and end with the exit code that the README promises.

#![allow(clippy::unwrap_used, reason = "a test may end where it cannot go on")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cupola_tests::binary;
use cupola_tests::serve::Serve;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than any refusal takes, shorter than a pool of connections waits.
const AT_ONCE: Duration = Duration::from_secs(8);

/// Runs a command that ends by itself. It is killed should it serve instead.
fn cupola(command: &str, directory: &Path, sets: &[&str]) -> Result<Output> {
    let mut cupola = Command::new("timeout");
    cupola.args(["--signal=KILL", "60"]);
    cupola.arg(binary::cupola()?).arg(command);
    cupola.arg("--state-dir").arg(directory);
    let free_port = "api.listen=127.0.0.1:0";
    for set in [free_port].iter().chain(sets) {
        cupola.args(["--set", set]);
    }
    Ok(cupola.env_remove("CUPOLA_CONFIG").output()?)
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|t| String::from_utf8_lossy(t));
    format!("{out}{err}")
}

/// A provisioning network that fits together.
const BOOT: [&str; 6] = [
    "boot.enabled=true",
    "boot.address=192.0.2.1",
    "boot.network=192.0.2.0/24",
    "boot.pool_first=192.0.2.100",
    "boot.pool_last=192.0.2.199",
    "api.public_endpoint=http://192.0.2.1:6385",
];

/// What is set, and the texts that the refusal has.
const NONSENSE: [(&[&str], &[&str]); 15] = [
    (&["api.auth=keystone"], &["keystone.auth_url", "https://"]),
    (&["drivers.enabled=[]"], &["drivers.enabled", "ipmi"]),
    (
        &["drivers.enabled=[\"bogus\"]"],
        &["drivers.enabled", "bogus", "fake-hardware"],
    ),
    (
        &["drivers.fake_delay=abc"],
        &["drivers.fake_delay", "0.5,2"],
    ),
    (
        &["conductor.clean_step_priority_override=[\"x\"]"],
        &["clean_step_priority_override", "deploy.erase_devices:20"],
    ),
    (
        &["conductor.heartbeat_interval=0"],
        &["conductor.heartbeat_interval", "more than 0"],
    ),
    (
        &["database.url=mysql://u:geheim@h/cupola"],
        &["database.url", "SQLite", "PostgreSQL"],
    ),
    (
        &["database.url=postgres:u:geheim"],
        &["database.url", "postgres://"],
    ),
    (&["boot.lease_time=0"], &["boot.lease_time"]),
    (
        &["boot.pool_first=192.0.2.199", "boot.pool_last=192.0.2.100"],
        &["boot.pool_last", "192.0.2.0/24"],
    ),
    (
        &["boot.pool_first=192.0.2.1"],
        &["boot.pool_first", "boot.address"],
    ),
    (
        &[
            "boot.network=198.51.100.0/24",
            "boot.pool_first=198.51.100.9",
            "boot.pool_last=198.51.100.99",
        ],
        &["boot.network", "boot.address"],
    ),
    (&["boot.router=198.51.100.1"], &["boot.router"]),
    (
        &["boot.pool_last=198.51.100.199"],
        &["boot.pool_last", "192.0.2.0/24"],
    ),
    (
        &["boot.subnets=[{network = \"10.1.0.0/24\", first = \"10.1.0.9\", last = \"10.1.0.2\"}]"],
        &["boot.subnets", "10.1.0.0/24"],
    ),
];

#[test]
fn what_can_never_work_is_refused_by_both_with_2() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut wrong = String::new();
    for (sets, texts) in NONSENSE {
        let mut all = BOOT.to_vec();
        all.extend(sets);
        for command in ["serve", "check"] {
            let output = cupola(command, directory.path(), &all)?;
            let said = said(&output);
            let is_told = texts.iter().all(|text| said.contains(text));
            if output.status.code() != Some(2) || !is_told || said.contains("geheim") {
                wrong += &format!("{command} {sets:?}: {}\n{said}\n", output.status);
            }
        }
    }
    ensure!(wrong.is_empty(), "{wrong}");
    Ok(())
}

#[test]
fn an_api_that_no_ramdisk_reaches_is_refused() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let boot = BOOT.get(..5).unwrap_or_default();
    for command in ["serve", "check"] {
        let output = cupola(command, directory.path(), boot)?;
        let said = said(&output);
        ensure!(output.status.code() == Some(2), "{command}: {said}");
        ensure!(said.contains("api.listen"), "{said}");
        ensure!(said.contains("api.public_endpoint"), "{said}");
    }
    Ok(())
}

#[test]
fn a_database_that_cannot_be_used_fails_in_both() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let garbage = directory.path().join("garbage.sqlite");
    std::fs::write(&garbage, "this is no database ".repeat(500))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let nobody = listener.local_addr()?;
    drop(listener);
    for (url, texts) in [
        (
            format!("sqlite://{}", garbage.display()),
            ["garbage.sqlite", "no SQLite database"],
        ),
        (
            "sqlite:///proc/cupola.sqlite".to_owned(),
            ["/proc", "cannot be used"],
        ),
        (
            format!("postgres://u:geheim@{nobody}/cupola"),
            ["Connection refused", "start PostgreSQL"],
        ),
    ] {
        for command in ["serve", "check"] {
            let set = format!("database.url={url}");
            let start = Instant::now();
            let output = cupola(command, directory.path(), &[&set])?;
            let said = said(&output);
            ensure!(output.status.code() == Some(1), "{command}: {said}");
            ensure!(start.elapsed() < AT_ONCE, "{command}: {said}");
            for text in texts {
                ensure!(said.contains(text), "{command}: no {text:?} in {said}");
            }
            ensure!(!said.contains("geheim"), "{said}");
            ensure!(!said.contains("work under way"), "{said}");
        }
    }
    Ok(())
}

#[test]
fn files_that_no_machine_boots_are_told() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let text = directory.path().join("README.md");
    std::fs::write(&text, "# Read me\n".repeat(200))?;
    let file = |key: &str| format!("boot.{key}={}", text.display());
    let (kernel, ramdisk) = (file("deploy_kernel"), file("deploy_ramdisk"));
    let mut all = BOOT.to_vec();
    all.extend([kernel.as_str(), ramdisk.as_str()]);
    all.extend([
        "boot.rescue_kernel=/nowhere/kernel",
        "agent.verify_ca=/nowhere/ca.pem",
        "boot.image_directory=/proc/nowhere",
    ]);
    // `serve` ends because the address is not this host's: after it has warned.
    for command in ["serve", "check"] {
        let output = cupola(command, directory.path(), &all)?;
        let said = said(&output);
        ensure!(output.status.code() == Some(1), "{command}: {said}");
        for text in [
            "is no Linux kernel",
            "is no ramdisk",
            "/nowhere/kernel",
            "/nowhere/ca.pem",
            "/proc/nowhere",
        ] {
            ensure!(said.contains(text), "{command}: no {text:?} in {said}");
        }
    }
    Ok(())
}

#[test]
fn files_that_machines_boot_pass() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let [kernel, ramdisk] = ["kernel", "ramdisk"].map(|name| directory.path().join(name));
    std::fs::write(&kernel, b"MZ and an EFI stub")?;
    std::fs::write(&ramdisk, b"\x1f\x8b and a cpio archive")?;
    let kernel = format!("boot.deploy_kernel={}", kernel.display());
    let ramdisk = format!("boot.deploy_ramdisk={}", ramdisk.display());
    let mut all = BOOT.to_vec();
    all.extend([kernel.as_str(), ramdisk.as_str()]);
    let said = said(&cupola("check", directory.path(), &all)?);
    for name in ["deploy kernel", "deploy ramdisk"] {
        let passed = |line: &str| line.starts_with("passed") && line.contains(name);
        ensure!(said.lines().any(passed), "{said}");
    }
    Ok(())
}

#[test]
fn who_can_reach_an_open_api_is_told() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let output = cupola("check", directory.path(), &["api.listen=0.0.0.0:0"])?;
    let text = "can wipe machines";
    ensure!(said(&output).contains(text), "{}", said(&output));
    let output = cupola("check", directory.path(), &[])?;
    ensure!(!said(&output).contains(text), "{}", said(&output));
    let command = Command::new(binary::cupola()?);
    let open = Serve::start_with(command, "0.0.0.0:0", directory.path(), &[])?;
    let log = open.log();
    open.stop()?;
    ensure!(log.matches(text).count() == 1, "{log}");
    let log = directory.path().join("serve.log");
    std::fs::remove_file(&log)?;
    let closed = Serve::start(directory.path(), &[])?;
    ensure!(!closed.log().contains(text), "{}", closed.log());
    Ok(())
}

#[tokio::test]
async fn it_ends_in_order() -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let directory = tempfile::tempdir()?;
        let service = Serve::start(directory.path(), &[])?;
        kill(Pid::from_raw(i32::try_from(service.pid())?), signal)?;
        let status = service.ended(Duration::from_secs(30)).await?;
        let log = std::fs::read_to_string(directory.path().join("serve.log"))?;
        ensure!(status.success(), "{signal}: {status}\n{log}");
        ensure!(log.contains("stopping"), "{signal}: {log}");
    }
    Ok(())
}

/// Asks for files to be read again, and waits until the log says so once more.
async fn reload(service: &Serve) -> Result<String> {
    let said = |log: &str| log.matches("reloaded;").count();
    let before = said(&service.log());
    let pid = Pid::from_raw(i32::try_from(service.pid())?);
    kill(pid, Signal::SIGHUP)?;
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let log = service.log();
        if said(&log) > before {
            return Ok(log);
        }
        ensure!(Instant::now() < until, "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_hang_up_reads_the_files_again() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let policy = directory.path().join("policy.yaml");
    let users = directory.path().join("users");
    let good = format!("me:$2y$04${}\n", ".".repeat(53));
    std::fs::write(&policy, "# none\n")?;
    std::fs::write(&users, &good)?;
    let sets = [
        "api.tls=self_signed".to_owned(),
        "api.auth=http_basic".to_owned(),
        format!("api.http_basic_auth_user_file={}", users.display()),
        format!("api.policy_file={}", policy.display()),
    ];
    let arguments: Vec<&str> = sets
        .iter()
        .flat_map(|set| ["--set", set.as_str()])
        .collect();
    let service = Serve::start(directory.path(), &arguments)?;
    let log = reload(&service).await?;
    for text in [
        "1 users",
        "the policy file is in force",
        "SHA-256 fingerprint",
    ] {
        ensure!(log.contains(text), "no {text}: {log}");
    }
    std::fs::write(&users, format!("{good}you\n"))?;
    std::fs::write(&policy, "nonsense\n")?;
    let log = reload(&service).await?;
    for text in ["line 2 of", "is not a list of rules"] {
        ensure!(log.contains(text), "no {text}: {log}");
    }
    ensure!(service.stop()?.success(), "{log}");
    Ok(())
}

#[test]
fn files_that_let_people_in_are_told_as_configuration_is() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for (set, key) in [
        (
            vec![
                "api.auth=http_basic",
                "api.http_basic_auth_user_file=/nowhere",
            ],
            "api.http_basic_auth_user_file",
        ),
        (vec!["api.policy_file=/nowhere"], "api.policy_file"),
        (
            vec![
                "api.tls=files",
                "api.tls_certificate=/nowhere",
                "api.tls_key=/nowhere",
            ],
            "api.tls_certificate",
        ),
    ] {
        let output = cupola("serve", directory.path(), &set)?;
        let said = said(&output);
        ensure!(output.status.code() == Some(2), "{}: {said}", output.status);
        ensure!(said.contains(key), "{said}");
    }
    Ok(())
}

#[test]
fn an_interface_that_is_not_there_needs_no_root() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut all = BOOT.to_vec();
    all.push("boot.interface=nowhere0");
    let said = said(&cupola("check", directory.path(), &all)?);
    ensure!(said.contains("there is no nowhere0"), "{said}");
    ensure!(!said.contains("run as root to look"), "{said}");
    Ok(())
}
