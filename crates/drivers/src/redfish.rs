//! Hardware type `redfish`, as far as it goes without the protocol: what `driver_info` may hold is
//! listed and checked, and BMCs that speak Redfish are found. Acting on a machine is refused: Redfish is not spoken yet.

mod discover;
mod driver_info;

use std::time::Duration;

use async_trait::async_trait;
use cupola_api::node::Object;
use cupola_api::probe::{CheckResult, ProbeCheck, ProbeReport};
use cupola_api::resource::{BootDevice, BootDeviceSetting};
use cupola_api::state::power::{PowerState, PowerTarget};

use crate::interface::{
    Credentials, DriverError, Management, Place, Power, Result, Sighting, Task,
};

/// The power interface `redfish`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedfishPower;

/// The management interface `redfish`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedfishManagement;

fn not_spoken(what: &str) -> DriverError {
    DriverError::InvalidParameter(format!(
        "Cannot {what}: Redfish is not spoken by this version, which keeps and checks the driver_info \
         of redfish nodes and no more. Use hardware type ipmi where the BMC speaks IPMI too."
    ))
}

#[async_trait]
impl Power for RedfishPower {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        driver_info::PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        driver_info::check(&task.node())
    }

    fn supported(&self) -> &'static [PowerTarget] {
        &PowerTarget::ALL
    }

    async fn state(&self, _: &Task) -> Result<Option<PowerState>> {
        Err(not_spoken("read the power state"))
    }

    async fn set(&self, _: &Task, _: PowerTarget, _: Duration) -> Result<PowerState> {
        Err(not_spoken("set the power state"))
    }

    async fn probe(&self, info: &Object) -> ProbeReport {
        let checked = driver_info::check_object(info);
        let given = ProbeCheck {
            name: "driver_info".to_owned(),
            result: match checked {
                Ok(()) => CheckResult::Passed,
                Err(_) => CheckResult::Failed,
            },
            detail: match &checked {
                Ok(()) => "complete".to_owned(),
                Err(error) => error.to_string(),
            },
            remedy: checked.is_err().then(|| "correct it".to_owned()),
        };
        let reachable = ProbeCheck {
            name: "reachable".to_owned(),
            result: CheckResult::Failed,
            detail: not_spoken("reach the BMC").to_string(),
            remedy: Some("use hardware type ipmi where the BMC speaks IPMI too".to_owned()),
        };
        ProbeReport {
            checks: vec![given, reachable],
            ..ProbeReport::default()
        }
    }

    async fn discover(&self, place: &Place, credentials: &[Credentials]) -> Option<Sighting> {
        discover::look(place, credentials).await
    }
}

#[async_trait]
impl Management for RedfishManagement {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        driver_info::PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        driver_info::check(&task.node())
    }

    fn supported_boot_devices(&self) -> &'static [BootDevice] {
        &[
            BootDevice::Pxe,
            BootDevice::Disk,
            BootDevice::Cdrom,
            BootDevice::Bios,
        ]
    }

    async fn boot_device(&self, _: &Task) -> Result<BootDeviceSetting> {
        Err(not_spoken("read the boot device"))
    }

    async fn set_boot_device(&self, _: &Task, _: BootDevice, _: bool) -> Result<()> {
        Err(not_spoken("set the boot device"))
    }
}
