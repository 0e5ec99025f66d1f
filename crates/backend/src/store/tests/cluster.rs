//! A private PostgreSQL server in a temporary directory, on a Unix socket there: no port, no other
//! server touched, stopped by its own process id.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User, chown};
use tempfile::TempDir;

const START: Duration = Duration::from_secs(60);

/// The server; stopped when dropped.
pub(super) struct Cluster {
    directory: Option<TempDir>,
    programs: PathBuf,
    server: Child,
}

fn programs() -> Result<PathBuf, String> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").map_err(|_| {
        "PostgreSQL is not installed (/usr/lib/postgresql); apt-get install postgresql".to_owned()
    })?;
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .ok_or_else(|| "no initdb in /usr/lib/postgresql".to_owned())
}

/// PostgreSQL refuses to run as root, so root runs it as `postgres`.
fn command(program: &Path) -> Command {
    if !Uid::effective().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        // Should this process be killed, the server goes with it.
        .args(["--pdeathsig", "INT", "--"])
        .arg(program);
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {text}"))
}

impl Cluster {
    /// Starts a server, or says why that is not possible here.
    pub(super) fn start() -> Result<Self, String> {
        let programs = programs()?;
        let io = |error: io::Error| error.to_string();
        let directory = tempfile::Builder::new()
            .prefix("cupola-pg-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(io)?;
        if Uid::effective().is_root() {
            let user = User::from_name("postgres").ok().flatten();
            let user = user.ok_or("running as root, and there is no user postgres")?;
            chown(directory.path(), Some(user.uid), Some(user.gid)).map_err(|e| e.to_string())?;
        }
        let data = directory.path().join("data");
        run(command(&programs.join("initdb"))
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"])
            .args(["--locale", "C"])
            .current_dir(directory.path()))?;
        let server = command(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(directory.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .args(["-c", "shared_buffers=16MB", "-c", "max_connections=40"])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(io)?;
        let mut cluster = Self {
            directory: Some(directory),
            programs,
            server,
        };
        cluster.wait()?;
        Ok(cluster)
    }

    fn path(&self) -> &Path {
        self.directory
            .as_ref()
            .map_or(Path::new("/"), TempDir::path)
    }

    fn client(&self, program: &str) -> Command {
        let mut command = command(&self.programs.join(program));
        command.arg("-h").arg(self.path()).current_dir(self.path());
        command
    }

    fn wait(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        while run(self.client("pg_isready").arg("-q")).is_err() {
            if let Ok(Some(status)) = self.server.try_wait() {
                return Err(format!("the server ended: {status}"));
            }
            if Instant::now() > deadline {
                return Err("the server does not answer".to_owned());
            }
            // pg_isready is the only way to know; it cannot be awaited.
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Makes a database; its URL.
    pub(super) fn create_database(&self, name: &str) -> String {
        run(self.client("createdb").args(["-U", "postgres", name])).expect("a database");
        let host = self.path().display();
        format!("postgres://postgres@localhost/{name}?host={host}")
    }

    /// Stops the server in an orderly way; its files.
    pub(super) fn stop(mut self) -> TempDir {
        self.end();
        self.directory.take().expect("the directory")
    }

    fn end(&mut self) {
        if let Ok(pid) = i32::try_from(self.server.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
        let _ = self.server.wait();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.directory.is_some() {
            self.end();
        }
    }
}
