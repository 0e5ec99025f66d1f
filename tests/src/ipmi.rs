//! BMCs for tests: one of our own, and OpenIPMI's `ipmi_sim` as a foreign one.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use cupola_api::{MacAddress, Secret};
use cupola_drivers::ipmi::IpmiTarget;
use cupola_drivers::ipmi::wire::app::Privilege;
use cupola_rack::bmc::{
    BmcConfig, BmcFarm, BmcUser, BootOptions, PlainChassis, SerialPort, SimBmc,
};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// The administrator of every BMC here.
pub const USER: &str = "admin";
/// The administrator's password.
pub const PASSWORD: &str = "s3cret pass";
/// A user with operator privilege.
pub const OPERATOR: &str = "operator";
/// The operator's password.
pub const OPERATOR_PASSWORD: &str = "operpass";

/// One simulated BMC with a plain chassis, listening on loopback.
pub struct OwnBmc {
    /// Where it listens.
    pub address: SocketAddr,
    /// The BMC, for its faults and boot options.
    pub bmc: Arc<SimBmc>,
    /// The serial port of the machine behind it.
    pub serial: SerialPort,
    /// What is typed into that port.
    pub typed: mpsc::Receiver<Vec<u8>>,
    _farm: BmcFarm,
}

impl OwnBmc {
    /// Starts one whose chassis follows commands after `delay`; `change` adapts its settings.
    pub async fn start(
        delay: Duration,
        change: impl FnOnce(&mut BmcConfig),
    ) -> anyhow::Result<Self> {
        Self::start_on(BmcFarm::default(), delay, change).await
    }

    /// The same on a farm of the caller's choice.
    pub async fn start_on(
        farm: BmcFarm,
        delay: Duration,
        change: impl FnOnce(&mut BmcConfig),
    ) -> anyhow::Result<Self> {
        let mac = MacAddress::new([0x52, 0x54, 0x00, 0x78, 0x00, 0x01]);
        let mut config = BmcConfig::new(mac, BmcUser::administrator(USER, PASSWORD));
        config.users.push(BmcUser {
            name: OPERATOR.to_owned(),
            password: Secret::new(OPERATOR_PASSWORD),
            privilege: Privilege::Operator,
        });
        change(&mut config);
        let boot = Arc::new(BootOptions::default());
        let (serial, typed) = SerialPort::new();
        let chassis = PlainChassis::new(delay, Arc::clone(&boot)).with_serial(serial.clone());
        let chassis = Arc::new(chassis);
        let bmc = Arc::new(SimBmc::new(config, chassis, boot));
        let address = farm.add(Arc::clone(&bmc)).await?;
        Ok(Self {
            address,
            bmc,
            serial,
            typed,
            _farm: farm,
        })
    }

    /// Its address and the right credentials.
    #[must_use]
    pub fn target(&self) -> IpmiTarget {
        IpmiTarget::new(self.address, USER, Secret::new(PASSWORD))
    }
}

/// What another program said.
pub struct Said {
    /// Whether it exited with 0.
    pub ok: bool,
    /// Standard output and error.
    pub text: String,
}

/// Runs a program to its end, at most for a minute.
pub async fn run(program: &str, arguments: &[&str]) -> anyhow::Result<Said> {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), output)
        .await
        .with_context(|| format!("{program} {arguments:?} does not end"))?
        .with_context(|| format!("{program} does not start"))?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(Said {
        ok: output.status.success(),
        text,
    })
}

/// A running `ipmi_sim`, whose power and boot device are files that a small script keeps.
pub struct ForeignBmc {
    /// Where it listens.
    pub address: SocketAddr,
    directory: tempfile::TempDir,
    _child: Child,
}

impl ForeignBmc {
    /// Starts one; only for hosts that have the program.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with("").await
    }

    /// The same whose machine has its serial port on this TCP address.
    pub async fn start_with_serial(address: SocketAddr) -> anyhow::Result<Self> {
        Self::start_with(&format!("sol \"tcp:{address}\" 115200 history=4096\n")).await
    }

    async fn start_with(serial: &str) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let root = directory.path();
        // The program cannot be told to take any free port, so one is found for it.
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let script = root.join("chassis");
        std::fs::write(&script, chassis_script(root))?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        std::fs::write(root.join("power"), "0\n")?;
        std::fs::write(root.join("boot"), "none\n")?;
        std::fs::create_dir_all(root.join("state/foreign"))?;
        std::fs::write(
            root.join("lan.conf"),
            lan_configuration(port, &script, serial),
        )?;
        std::fs::write(
            root.join("emu"),
            "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\n\
             mc_enable 0x20\n",
        )?;
        let log = std::fs::File::create(root.join("log"))?;
        let child = Command::new("ipmi_sim")
            .arg("-c")
            .arg(root.join("lan.conf"))
            .arg("-f")
            .arg(root.join("emu"))
            .arg("-s")
            .arg(root.join("state"))
            .arg("-n")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            directory,
            _child: child,
        })
    }

    /// Its address and the right credentials.
    #[must_use]
    pub fn target(&self) -> IpmiTarget {
        IpmiTarget::new(self.address, USER, Secret::new("password"))
    }

    /// What the machine behind it was told: `power` or `boot`.
    pub fn told(&self, what: &str) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.directory.path().join(what))?
            .trim()
            .to_owned())
    }

    /// What it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

/// Answers `get power`, `set power 1`, `get boot`, `set boot pxe` out of files.
fn chassis_script(root: &std::path::Path) -> String {
    format!(
        "#!/bin/sh\ncd '{}' || exit 1\nop=$1; shift\ncase $op in\n\
         get) for k; do echo \"$k:$(cat \"$k\" 2>/dev/null)\"; done;;\n\
         set) while [ $# -ge 2 ]; do echo \"$2\" >\"$1\"; shift 2; done;;\nesac\n",
        root.display()
    )
}

fn lan_configuration(port: u16, script: &std::path::Path, serial: &str) -> String {
    let levels = ["callback", "user", "operator", "admin"]
        .map(|level| format!("  allowed_auths_{level} none md2 md5 straight\n"))
        .concat();
    format!(
        "name \"foreign\"\nset_working_mc 0x20\nstartlan 1\n  addr 127.0.0.1 {port}\n  \
         priv_limit admin\n{levels}  guid a123456789abcdefa123456789abcdef\nendlan\n{serial}\
         chassis_control \"{}\"\n\
         user 1 false \"\" \"\" user 10 none md2 md5 straight\n\
         user 2 true \"{USER}\" \"password\" admin 10 none md2 md5 straight\n\
         user 3 true \"{OPERATOR}\" \"{OPERATOR_PASSWORD}\" operator 10 none md2 md5 straight\n",
        script.display()
    )
}
