//! What the agent needs of the machine it runs on, as one trait. It hides whether that machine is
//! real (`linux.rs`) or one of the virtual rack; it knows nothing of the protocol.

pub mod linux;

use std::io;

use async_trait::async_trait;
use cupola_api::agent::{BlockDevice, BootMode, Inventory};

use crate::disk::Disk;
use crate::kernel_parameters::KernelParameters;
use crate::load_option::BootEntry;
use crate::rescue::PasswordHash;

/// Why the machine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// A file or device of the machine could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The machine cannot do this.
    #[error("{0}")]
    Unsupported(String),
}

impl PlatformError {
    /// An input/output error with what was tried.
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }
}

/// Which commands of disks may be used to erase them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecureErase {
    /// NVMe's Format, which takes seconds.
    pub nvme: bool,
    /// ATA's SECURITY ERASE UNIT, which can take hours.
    pub ata: bool,
}

/// The machine under the agent.
///
/// Methods may block the task they run in only where they are `async`; [`Disk`] is blocking and used
/// on blocking threads only. All of them can be called at the same time.
#[async_trait]
pub trait Platform: Send + Sync + 'static {
    /// The kernel command line.
    fn kernel_parameters(&self) -> KernelParameters;

    /// How the machine booted.
    fn boot_mode(&self) -> BootMode;

    /// Everything there is to know about the hardware, its disks included.
    async fn inventory(&self) -> Result<Inventory, PlatformError>;

    /// The disks an image could be written to, and which cleaning wipes: no CD-ROM, no loop or RAM
    /// device, nothing the ramdisk itself lives on.
    async fn block_devices(&self) -> Result<Vec<BlockDevice>, PlatformError>;

    /// Opens one of them, by [`BlockDevice::name`], for reading and writing.
    async fn open_disk(&self, device: &str) -> Result<Box<dyn Disk>, PlatformError>;

    /// Has a disk erase itself by a command of its own, of the kinds allowed. False when it has none:
    /// then it is as it was.
    ///
    /// # Errors
    /// It has one, and it failed.
    async fn secure_erase(
        &self,
        device: &BlockDevice,
        kinds: SecureErase,
    ) -> Result<bool, PlatformError>;

    /// Makes the firmware start this entry first (UEFI only).
    async fn set_boot_entry(&self, entry: &BootEntry) -> Result<(), PlatformError>;

    /// Logs by file name, for `log.collect_system_logs`.
    async fn logs(&self) -> Vec<(String, Vec<u8>)>;

    /// Flushes everything to the disks.
    async fn sync(&self) -> Result<(), PlatformError>;

    /// Reboots. On a real machine it does not come back.
    async fn reboot(&self) -> Result<(), PlatformError>;

    /// Switches off. On a real machine it does not come back.
    async fn power_off(&self) -> Result<(), PlatformError>;

    /// Takes the network down (`system.lockdown`).
    async fn lockdown(&self) -> Result<(), PlatformError>;

    /// Gives the ramdisk's accounts this password, so that its user can log in.
    async fn rescue(&self, password: &PasswordHash) -> Result<(), PlatformError>;

    /// One line for whoever looks at the machine's console.
    fn report(&self, line: &str);
}
