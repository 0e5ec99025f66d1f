//! The seams of the boot services: who may boot, what a machine should boot, and who hears of it.
//!
//! [`BootDirectory`] is asked (the conductor implements it over its store), [`ContactSink`] is told
//! (the conductor writes each contact on the node's timeline). Every protocol asks the same
//! decision, so that DHCP, the iPXE script and the kernel's download never disagree. Nothing here
//! opens a socket.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use cupola_api::{MacAddress, NodeId};
use url::Url;

use super::client::ClientSystem;
use super::contact::BootContact;
use super::files::Loader;
use super::leases::Reservations;

/// An enrolled machine, as the owner of a MAC address that asked us something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootHost {
    /// The node that owns the port.
    pub node: NodeId,
    /// The address the machine asked with: that of an enrolled port.
    pub mac: MacAddress,
    /// What people call the node: its name, or its UUID. Shown on the machine's own screen.
    pub name: String,
    /// Whether the port may netboot (`pxe_enabled`); where not, the machine gets an address only.
    pub pxe_enabled: bool,
    /// What it is netbooted through.
    pub loader: Loader,
    /// The IPv4 address reserved for the port, where there is one.
    pub address: Option<Ipv4Addr>,
}

/// What a machine should boot now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootDecision {
    /// Its own disk: the network hands out an address and gets out of the way.
    Local,
    /// A kernel and a ramdisk, from memory.
    Ramdisk(RamdiskBoot),
    /// An ISO image, as if it were in a drive: through iPXE only.
    Iso(IsoBoot),
}

/// An ISO image for one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsoBoot {
    /// On the web, where the machine reads it itself.
    Url(Url),
    /// A file of this host, which is served.
    File(PathBuf),
}

/// A kernel and a ramdisk for one machine.
#[derive(Clone, PartialEq, Eq)]
pub struct RamdiskBoot {
    /// The kernel, a file of this host.
    pub kernel: PathBuf,
    /// The initial ramdisk, a file of this host.
    pub ramdisk: PathBuf,
    /// The kernel's command line without `BOOTIF` and `initrd`, which the script adds; see
    /// [`KernelCommandLine`](super::cmdline::KernelCommandLine).
    pub cmdline: String,
}

impl fmt::Debug for RamdiskBoot {
    // The command line may carry a pregenerated agent token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RamdiskBoot")
            .field("kernel", &self.kernel)
            .field("ramdisk", &self.ramdisk)
            .finish_non_exhaustive()
    }
}

/// Who may boot, and what.
///
/// All calls are made while a machine's firmware waits, some seconds at the most: the boot
/// services give up after [`DIRECTORY_DEADLINE`](super::DIRECTORY_DEADLINE), drop the packet, and
/// let the firmware ask again. They are made many at once, and may be cancelled at any await.
#[async_trait]
pub trait BootDirectory: Send + Sync + 'static {
    /// The machine that owns this address; `None` where no enrolled port has it, and then nothing
    /// is answered.
    async fn host(&self, mac: &MacAddress) -> Option<BootHost>;

    /// What this machine should boot now.
    async fn decision(&self, host: &BootHost, client: &ClientSystem) -> BootDecision;

    /// The addresses reserved for ports ([`BootHost::address`]) as they are now, of all ports;
    /// `None` where that cannot be known. Asked whenever an address of a pool is chosen.
    async fn reservations(&self) -> Option<Arc<Reservations>> {
        Some(Arc::default())
    }
}

/// Hears of every contact a machine has with the boot services.
///
/// Called from the services' own tasks, so it must not block: hand the contact to a bounded queue
/// and count what does not fit.
pub trait ContactSink: Send + Sync + 'static {
    /// One contact has happened.
    fn contact(&self, contact: BootContact);
}

/// A sink that keeps nothing, for services whose contacts nobody follows.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl ContactSink for NoSink {
    fn contact(&self, _: BootContact) {}
}
