//! A private PostgreSQL server for a test: on a Unix socket in a temporary directory, killed and
//! started again at will, stopped by its own process id.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User, chown};
use tempfile::TempDir;

const START: Duration = Duration::from_secs(60);

/// The server; stopped when dropped.
#[derive(Debug)]
pub struct Postgres {
    directory: TempDir,
    programs: PathBuf,
    server: Option<Child>,
}

/// Where PostgreSQL's programs are.
///
/// # Errors
/// When it is not installed.
pub fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is not installed; apt-get install postgresql")?;
    let bins = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    bins.filter(|bin| bin.join("initdb").exists())
        .max()
        .context("no initdb in /usr/lib/postgresql")
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

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {text}");
    Ok(())
}

impl Postgres {
    /// Makes a cluster and starts its server.
    ///
    /// # Errors
    /// When that is not possible here.
    pub fn start() -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("cupola-pg-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()?;
        if Uid::effective().is_root() {
            let user = User::from_name("postgres")?;
            let user = user.context("running as root, and there is no user postgres")?;
            chown(directory.path(), Some(user.uid), Some(user.gid))?;
        }
        let mut cluster = Self {
            directory,
            programs: programs()?,
            server: None,
        };
        run(cluster
            .program("initdb")
            .arg("-D")
            .arg(cluster.data())
            .args([
                "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C",
            ])
            // Only the host's crash would lose anything.
            .arg("--no-sync"))?;
        cluster.start_again()?;
        Ok(cluster)
    }

    /// Starts the server after [`Postgres::kill`].
    ///
    /// # Errors
    /// When it does not answer within a minute.
    pub fn start_again(&mut self) -> Result<()> {
        let server = self
            .program("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.directory.path())
            .args(["-c", "listen_addresses=", "-c", "shared_buffers=16MB"])
            .args(["-c", "max_connections=40", "-c", "fsync=off"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.server = Some(server);
        let deadline = Instant::now() + START;
        while run(self.client("pg_isready").arg("-q")).is_err() {
            ensure!(Instant::now() < deadline, "the server does not answer");
            if let Some(server) = &mut self.server
                && let Some(status) = server.try_wait()?
            {
                bail!("the server ended: {status}");
            }
            // pg_isready is the only way to know; it cannot be awaited.
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Ends the server as `pg_ctl stop -m immediate` does: at once, without writing anything back.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Signal::SIGQUIT)
    }

    /// Ends the server in an orderly way: everything is in its files then.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Signal::SIGINT)
    }

    /// Makes a database; its URL.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn create_database(&self, name: &str) -> Result<String> {
        run(self.client("createdb").args(["-U", "postgres", name]))?;
        let host = self.directory.path().display();
        Ok(format!("postgres://postgres@localhost/{name}?host={host}"))
    }

    /// Runs statements as the server's administrator.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn administer(&self, statements: &[&str]) -> Result<()> {
        let mut psql = self.client("psql");
        psql.args(["-U", "postgres", "-q"]);
        for statement in statements {
            psql.args(["-c", statement]);
        }
        run(&mut psql)
    }

    /// Where its files are.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = command(&self.programs.join(name));
        command.current_dir(self.directory.path());
        command
    }

    fn client(&self, name: &str) -> Command {
        let mut command = self.program(name);
        command.arg("-h").arg(self.directory.path());
        command
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        kill(Pid::from_raw(i32::try_from(server.id())?), signal)?;
        server.wait()?;
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.stop();
    }
}
