//! Deploying and rebuilding: from the verb to `active`, or to `deploy failed`.

use cupola_api::agent::StepFlow;
use cupola_api::deploy_template::DeployTemplate;
use cupola_api::event::Severity;
use cupola_api::fault::ApiFault;
use cupola_api::node::{Node, Object};
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::{Actor, Event};
use cupola_drivers::agent::fast_track;
use cupola_drivers::crash_point::{CrashPoint, crash_point};
use cupola_drivers::interface::{Changes, Step};
use serde_json::Value;

use super::config_drive;
use super::error::{WorkError, WorkResult};
use super::flow::Flow;
use super::locks::Held;
use super::logs::Ended;
use super::work::Work;
use super::{Conductor, steps, templates};
use crate::store::NewStep;

/// Keys of `driver_internal_info` that belong to one deploy.
const DEPLOY_KEYS: &[&str] = &[
    "step_wait",
    "abort_requested",
    "agents_lost",
    "agent_cached_deploy_steps",
];

impl Conductor {
    /// Checks everything that can be checked before the answer, then starts.
    pub(super) async fn start_deploy(
        &self,
        held: &Held,
        verb: ProvisionVerb,
        request: &ProvisionRequest,
    ) -> Result<(), ApiFault> {
        let work = &held.work;
        let node = work.node().await.map_err(WorkError::from)?;
        if verb == ProvisionVerb::Rebuild && node.protected {
            return Err(ApiFault::new(
                403,
                format!(
                    "Node {} is protected and cannot be undeployed, rebuilt or deleted",
                    node.uuid
                ),
            ));
        }
        self.check_concurrency(
            "deploying",
            &[ProvisionState::Deploying, ProvisionState::DeployWait],
            self.options().max_concurrent_deploy,
        )
        .await?;
        let drive = match &request.configdrive {
            None => None,
            Some(value) => Some(config_drive::from_request(&node, value).await?),
        };
        crash_point(CrashPoint::ConfigDriveBuilt);
        validate(work).await?;
        let given = requested_steps(request.deploy_steps.as_deref())?;
        let list = deploy_list(work, given).await?;
        self.store()
            .begin_run(work.id(), Flow::Deploy.phase(), &list)
            .await
            .map_err(WorkError::from)?;
        let alive = fast_track::is_alive(&node, &self.registry().settings().agent);
        let event = verb.event();
        work.transition(event, Actor::User, verb.as_str(), |node| {
            forget_deploy(node);
            if !alive {
                Changes::none().without_agent().apply(node);
            }
            node.last_error = None;
            if let Some(drive) = &drive {
                node.instance_info
                    .insert("configdrive".to_owned(), Value::from(drive.as_str()));
            }
        })
        .await?;
        work.history("INFO", "deployment_start", "Deployment starts.")
            .await;
        Ok(())
    }

    /// Refuses when too many nodes are in these states already.
    pub(super) async fn check_concurrency(
        &self,
        what: &str,
        states: &[ProvisionState],
        limit: usize,
    ) -> Result<(), ApiFault> {
        let busy = self
            .store()
            .nodes_in(states)
            .await
            .map_err(WorkError::from)?;
        if limit > 0 && busy.len() >= limit {
            return Err(ApiFault::unavailable(format!(
                "Unable to process request at this time. The concurrent action limit for {what} \
                 has been reached. Please contact your administrator and try again later."
            )));
        }
        Ok(())
    }
}

async fn validate(work: &Work) -> Result<(), ApiFault> {
    let (task, hardware) = work.hardware().await?;
    let checked = match hardware.power.validate(&task) {
        Ok(()) => hardware.deploy.validate(&task, &hardware).await,
        Err(error) => Err(error),
    };
    checked.map_err(|error| {
        let text = format!(
            "Failed to deploy instance: Failed to validate deploy or power info for node {}. \
             Error: {error}",
            work.id()
        );
        let status = if error.is_bad_request() { 400 } else { 500 };
        ApiFault::new(status, text)
    })?;
    let node = task.node();
    let wanted = node.instance_info.get("traits").and_then(Value::as_array);
    let missing: Vec<String> = wanted
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|t| !node.traits.iter().any(|have| have == t))
        .map(str::to_owned)
        .collect();
    if !missing.is_empty() {
        return Err(ApiFault::bad_request(format!(
            "Failed to deploy instance: Failed to validate deploy or power info for node {}. \
             Error: Cannot deploy to node {}: instance_info.traits asks for {} which the node lacks",
            node.uuid,
            node.uuid,
            missing.join(", ")
        )));
    }
    Ok(())
}

/// Steps that a user gives with a request.
pub(super) fn requested_steps(given: Option<&[Value]>) -> Result<Vec<Step>, ApiFault> {
    given
        .unwrap_or_default()
        .iter()
        .map(|value| steps::requested(value).map_err(ApiFault::bad_request))
        .collect()
}

/// The steps of a deploy as far as they are known before the ramdisk runs: those of the request,
/// those of templates, those of the driver.
async fn deploy_list(work: &Work, given: Vec<Step>) -> Result<Vec<NewStep>, ApiFault> {
    let (task, hardware) = work.hardware().await?;
    let node = task.node();
    let refuse = |error: String| {
        ApiFault::bad_request(format!(
            "Failed to deploy instance: Failed to validate deploy or power info for node {}. \
             Error: {error}",
            node.uuid
        ))
    };
    let store = work.conductor().store();
    let templates = store.documents::<DeployTemplate>(&[]).await;
    let templates = templates.map_err(WorkError::from)?;
    let mut requested = given;
    let added = templates::steps(&node, &templates, &requested).map_err(refuse)?;
    requested.extend(added);
    steps::check_deploy_step(&requested).map_err(refuse)?;
    let known = hardware.steps(StepFlow::Deploy);
    // A step that is left out needs no arguments.
    let (left_out, wanted): (Vec<Step>, Vec<Step>) =
        requested.into_iter().partition(|step| step.priority == 0);
    let mut requested = steps::checked(&wanted, &known, false).map_err(refuse)?;
    requested.extend(left_out);
    let list = steps::ordered(&known, &requested);
    Ok(std::iter::once(&steps::own(steps::PREPARE))
        .chain(&list)
        .map(steps::to_stored)
        .collect())
}

fn forget_deploy(node: &mut Node) {
    for key in DEPLOY_KEYS {
        node.driver_internal_info.shift_remove(*key);
    }
    node.deploy_step = Object::new();
}

impl Work {
    /// Deploys by the list that was written down, unless there is nothing on it: a request can leave
    /// every step out.
    pub(super) async fn run_deploy(&self) {
        let run = self.conductor().store().run(self.id()).await;
        let is_empty = run.is_ok_and(|run| {
            run.is_some_and(|run| {
                run.steps
                    .iter()
                    .all(|step| step.what.interface == steps::OWN)
            })
        });
        if is_empty {
            self.fail_deploy("No deploy steps are left: the request leaves all of them out.")
                .await;
        } else {
            self.run_flow(Flow::Deploy).await;
        }
    }

    pub(super) async fn finish_deploy(&self) -> WorkResult<()> {
        self.set_progress(None, None).await?;
        self.history("INFO", "deployment_end", "Deployment has ended: active.")
            .await;
        self.transition(Event::Done, Actor::Conductor, "deployed", forget_deploy)
            .await?;
        Ok(())
    }

    /// Ends a deploy that failed: nothing is served any more, the machine is off, what the user
    /// has given is kept.
    pub(super) async fn fail_deploy(&self, text: &str) {
        self.collect_logs("deploy", Ended::Badly).await;
        self.clean_up_deploy().await;
        self.fail("deploying", text, |node| {
            forget_deploy(node);
            Changes::none().without_agent().apply(node);
        })
        .await;
    }

    pub(super) async fn clean_up_deploy(&self) {
        let cleaned = async {
            let (task, hardware) = self.hardware().await?;
            hardware.deploy.clean_up(&task, &hardware).await?;
            if self.conductor().options().power_off_after_deploy_failure {
                hardware.power_off(&task).await?;
            }
            WorkResult::Ok(())
        };
        if let Err(error) = cleaned.await {
            self.log(
                Severity::Warning,
                format!("could not clean up after the deploy: {error}"),
            );
        }
    }
}
