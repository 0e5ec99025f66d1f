//! Callback time-outs: a wait state is given up when no heartbeat has come for too long. The text
//! names the highest rung of the boot that was seen, and what to look at next.

use std::time::Duration;

use cupola_api::state::provision::ProvisionState;
use jiff::Timestamp;
use tokio::time::Instant;

use super::Conductor;
use super::diagnosis::Situation;
use super::error::WorkError;
use super::wait::after;
use super::work::Work;
use crate::store::{StoreError, StoredNode};

/// How far a step was, and since when.
#[derive(Debug)]
pub(super) struct Progress {
    /// Which wait: that of another run is another one.
    wait: Option<Timestamp>,
    percent: u8,
    since: Instant,
}

impl Conductor {
    /// Why the step that this node waits for is given up: it tells its progress, and makes none for
    /// too long. An agent whose disk hangs goes on sending heartbeats.
    pub(super) fn stalled(&self, node: &StoredNode) -> Option<WorkError> {
        let limit = self.options().step_progress_timeout;
        let step = node.progress.step.as_ref()?;
        let percent = step.percent.filter(|_| !limit.is_zero())?;
        let wait = node.progress.waiting.as_ref().map(|wait| wait.since);
        let mut known = self.inner.progress.lock();
        match known.get(&node.uuid) {
            Some(before) if before.wait == wait && before.percent == percent => {
                let stood = before.since.elapsed();
                (stood > limit).then(|| {
                    WorkError::failed(format!(
                        "{} has stood at {percent} % for {} s: the disk or the download hangs",
                        step.step,
                        stood.as_secs()
                    ))
                })
            }
            _ => {
                let progress = Progress {
                    wait,
                    percent,
                    since: Instant::now(),
                };
                known.insert(node.uuid, progress);
                None
            }
        }
    }

    pub(super) async fn check_timeouts(self) -> Result<(), StoreError> {
        let states = [
            ProvisionState::DeployWait,
            ProvisionState::CleanWait,
            ProvisionState::InspectWait,
            ProvisionState::RescueWait,
            ProvisionState::ServiceWait,
        ];
        for node in self.store().nodes_in(&states).await? {
            if node.maintenance || node.reservation.is_some() || !self.is_overdue(&node) {
                continue;
            }
            let Some(worker) = self.inner.workers.for_heartbeat() else {
                return Ok(());
            };
            let Ok(held) = self.try_lock(node.uuid).await else {
                continue;
            };
            let conductor = self.clone();
            self.spawn(held, worker, move |work| async move {
                conductor.give_up(&work).await;
            });
        }
        Ok(())
    }

    fn is_overdue(&self, node: &StoredNode) -> bool {
        let Some((limit, since)) = self.limit_of(node) else {
            return false;
        };
        since
            .and_then(|since| after(since, limit))
            .is_some_and(|deadline| deadline < Timestamp::now())
    }

    fn limit_of(&self, node: &StoredNode) -> Option<(Duration, Option<Timestamp>)> {
        let options = self.options();
        match node.provision_state {
            ProvisionState::DeployWait => {
                Some((options.deploy_callback_timeout, node.provision_updated_at))
            }
            ProvisionState::CleanWait => {
                Some((options.clean_callback_timeout, node.provision_updated_at))
            }
            ProvisionState::RescueWait => {
                Some((options.rescue_callback_timeout, node.provision_updated_at))
            }
            ProvisionState::ServiceWait => {
                Some((options.service_callback_timeout, node.provision_updated_at))
            }
            ProvisionState::InspectWait => {
                Some((options.inspect_wait_timeout, node.inspection_started_at))
            }
            _ => None,
        }
    }

    async fn give_up(&self, work: &Work) {
        let Ok(node) = work.node().await else { return };
        if !self.is_overdue(&node) {
            return;
        }
        let text = format!(
            "Timeout reached while waiting for callback for node {}.",
            node.uuid
        );
        let text = work.explained(&text, Situation::TimedOut).await;
        match node.provision_state {
            ProvisionState::DeployWait => work.fail_deploy(&text).await,
            ProvisionState::CleanWait => work.fail_clean(&text).await,
            ProvisionState::InspectWait => {
                work.clean_up_inspect().await;
                work.fail_inspect(&text).await;
            }
            ProvisionState::RescueWait => work.fail_rescue(&text).await,
            ProvisionState::ServiceWait => work.fail_service(&text).await,
            _ => {}
        }
    }
}
