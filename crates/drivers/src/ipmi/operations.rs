//! The operations on a BMC that are one command each.

use std::net::Ipv4Addr;

use cupola_api::{MacAddress, PowerState};

use super::{
    client::IpmiClient,
    error::{IpmiError, IpmiFault},
    wire::{
        app::{DeviceId, GetDeviceId},
        boot::{BootDevice, BootFlags, DisableBootFlagTimeout, GetBootFlags, SetBootFlags},
        chassis::{ChassisControl, ChassisIdentify, ChassisStatus, GetChassisStatus},
        lan::{GetIpAddress, GetMacAddress},
    },
};

/// How a boot device is to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootOverride {
    /// What to boot from.
    pub device: BootDevice,
    /// For every boot from now on, not only the next.
    pub persistent: bool,
    /// Boot by UEFI, not by legacy BIOS.
    pub efi: bool,
    /// Keep the BMC from forgetting it after sixty seconds.
    pub keep_past_timeout: bool,
}

impl IpmiClient {
    /// The chassis' status.
    pub async fn chassis_status(&self) -> Result<ChassisStatus, IpmiError> {
        self.execute(&GetChassisStatus).await
    }

    /// The power state, as read now.
    pub async fn power_state(&self) -> Result<PowerState, IpmiError> {
        let status = self.chassis_status().await?;
        Ok(if status.power_on {
            PowerState::On
        } else {
            PowerState::Off
        })
    }

    /// Sends a power command; says nothing of whether the power followed (see
    /// [`IpmiClient::set_power`]).
    pub async fn chassis_control(&self, control: ChassisControl) -> Result<(), IpmiError> {
        self.execute(&control).await
    }

    /// Lights the identify light for so many seconds; 0 puts it out.
    pub async fn chassis_identify(&self, seconds: u8) -> Result<(), IpmiError> {
        self.execute(&ChassisIdentify(seconds)).await
    }

    /// The boot flags as the BMC holds them.
    pub async fn boot_flags(&self) -> Result<BootFlags, IpmiError> {
        self.execute(&GetBootFlags).await
    }

    /// Sets the boot device for the next boot or for all.
    pub async fn set_boot_device(&self, wanted: BootOverride) -> Result<(), IpmiError> {
        if wanted.keep_past_timeout
            && let Err(error) = self.execute(&DisableBootFlagTimeout).await
        {
            match error.fault() {
                // Not every BMC has the parameter; the boot device itself is what counts.
                IpmiFault::Refused { .. } => {
                    tracing::debug!(%error, "boot flag timeout stays on");
                }
                _ => return Err(error),
            }
        }
        self.execute(&SetBootFlags(BootFlags {
            valid: true,
            persistent: wanted.persistent,
            efi: wanted.efi,
            device: wanted.device,
        }))
        .await
    }

    /// Reads the boot flags back and compares their device.
    pub async fn check_boot_device(&self, wanted: BootOverride) -> Result<(), IpmiError> {
        let found = self.boot_flags().await?;
        if found.valid && found.device == wanted.device {
            return Ok(());
        }
        Err(self.error(IpmiFault::BootDeviceNotKept {
            wanted: wanted.device,
            found: found.valid.then_some(found.device),
        }))
    }

    /// What the BMC says that it is.
    pub async fn device_id(&self) -> Result<DeviceId, IpmiError> {
        self.execute(&GetDeviceId).await
    }

    /// The MAC address of the BMC's own network interface.
    pub async fn mac_address(&self) -> Result<MacAddress, IpmiError> {
        self.execute(&GetMacAddress).await
    }

    /// The IPv4 address that the BMC itself holds.
    pub async fn ip_address(&self) -> Result<Ipv4Addr, IpmiError> {
        self.execute(&GetIpAddress).await
    }
}
