//! The management interface.

use async_trait::async_trait;
use cupola_api::resource::{BootDevice, BootDeviceSetting};

use super::{Result, Task};

/// Reads and sets what a machine boots from.
#[async_trait]
pub trait Management: Send + Sync + 'static {
    /// Keys of `driver_info` that it knows, each with its meaning.
    fn properties(&self) -> &'static [(&'static str, &'static str)];

    /// Whether `driver_info` is complete. Does not talk to the BMC.
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate(&self, task: &Task) -> Result<()>;

    /// The devices that it can set.
    fn supported_boot_devices(&self) -> &'static [BootDevice];

    /// Reads the boot device.
    ///
    /// # Errors
    /// When the BMC does not answer.
    async fn boot_device(&self, task: &Task) -> Result<BootDeviceSetting>;

    /// Sets the boot device, for the next boot or for good.
    ///
    /// # Errors
    /// When the BMC does not answer or refuses.
    async fn set_boot_device(
        &self,
        task: &Task,
        device: BootDevice,
        persistent: bool,
    ) -> Result<()>;
}
