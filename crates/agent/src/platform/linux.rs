//! A real machine under a Linux kernel: everything read from `/proc`, `/sys` and `/dev`, with no help of
//! udev or of other programs, which a small ramdisk does not have.
//!
//! The BMC's address is not read: it needs an ioctl, which needs unsafe code.

mod accounts;
mod block;
mod firmware;
mod network;
mod processor;
mod secure_erase;
mod sys;

use std::io::Read;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cupola_api::agent::{BlockDevice, BootInfo, BootMode, Inventory};
use nix::sys::reboot::{RebootMode, reboot};

use super::{Platform, PlatformError, SecureErase};
use crate::disk::{Disk, FileDisk};
use crate::kernel_parameters::KernelParameters;
use crate::load_option::BootEntry;
use crate::log_buffer::LogBuffer;
use crate::rescue::PasswordHash;

use sys::SysRoot;

/// The machine this program runs on.
pub struct LinuxPlatform {
    root: SysRoot,
    parameters: KernelParameters,
    log: LogBuffer,
}

impl LinuxPlatform {
    /// Reads the kernel command line. `log` is what `log.collect_system_logs` sends of the agent itself.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn new(log: LogBuffer) -> Result<Self, PlatformError> {
        Self::at(Path::new("/"), log)
    }

    fn at(root: &Path, log: LogBuffer) -> Result<Self, PlatformError> {
        let root = SysRoot::new(root);
        let path = root.path("proc/cmdline");
        let line = std::fs::read_to_string(&path)
            .map_err(|error| PlatformError::io(format!("reading {}", path.display()), error))?;
        Ok(Self {
            root,
            parameters: KernelParameters::parse(&line),
            log,
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(SysRoot) -> Result<T, PlatformError> + Send + 'static,
    ) -> Result<T, PlatformError> {
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || work(root))
            .await
            .map_err(|error| PlatformError::Unsupported(format!("internal error: {error}")))?
    }
}

#[async_trait]
impl Platform for LinuxPlatform {
    fn kernel_parameters(&self) -> KernelParameters {
        self.parameters.clone()
    }

    fn boot_mode(&self) -> BootMode {
        if self.root.path("sys/firmware/efi").exists() {
            BootMode::Uefi
        } else {
            BootMode::Bios
        }
    }

    async fn inventory(&self) -> Result<Inventory, PlatformError> {
        let mode = match self.boot_mode() {
            BootMode::Uefi => "uefi",
            BootMode::Bios => "bios",
        };
        let boot = BootInfo {
            current_boot_mode: Some(mode.to_owned()),
            pxe_interface: self.parameters.get("BOOTIF").map(str::to_owned),
        };
        self.blocking(move |root| {
            Ok(Inventory {
                interfaces: network::interfaces(&root),
                cpu: processor::processors(&root),
                disks: block::devices(&root)?,
                memory: processor::memory(&root),
                bmc_address: None,
                bmc_v6address: None,
                system_vendor: firmware::system_vendor(&root),
                boot,
                hostname: root.text("proc/sys/kernel/hostname"),
                ..Inventory::default()
            })
        })
        .await
    }

    async fn block_devices(&self) -> Result<Vec<BlockDevice>, PlatformError> {
        self.blocking(|root| block::devices(&root)).await
    }

    async fn open_disk(&self, device: &str) -> Result<Box<dyn Disk>, PlatformError> {
        let device = device.to_owned();
        self.blocking(move |root| {
            let sector_size = block::sector_size(&root, &device);
            let disk = FileDisk::open(Path::new(&device), sector_size)
                .map_err(|error| PlatformError::io(format!("opening {device}"), error))?;
            Ok(Box::new(disk) as Box<dyn Disk>)
        })
        .await
    }

    async fn secure_erase(
        &self,
        device: &BlockDevice,
        kinds: SecureErase,
    ) -> Result<bool, PlatformError> {
        secure_erase::run(device, kinds).await
    }

    async fn set_boot_entry(&self, entry: &BootEntry) -> Result<(), PlatformError> {
        let entry = entry.clone();
        self.blocking(move |root| firmware::set_boot_entry(&root, &entry))
            .await
    }

    async fn logs(&self) -> Vec<(String, Vec<u8>)> {
        let kernel = self
            .blocking(|root| Ok(kernel_log(&root.path("dev/kmsg"))))
            .await;
        vec![
            ("agent.log".to_owned(), self.log.contents()),
            ("dmesg.log".to_owned(), kernel.unwrap_or_default()),
        ]
    }

    async fn sync(&self) -> Result<(), PlatformError> {
        self.blocking(|_| {
            nix::unistd::sync();
            Ok(())
        })
        .await
    }

    async fn reboot(&self) -> Result<(), PlatformError> {
        self.blocking(|_| leave(RebootMode::RB_AUTOBOOT, "rebooting"))
            .await
    }

    async fn power_off(&self) -> Result<(), PlatformError> {
        self.blocking(|_| leave(RebootMode::RB_POWER_OFF, "switching off"))
            .await
    }

    async fn lockdown(&self) -> Result<(), PlatformError> {
        self.blocking(|root| network::take_down(&root)).await
    }

    async fn rescue(&self, password: &PasswordHash) -> Result<(), PlatformError> {
        let password = password.clone();
        self.blocking(move |root| accounts::open(&root, &password))
            .await
    }

    fn report(&self, line: &str) {
        tracing::info!("{line}");
    }
}

fn leave(mode: RebootMode, what: &str) -> Result<(), PlatformError> {
    nix::unistd::sync();
    match reboot(mode) {
        Ok(never) => match never {},
        Err(error) => Err(PlatformError::io(what, error.into())),
    }
}

/// What the kernel has in its ring now.
fn kernel_log(path: &Path) -> Vec<u8> {
    use std::os::unix::fs::OpenOptionsExt;
    const LIMIT: usize = 1024 * 1024;
    let mut log = Vec::new();
    let nonblocking = nix::libc::O_NONBLOCK;
    let file = std::fs::File::options()
        .read(true)
        .custom_flags(nonblocking)
        .open(path);
    let Ok(mut file) = file else { return log };
    let mut record = [0; 8192];
    // Each read is one record; the end of the ring is an error (would block).
    while let Ok(length) = file.read(&mut record) {
        if length == 0 || log.len() > LIMIT {
            break;
        }
        log.extend_from_slice(record.get(..length).unwrap_or_default());
    }
    log
}

/// Where a block device's directory is: `/sys/block/NAME`.
fn block_directory(name: &str) -> PathBuf {
    Path::new("sys/block").join(name)
}

#[cfg(test)]
mod tests;
