//! The management interface.

use async_trait::async_trait;
use cupola_api::agent::BootMode;
use cupola_api::node::Object;
use cupola_api::resource::{BootDevice, BootDeviceSetting, Indicator, VirtualMedia};
use serde_json::Value;

use super::{DriverError, Result, Task};

/// A lamp, and the state that it shall have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lamp<'a> {
    /// Its name, unique within its component.
    pub name: &'a str,
    /// What it is on.
    pub component: &'a str,
    /// The state, such as `on`.
    pub state: &'a str,
}

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

    /// The lamps of the machine, and their states.
    ///
    /// # Errors
    /// The interface knows of none, or the BMC does not answer.
    async fn indicators(&self, task: &Task) -> Result<Vec<Indicator>> {
        Err(unsupported(task, "get_supported_indicators"))
    }

    /// Switches a lamp. One that is lit to find the machine by goes out by itself where the BMC can
    /// do that.
    ///
    /// # Errors
    /// The interface knows of no such lamp or state, or the BMC does not answer or refuses.
    async fn set_indicator(&self, task: &Task, _lamp: &Lamp<'_>) -> Result<()> {
        Err(unsupported(task, "set_indicator_state"))
    }

    /// Lights the locate LED of a machine that has no node yet, or puts it out.
    ///
    /// # Errors
    /// The interface knows of none, or the BMC does not answer or refuses.
    async fn identify(&self, _driver_info: &Object, _on: bool) -> Result<()> {
        Err(DriverError::InvalidParameter(
            "This hardware type has no locate LED that could be switched.".to_owned(),
        ))
    }

    /// What is in the machine's virtual drives, as its BMC tells it.
    ///
    /// # Errors
    /// The interface knows no virtual drives, or the BMC does not answer.
    async fn virtual_media(&self, task: &Task) -> Result<Value> {
        Err(unsupported(task, "get_virtual_media"))
    }

    /// Puts an image into a virtual drive.
    ///
    /// # Errors
    /// The interface knows no virtual drives, or the BMC does not answer or refuses.
    async fn attach_virtual_media(&self, task: &Task, _media: &VirtualMedia) -> Result<()> {
        Err(unsupported(task, "attach_virtual_media"))
    }

    /// Takes all images out of the virtual drives.
    ///
    /// # Errors
    /// The interface knows no virtual drives, or the BMC does not answer or refuses.
    async fn detach_virtual_media(&self, task: &Task) -> Result<()> {
        Err(unsupported(task, "detach_virtual_media"))
    }

    /// Sends the machine a non-maskable interrupt.
    ///
    /// # Errors
    /// The interface or the machine has none, or the BMC does not answer.
    async fn inject_nmi(&self, task: &Task) -> Result<()> {
        Err(unsupported(task, "inject_nmi"))
    }

    /// Sets whether the machine boots by UEFI or by legacy BIOS.
    ///
    /// # Errors
    /// The interface cannot, or the BMC does not answer or refuses.
    async fn set_boot_mode(&self, task: &Task, _mode: BootMode) -> Result<()> {
        Err(unsupported(task, "set_boot_mode"))
    }

    /// Sets whether the firmware boots what is signed only.
    ///
    /// # Errors
    /// The interface cannot, or the BMC does not answer or refuses.
    async fn set_secure_boot(&self, task: &Task, _on: bool) -> Result<()> {
        Err(unsupported(task, "set_secure_boot_state"))
    }
}

fn unsupported(task: &Task, what: &str) -> DriverError {
    DriverError::Unsupported {
        driver: task.node().driver.clone(),
        what: what.to_owned(),
    }
}
