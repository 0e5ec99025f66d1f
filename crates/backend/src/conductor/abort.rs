//! Aborting what waits: at once where the step allows it, else when the step ends.

use cupola_api::event::{EventKind, Outcome, Severity};
use cupola_api::fault::ApiFault;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::Actor;
use serde_json::Value;

use super::error::{WorkError, WorkResult};
use super::flow::Flow;
use super::locks::Held;
use super::provision::{Job, Started};
use super::wait::suspended_flow;
use super::work::Work;
use super::{Conductor, steps};
use crate::store::StoredNode;

/// What `last_error` says of a servicing that was given up.
const SERVICE_ABORTED: &str = "By request, the service operation was aborted.";

impl Conductor {
    pub(super) async fn start_abort(
        &self,
        held: &Held,
        node: &StoredNode,
    ) -> Result<Started, ApiFault> {
        let work = &held.work;
        let from = node.provision_state;
        if from == ProvisionState::ServiceFailed {
            self.check_give_up(node)?;
            return Ok(Started::Work(Job::EndAbort { from }));
        }
        if let Some((flow, step)) = work.unabortable_step(node).await? {
            work.log(
                Severity::Info,
                format!("step {step} cannot be stopped; the abort follows when it ends"),
            );
            work.modify(|node| {
                node.driver_internal_info
                    .insert("abort_requested".to_owned(), Value::Bool(true));
                // Clients see there that it was heard.
                flow.field(node)
                    .insert("abort_after".to_owned(), Value::Bool(true));
            })
            .await
            .map_err(WorkError::from)?;
            return Ok(Started::Done);
        }
        let operation = match from {
            ProvisionState::InspectWait => "Inspection was aborted by request.",
            ProvisionState::CleanWait | ProvisionState::CleanHold => {
                "By request, the clean operation was aborted."
            }
            ProvisionState::RescueWait => "By request, the rescue operation was aborted.",
            ProvisionState::ServiceWait | ProvisionState::ServiceHold => SERVICE_ABORTED,
            _ => "By request, the deploy operation was aborted.",
        };
        work.end_waiting_step(from).await?;
        let verb = ProvisionVerb::Abort;
        work.transition(verb.event(), Actor::User, verb.as_str(), |node| {
            node.last_error = Some(operation.to_owned());
        })
        .await?;
        work.history("ERROR", history_type(from), operation).await;
        work.set_progress(None, None)
            .await
            .map_err(WorkError::from)?;
        Ok(Started::Work(Job::EndAbort { from }))
    }
}

const fn history_type(from: ProvisionState) -> &'static str {
    match from {
        ProvisionState::InspectWait => "introspection",
        ProvisionState::CleanWait | ProvisionState::CleanHold => "cleaning",
        ProvisionState::RescueWait => "rescue",
        ProvisionState::ServiceWait | ProvisionState::ServiceHold => "servicing",
        _ => "deploying",
    }
}

impl Work {
    /// The step that runs and must not be stopped.
    async fn unabortable_step(&self, node: &StoredNode) -> WorkResult<Option<(Flow, String)>> {
        let Some(flow) = suspended_flow(node.provision_state) else {
            return Ok(None);
        };
        let run = self.unfinished_run(flow).await?;
        let current = run.as_ref().and_then(|run| run.current());
        Ok(current
            .map(steps::from_stored)
            .filter(|step| !step.abortable)
            .map(|step| (flow, step.name())))
    }

    async fn end_waiting_step(&self, from: ProvisionState) -> WorkResult<()> {
        let Some(flow) = suspended_flow(from) else {
            return Ok(());
        };
        let Some(run) = self.unfinished_run(flow).await? else {
            return Ok(());
        };
        if let Some(record) = run.current() {
            let message = "aborted on request".to_owned();
            self.conductor()
                .store()
                .finish_step(self.id(), run.run, record.index, Err(message.clone()))
                .await?;
            self.publish(EventKind::StepFinished {
                step: record.name(),
                outcome: Outcome::Aborted,
                message,
                duration_ms: 0,
            });
        }
        Ok(())
    }

    /// Cleans up after an abort; the state has been moved already.
    pub(super) async fn end_abort(&self, from: ProvisionState) {
        match from {
            ProvisionState::ServiceWait
            | ProvisionState::ServiceHold
            | ProvisionState::ServiceFailed => {
                return self.give_up_service(SERVICE_ABORTED).await;
            }
            ProvisionState::InspectWait => self.clean_up_inspect().await,
            ProvisionState::CleanWait | ProvisionState::CleanHold => {
                self.clean_up_clean(false).await;
            }
            ProvisionState::RescueWait => self.clean_up_rescue().await,
            _ => self.clean_up_deploy().await,
        }
        let ended = self
            .modify(|node| {
                node.clean_step.clear();
                node.deploy_step.clear();
                for key in ["step_wait", "abort_requested"] {
                    node.driver_internal_info.shift_remove(key);
                }
                cupola_drivers::interface::Changes::none()
                    .without_agent()
                    .apply(node);
            })
            .await;
        if let Err(error) = ended {
            tracing::warn!(%error, node = %self.id(), "abort could not be completed");
        }
    }
    /// Ends a flow of which a user wanted no more while a step ran that could not be stopped. That
    /// step ended well: nothing is left unknown of the machine.
    pub(super) async fn abort_between_steps(&self, flow: Flow, reason: &str) {
        if flow == Flow::Service {
            self.fail("servicing", reason, |node| flow.field(node).clear())
                .await;
            return self.give_up_service(reason).await;
        }
        if let Err(error) = self.modify(|node| flow.field(node).clear()).await {
            tracing::warn!(%error, node = %self.id(), "ended step could not be cleared");
        }
        self.fail_flow(flow, reason).await;
    }
}
