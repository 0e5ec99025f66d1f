//! The machine as its agent sees it: inventory from the specification, a file for a disk.

use std::sync::Arc;

use async_trait::async_trait;
use cupola_agent::{
    BootEntry, Disk, KernelParameters, PasswordHash, Platform, PlatformError, SecureErase,
};
use cupola_api::agent::{BlockDevice, BootMode, Inventory};
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::disk::PacedDisk;
use super::writers::CountedDisk;

/// A simulated machine under a real agent.
pub(super) struct SimPlatform {
    machine: Arc<Inner>,
    parameters: KernelParameters,
    /// The end of this life.
    cancel: CancellationToken,
}

impl SimPlatform {
    pub(super) fn new(
        machine: Arc<Inner>,
        parameters: KernelParameters,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            machine,
            parameters,
            cancel,
        }
    }
}

#[async_trait]
impl Platform for SimPlatform {
    fn kernel_parameters(&self) -> KernelParameters {
        self.parameters.clone()
    }

    fn boot_mode(&self) -> BootMode {
        self.machine.spec.boot_mode
    }

    async fn inventory(&self) -> Result<Inventory, PlatformError> {
        Ok(self
            .machine
            .spec
            .inventory(Some(self.machine.bmc_address.clone())))
    }

    async fn block_devices(&self) -> Result<Vec<BlockDevice>, PlatformError> {
        Ok(vec![self.machine.spec.block_device()])
    }

    async fn open_disk(&self, device: &str) -> Result<Box<dyn Disk>, PlatformError> {
        let known = self.machine.spec.block_device().name;
        if device != known {
            return Err(PlatformError::Unsupported(format!(
                "{device} is no disk of this machine; it has {known}"
            )));
        }
        let (machine, cancel) = (Arc::clone(&self.machine), self.cancel.clone());
        let opened = tokio::task::spawn_blocking(move || PacedDisk::open(machine, cancel)).await;
        let disk = opened
            .map_err(std::io::Error::other)
            .and_then(|disk| disk)
            .map_err(|error| PlatformError::io(format!("open {device}"), error))?;
        let writers = Arc::clone(&self.machine.writers);
        Ok(Box::new(CountedDisk::new(disk, writers)))
    }

    /// As a solid state disk that throws its key away.
    async fn secure_erase(
        &self,
        device: &BlockDevice,
        kinds: SecureErase,
    ) -> Result<bool, PlatformError> {
        if !kinds.nvme {
            return Ok(false);
        }
        let mut disk = self.open_disk(&device.name).await?;
        let erased = tokio::task::spawn_blocking(move || {
            let size = disk.size();
            disk.zero(0, size)
        });
        erased
            .await
            .map_err(std::io::Error::other)
            .and_then(|erased| erased)
            .map_err(|error| PlatformError::io(format!("erase {}", device.name), error))?;
        Ok(true)
    }

    async fn set_boot_entry(&self, entry: &BootEntry) -> Result<(), PlatformError> {
        self.report(&format!(
            "efi: boot entry \"{}\" {}",
            entry.description, entry.path
        ));
        Ok(())
    }

    async fn logs(&self) -> Vec<(String, Vec<u8>)> {
        let screen = self.machine.screen.lines().join("\n");
        vec![("console".to_owned(), screen.into_bytes())]
    }

    async fn sync(&self) -> Result<(), PlatformError> {
        // The file is as durable as the rack is; nothing is kept in the machine itself.
        Ok(())
    }

    async fn reboot(&self) -> Result<(), PlatformError> {
        self.report("reboot: Restarting system");
        Ok(())
    }

    async fn power_off(&self) -> Result<(), PlatformError> {
        self.report("reboot: Power down");
        Ok(())
    }

    async fn lockdown(&self) -> Result<(), PlatformError> {
        self.report("network: all interfaces are down");
        Ok(())
    }

    async fn rescue(&self, _: &PasswordHash) -> Result<(), PlatformError> {
        self.report("rescue login: ");
        Ok(())
    }

    fn report(&self, line: &str) {
        self.machine.screen.line(line);
        self.machine.faults.agent_says(line);
    }
}
