//! The reference implementation as a peer: OpenStack Ironic from PyPI, API and conductor in one
//! process, on loopback, without credentials. Its hardware is its own fake, so that the machine can
//! be whatever a test runs as one.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/upstream/requirements.txt");

/// How long it may take to its first answer on a busy host.
const START_DEADLINE: Duration = Duration::from_secs(180);

/// A virtual environment with Ironic in it, made once per list of requirements; `None` when there
/// is no Python or no PyPI, which is said loudly.
///
/// # Errors
/// When files cannot be written.
pub fn environment(test: &str) -> Result<Option<PathBuf>> {
    crate::venv::environment(test, "ironic", REQUIREMENTS)
}

/// A running Ironic. Dropping it kills it.
#[derive(Debug)]
pub struct UpstreamIronic {
    child: Child,
    url: String,
    directory: PathBuf,
}

impl UpstreamIronic {
    /// Starts it with everything below `directory`, and waits until it answers.
    ///
    /// # Errors
    /// When it ends, or does not answer in time.
    pub async fn start(venv: &Path, directory: &Path) -> Result<Self> {
        Self::start_with(venv, directory, Hardware::Agent).await
    }

    /// The same with interfaces of this kind.
    ///
    /// # Errors
    /// As [`UpstreamIronic::start`].
    pub async fn start_with(venv: &Path, directory: &Path, hardware: Hardware) -> Result<Self> {
        Self::start_for(venv, directory, hardware, Access::Anybody).await
    }

    /// The same for whom it lets in.
    ///
    /// # Errors
    /// As [`UpstreamIronic::start`].
    pub async fn start_for(
        venv: &Path,
        directory: &Path,
        hardware: Hardware,
        access: Access,
    ) -> Result<Self> {
        // Taken again by Ironic a moment later: it cannot be told to let the kernel choose.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        for part in ["state", "locks", "certificates", "http", "images", "master"] {
            std::fs::create_dir_all(directory.join(part))?;
        }
        let file = directory.join("ironic.conf");
        let mut options = configuration(directory, port, hardware);
        access.write(venv, directory, &mut options)?;
        std::fs::write(&file, options)?;
        if !directory.join("ironic.sqlite").exists() {
            let database = Command::new(venv.join("bin/ironic-dbsync"))
                .arg("--config-file")
                .arg(&file)
                .arg("create_schema")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            ensure!(database.success(), "ironic-dbsync failed");
        }
        let child = Command::new(venv.join("bin/ironic"))
            .arg("--config-file")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.join("ironic.err"))?)
            .spawn()
            .context("ironic cannot be started")?;
        let mut ironic = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            directory: directory.to_owned(),
        };
        ironic.answers(access).await?;
        Ok(ironic)
    }

    async fn answers(&mut self, access: Access) -> Result<()> {
        // Fails only when a provider is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let started = Instant::now();
        let mut request = reqwest::Client::new().get(format!("{}/v1/drivers", self.url));
        if let Access::Password(user, password) = access {
            request = request.basic_auth(user, Some(password));
        }
        loop {
            let request = request.try_clone().context("a request without a body")?;
            if let Ok(answer) = request.send().await {
                let text = answer.text().await.unwrap_or_default();
                // The API is there before the conductor has registered its drivers.
                if text.contains("fake-hardware") {
                    return Ok(());
                }
            }
            if self.child.try_wait()?.is_some() || started.elapsed() > START_DEADLINE {
                bail!("ironic does not answer:\n{}", self.log());
            }
            // It offers nothing to wait on.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Where its API is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process, whose children serve.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The warnings and errors of its log, and what it said as it started.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |name| std::fs::read_to_string(self.directory.join(name)).unwrap_or_default();
        let log = read("ironic.log");
        let bad: Vec<&str> = log
            .lines()
            .filter(|line| line.contains(" WARNING ") || line.contains(" ERROR "))
            .collect();
        format!("{}\n{}", read("ironic.err"), bad.join("\n"))
    }

    /// Where it keeps the logs that it has collected from agents.
    #[must_use]
    pub fn agent_logs(&self) -> PathBuf {
        self.directory.join("agent-logs")
    }
}

impl Drop for UpstreamIronic {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What answers depend on: the versions of its packages and its configuration.
///
/// # Errors
/// When the list of packages cannot be read.
pub fn description(hardware: Hardware) -> Result<String> {
    let packages = std::fs::read_to_string(REQUIREMENTS)?;
    let configuration = configuration(Path::new("/"), 0, hardware);
    Ok(format!("{packages}\n{configuration}"))
}

/// Whom an Ironic lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Anybody,
    /// A user with a password, by HTTP Basic.
    Password(&'static str, &'static str),
}

impl Access {
    /// Puts it into the configuration, which lets anybody in, and writes the file that it names.
    fn write(self, venv: &Path, directory: &Path, options: &mut String) -> Result<()> {
        let Self::Password(user, password) = self else {
            return Ok(());
        };
        const HASH: &str = "import bcrypt, sys; \
             print(bcrypt.hashpw(sys.argv[1].encode(), bcrypt.gensalt(rounds=5)).decode(), end='')";
        let hashed = Command::new(venv.join("bin/python"))
            .args(["-c", HASH, password])
            .output()?;
        ensure!(hashed.status.success(), "{hashed:?}");
        let file = directory.join("htpasswd");
        let hash = String::from_utf8(hashed.stdout)?;
        std::fs::write(&file, format!("{user}:{hash}\n"))?;
        let strategy = format!(
            "auth_strategy = http_basic\nhttp_basic_auth_user_file = {}",
            file.display()
        );
        *options = options.replace("auth_strategy = noauth", &strategy);
        Ok(())
    }
}

/// What drives the machines of an Ironic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hardware {
    /// Its own agent interfaces over fake power and boot.
    Agent,
    /// Its fake interfaces, as far as Cupola has them too.
    Fake,
}

impl Hardware {
    /// The `[DEFAULT]` options that choose the interfaces.
    const fn interfaces(self) -> &'static str {
        match self {
            Self::Agent => {
                "host = upstream
enabled_bios_interfaces = no-bios
enabled_boot_interfaces = fake
enabled_console_interfaces = no-console
enabled_deploy_interfaces = direct
enabled_firmware_interfaces = no-firmware
enabled_inspect_interfaces = agent
enabled_management_interfaces = noop,fake
enabled_network_interfaces = noop
enabled_power_interfaces = fake
enabled_raid_interfaces = no-raid
enabled_rescue_interfaces = no-rescue
enabled_storage_interfaces = noop
enabled_vendor_interfaces = no-vendor"
            }
            Self::Fake => {
                "host = conductor-1
enabled_bios_interfaces = fake,no-bios
enabled_boot_interfaces = fake,ipxe,pxe
enabled_console_interfaces = fake,no-console
enabled_deploy_interfaces = fake,direct,ramdisk
enabled_firmware_interfaces = fake,no-firmware
enabled_inspect_interfaces = fake,agent,no-inspect
enabled_management_interfaces = fake
enabled_network_interfaces = flat,noop
default_network_interface = noop
enabled_power_interfaces = fake
enabled_raid_interfaces = fake,no-raid
enabled_rescue_interfaces = fake,no-rescue,agent
enabled_storage_interfaces = noop
enabled_vendor_interfaces = fake,no-vendor"
            }
        }
    }
}

/// Short pauses, everything else as it comes. On SQLite a conductor notes only when it starts that it
/// is alive, so that is believed for long.
fn configuration(directory: &Path, port: u16, hardware: Hardware) -> String {
    let here = directory.display();
    let interfaces = hardware.interfaces();
    format!(
        "[DEFAULT]
auth_strategy = noauth
rpc_transport = none
my_ip = 127.0.0.1
state_path = {here}/state
log_file = {here}/ironic.log
enabled_hardware_types = fake-hardware
{interfaces}
[database]
connection = sqlite:///{here}/ironic.sqlite
sqlite_synchronous = false
[api]
host_ip = 127.0.0.1
port = {port}
api_workers = 1
ramdisk_heartbeat_timeout = 20
[conductor]
heartbeat_timeout = 86400
[service_catalog]
endpoint_override = http://127.0.0.1:{port}
[inspector]
require_managed_boot = false
[oslo_concurrency]
lock_path = {here}/locks
[agent]
certificates_path = {here}/certificates
deploy_logs_collect = always
deploy_logs_local_path = {here}/agent-logs
post_deploy_get_power_state_retries = 1
post_deploy_get_power_state_retry_interval = 1
[deploy]
http_root = {here}/http
[pxe]
images_path = {here}/images
instance_master_path = {here}/master
"
    )
}
