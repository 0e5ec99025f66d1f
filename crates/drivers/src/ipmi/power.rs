//! Power changes confirmed by reading the power state back: a BMC that accepts a command has not
//! carried it out yet, and some never do.

use std::time::Duration;

use cupola_api::{PowerState, PowerTarget};
use tokio::time::Instant;

use super::{
    client::IpmiClient,
    error::{IpmiError, IpmiFault},
    wire::{chassis::ChassisControl, completion::CompletionCode},
};

/// How a power change is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBack {
    /// How long the power may take to follow a hard command.
    pub hard: Duration,
    /// How long the operating system may take to shut down.
    pub soft: Duration,
    /// The first wait between two readings; doubles up to two seconds.
    pub interval: Duration,
}

impl Default for ReadBack {
    fn default() -> Self {
        Self {
            hard: Duration::from_secs(60),
            soft: Duration::from_secs(600),
            interval: Duration::from_millis(250),
        }
    }
}

/// What the wait between two readings grows to.
const INTERVAL_MOST: Duration = Duration::from_secs(2);

impl IpmiClient {
    /// Brings the machine to this power state and returns when the BMC reads so. A machine that is
    /// already there is left alone: some BMCs take "power on" for "power cycle".
    pub async fn set_power(
        &self,
        target: PowerTarget,
        read_back: &ReadBack,
    ) -> Result<(), IpmiError> {
        match target {
            PowerTarget::On => {
                self.reach(PowerState::On, ChassisControl::PowerUp, read_back)
                    .await
            }
            PowerTarget::Off => {
                self.reach(PowerState::Off, ChassisControl::PowerDown, read_back)
                    .await
            }
            PowerTarget::SoftOff => {
                self.reach(PowerState::Off, ChassisControl::SoftShutdown, read_back)
                    .await
            }
            PowerTarget::Reboot => {
                self.reach(PowerState::Off, ChassisControl::PowerDown, read_back)
                    .await?;
                self.reach(PowerState::On, ChassisControl::PowerUp, read_back)
                    .await
            }
            PowerTarget::SoftReboot => {
                self.reach(PowerState::Off, ChassisControl::SoftShutdown, read_back)
                    .await?;
                self.reach(PowerState::On, ChassisControl::PowerUp, read_back)
                    .await
            }
        }
    }

    /// Resets the machine: it is never off, so that there is nothing to read back but that the BMC
    /// took the command.
    pub async fn reset(&self) -> Result<(), IpmiError> {
        match self.power_state().await? {
            PowerState::On => self.chassis_control(ChassisControl::HardReset).await,
            _ => self.chassis_control(ChassisControl::PowerUp).await,
        }
    }

    async fn reach(
        &self,
        wanted: PowerState,
        control: ChassisControl,
        read_back: &ReadBack,
    ) -> Result<(), IpmiError> {
        if self.power_state().await? == wanted {
            return Ok(());
        }
        match self.chassis_control(control).await {
            Ok(()) => {}
            // It may have got there by itself between the reading and the command.
            Err(error) if refused_in_state(&error) => {}
            Err(error) => return Err(error),
        }
        let patience = match control {
            ChassisControl::SoftShutdown => read_back.soft,
            ChassisControl::PowerDown
            | ChassisControl::PowerUp
            | ChassisControl::PowerCycle
            | ChassisControl::HardReset
            | ChassisControl::DiagnosticInterrupt => read_back.hard,
        };
        self.confirm(wanted, patience, read_back.interval).await
    }

    /// Reads the power state until it is the wanted one.
    async fn confirm(
        &self,
        wanted: PowerState,
        patience: Duration,
        mut interval: Duration,
    ) -> Result<(), IpmiError> {
        let started = Instant::now();
        let deadline = started + patience;
        loop {
            // One reading must not outlast the whole patience by more than a second.
            let left = deadline.saturating_duration_since(Instant::now());
            let reading = self
                .clone()
                .with_deadline(self.deadline().min(left.max(Duration::from_secs(1))));
            match reading.power_state().await {
                Ok(state) if state == wanted => return Ok(()),
                Ok(_) => {}
                // Some BMCs are deaf while they switch the power.
                Err(error) if error.is_temporary() && Instant::now() < deadline => {}
                Err(error) => return Err(error),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.error(IpmiFault::Unconfirmed {
                    wanted: if wanted == PowerState::On {
                        "on"
                    } else {
                        "off"
                    },
                    waited: started.elapsed(),
                }));
            }
            self.pause(interval.min(left)).await?;
            interval = (interval * 2).min(INTERVAL_MOST);
        }
    }
}

fn refused_in_state(error: &IpmiError) -> bool {
    matches!(
        error.fault(),
        IpmiFault::Refused {
            code: CompletionCode::NotInPresentState,
            ..
        }
    )
}
