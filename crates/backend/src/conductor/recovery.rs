//! What is done at start about what a process of the same name left half-done. A flow goes on from
//! its step; other work is begun again where that is safe, and failed where it is not. What was
//! done and not told any more is in `recovery/timeline.rs`, machines that were booting in
//! `recovery/boot.rs`.

mod boot;
mod timeline;

use cupola_api::id::NodeId;
use cupola_api::state::provision::ProvisionState;
use cupola_api::state::transition::{Actor, Event};

use super::Conductor;
use super::clean;
use super::error::{WorkError, WorkResult};
use super::flow::Flow;
use super::wait::waited_for;
use super::work::Work;
use crate::store::patience::patiently;
use crate::store::{NodeFilter, StepRun, StepState, StoreError};

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
        let told_until = self.told_until().await?;
        let mut batches = self.store().batches(NodeFilter::default());
        while let Some(nodes) = batches.next().await? {
            for node in nodes {
                let has_moved = |until| node.provision_updated_at.is_some_and(|at| at >= until);
                if told_until.is_some_and(has_moved) {
                    self.complete_timeline(&node).await?;
                }
                self.record_serial(&node);
                if node.provision_state.is_working() {
                    self.recover_working(node.uuid, node.provision_state);
                } else {
                    self.arm(&node);
                    self.watch_boot(&node);
                }
            }
        }
        Ok(())
    }

    /// Goes on with a node, as soon as a worker is free for it.
    fn recover_working(&self, id: NodeId, state: ProvisionState) {
        let conductor = self.clone();
        let begun = async move {
            let Some(worker) = conductor.inner.workers.for_recovery().await else {
                return;
            };
            match conductor.try_lock(id).await {
                Ok(held) => {
                    tracing::info!(node = %id, %state, "work goes on");
                    conductor.spawn(held, worker, move |work| async move {
                        work.recover(state).await;
                    });
                }
                Err(fault) => tracing::warn!(node = %id, %fault, "work does not go on here"),
            }
        };
        let stop = self.inner.stop.clone();
        let end = stop.clone();
        self.inner.tracker.spawn(patiently(end, async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = begun => {}
            }
        }));
    }
}

impl Work {
    async fn recover(&self, state: ProvisionState) {
        match state {
            ProvisionState::Deploying => self.recover_or_fail(Flow::Deploy).await,
            ProvisionState::Cleaning => self.recover_or_fail(Flow::Clean).await,
            ProvisionState::Servicing => self.recover_or_fail(Flow::Service).await,
            ProvisionState::Verifying => self.run_verify().await,
            ProvisionState::Deleting => self.run_teardown().await,
            ProvisionState::Adopting => self.run_adopt().await,
            ProvisionState::Rescuing => self.run_rescue().await,
            ProvisionState::Unrescuing => self.run_unrescue().await,
            ProvisionState::Inspecting => self.run_inspect().await,
            other => {
                let text = format!(
                    "The {other} state can't be resumed by conductor {}. Moving to fail state.",
                    self.conductor().host()
                );
                self.fail("transition", &text, |_| {}).await;
            }
        }
    }

    async fn recover_or_fail(&self, flow: Flow) {
        if let Err(error) = self.recover_flow(flow).await
            && !self.is_stopping()
        {
            self.fail_flow(flow, &not_gone_on(&error)).await;
        }
    }

    async fn recover_flow(&self, flow: Flow) -> WorkResult<()> {
        let node = self.node().await?;
        let run = self.conductor().store().run(self.id()).await?;
        let Some(run) = run.filter(|run| run.phase == flow.phase()) else {
            return self.begin_again(flow).await;
        };
        if let Some(text) = failure_in(&run) {
            self.fail_flow(flow, &text).await;
            return Ok(());
        }
        // All steps have ended; only the state was not moved.
        if run.is_done() {
            return match flow {
                Flow::Deploy => self.finish_deploy().await,
                Flow::Clean => self.finish_clean().await,
                Flow::Service => self.finish_service().await,
            };
        }
        // It was about to wait, or to look at what had come: both happen again after a wait.
        if run.current().is_some_and(|step| waited_for(&node, step)) {
            let event = Event::Wait;
            let waiting = self
                .transition(event, Actor::Conductor, "waits", |_| {})
                .await?;
            self.conductor().watch_boot(&waiting);
            return Ok(());
        }
        self.run_flow(flow).await;
        Ok(())
    }

    /// Goes on where there is no list of steps: an automated cleaning without any.
    async fn begin_again(&self, flow: Flow) -> WorkResult<()> {
        match flow {
            Flow::Clean => {
                let needed = self.begin_clean(&[], false).await?;
                self.modify(|node| clean::prepare(node, false, false, false))
                    .await?;
                self.run_clean(needed).await;
                Ok(())
            }
            Flow::Deploy | Flow::Service => Err(WorkError::failed(
                "the list of steps is gone; start the action again",
            )),
        }
    }
}

fn not_gone_on(error: &WorkError) -> String {
    format!("could not go on after a restart: {error}")
}

/// The failure that was written down before the process died, if there was one.
fn failure_in(run: &StepRun) -> Option<String> {
    let failed = run.steps.iter().find(|s| s.state == StepState::Failed)?;
    Some(format!(
        "step {} failed: {}",
        failed.name(),
        failed
            .message
            .as_deref()
            .unwrap_or("its reason was not kept")
    ))
}
