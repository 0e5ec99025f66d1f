//! Power requests of users.

use std::time::Duration;

use cupola_api::event::EventKind;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::state::power::{PowerState, PowerTarget};
use cupola_drivers::interface::PowerSet;

use super::Conductor;
use super::diagnosis::Situation;
use super::error::{WorkError, WorkResult};
use super::work::Work;

impl Conductor {
    pub(super) async fn start_power(
        &self,
        id: NodeId,
        target: PowerTarget,
        timeout: Option<Duration>,
    ) -> Result<(), ApiFault> {
        let worker = self.inner.workers.for_request()?;
        let held = self.lock(id).await?;
        match self.prepare_power(&held.work, target).await {
            Ok(()) => {
                self.spawn(held, worker, move |work| async move {
                    work.run_power(target, timeout).await;
                });
                Ok(())
            }
            Err(fault) => {
                self.release(held).await;
                Err(fault)
            }
        }
    }

    async fn prepare_power(&self, work: &Work, target: PowerTarget) -> Result<(), ApiFault> {
        let (task, hardware) = work.hardware().await?;
        if !hardware.power.supported().contains(&target) {
            return Err(ApiFault::bad_request(format!(
                "Driver {} does not support power state {:?} (disabled or not implemented).",
                task.node().driver,
                target.as_str()
            )));
        }
        hardware.power.validate(&task).map_err(WorkError::from)?;
        work.modify(|node| {
            node.target_power_state = Some(target.reached());
            if !node.provision_state.is_failed() {
                node.last_error = None;
            }
        })
        .await
        .map_err(WorkError::from)?;
        work.publish(EventKind::Power {
            state: target.as_str().to_owned(),
            cause: "requested".to_owned(),
        });
        Ok(())
    }
}

impl Work {
    async fn run_power(&self, target: PowerTarget, timeout: Option<Duration>) {
        let changed = self.change_power(target, timeout).await;
        match changed {
            Ok(()) => {}
            Err(_) if self.is_stopping() => {}
            Err(error) => {
                let text = format!(
                    "Failed to change power state to '{}' by '{}': {error}",
                    target.reached().as_str(),
                    target.as_str()
                );
                let text = self.explained(&text, Situation::Failed).await;
                self.note_error("UNKNOWN", &text).await;
            }
        }
        let ended = self.modify(|node| node.target_power_state = None).await;
        if let Err(error) = ended {
            tracing::warn!(%error, node = %self.id(), "power request could not be ended");
        }
    }

    pub(super) async fn change_power(
        &self,
        target: PowerTarget,
        timeout: Option<Duration>,
    ) -> WorkResult<()> {
        let (task, hardware) = self.hardware().await?;
        let now = hardware.power.state(&task).await?;
        let there = match target {
            PowerTarget::On => now == Some(PowerState::On),
            PowerTarget::Off | PowerTarget::SoftOff => now == Some(PowerState::Off),
            PowerTarget::Reboot | PowerTarget::SoftReboot => false,
        };
        if there {
            task.power_set(target, PowerSet::Start).await;
            self.modify(|node| node.power_state = now).await?;
            task.power_set(target, PowerSet::End).await;
            return Ok(());
        }
        let task = match timeout {
            Some(limit) => task.within(limit),
            None => task,
        };
        self.set_power(&task, &hardware, target).await
    }
}
