//! Looking at every machine's power again and again: what is recorded follows the machine, or the
//! machine what is recorded; a BMC that stays silent puts its node into maintenance, and its
//! return ends that.

use std::sync::Arc;

use cupola_api::event::{EventKind, Severity};
use cupola_api::id::NodeId;
use cupola_api::node::Fault;
use cupola_api::state::power::{PowerState, PowerTarget};
use cupola_api::state::provision::ProvisionState;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::Conductor;
use super::diagnosis::Situation;
use super::error::WorkResult;
use super::work::Work;
use crate::store::{NodeFilter, StoreError, StoredNode};

fn skipped(node: &StoredNode) -> bool {
    let state = matches!(
        node.provision_state,
        ProvisionState::DeployWait
            | ProvisionState::CleanWait
            | ProvisionState::InspectWait
            | ProvisionState::ServiceWait
            | ProvisionState::Enroll
            | ProvisionState::AdoptFailed
    );
    state || node.target_power_state.is_some() || node.reservation.is_some()
}

impl Conductor {
    pub(super) async fn sync_power_states(self) -> Result<(), StoreError> {
        let filter = NodeFilter {
            maintenance: Some(false),
            ..NodeFilter::default()
        };
        let workers = self.options().sync_power_state_workers.max(1);
        let nodes = self.store().batches(filter).nodes();
        nodes
            .try_for_each_concurrent(workers, |node| {
                let conductor = self.clone();
                async move {
                    if !skipped(&node) {
                        conductor.sync_power_state(&node).await;
                    }
                    Ok(())
                }
            })
            .await
    }

    async fn sync_power_state(&self, node: &Arc<StoredNode>) {
        let work = Work::new(self.clone(), node.uuid);
        let read = async {
            let (task, hardware) = work.hardware().await?;
            if node.power_state.is_none() && hardware.power.validate(&task).is_err() {
                return Ok(None);
            }
            let limit = hardware.settings.power_state_change_timeout;
            WorkResult::Ok(Some(hardware.power.state(&task.within(limit)).await?))
        };
        match read.await {
            Ok(None) => {}
            Ok(Some(found @ Some(PowerState::Error))) => {
                self.count_failure(node, found, "the BMC reports an error")
                    .await;
            }
            Ok(Some(found)) => {
                if let Err(error) = self.compare(node, found).await {
                    tracing::debug!(%error, node = %node.uuid, "power state could not be synced");
                }
            }
            Err(_) if self.is_stopping() => {}
            Err(error) => {
                self.count_failure(node, None, &error.to_string()).await;
            }
        }
    }

    async fn compare(&self, node: &StoredNode, found: Option<PowerState>) -> WorkResult<()> {
        if found == node.power_state {
            self.forget_failures(node.uuid);
            if node.last_error.is_some() && !node.provision_state.is_failed() {
                let work = Work::new(self.clone(), node.uuid);
                work.modify(|node| node.last_error = None).await?;
            }
            return Ok(());
        }
        if self.wanted_power(node, found).is_some() {
            // Counted although it is brought back: a disagreement that comes again and again is a
            // failure.
            let name = |state: Option<PowerState>| state.map_or("unknown", PowerState::as_str);
            let error = format!(
                "the BMC reads {} instead of {}, and bringing it back does not last",
                name(found),
                name(node.power_state)
            );
            if self.count_failure(node, found, &error).await {
                return Ok(());
            }
        }
        let Ok(held) = self.try_lock(node.uuid).await else {
            return Ok(());
        };
        let synced = self.sync_held(&held.work, node, found).await;
        self.release(held).await;
        synced
    }

    /// What the machine is brought back to when this was found.
    fn wanted_power(&self, node: &StoredNode, found: Option<PowerState>) -> Option<PowerTarget> {
        let force = self.options().force_power_state_during_sync && !node.disable_power_off;
        let wanted = match (node.power_state, found) {
            (Some(PowerState::On), Some(_)) => Some(PowerTarget::On),
            (Some(PowerState::Off), Some(_)) => Some(PowerTarget::Off),
            _ => None,
        };
        wanted.filter(|_| force)
    }

    async fn sync_held(
        &self,
        work: &Work,
        before: &StoredNode,
        found: Option<PowerState>,
    ) -> WorkResult<()> {
        let node = work.node().await?;
        if node.power_state != before.power_state || node.target_power_state.is_some() {
            return Ok(());
        }
        match self.wanted_power(&node, found) {
            Some(target) => {
                work.log(
                    Severity::Warning,
                    format!(
                        "machine was found {}, recorded is {}; it is brought back",
                        found.map_or("unknown", PowerState::as_str),
                        target.reached().as_str()
                    ),
                );
                let (task, hardware) = work.hardware().await?;
                hardware.set_power(&task, target).await?;
            }
            None => {
                let synced = work.modify(|node| node.power_state = found).await?;
                work.notifier().power_corrected(&synced, before.power_state);
                self.forget_failures(node.uuid);
                work.publish(EventKind::Power {
                    state: found.map_or("unknown", PowerState::as_str).to_owned(),
                    cause: "found".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn forget_failures(&self, id: NodeId) {
        self.inner.power_failures.lock().remove(&id);
    }

    /// Counts a failure; true when it was one too many and the node is given up.
    async fn count_failure(
        &self,
        node: &StoredNode,
        found: Option<PowerState>,
        error: &str,
    ) -> bool {
        let failures = {
            let mut failures = self.inner.power_failures.lock();
            let count = failures.entry(node.uuid).or_insert(0);
            *count += 1;
            *count
        };
        if failures <= self.options().power_state_sync_max_retries {
            return false;
        }
        let Ok(held) = self.try_lock(node.uuid).await else {
            return false;
        };
        let read = found.map_or("None", PowerState::as_str);
        self.forget_failures(node.uuid);
        let text = format!(
            "During sync_power_state, max retries exceeded for node {}, node state {read} does not \
             match expected state '{}'. Updating DB state to '{read}' Switching node to maintenance \
             mode. Error: {error}",
            node.uuid,
            node.power_state.map_or("None", PowerState::as_str),
        );
        let text = held.work.explained(&text, Situation::Failed).await;
        held.work.note_error("monitoring", &text).await;
        let lost = held
            .work
            .modify(|node| {
                node.power_state = found;
                node.maintenance = true;
                node.maintenance_reason = Some(text.clone());
                node.fault = Some(Fault::PowerFailure);
            })
            .await;
        if let Ok(lost) = &lost {
            let notifier = held.work.notifier();
            notifier.power_corrected(lost, node.power_state);
            held.work.publish(EventKind::Maintenance {
                on: true,
                reason: Some(text),
            });
        }
        self.release(held).await;
        true
    }

    /// Tries BMCs that were lost.
    pub(super) async fn recover_power_failures(self) -> Result<(), StoreError> {
        let filter = NodeFilter {
            maintenance: Some(true),
            fault: Some(Fault::PowerFailure),
            ..NodeFilter::default()
        };
        let nodes = self.store().nodes(filter).await?;
        let workers = self.options().sync_power_state_workers.max(1);
        futures_util::stream::iter(nodes.into_iter().filter(|node| {
            node.reservation.is_none() && node.provision_state != ProvisionState::Enroll
        }))
        .for_each_concurrent(workers, |node| {
            let conductor = self.clone();
            async move {
                let work = Work::new(conductor, node.uuid);
                if let Err(error) = work.recover_power_failure().await {
                    tracing::debug!(%error, node = %node.uuid, "BMC is still lost");
                }
            }
        })
        .await;
        Ok(())
    }
}

impl Work {
    async fn recover_power_failure(&self) -> WorkResult<()> {
        let (task, hardware) = self.hardware().await?;
        hardware.power.validate(&task)?;
        let limit = hardware.settings.power_state_change_timeout;
        let state = hardware.power.state(&task.within(limit)).await?;
        if state == Some(PowerState::Error) {
            return Ok(());
        }
        let known = task.node().power_state;
        let recovered = self
            .modify(|node| {
                // Somebody may have decided otherwise meanwhile.
                if node.fault == Some(Fault::PowerFailure) {
                    node.power_state = state;
                    node.maintenance = false;
                    node.maintenance_reason = None;
                    node.fault = None;
                    node.last_error = None;
                }
            })
            .await?;
        if known != recovered.power_state {
            self.notifier().power_corrected(&recovered, known);
        }
        self.publish(EventKind::Maintenance {
            on: false,
            reason: Some("the BMC answers again".to_owned()),
        });
        Ok(())
    }
}
