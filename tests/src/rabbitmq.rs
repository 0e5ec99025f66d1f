//! A private RabbitMQ for a test, on loopback, with its own node name, data, cookie and port mapper;
//! and the listener of oslo.messaging that hears what is published there.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

/// Debian's, without the wrapper that changes the user.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const LISTENER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/upstream/listen.py");
/// It takes 5 seconds on an idle host.
const START: Duration = Duration::from_secs(180);

/// Whether it is installed; says loudly that this test is skipped when it is not.
#[must_use]
pub fn is_here(test: &str) -> bool {
    let here = Path::new(SERVER).exists() && crate::skip::has_program("epmd");
    if !here {
        crate::skip::skipped(test, "there is no RabbitMQ: install rabbitmq-server");
    }
    here
}

/// The broker. Dropping it kills it.
#[derive(Debug)]
pub struct RabbitMq {
    directory: TempDir,
    port: u16,
    mapper_port: u16,
    distribution_port: u16,
    mapper: Child,
    server: Option<Child>,
}

/// A port that was free a moment ago: RabbitMQ cannot be told to let the kernel choose.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

impl RabbitMq {
    /// Starts one, and waits until it takes connections.
    ///
    /// # Errors
    /// When it ends, or takes none in time.
    pub async fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("cupola-mq-").tempdir()?;
        std::fs::write(directory.path().join("plugins"), "[].\n")?;
        let mapper_port = free_port()?;
        let mapper = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("epmd cannot be started")?;
        let mut broker = Self {
            directory,
            port: free_port()?,
            mapper_port,
            distribution_port: free_port()?,
            mapper,
            server: None,
        };
        broker.start_again().await?;
        Ok(broker)
    }

    /// Starts it where it was before.
    ///
    /// # Errors
    /// As [`RabbitMq::start`].
    pub async fn start_again(&mut self) -> Result<()> {
        let directory = self.directory.path();
        let log = std::fs::File::create(directory.join("server.log"))?;
        let server = Command::new(SERVER)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            // The cookie is there.
            .env("HOME", directory)
            // Runs the virtual machine in the process that is started, not in a child of it.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.mapper_port.to_string())
            .env(
                "RABBITMQ_NODENAME",
                format!("cupola-{}@localhost", self.port),
            )
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", directory.join("data"))
            .env("RABBITMQ_LOG_BASE", directory.join("log"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", directory.join("plugins"))
            .env("RABBITMQ_CONFIG_FILE", directory.join("none"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("rabbitmq-server cannot be started")?;
        let server = self.server.insert(server);
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if server.try_wait()?.is_some() || started.elapsed() > START {
                let said = std::fs::read_to_string(directory.join("server.log"))?;
                bail!("RabbitMQ does not start:\n{said}");
            }
            // It offers nothing to wait on.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Kills it, as a power cut would.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }

    /// Its URL with this scheme.
    #[must_use]
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://guest:guest@127.0.0.1:{}/", self.port)
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // These fail only when it has ended already.
        let _ = self.kill();
        let _ = self.mapper.kill();
        let _ = self.mapper.wait();
    }
}

/// A listener of oslo.messaging for Ironic's versioned notifications. Dropping it kills it.
#[derive(Debug)]
pub struct Listener {
    child: Child,
    heard: mpsc::Receiver<Value>,
    said: PathBuf,
}

impl Listener {
    /// Starts one of this virtual environment. What it says of itself goes to `listener.err`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(venv: &Path, url: &str, directory: &Path) -> Result<Self> {
        let said = directory.join("listener.err");
        let mut child = Command::new(venv.join("bin/python"))
            .args([LISTENER, url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&said)?)
            .spawn()
            .context("the listener cannot be started")?;
        let stdout = child.stdout.take().context("it has no standard output")?;
        let (tell, heard) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(message) = serde_json::from_str(&line) {
                    // The test may be gone already.
                    let _ = tell.send(message);
                }
            }
        });
        Ok(Self { child, heard, said })
    }

    /// The next notification.
    ///
    /// # Errors
    /// When none comes within this time.
    pub fn next(&self, limit: Duration) -> Result<Value> {
        let next = self.heard.recv_timeout(limit);
        next.with_context(|| {
            let said = std::fs::read_to_string(&self.said).unwrap_or_default();
            format!("no notification in {limit:?}; the listener says:\n{said}")
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
