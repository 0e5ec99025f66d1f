//! The fake management interface: it knows one boot device.

use async_trait::async_trait;
use cupola_api::resource::{BootDevice, BootDeviceSetting, Indicator};

use super::behaviour::{FakeSettings, PROPERTIES};
use crate::interface::{DriverError, Management, Result, Task};

/// A boot device without a machine.
#[derive(Debug, Default)]
pub struct FakeManagement(pub FakeSettings);

#[async_trait]
impl Management for FakeManagement {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        FakeSettings::validate(task)
    }

    fn supported_boot_devices(&self) -> &'static [BootDevice] {
        &[BootDevice::Pxe]
    }

    async fn boot_device(&self, task: &Task) -> Result<BootDeviceSetting> {
        self.0.act(task, "management", "boot_device").await?;
        Ok(BootDeviceSetting {
            boot_device: Some(BootDevice::Pxe),
            persistent: Some(false),
        })
    }

    async fn indicators(&self, task: &Task) -> Result<Vec<Indicator>> {
        self.0.act(task, "management", "indicators").await?;
        let lamp = |name, component, is_read_only, states| Indicator {
            name,
            component,
            is_read_only,
            states,
            state: "on",
        };
        Ok(vec![
            lamp("led-0", "chassis", true, &["off", "on"]),
            lamp("led", "system", false, &["blinking", "off", "on"]),
        ])
    }

    async fn set_boot_device(&self, task: &Task, device: BootDevice, _: bool) -> Result<()> {
        self.0.act(task, "management", "set_boot_device").await?;
        if self.supported_boot_devices().contains(&device) {
            Ok(())
        } else {
            Err(DriverError::InvalidParameter(format!(
                "Invalid boot device {} specified.",
                device.as_str()
            )))
        }
    }
}
