//! The interfaces of one node, resolved, and what every flow does with them.

use std::sync::Arc;

use cupola_api::agent::StepFlow;
use cupola_api::state::power::{PowerState, PowerTarget};
use jiff::Timestamp;

use crate::agent::AgentError;
use crate::crash_point::{CrashPoint, crash_point};

use super::{
    Boot, Changes, Configuration, Deploy, DriverSettings, Inspect, Management, Outcome, Power,
    PowerSet, Rescue, Result, Serial, Step, StepSource, Task, Vendor,
};

/// What a node is driven with.
#[derive(Clone)]
pub struct Hardware {
    /// Power.
    pub power: Arc<dyn Power>,
    /// Boot device.
    pub management: Arc<dyn Management>,
    /// Booting.
    pub boot: Arc<dyn Boot>,
    /// Deploying and cleaning.
    pub deploy: Arc<dyn Deploy>,
    /// Inspecting; `None` for `no-inspect`.
    pub inspect: Option<Arc<dyn Inspect>>,
    /// Rescuing; `None` for `no-rescue`.
    pub rescue: Option<Arc<dyn Rescue>>,
    /// BIOS settings; `None` for `no-bios`.
    pub bios: Option<Arc<dyn Configuration>>,
    /// Firmware updates; `None` for `no-firmware`.
    pub firmware: Option<Arc<dyn Configuration>>,
    /// What only this hardware can; `None` for `no-vendor`.
    pub vendor: Option<Arc<dyn Vendor>>,
    /// The serial console; `None` where nothing carries one.
    pub serial: Option<Arc<dyn Serial>>,
    /// What the configuration says.
    pub settings: Arc<DriverSettings>,
}

impl Hardware {
    /// The steps of all interfaces that run in the conductor; those of priority 0 only when asked
    /// for.
    #[must_use]
    pub fn steps(&self, flow: StepFlow) -> Vec<Step> {
        let mut steps = self.deploy.steps(flow);
        for configuration in [&self.bios, &self.firmware].into_iter().flatten() {
            steps.extend(configuration.steps(flow));
        }
        if let Some(vendor) = &self.vendor {
            steps.extend(vendor.steps(flow));
        }
        steps
    }

    /// Runs one step of [`Hardware::steps`], or hands it to the agent.
    ///
    /// # Errors
    /// Why the step failed.
    pub async fn execute(&self, task: &Task, flow: StepFlow, step: &Step) -> Result<Outcome> {
        if let Some(configuration) = self.configuration_of(flow, step) {
            return configuration.execute(task, flow, step).await;
        }
        if let Some(vendor) = self.vendor_of(flow, step) {
            return vendor.execute(task, flow, step).await;
        }
        self.deploy.execute(task, self, flow, step).await
    }

    /// Looks whether a step is done that waits for the agent's command; of what runs in the conductor
    /// no agent knows.
    ///
    /// # Errors
    /// Those of [`Deploy::poll`].
    pub async fn poll(&self, task: &Task, flow: StepFlow, step: &Step) -> Result<Outcome> {
        if self.configuration_of(flow, step).is_some() || self.vendor_of(flow, step).is_some() {
            return Err(AgentError::NoSuchCommand { step: step.name() }.into());
        }
        self.deploy.poll(task, self, flow, step).await
    }

    fn configuration_of(&self, flow: StepFlow, step: &Step) -> Option<&Arc<dyn Configuration>> {
        let interface = match step.interface.as_str() {
            "bios" => self.bios.as_ref()?,
            "firmware" => self.firmware.as_ref()?,
            _ => return None,
        };
        has(&interface.steps(flow), step).then_some(interface)
    }

    fn vendor_of(&self, flow: StepFlow, step: &Step) -> Option<&Arc<dyn Vendor>> {
        let vendor = self.vendor.as_ref()?;
        has(&vendor.steps(flow), step).then_some(vendor)
    }

    /// Changes the power as every flow does it: an agent that would not survive is forgotten
    /// first, so that the next one is not mistaken for it, and a machine that starts waits for its
    /// turn.
    ///
    /// # Errors
    /// Those of the power interface.
    pub async fn set_power(&self, task: &Task, target: PowerTarget) -> Result<PowerState> {
        task.power_set(target, PowerSet::Start).await;
        let set = self.change_power(task, target).await;
        let moment = match &set {
            Ok(_) => PowerSet::End,
            Err(_) => PowerSet::Error,
        };
        task.power_set(target, moment).await;
        set
    }

    async fn change_power(&self, task: &Task, target: PowerTarget) -> Result<PowerState> {
        let before = Changes::none().internal(
            "last_power_state_change",
            Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%S%.6f")
                .to_string(),
        );
        task.record(match target {
            PowerTarget::On => before,
            PowerTarget::Off
            | PowerTarget::Reboot
            | PowerTarget::SoftOff
            | PowerTarget::SoftReboot => before.without_agent(),
        })
        .await?;
        match target {
            PowerTarget::On | PowerTarget::Reboot | PowerTarget::SoftReboot => {
                self.settings.power_on.turn(task).await?;
            }
            PowerTarget::Off | PowerTarget::SoftOff => {}
        }
        let limit = match target {
            PowerTarget::SoftOff | PowerTarget::SoftReboot => self.settings.soft_power_off_timeout,
            PowerTarget::On | PowerTarget::Off | PowerTarget::Reboot => {
                self.settings.power_state_change_timeout
            }
        };
        crash_point(CrashPoint::PowerDue);
        let state = self.power.set(task, target, limit).await?;
        crash_point(CrashPoint::PowerChanged);
        task.record(Changes::none().power(state)).await?;
        Ok(state)
    }

    /// Powers the machine off at the end of a piece of work; one that must never be off
    /// (`disable_power_off`) is reset instead.
    ///
    /// # Errors
    /// Those of the power interface.
    pub async fn power_off(&self, task: &Task) -> Result<PowerState> {
        let target = if task.node().disable_power_off {
            PowerTarget::Reboot
        } else {
            PowerTarget::Off
        };
        self.set_power(task, target).await
    }

    /// Powers the machine on after such an end; one that was never off is reset.
    ///
    /// # Errors
    /// Those of the power interface.
    pub async fn power_on(&self, task: &Task) -> Result<PowerState> {
        let target = if task.node().disable_power_off {
            PowerTarget::Reboot
        } else {
            PowerTarget::On
        };
        self.set_power(task, target).await
    }

    /// Starts the machine afresh: off, seen to be off, on. The agent is forgotten while the machine
    /// is off, so that no agent of before can take the token that is meant for the next.
    ///
    /// # Errors
    /// Those of the power interface.
    pub async fn restart(&self, task: &Task) -> Result<PowerState> {
        if task.node().disable_power_off {
            return self.set_power(task, PowerTarget::Reboot).await;
        }
        self.set_power(task, PowerTarget::Off).await?;
        task.record(Changes::none().without_agent()).await?;
        self.set_power(task, PowerTarget::On).await
    }
}

fn has(steps: &[Step], step: &Step) -> bool {
    step.source == StepSource::Conductor && steps.iter().any(|s| s.is(&step.interface, &step.step))
}

impl std::fmt::Debug for Hardware {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hardware").finish_non_exhaustive()
    }
}
