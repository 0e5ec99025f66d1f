//! OpenIPMI's `ipmi_sim` as a BMC: written by others, so it agrees with us only where both follow
//! the specification.
//!
//! What it can: RMCP+ with cipher suite 3 only; of the boot flags it keeps the device and loses
//! the valid, EFI and persistent bits. It ends on no signal but SIGKILL.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use cupola_api::Secret;
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::chassis::{Chassis, ChassisProgram};
use super::error::tail;
use super::{Namespace, QemuError};

/// How long the simulator may take to open its port.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// The administrator of a BMC.
#[derive(Debug, Clone)]
pub struct BmcCredentials {
    /// User name, up to 16 characters.
    pub username: String,
    /// Password, up to 20 characters.
    pub password: Secret,
}

/// One BMC.
#[derive(Debug, Clone)]
pub struct IpmiSimConfig {
    /// A directory of its own.
    pub directory: PathBuf,
    /// Where it listens; `None` takes a free UDP port of 127.0.0.1.
    pub address: Option<SocketAddr>,
    /// Its administrator.
    pub credentials: BmcCredentials,
    /// Its GUID.
    pub guid: Uuid,
}

/// A running `ipmi_sim`. Dropping it kills it.
#[derive(Debug)]
pub struct IpmiSim {
    address: SocketAddr,
    credentials: BmcCredentials,
    // Held for their drop: the process, and the task that answers for the machine.
    _child: Child,
    _program: ChassisProgram,
}

impl IpmiSim {
    /// Starts a BMC for `chassis` and waits until its port is open.
    ///
    /// # Errors
    ///
    /// [`QemuError::Start`] when OpenIPMI is not installed, [`QemuError::Failed`] with what it said
    /// when it ends at once, [`QemuError::Deadline`] when it opens no port.
    pub async fn start(
        config: IpmiSimConfig,
        chassis: Arc<dyn Chassis>,
        namespace: Option<&Namespace>,
    ) -> Result<Self, QemuError> {
        let state = config.directory.join("state");
        tokio::fs::create_dir_all(&state)
            .await
            .map_err(QemuError::file(&state))?;
        let address = match config.address {
            Some(address) => address,
            None => free_port().map_err(QemuError::file(&config.directory))?,
        };
        let program = ChassisProgram::start(&config.directory, chassis)?;
        let lan = config.directory.join("lan.conf");
        write(&lan, &lan_configuration(&config, address, program.path())).await?;
        let emulation = config.directory.join("bmc.emu");
        write(&emulation, EMULATION).await?;
        let log = config.directory.join("ipmi_sim.log");
        let output = std::fs::File::create(&log).map_err(QemuError::file(&log))?;
        let errors = output.try_clone().map_err(QemuError::file(&log))?;

        let mut command = match namespace {
            Some(namespace) => namespace.command("ipmi_sim"),
            None => Command::new("ipmi_sim"),
        };
        let mut child = command
            .arg("-n")
            .arg("-c")
            .arg(&lan)
            .arg("-f")
            .arg(&emulation)
            .arg("-s")
            .arg(&state)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| QemuError::Start {
                program: "ipmi_sim".to_owned(),
                package: "openipmi",
                source,
            })?;
        await_port(&mut child, address, &log).await?;
        Ok(Self {
            address,
            credentials: config.credentials,
            _child: child,
            _program: program,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its administrator.
    #[must_use]
    pub fn credentials(&self) -> &BmcCredentials {
        &self.credentials
    }
}

/// A port that the kernel gave a moment ago; `ipmi_sim` cannot be told to choose one itself.
fn free_port() -> std::io::Result<SocketAddr> {
    UdpSocket::bind("127.0.0.1:0")?.local_addr()
}

async fn write(path: &Path, text: &str) -> Result<(), QemuError> {
    tokio::fs::write(path, text)
        .await
        .map_err(QemuError::file(path))
}

/// One management controller without sensors (see ipmi_sim_cmd(5)).
const EMULATION: &str = "mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 1000 0x0a
mc_enable 0x20
";

/// The simulator's configuration (see ipmi_lan(5)).
fn lan_configuration(config: &IpmiSimConfig, address: SocketAddr, program: &Path) -> String {
    let BmcCredentials { username, password } = &config.credentials;
    format!(
        r#"name "bmc"
set_working_mc 0x20
startlan 1
  addr {ip} {port}
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid {guid}
endlan
chassis_control "{program}"
user 1 false "" "" user 10 none md2 md5 straight
user 2 true "{username}" "{password}" admin 10 none md2 md5 straight
"#,
        ip = address.ip(),
        port = address.port(),
        guid = config.guid.simple(),
        program = program.display(),
        password = password.expose(),
    )
}

/// Waits until the process has the port. There is no event for that: its socket table is read
/// until the port stands there.
async fn await_port(child: &mut Child, address: SocketAddr, log: &Path) -> Result<(), QemuError> {
    let table = PathBuf::from(format!("/proc/{}/net/udp", child.id().unwrap_or_default()));
    let wanted = format!(":{:04X} ", address.port());
    let opened = async {
        loop {
            let sockets = tokio::fs::read_to_string(&table).await.unwrap_or_default();
            let local = sockets.lines().filter_map(|line| line.split_once(": "));
            if local
                .map(|(_slot, rest)| rest)
                .any(|rest| rest.get(8..14) == Some(&wanted))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        opened = tokio::time::timeout(START_DEADLINE, opened) => {
            opened.map_err(|_elapsed| QemuError::Deadline {
                what: format!("ipmi_sim's port {address}"),
                after: START_DEADLINE,
            })
        }
        _ = child.wait() => {
            let text = tokio::fs::read_to_string(log).await.unwrap_or_default();
            Err(QemuError::Failed { command: "ipmi_sim".to_owned(), stderr: tail(&text) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PowerFlag;
    use super::*;

    #[tokio::test]
    async fn ipmitool_reads_the_power_of_the_chassis() {
        let directory = tempfile::tempdir().unwrap();
        let config = IpmiSimConfig {
            directory: directory.path().to_path_buf(),
            address: None,
            credentials: BmcCredentials {
                username: "admin".to_owned(),
                password: Secret::from("password"),
            },
            guid: Uuid::nil(),
        };
        let simulator = match IpmiSim::start(config, Arc::new(PowerFlag::default()), None).await {
            Ok(simulator) => simulator,
            Err(error @ QemuError::Start { .. }) => {
                eprintln!("SKIPPED: {error}");
                return;
            }
            Err(other) => panic!("{other}"),
        };
        let port = simulator.address().port().to_string();
        let ipmitool = async |command: &str| {
            let login = [
                "-I",
                "lanplus",
                "-C",
                "3",
                "-H",
                "127.0.0.1",
                "-U",
                "admin",
                "-P",
            ];
            let output = Command::new("ipmitool")
                .args(login)
                .args(["password", "-p", &port])
                .args(command.split(' '))
                .output()
                .await
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(ipmitool("power status").await.contains("is off"));
        assert!(ipmitool("power on").await.contains("Up/On"));
        assert!(ipmitool("power status").await.contains("is on"));
        assert!(ipmitool("chassis bootdev pxe").await.contains("pxe"));
        assert!(
            ipmitool("chassis bootparam get 5")
                .await
                .contains("Force PXE")
        );
    }
}
