//! What is done at start about what a process of the same name left half-done. A flow goes on from
//! its step; other work is begun again where that is safe, and failed where it is not.

use cupola_api::state::provision::ProvisionState;

use super::Conductor;
use super::clean;
use super::error::WorkResult;
use super::flow::Flow;
use super::work::Work;
use crate::store::{NodeFilter, StoreError, StoredNode};

impl Conductor {
    pub(super) async fn recover(&self) -> Result<(), StoreError> {
        let pending = self
            .store()
            .nodes(NodeFilter {
                reserved_by: Some(self.host().to_owned()),
                ..NodeFilter::default()
            })
            .await?;
        for node in pending.iter().filter(|n| n.target_power_state.is_some()) {
            let work = Work::new(self.clone(), node.uuid);
            work.modify(|node| node.target_power_state = None).await?;
            work.note_error(
                "takeover",
                "Pending power operation was aborted due to conductor restart",
            )
            .await;
        }
        let freed = self.store().release_all_of(self.host()).await?;
        if !freed.is_empty() {
            tracing::info!(
                count = freed.len(),
                "locks of an earlier process of this name were freed"
            );
        }
        for node in self.store().nodes(NodeFilter::default()).await? {
            if node.provision_state.is_working() {
                self.recover_working(&node).await;
            } else {
                self.arm(&node);
            }
        }
        Ok(())
    }

    async fn recover_working(&self, node: &StoredNode) {
        let locked = self.inner.workers.for_request().ok();
        let (Some(worker), Ok(held)) = (locked, self.try_lock(node.uuid).await) else {
            tracing::warn!(node = %node.uuid, "node is held by another conductor");
            return;
        };
        tracing::info!(node = %node.uuid, state = %node.provision_state, "work goes on");
        let state = node.provision_state;
        self.spawn(held, worker, move |work| async move {
            work.recover(state).await;
        });
    }
}

impl Work {
    async fn recover(&self, state: ProvisionState) {
        let recovered = match state {
            ProvisionState::Deploying => self.recover_flow(Flow::Deploy).await,
            ProvisionState::Cleaning => self.recover_flow(Flow::Clean).await,
            ProvisionState::Verifying => {
                self.run_verify().await;
                Ok(())
            }
            ProvisionState::Deleting => {
                self.run_teardown().await;
                Ok(())
            }
            ProvisionState::Adopting => {
                self.run_adopt().await;
                Ok(())
            }
            ProvisionState::Rescuing => {
                self.run_rescue().await;
                Ok(())
            }
            ProvisionState::Unrescuing => {
                self.run_unrescue().await;
                Ok(())
            }
            ProvisionState::Inspecting => {
                self.run_inspect().await;
                Ok(())
            }
            other => {
                let text = format!(
                    "The {other} state can't be resumed by conductor {}. Moving to fail state.",
                    self.conductor().host()
                );
                self.fail("transition", &text, |_| {}).await;
                Ok(())
            }
        };
        if let Err(error) = recovered {
            let text = format!("could not go on after a restart: {error}");
            self.fail("transition", &text, |_| {}).await;
        }
    }

    async fn recover_flow(&self, flow: Flow) -> WorkResult<()> {
        if self.unfinished_run(flow).await?.is_some() {
            self.run_flow(flow).await;
            return Ok(());
        }
        let run = self.conductor().store().run(self.id()).await?;
        match (flow, run) {
            // All steps have ended; only the state was not moved.
            (Flow::Deploy, Some(run)) if run.phase == flow.phase() && run.is_done() => {
                self.finish_deploy().await
            }
            (Flow::Clean, Some(run)) if run.phase == flow.phase() && run.is_done() => {
                self.finish_clean().await
            }
            (Flow::Clean, None) => {
                let needed = self.begin_clean(&[], false).await?;
                self.modify(|node| clean::prepare(node, false, false))
                    .await?;
                self.run_clean(needed).await;
                Ok(())
            }
            (Flow::Deploy | Flow::Clean, _) => Err(super::error::WorkError::failed(
                "the list of steps is gone; start the action again",
            )),
        }
    }
}
