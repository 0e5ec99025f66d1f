//! The interfaces `ipmitool` of hardware type `ipmi`: power and management over the hub. They bear
//! upstream's name because nodes do; no ipmitool is run.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cupola_api::agent::BootMode;
use cupola_api::event::Severity;
use cupola_api::node::Object;
use cupola_api::probe::ProbeReport;
use cupola_api::resource::{BootDevice, BootDeviceSetting, Indicator};
use cupola_api::state::power::{PowerState, PowerTarget};
use serde_json::Value;
use tokio::time::Instant;

use super::discover;
use super::driver_info::{DriverInfo, PROPERTIES};
use super::error::{IpmiError, IpmiFault};
use super::identify;
use super::observer::{BmcObserver, CommandRecord, RetryRecord};
use super::probe::unreachable_report;
use super::wire::boot as flags;
use super::wire::chassis::ChassisControl;
use super::{BootOverride, IpmiClient, IpmiHub, IpmiTarget, ReadBack, resolve, rung};
use crate::crash_point::{CrashPoint, crash_point};
use crate::interface::{
    BmcCommand, BmcTrouble, Changes, Credentials, DriverError, Lamp, Management, Place, Power,
    Recorder, Result, Sighting, Task, boot_mode,
};

/// Key of `driver_internal_info`: the device that is set again at every power on.
const FORCED_DEVICE: &str = "persistent_boot_device";
/// Key of `driver_internal_info`: false when the next boot has a device of its own.
const NEXT_IS_PERSISTENT: &str = "is_next_boot_persistent";
/// How long finding the address behind a host name may take.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

/// How long one check of a probe may take: somebody is waiting for it at a screen.
const PROBE_LIMIT: Duration = Duration::from_secs(8);

/// What both interfaces share.
#[derive(Debug, Clone)]
struct Bmc {
    hub: IpmiHub,
    /// Boot by UEFI where nobody says how a node boots.
    efi_by_default: bool,
}

/// The power interface `ipmitool`.
#[derive(Debug, Clone)]
pub struct IpmiPower(Bmc);

/// The management interface `ipmitool`.
#[derive(Debug, Clone)]
pub struct IpmiManagement(Bmc);

/// Both interfaces on one hub; `efi_by_default` says how nodes boot of which nobody says it.
#[must_use]
pub fn interfaces(hub: IpmiHub, efi_by_default: bool) -> (IpmiPower, IpmiManagement) {
    let bmc = Bmc {
        hub,
        efi_by_default,
    };
    (IpmiPower(bmc.clone()), IpmiManagement(bmc))
}

/// Puts each command on the node's timeline.
struct Timeline(Arc<dyn Recorder>);

impl BmcObserver for Timeline {
    fn command(&self, record: &CommandRecord<'_>) {
        let message = record.error.map(|error| error.fault().to_string());
        let (rung, outcome) = match (record.error, &message) {
            (Some(error), Some(message)) => {
                let remedy = error.remedy();
                let rung = rung::broken(record.name, error.fault());
                (rung, Err(BmcTrouble { message, remedy }))
            }
            _ => (rung::reached(record.name), Ok("ok")),
        };
        self.0.bmc_command(&BmcCommand {
            name: record.name,
            rung,
            outcome,
            took: record.duration,
        });
    }

    fn retries(&self, record: &RetryRecord) {
        let text = format!(
            "no answer to {} yet: {} packets in {:.1?}; tried for {:.0?} altogether",
            record.name, record.unanswered, record.waited, record.limit
        );
        self.0.log(Severity::Warning, "bmc", &text);
    }
}

pub(super) async fn address(info: &DriverInfo) -> std::result::Result<SocketAddr, IpmiError> {
    if let Ok(address) = info.host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, info.port));
    }
    tokio::time::timeout(RESOLVE_LIMIT, resolve(&info.host, info.port))
        .await
        .unwrap_or_else(|_| Err(IpmiError::new(&info.host, IpmiFault::UnknownHost(None))))
}

pub(super) fn target(info: &DriverInfo, address: SocketAddr) -> IpmiTarget {
    IpmiTarget {
        address,
        username: info.username.clone(),
        password: info.password.clone(),
        privilege: info.privilege,
        cipher_suite: info.cipher_suite,
        kg: info.kg.clone(),
    }
}

impl Bmc {
    async fn client(&self, task: &Task, info: &DriverInfo) -> Result<IpmiClient> {
        let started = Instant::now();
        let address = address(info).await.map_err(|error| {
            note(task, "find the BMC's address", &error, started);
            told(error)
        })?;
        let client = self
            .hub
            .client(target(info, address))
            .with_observer(Arc::new(Timeline(task.shared_recorder())))
            .with_cancel(task.cancel().clone());
        let left = task.deadline().saturating_duration_since(Instant::now());
        Ok(if left < client.deadline() {
            client.with_deadline(left)
        } else {
            client
        })
    }

    async fn set_device(
        &self,
        task: &Task,
        info: &DriverInfo,
        device: BootDevice,
        persistent: bool,
    ) -> Result<()> {
        let efi = boot_mode(&task.node()).map_or(self.efi_by_default, |mode| match mode {
            BootMode::Uefi => true,
            BootMode::Bios => false,
        });
        let wanted = BootOverride {
            device: selector(device).ok_or_else(|| unsupported(device))?,
            persistent,
            efi,
            keep_past_timeout: info.disable_boot_timeout,
        };
        let client = self.client(task, info).await?;
        client.set_boot_device(wanted).await.map_err(told)?;
        let started = Instant::now();
        if let Err(error) = client.check_boot_device(wanted).await
            && matches!(error.fault(), IpmiFault::BootDeviceNotKept { .. })
        {
            // Told and not refused: some BMCs keep the device and do not show it.
            note(task, "read the boot device back", &error, started);
        }
        Ok(())
    }

    /// Sets the forced boot device again, unless the next boot has one of its own.
    async fn set_forced_device(&self, task: &Task, info: &DriverInfo) -> Result<()> {
        if !info.force_boot_device {
            return Ok(());
        }
        let node = task.node();
        let internal = &node.driver_internal_info;
        if internal.get(NEXT_IS_PERSISTENT) == Some(&Value::Bool(false)) {
            return task
                .record(Changes::none().internal(NEXT_IS_PERSISTENT, Value::Null))
                .await;
        }
        match forced_device(internal) {
            Some(device) => self.set_device(task, info, device, true).await,
            None => Ok(()),
        }
    }
}

fn forced_device(internal: &Object) -> Option<BootDevice> {
    internal
        .get(FORCED_DEVICE)
        .and_then(Value::as_str)
        .and_then(BootDevice::parse)
}

fn told(error: IpmiError) -> DriverError {
    match error.fault() {
        IpmiFault::Cancelled => DriverError::Cancelled,
        IpmiFault::Unconfirmed { wanted, waited } => DriverError::PowerUnchanged {
            found: if *wanted == "on" {
                "power off"
            } else {
                "power on"
            }
            .to_owned(),
            command: format!("power {wanted}"),
            seconds: waited.as_secs(),
        },
        _ => DriverError::Bmc(error.to_string()),
    }
}

/// Puts a failure on the timeline that is not one of a single command.
fn note(task: &Task, name: &str, error: &IpmiError, started: Instant) {
    task.recorder().bmc_command(&BmcCommand {
        name,
        rung: rung::broken(name, error.fault()),
        outcome: Err(BmcTrouble {
            message: &error.fault().to_string(),
            remedy: error.remedy(),
        }),
        took: started.elapsed(),
    });
}

fn unsupported(device: BootDevice) -> DriverError {
    DriverError::InvalidParameter(format!(
        "Invalid boot device {} specified.",
        device.as_str()
    ))
}

const fn selector(device: BootDevice) -> Option<flags::BootDevice> {
    match device {
        BootDevice::Pxe => Some(flags::BootDevice::Pxe),
        BootDevice::Disk => Some(flags::BootDevice::Disk),
        BootDevice::Cdrom => Some(flags::BootDevice::Cdrom),
        BootDevice::Bios => Some(flags::BootDevice::Bios),
        BootDevice::Safe => Some(flags::BootDevice::Safe),
        BootDevice::Wanboot | BootDevice::Iscsiboot | BootDevice::Floppy | BootDevice::UefiHttp => {
            None
        }
    }
}

const SUPPORTED: &[BootDevice] = &[
    BootDevice::Pxe,
    BootDevice::Disk,
    BootDevice::Cdrom,
    BootDevice::Bios,
    BootDevice::Safe,
];

#[async_trait]
impl Power for IpmiPower {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        DriverInfo::read(&task.node().driver_info).map(|_| ())
    }

    fn supported(&self) -> &'static [PowerTarget] {
        &PowerTarget::ALL
    }

    async fn state(&self, task: &Task) -> Result<Option<PowerState>> {
        let info = DriverInfo::read(&task.node().driver_info)?;
        self.0
            .client(task, &info)
            .await?
            .power_state()
            .await
            .map(Some)
            .map_err(told)
    }

    async fn set(&self, task: &Task, target: PowerTarget, limit: Duration) -> Result<PowerState> {
        let info = DriverInfo::read(&task.node().driver_info)?;
        if target.reached() == PowerState::On {
            self.0.set_forced_device(task, &info).await?;
        }
        let usual = ReadBack::default();
        let read_back = match target {
            PowerTarget::On | PowerTarget::Off | PowerTarget::Reboot => ReadBack {
                hard: limit,
                ..usual
            },
            PowerTarget::SoftOff | PowerTarget::SoftReboot => ReadBack {
                hard: limit.min(usual.hard),
                soft: limit,
                ..usual
            },
        };
        let resets = target == PowerTarget::Reboot && task.node().disable_power_off;
        let client = self.0.client(task, &info).await?;
        let started = Instant::now();
        task.run("the power change", async {
            let changed = if resets {
                client.reset().await
            } else {
                client.set_power(target, &read_back).await
            };
            if let Err(error) = &changed
                && matches!(error.fault(), IpmiFault::Unconfirmed { .. })
            {
                note(task, "read the power back", error, started);
            }
            changed.map_err(told)
        })
        .await?;
        Ok(target.reached())
    }

    async fn probe(&self, driver_info: &Object) -> ProbeReport {
        let info = match DriverInfo::read(driver_info) {
            Ok(info) => info,
            Err(error) => {
                return unreachable_report(error.to_string(), "correct what was entered");
            }
        };
        match address(&info).await {
            Ok(address) => {
                let client = self.0.hub.client(target(&info, address));
                client.with_deadline(PROBE_LIMIT).probe().await
            }
            Err(error) => {
                unreachable_report(format!("{}: {}", info.host, error.fault()), error.remedy())
            }
        }
    }

    async fn discover(&self, place: &Place, credentials: &[Credentials]) -> Option<Sighting> {
        discover::look(&self.0.hub, place, credentials).await
    }
}

#[async_trait]
impl Management for IpmiManagement {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        DriverInfo::read(&task.node().driver_info).map(|_| ())
    }

    fn supported_boot_devices(&self) -> &'static [BootDevice] {
        SUPPORTED
    }

    async fn boot_device(&self, task: &Task) -> Result<BootDeviceSetting> {
        let node = task.node();
        let info = DriverInfo::read(&node.driver_info)?;
        let internal = &node.driver_internal_info;
        let own_next = internal.get(NEXT_IS_PERSISTENT) == Some(&Value::Bool(false));
        if info.force_boot_device
            && !own_next
            && let Some(device) = forced_device(internal)
        {
            return Ok(BootDeviceSetting {
                boot_device: Some(device),
                persistent: Some(true),
            });
        }
        let found = self
            .0
            .client(task, &info)
            .await?
            .boot_flags()
            .await
            .map_err(told)?;
        let device = SUPPORTED
            .iter()
            .copied()
            .find(|device| selector(*device) == Some(found.device));
        Ok(match device.filter(|_| found.valid) {
            Some(device) => BootDeviceSetting {
                boot_device: Some(device),
                persistent: Some(found.persistent),
            },
            None => BootDeviceSetting::default(),
        })
    }

    async fn set_boot_device(
        &self,
        task: &Task,
        device: BootDevice,
        persistent: bool,
    ) -> Result<()> {
        let info = DriverInfo::read(&task.node().driver_info)?;
        self.0.set_device(task, &info, device, persistent).await?;
        crash_point(CrashPoint::BootDeviceSet);
        if !info.force_boot_device {
            return Ok(());
        }
        task.record(if persistent {
            Changes::none()
                .internal(FORCED_DEVICE, device.as_str())
                .internal(NEXT_IS_PERSISTENT, Value::Null)
        } else {
            Changes::none().internal(NEXT_IS_PERSISTENT, false)
        })
        .await
    }

    async fn indicators(&self, task: &Task) -> Result<Vec<Indicator>> {
        let info = DriverInfo::read(&task.node().driver_info)?;
        let client = self.0.client(task, &info).await?;
        let status = client.chassis_status().await.map_err(told)?;
        Ok(vec![identify::lamp(status.identify)])
    }

    async fn set_indicator(&self, task: &Task, lamp: &Lamp<'_>) -> Result<()> {
        let on = identify::wanted(lamp)?;
        let info = DriverInfo::read(&task.node().driver_info)?;
        let client = self.0.client(task, &info).await?;
        let lit = client.chassis_identify(identify::seconds(on)).await;
        lit.map_err(told)
    }

    async fn identify(&self, driver_info: &Object, on: bool) -> Result<()> {
        let info = DriverInfo::read(driver_info)?;
        let address = address(&info).await.map_err(told)?;
        let client = self.0.hub.client(target(&info, address));
        let client = client.with_deadline(PROBE_LIMIT);
        let lit = client.chassis_identify(identify::seconds(on)).await;
        lit.map_err(told)
    }

    async fn inject_nmi(&self, task: &Task) -> Result<()> {
        let info = DriverInfo::read(&task.node().driver_info)?;
        let client = self.0.client(task, &info).await?;
        let interrupt = ChassisControl::DiagnosticInterrupt;
        client.chassis_control(interrupt).await.map_err(told)
    }
}
