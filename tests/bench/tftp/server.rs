//! The servers: ours in a process of its own (this program again), and the peers.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use async_trait::async_trait;
use cupola_api::{MacAddress, NodeId};
use cupola_drivers::boot::tftp::packet::{Options, Packet, Request};
use cupola_drivers::boot::{
    BootDecision, BootDirectory, BootHost, BootServices, BootServicesConfig, ClientSystem, FileSet,
    HttpConfig, Loader, LoaderNames, NoSink, RamdiskBoot, TftpConfig,
};
use tokio_util::sync::CancellationToken;

use super::processor::{self, SERVER};

/// The word that makes this program a server.
pub(super) const SERVE: &str = "--serve";

/// The machine whose ramdisk is fetched.
const MAC: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 1]);

/// The port of TFTP; dnsmasq knows no other.
const PORT: u16 = 69;

/// How long a server may take to answer for the first time.
const START_DEADLINE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Cupola,
    TftpdHpa,
    Dnsmasq,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Cupola, Self::TftpdHpa, Self::Dnsmasq];

    const TFTPD_HPA: &str = "/usr/sbin/in.tftpd";
    const DNSMASQ: &str = "/usr/sbin/dnsmasq";

    fn is_installed(self) -> bool {
        match self {
            Self::Cupola => true,
            Self::TftpdHpa => Path::new(Self::TFTPD_HPA).exists(),
            Self::Dnsmasq => Path::new(Self::DNSMASQ).exists(),
        }
    }

    /// The ramdisk's name on this server.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Cupola => "boot/02-00-00-00-00-01/ramdisk",
            Self::TftpdHpa | Self::Dnsmasq => "ramdisk",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cupola => "cupola",
            Self::TftpdHpa => "tftpd-hpa",
            Self::Dnsmasq => "dnsmasq",
        })
    }
}

/// A running server. Dropping it ends it.
pub(super) struct Server {
    kind: Kind,
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it over this directory; `None` where it is not installed or cannot serve here.
    pub(super) fn start(kind: Kind, directory: &Path) -> Result<Option<Self>> {
        if !kind.is_installed() {
            return Ok(None);
        }
        let mut command = processor::pinned(SERVER);
        match kind {
            Kind::Cupola => ours(&mut command, directory)?,
            Kind::TftpdHpa => tftpd_hpa(&mut command, directory),
            Kind::Dnsmasq => dnsmasq(&mut command, directory),
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{kind} cannot be started (taskset is of util-linux)"))?;
        let mut server = Self {
            kind,
            process,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
        };
        if kind == Kind::Cupola {
            let output = server.process.stdout.take().context("no output")?;
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line)?;
            server.address = line.trim().parse()?;
        }
        // tftpd-hpa wants to be root and does not take a user namespace's for it.
        if !server.answers()? {
            anyhow::ensure!(kind != Kind::Cupola, "our server does not answer");
            return Ok(None);
        }
        Ok(Some(server))
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// User and system time of the server; `None` where each transfer is a process of its own,
    /// which nobody waits for.
    pub(super) fn processor_time(&self) -> Option<Duration> {
        if self.kind == Kind::TftpdHpa {
            return None;
        }
        let stat = format!("/proc/{}/stat", self.process.id());
        let stat = std::fs::read_to_string(stat).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum();
        // Linux counts them in hundredths of a second for user space.
        Some(Duration::from_millis(ticks * 10))
    }

    /// Whether it answers within the time that a start may take.
    fn answers(&self) -> Result<bool> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let request = Packet::Read(Request {
            file: "none".to_owned(),
            mode: "octet".to_owned(),
            options: Options::default(),
        });
        let started = Instant::now();
        while started.elapsed() < START_DEADLINE {
            socket.send_to(&request.to_vec(), self.address)?;
            if socket.recv(&mut [0; 600]).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ours(command: &mut Command, directory: &Path) -> Result<()> {
    command
        .arg(std::env::current_exe()?)
        .arg(SERVE)
        .arg(directory);
    Ok(())
}

fn tftpd_hpa(command: &mut Command, directory: &Path) {
    // At every address: with none but loopback it takes no address for one of this host's.
    command
        .arg(Kind::TFTPD_HPA)
        .args(["--foreground", "--listen", "--ipv4", "--secure"])
        .args(["--user", "root"])
        .arg(directory);
}

fn dnsmasq(command: &mut Command, directory: &Path) {
    command
        .arg(Kind::DNSMASQ)
        .args(["--keep-in-foreground", "--conf-file=/dev/null", "--port=0"])
        .args(["--user=root", "--pid-file=", "--log-facility=/dev/null"])
        .args(["--enable-tftp", "--tftp-max=1000", "--quiet-tftp"])
        .arg(format!("--tftp-root={}", directory.display()))
        .arg("--listen-address=127.0.0.1");
}

/// Serves the directory's ramdisk with our boot services, and says where.
pub(super) fn serve(directory: &Path) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let mut files = FileSet::new();
        for name in LoaderNames::default().all() {
            files.insert(name, &b"loader"[..]);
        }
        let http = HttpConfig::new(any.into());
        let mut config = BootServicesConfig::new(Ipv4Addr::LOCALHOST, http, files);
        config.tftp = Some(TftpConfig::new(any));
        let path = directory.join("ramdisk");
        let stop = CancellationToken::new();
        let services =
            BootServices::start(config, Arc::new(One { path }), Arc::new(NoSink), stop).await?;
        let address = services.tftp_address().context("no TFTP")?;
        println!("{address}");
        std::future::pending::<Result<()>>().await
    })
}

/// A directory of one machine that netboots.
struct One {
    path: std::path::PathBuf,
}

#[async_trait]
impl BootDirectory for One {
    async fn host(&self, mac: &MacAddress) -> Option<BootHost> {
        (*mac == MAC).then(|| BootHost {
            node: NodeId::from(uuid::Uuid::nil()),
            mac: *mac,
            name: "machine".to_owned(),
            pxe_enabled: true,
            loader: Loader::Grub,
            address: None,
        })
    }

    async fn decision(&self, _: &BootHost, _: &ClientSystem) -> BootDecision {
        BootDecision::Ramdisk(RamdiskBoot {
            kernel: self.path.clone(),
            ramdisk: self.path.clone(),
            cmdline: String::new(),
        })
    }
}
