//! The management interface `noop`: the boot device is somebody else's – a firmware that always
//! tries the network first, or a person.

use async_trait::async_trait;
use cupola_api::resource::{BootDevice, BootDeviceSetting};

use crate::interface::{Management, Result, Task};

/// Management without a BMC.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopManagement;

#[async_trait]
impl Management for NoopManagement {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn validate(&self, _: &Task) -> Result<()> {
        Ok(())
    }

    fn supported_boot_devices(&self) -> &'static [BootDevice] {
        &[BootDevice::Pxe, BootDevice::Disk]
    }

    async fn boot_device(&self, _: &Task) -> Result<BootDeviceSetting> {
        Ok(BootDeviceSetting::default())
    }

    async fn set_boot_device(&self, _: &Task, _: BootDevice, _: bool) -> Result<()> {
        Ok(())
    }
}
