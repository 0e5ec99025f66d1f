//! A running `cupola serve`: started on a port that the kernel gives, stopped by its own id.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a service may take to answer its first request.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A service that ended before it said where it listens.
#[derive(Debug, thiserror::Error)]
#[error("cupola serve ended with {status} before it listened:\n{said}")]
pub struct EndedAtStart {
    /// How it ended.
    pub status: ExitStatus,
    said: String,
}

/// A service in a process of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Serve {
    child: Child,
    url: String,
    log: PathBuf,
}

impl Serve {
    /// Starts `cupola serve --listen 127.0.0.1:0 --state-dir DIR ARGS…` and waits until it answers.
    /// Its standard error goes to `DIR/serve.log`.
    ///
    /// # Errors
    /// When it ends or does not say where it listens within a minute.
    pub fn start(state_dir: &Path, args: &[&str]) -> Result<Self> {
        Self::start_with(
            Command::new(crate::binary::cupola()?),
            "127.0.0.1:0",
            state_dir,
            args,
        )
    }

    /// The same with a command that is prepared already (in a namespace, say) and an address.
    ///
    /// # Errors
    /// As [`Serve::start`].
    pub fn start_with(
        mut command: Command,
        listen: &str,
        state_dir: &Path,
        args: &[&str],
    ) -> Result<Self> {
        let log = state_dir.join("serve.log");
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)?;
        let mut child = command
            .args(["serve", "--listen", listen, "--state-dir"])
            .arg(state_dir)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .context("cupola serve cannot be started")?;
        let stdout = child
            .stdout
            .take()
            .context("the service has no standard output")?;
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("listening on ") {
                    // The test may be gone already.
                    let _ = tell.send(url.trim().to_owned());
                }
            }
        });
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        match told.recv_timeout(START_DEADLINE) {
            Ok(url) => Ok(Self { child, url, log }),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = child.wait()?;
                let said = said();
                Err(EndedAtStart { status, said }.into())
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                let _ = child.wait();
                bail!("cupola serve did not say where it listens:\n{}", said());
            }
        }
    }

    /// Where the API is, such as `http://127.0.0.1:41234`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the service has written to its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the service has ended by itself; kills it when it has not after `limit`.
    ///
    /// # Errors
    /// When it does not end by itself, or cannot be waited for.
    pub async fn ended(mut self, limit: Duration) -> Result<ExitStatus> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        let waiting = tokio::task::spawn_blocking(move || self.child.wait());
        let Ok(status) = tokio::time::timeout(limit, waiting).await else {
            kill(pid, Signal::SIGKILL)?;
            bail!("the service has not ended after {limit:?}");
        };
        Ok(status??)
    }

    /// Kills the service as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends the service as a service manager would.
    ///
    /// # Errors
    /// When the process cannot be signalled or waited for.
    pub fn stop(mut self) -> Result<ExitStatus> {
        kill(
            Pid::from_raw(i32::try_from(self.child.id())?),
            Signal::SIGTERM,
        )?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
