//! A user of a host whose shell is the console: `ForceCommand cupola --captive` of a real sshd, reached
//! with the real ssh. Nothing listens: each connection is a sshd of its own on the pipe of its ssh.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cupola_tests::pty::Terminal;
use cupola_tests::serve::Serve;
use cupola_tests::{binary, skip};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";
/// Where Debian's sshd locks its children in before somebody has logged in.
const PRIVILEGE_SEPARATION: &str = "/run/sshd";

/// A host with a service, and a key for it.
struct Host {
    directory: TempDir,
    service: Serve,
}

impl Host {
    /// Nothing where there is no sshd to be had.
    fn open(test: &str) -> Result<Option<Self>> {
        if !Path::new(SSHD).exists() {
            skip::skipped(test, "openssh-server is not installed");
            return Ok(None);
        }
        if nix::unistd::geteuid().is_root() {
            std::fs::create_dir_all(PRIVILEGE_SEPARATION)?;
        }
        let directory = TempDir::new()?;
        let state = directory.path().join("state");
        std::fs::create_dir(&state)?;
        let service = Serve::start(&state, &[])?;
        let host = Self { directory, service };
        host.key("host_key")?;
        host.key("key")?;
        let cupola = binary::cupola()?;
        // As docs/console.md has it, with the files of this test.
        let server = format!(
            "HostKey {host_key}\n\
             PidFile none\n\
             UsePAM no\n\
             StrictModes no\n\
             PasswordAuthentication no\n\
             PermitRootLogin prohibit-password\n\
             AuthorizedKeysFile {key}.pub\n\
             AcceptEnv LANG LC_*\n\
             PermitUserEnvironment no\n\
             DisableForwarding yes\n\
             ForceCommand exec {cupola} --captive --api {url}\n",
            host_key = host.file("host_key").display(),
            key = host.file("key").display(),
            cupola = cupola.display(),
            url = host.service.url(),
        );
        std::fs::write(host.file("sshd_config"), server)?;
        let client = format!(
            "Host console\n\
             ProxyCommand {SSHD} -i -e -f {config} 2>>{log}\n\
             IdentityFile {key}\n\
             IdentitiesOnly yes\n\
             StrictHostKeyChecking no\n\
             UserKnownHostsFile /dev/null\n\
             LogLevel ERROR\n\
             User {user}\n",
            config = host.file("sshd_config").display(),
            log = host.file("sshd.log").display(),
            key = host.file("key").display(),
            user = user()?,
        );
        std::fs::write(host.file("ssh_config"), client)?;
        Ok(Some(host))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn key(&self, name: &str) -> Result<()> {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(self.file(name))
            .output()?;
        ensure!(made.status.success(), "{made:?}");
        Ok(())
    }

    fn ssh(&self, arguments: &[&str]) -> Result<Terminal> {
        let config = self.file("ssh_config").display().to_string();
        let mut all = vec!["-F", config.as_str()];
        all.extend(arguments);
        Terminal::run(Path::new("/usr/bin/ssh"), &all, (80, 24))
    }

    /// A person at the other end.
    fn console(&self) -> Result<Terminal> {
        let console = self.ssh(&["console"])?;
        let shown = console.wait_for(": live");
        shown
            .with_context(|| std::fs::read_to_string(self.file("sshd.log")).unwrap_or_default())?;
        Ok(console)
    }

    /// How many consoles run on this host's service.
    fn consoles(&self) -> Result<usize> {
        let wanted = format!("--captive\0--api\0{}", self.service.url());
        let mut count = 0;
        for entry in std::fs::read_dir("/proc")? {
            // A process may end while its directory is read.
            let line = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            count += usize::from(line.contains(&wanted) && !line.contains("exec "));
        }
        Ok(count)
    }
}

fn user() -> Result<String> {
    let id = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(id)?;
    Ok(user.context("this user has no name")?.name)
}

#[test]
fn a_login_is_the_console_and_nothing_else() -> Result<()> {
    let Some(host) = Host::open("a_login_is_the_console_and_nothing_else")? else {
        return Ok(());
    };
    let mut console = host.console()?;
    console.wait_for("There is no node yet")?;
    console.press("\x1a")?;
    console.wait_for("no shell behind this console")?;
    console.press(":suspend\r")?;
    console.press(":theme /etc/passwd\r")?;
    console.wait_for("themes by their names alone")?;
    console.press("?")?;
    console.wait_for("this help")?;
    console.press("\x1b")?;
    console.wait("no help", |screen| !screen.contains("this help"))?;
    console.press(":q\r")?;
    ensure!(console.ended()?.success());
    ensure!(console.is_restored());
    // A command of one's own is not run, with a terminal or without.
    let proof = host.file("proof");
    let touch = format!("touch {}", proof.display());
    let mut console = host.ssh(&["-tt", "console", &touch])?;
    console.wait_for(": live")?;
    console.press(":q\r")?;
    ensure!(console.ended()?.success());
    let run = Command::new("ssh")
        .arg("-F")
        .arg(host.file("ssh_config"))
        .args(["-T", "console", &touch])
        .stdin(std::process::Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    ensure!(said.contains("the console needs a terminal"), "{said}");
    ensure!(run.status.code() == Some(2), "{run:?}");
    ensure!(!proof.exists(), "it was run");
    Ok(())
}

#[test]
fn a_connection_that_breaks_leaves_no_console_behind() -> Result<()> {
    let Some(host) = Host::open("a_connection_that_breaks_leaves_no_console_behind")? else {
        return Ok(());
    };
    let console = host.console()?;
    ensure!(host.consoles()? == 1, "{}", host.consoles()?);
    console.signal(nix::sys::signal::Signal::SIGKILL)?;
    let start = Instant::now();
    while host.consoles()? > 0 {
        ensure!(start.elapsed() < Duration::from_secs(30), "it still runs");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
