//! Simulated firmware: what a machine does between power on and its first operating system.
//!
//! A PXE ROM asks DHCP, loads its loader over TFTP; the loader (iPXE) asks DHCP again, fetches its
//! script over HTTP and does what it says. All of it happens over real sockets against real boot
//! services; only the kernel is not run: the outcome says what would be. The machine around it
//! (power, disk, agent) is elsewhere in this crate.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use cupola_api::MacAddress;
use cupola_drivers::boot::ClientArchitecture;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

mod dhcp;
mod http;
mod ipxe;
pub mod script;
mod tftp;

/// What the firmware is and where its network leads.
#[derive(Clone, Debug)]
pub struct FirmwareConfig {
    /// The network card's address.
    pub mac: MacAddress,
    /// The machine's SMBIOS UUID, which DHCP carries (RFC 4578 section 2.3).
    pub uuid: Uuid,
    /// BIOS or UEFI.
    pub architecture: ClientArchitecture,
    /// What the network card's ROM holds.
    pub rom: Rom,
    /// Where DHCP packets go: on loopback there is no broadcast to find the server with.
    pub dhcp_server: SocketAddr,
    /// The port of the TFTP server, whose address DHCP tells.
    pub tftp_port: u16,
    /// How much of kernel and ramdisk is fetched.
    pub downloads: Downloads,
    /// How patient the firmware is.
    pub timing: FirmwareTiming,
    /// What goes wrong, if anything shall.
    pub fault: Option<FirmwareFault>,
}

/// What the network card's ROM holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rom {
    /// A vendor's PXE ROM, which loads iPXE first, as hardware has it.
    Pxe,
    /// iPXE itself, as QEMU has it in BIOS mode.
    Ipxe,
}

/// How much of kernel and ramdisk is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downloads {
    /// All, and thrown away.
    Full,
    /// Only the heads of the answers, so that hundreds of machines cost little.
    HeadOnly,
}

/// How patient the firmware is.
#[derive(Clone, Debug)]
pub struct FirmwareTiming {
    /// How long each DHCP attempt waits; their number is the number of attempts.
    pub dhcp_waits: Vec<Duration>,
    /// How long TFTP waits for a packet before it asks again.
    pub tftp_wait: Duration,
    /// How often TFTP asks.
    pub tftp_attempts: u32,
    /// How long HTTP waits for a connection, an answer, or more of it.
    pub http_wait: Duration,
    /// The longest that a script's `sleep` takes here.
    pub longest_sleep: Duration,
}

impl FirmwareTiming {
    /// As the PXE specification has it (section 2.2.5): DHCP after 4, 8, 16 and 32 seconds.
    #[must_use]
    pub fn real() -> Self {
        Self {
            dhcp_waits: [4, 8, 16, 32].map(Duration::from_secs).to_vec(),
            tftp_wait: Duration::from_secs(4),
            tftp_attempts: 6,
            http_wait: Duration::from_secs(30),
            longest_sleep: Duration::MAX,
        }
    }

    /// The same, several times faster.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            dhcp_waits: [1, 2, 4, 8].map(Duration::from_secs).to_vec(),
            tftp_wait: Duration::from_secs(1),
            tftp_attempts: 6,
            http_wait: Duration::from_secs(10),
            longest_sleep: Duration::from_secs(1),
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirmwareFault {
    /// The cable is not plugged in.
    NoLink,
    /// Booting from the network is switched off in the firmware's setup.
    NoPxe,
    /// It boots from another interface than the one that is known.
    WrongNic,
    /// The offers of the DHCP server do not get through.
    NoLease,
    /// The loader's transfer begins and stops in the middle.
    LoaderStalls,
    /// The loader's transfer never gets an answer through, as behind a firewall.
    LoaderLost,
    /// iPXE's own DHCP gets no answer: the switch port blocks after the card was reset.
    LoaderBlocked,
}

/// How the attempt to boot from the network ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirmwareOutcome {
    /// A kernel and a ramdisk are in memory and start.
    Ramdisk {
        /// The kernel's command line.
        cmdline: String,
        /// The address that DHCP gave.
        address: Ipv4Addr,
    },
    /// The firmware goes on to the next boot device, the disk.
    Disk {
        /// Why not the network.
        why: String,
    },
    /// The machine resets, and starts anew.
    Reboot,
    /// Nothing boots; the machine stands still.
    Nothing {
        /// Why.
        why: String,
    },
}

/// Where the machine's screen, or its serial port, goes: one line at a time.
pub trait Screen: Send + Sync {
    /// One line.
    fn line(&self, text: &str);
}

impl<F: Fn(&str) + Send + Sync> Screen for F {
    fn line(&self, text: &str) {
        self(text);
    }
}

/// Why the ROM gives up, in the words that ROMs show.
#[derive(Debug, thiserror::Error)]
enum RomError {
    #[error("PXE-E61: Media test failure, check cable")]
    NoLink,
    #[error("PXE-E51: No DHCP or proxyDHCP offers were received")]
    NoOffer,
    #[error("PXE-E05: Booting from the network is disabled")]
    Disabled,
    #[error("PXE-E53: No boot filename received")]
    NoBootFile,
    #[error("PXE-E32: TFTP open timeout")]
    TftpTimeout,
    #[error("PXE-T{code:02}: {message}")]
    TftpRefused { code: u16, message: String },
    #[error("PXE-E{code:02}: {source}")]
    Io { code: u8, source: std::io::Error },
    #[error("{0}")]
    Loader(String),
}

/// Boots from the network.
///
/// Ends when `cancel` does: a machine that is switched off.
pub async fn boot(
    config: &FirmwareConfig,
    screen: &dyn Screen,
    cancel: &CancellationToken,
) -> FirmwareOutcome {
    tokio::select! {
        () = cancel.cancelled() => FirmwareOutcome::Nothing { why: "switched off".to_owned() },
        outcome = attempt(config, screen) => match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let why = error.to_string();
                screen.line(&why);
                FirmwareOutcome::Disk { why }
            }
        },
    }
}

async fn attempt(
    config: &FirmwareConfig,
    screen: &dyn Screen,
) -> Result<FirmwareOutcome, RomError> {
    match config.fault {
        Some(FirmwareFault::NoLink) => return Err(RomError::NoLink),
        Some(FirmwareFault::NoPxe) => return Err(RomError::Disabled),
        Some(
            FirmwareFault::WrongNic
            | FirmwareFault::NoLease
            | FirmwareFault::LoaderStalls
            | FirmwareFault::LoaderLost
            | FirmwareFault::LoaderBlocked,
        )
        | None => {}
    }
    if config.rom == Rom::Pxe {
        load_loader(config, screen).await?;
    }
    ipxe::run(config, screen).await
}

/// What the kernel of a ramdisk does first: it asks for an address of its own.
pub(crate) async fn kernel_address(config: &FirmwareConfig) -> Result<Ipv4Addr, String> {
    let lease = dhcp::acquire(config, dhcp::Program::Kernel).await;
    lease
        .map(|lease| lease.address)
        .map_err(|error| error.to_string())
}

/// The ROM's part: an address, and the loader.
async fn load_loader(config: &FirmwareConfig, screen: &dyn Screen) -> Result<(), RomError> {
    screen.line(&format!("PXE: {} {}", config.architecture, config.mac));
    let lease = dhcp::acquire(config, dhcp::Program::Rom).await?;
    screen.line(&format!(
        "PXE: CLIENT IP: {}  DHCP IP: {}",
        lease.address, lease.server
    ));
    let file = lease.boot_file.as_deref().ok_or(RomError::NoBootFile)?;
    let server = SocketAddr::new(IpAddr::V4(lease.next_server), config.tftp_port);
    screen.line(&format!("PXE: TFTP {server} {file}"));
    let source = source_address(lease.address);
    let bytes = tftp::fetch(config, source, server, file).await?;
    screen.line(&format!(
        "PXE: NBP file downloaded successfully, {bytes} bytes"
    ));
    Ok(())
}

/// The address a machine's sockets are bound to: its leased one where this host has it, which is
/// so for all of 127.0.0.0/8. Then the boot services see each machine at its own address.
fn source_address(leased: Ipv4Addr) -> Ipv4Addr {
    if leased.is_loopback() {
        leased
    } else {
        Ipv4Addr::UNSPECIFIED
    }
}
