//! Servicing: steps that a user gives run on a machine in use; from the verb to `active`, or to
//! `service failed`. The ramdisk takes the instance's place only where a step needs it.

use cupola_api::agent::StepFlow;
use cupola_api::event::Severity;
use cupola_api::fault::ApiFault;
use cupola_api::node::{Fault, Node, Object};
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::{Actor, Event};
use cupola_drivers::agent::fast_track;
use cupola_drivers::interface::Changes;
use serde_json::Value;

use super::deploy::requested_steps;
use super::error::{WorkError, WorkResult};
use super::flow::Flow;
use super::locks::Held;
use super::logs::Ended;
use super::work::Work;
use super::{Conductor, steps};
use crate::store::{Phase, StepRun, StepState};

/// Keys of `driver_internal_info` that belong to one servicing.
const SERVICE_KEYS: &[&str] = &[
    "step_wait",
    "abort_requested",
    "agents_lost",
    "service_disable_ramdisk",
    "agent_cached_service_steps",
];

impl Conductor {
    /// Checks everything that can be checked before the answer, then starts.
    pub(super) async fn start_service(
        &self,
        held: &Held,
        request: &ProvisionRequest,
    ) -> Result<(), ApiFault> {
        let work = &held.work;
        let node = work.node().await.map_err(WorkError::from)?;
        if node.maintenance {
            return Err(ApiFault::bad_request(format!(
                "The service operation can't be performed on node {} because it's in maintenance \
                 mode.",
                node.uuid
            )));
        }
        let (task, hardware) = work.hardware().await?;
        hardware.power.validate(&task).map_err(|error| {
            ApiFault::bad_request(format!(
                "Validation of node {} for servicing failed: {error}",
                node.uuid
            ))
        })?;
        let requested = requested_steps(request.service_steps.as_deref())?;
        let known = hardware.steps(StepFlow::Service);
        let asked = request.disable_ramdisk.unwrap_or(false);
        let requested = steps::checked(&requested, &known, asked).map_err(|error| {
            ApiFault::bad_request(format!("Cannot service node {}: {error}", node.uuid))
        })?;
        // A ramdisk that no step needs does not take the instance's place.
        let disable_ramdisk = asked || requested.iter().all(|step| !step.requires_ramdisk);
        let left = work.left_ramdisk().await?;
        let mut list = Vec::new();
        if !disable_ramdisk {
            list.push(steps::own(steps::START_SERVICE));
        }
        list.extend(requested);
        if !disable_ramdisk || left {
            list.push(steps::own(steps::END_SERVICE));
        }
        let list: Vec<_> = list.iter().map(steps::to_stored).collect();
        self.store()
            .begin_run(work.id(), Flow::Service.phase(), &list)
            .await
            .map_err(WorkError::from)?;
        let alive = fast_track::is_alive(&node, &hardware.settings.agent);
        let verb = ProvisionVerb::Service;
        work.transition(verb.event(), Actor::User, verb.as_str(), |node| {
            forget_service(node);
            if !alive {
                Changes::none().without_agent().apply(node);
            }
            node.last_error = None;
            node.driver_internal_info.insert(
                "service_disable_ramdisk".to_owned(),
                Value::Bool(disable_ramdisk),
            );
        })
        .await?;
        Ok(())
    }

    /// Checks whether a servicing that failed may be given up, before that is done.
    pub(super) fn check_give_up(&self, node: &Node) -> Result<(), ApiFault> {
        if node.maintenance {
            return Err(ApiFault::conflict(format!(
                "Can not abort service on node \"{}\" while it is in maintenance mode. Please \
                 remove the node from maintenance prior to issuing the request to abort the service \
                 operation.",
                node.uuid
            )));
        }
        Ok(())
    }
}

fn forget_service(node: &mut Node) {
    for key in SERVICE_KEYS {
        node.driver_internal_info.shift_remove(*key);
    }
    node.service_step = Object::new();
}

/// Whether the ramdisk was started in the instance's place and not ended since.
fn leaves_ramdisk(run: &StepRun) -> bool {
    let own = |name: &str| {
        run.steps
            .iter()
            .find(|step| step.what.interface == steps::OWN && step.what.step == name)
    };
    let Some(end) = own(steps::END_SERVICE) else {
        return false;
    };
    let started = own(steps::START_SERVICE).is_none_or(|step| step.state != StepState::Pending);
    run.phase == Phase::Service && started && end.state != StepState::Done
}

impl Work {
    /// Whether the node's last servicing has left its ramdisk in the instance's place.
    async fn left_ramdisk(&self) -> WorkResult<bool> {
        let state = self.node().await?.provision_state;
        let may_have = matches!(
            state,
            ProvisionState::ServiceFailed
                | ProvisionState::ServiceHold
                | ProvisionState::ServiceWait
                | ProvisionState::Servicing
        );
        let run = self.conductor().store().run(self.id()).await?;
        Ok(may_have && run.is_some_and(|run| leaves_ramdisk(&run)))
    }

    pub(super) async fn finish_service(&self) -> WorkResult<()> {
        self.set_progress(None, None).await?;
        self.transition(Event::Done, Actor::Conductor, "serviced", |node| {
            forget_service(node);
            Changes::none().without_agent().apply(node);
        })
        .await?;
        self.history("INFO", "servicing_end", "Servicing has ended: active.")
            .await;
        Ok(())
    }

    /// Ends a servicing that failed. When a step was running the node goes into maintenance and the
    /// machine is left as it is: nobody knows what the step has done to it.
    pub(super) async fn fail_service(&self, text: &str) {
        self.collect_logs("service", Ended::Badly).await;
        let ran = self
            .node()
            .await
            .is_ok_and(|node| !node.service_step.is_empty());
        if let Err(error) = self.end_service_ramdisk(ran).await {
            let text = format!("could not clean up after the servicing: {error}");
            self.log(Severity::Warning, text);
        }
        self.fail("servicing", text, |node| {
            forget_service(node);
            Changes::none().without_agent().apply(node);
            if ran {
                node.maintenance = true;
                node.fault = Some(Fault::ServiceFailure);
                node.maintenance_reason
                    .get_or_insert_with(|| text.to_owned());
            }
        })
        .await;
        if ran {
            self.publish(cupola_api::event::EventKind::Maintenance {
                on: true,
                reason: Some(text.to_owned()),
            });
        }
    }

    /// Takes the ramdisk back, if there is one; the instance boots again unless the machine shall
    /// stay as it is.
    async fn end_service_ramdisk(&self, stays: bool) -> WorkResult<()> {
        if !self.left_ramdisk().await? {
            return Ok(());
        }
        let (task, hardware) = self.hardware().await?;
        if stays {
            hardware.boot.clean_up_ramdisk(&task).await?;
        } else {
            hardware.deploy.tear_down_service(&task, &hardware).await?;
        }
        Ok(())
    }

    /// Ends a servicing that is given up: the instance boots again, and the node is `active`. Where
    /// that cannot be done, it stays in `service failed`.
    pub(super) async fn give_up_service(&self, reason: &str) {
        let ended = async {
            self.end_service_ramdisk(false).await?;
            self.set_progress(None, None).await?;
            let verb = ProvisionVerb::Abort;
            self.transition(verb.event(), Actor::User, "given up", |node| {
                forget_service(node);
                Changes::none().without_agent().apply(node);
                node.last_error = Some(reason.to_owned());
            })
            .await
        };
        if let Err(error) = ended.await
            && !self.is_stopping()
        {
            let text = format!(
                "Failed to tear down service after aborting the operation: {error}. Abort again \
                 when the machine can be reached."
            );
            self.note_error("servicing", &text).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StepRecord;

    fn run(steps: &[(&str, StepState)]) -> StepRun {
        let records = (1..).zip(steps).map(|(index, (name, state))| StepRecord {
            index,
            what: steps::to_stored(&steps::own(name)),
            state: *state,
            started_at: None,
            finished_at: None,
            message: None,
        });
        StepRun {
            run: uuid::Uuid::nil(),
            phase: Phase::Service,
            steps: records.collect(),
        }
    }

    #[test]
    fn a_ramdisk_is_left_from_its_start_to_its_end() {
        use StepState::{Done, Failed, Pending, Waiting};
        let (start, end) = (steps::START_SERVICE, steps::END_SERVICE);
        for (list, left) in [
            (vec![], false),
            (vec![(start, Pending), (end, Pending)], false),
            (vec![(start, Waiting), (end, Pending)], true),
            (vec![(start, Done), (end, Failed)], true),
            (vec![(start, Done), (end, Done)], false),
            // That of an earlier servicing.
            (vec![(end, Pending)], true),
        ] {
            assert_eq!(leaves_ramdisk(&run(&list)), left, "{list:?}");
        }
    }
}
