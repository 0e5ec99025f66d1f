//! Running a durable list of steps: each is written down before it starts and when it ends, so
//! that another process can go on from it. What a wait is and what ends it is in `wait`; which
//! steps there are, in `steps`.

use std::sync::Arc;

use cupola_api::agent::StepFlow;
use cupola_api::cupola::StepSummary;
use cupola_api::event::{EventKind, Outcome as Ended, Severity};
use cupola_api::node::{Node, Object};
use cupola_api::state::power::PowerTarget;
use cupola_api::state::transition::{Actor, Event};
use cupola_drivers::interface::{Outcome, Retry, Step, WaitFor};
use jiff::Timestamp;
use serde_json::Value;

use super::diagnosis::Situation;
use super::error::{WorkError, WorkResult};
use super::work::Work;
use super::{logs, steps};
use crate::store::{Phase, StepRecord, StepRun, StepState};

/// Which list of steps is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Deploy,
    Clean,
    Service,
}

impl Flow {
    pub(super) const fn steps(self) -> StepFlow {
        match self {
            Self::Deploy => StepFlow::Deploy,
            Self::Clean => StepFlow::Clean,
            Self::Service => StepFlow::Service,
        }
    }

    pub(super) const fn phase(self) -> Phase {
        match self {
            Self::Deploy => Phase::Deploy,
            Self::Clean => Phase::Clean,
            Self::Service => Phase::Service,
        }
    }

    /// The field of a node that shows the running step.
    pub(super) fn field(self, node: &mut Node) -> &mut Object {
        match self {
            Self::Deploy => &mut node.deploy_step,
            Self::Clean => &mut node.clean_step,
            Self::Service => &mut node.service_step,
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Deploy => "Deploy",
            Self::Clean => "Clean",
            Self::Service => "Service",
        }
    }
}

/// A step of a run, where it stands.
pub(super) struct Current {
    pub(super) run: Arc<StepRun>,
    pub(super) record: StepRecord,
    pub(super) step: Step,
}

impl Current {
    pub(super) fn new(run: StepRun, record: StepRecord) -> Self {
        Self {
            step: steps::from_stored(&record),
            run: Arc::new(run),
            record,
        }
    }

    fn summary(&self) -> StepSummary {
        StepSummary {
            step: self.record.name(),
            index: self.record.index,
            total: u32::try_from(self.run.steps.len()).unwrap_or(u32::MAX),
            percent: None,
        }
    }
}

/// What was found when somebody looked whether a wait is over.
#[allow(
    clippy::large_enum_variant,
    reason = "one at a time lives, for the moment between looking and going on"
)]
pub(super) enum Look {
    /// It is: the step ended so.
    Ended(WorkResult<Outcome>),
    /// It is: the ramdisk is there again, and the step starts anew.
    Again,
    /// The agent that ran the step is gone, for this reason.
    Lost(String),
}

/// How a run goes on from a step.
pub(super) enum Next {
    /// With the next step.
    Step,
    /// Not before something else has happened.
    Wait,
}

impl Work {
    /// The run of this flow, if the node's last one is such a run and not ended.
    pub(super) async fn unfinished_run(&self, flow: Flow) -> WorkResult<Option<StepRun>> {
        let run = self.conductor().store().run(self.id()).await?;
        Ok(run.filter(|run| {
            run.phase == flow.phase()
                && !run.is_done()
                && !run.steps.iter().any(|s| s.state == StepState::Failed)
        }))
    }

    /// Runs steps until they are all done, one waits, or one fails; and does what then has to be
    /// done.
    pub(super) async fn run_flow(&self, flow: Flow) {
        let ended = self.advance(flow).await;
        self.settle(flow, ended).await;
    }

    /// Goes on after a step whose wait has ended.
    pub(super) async fn resume_flow(&self, flow: Flow, current: Current, look: Look) {
        let ended = match self.end_of_wait(flow, current, look).await {
            Ok(Next::Step) => self.advance(flow).await,
            Ok(Next::Wait) => Ok(false),
            Err(error) => Err(error),
        };
        self.settle(flow, ended).await;
    }

    async fn settle(&self, flow: Flow, ended: WorkResult<bool>) {
        match ended {
            Ok(false) => {}
            Ok(true) => {
                let finished = match flow {
                    Flow::Deploy => self.finish_deploy().await,
                    Flow::Clean => self.finish_clean().await,
                    Flow::Service => self.finish_service().await,
                };
                if let Err(error) = finished {
                    self.note_error(flow.phase().as_str(), &error.to_string())
                        .await;
                }
            }
            Err(_) if self.is_stopping() => {}
            Err(WorkError::Aborted(reason)) => self.abort_between_steps(flow, &reason).await,
            Err(error) => {
                let text = self.explained(&error.to_string(), Situation::Failed).await;
                self.fail_flow(flow, &text).await;
            }
        }
    }

    /// Moves to the failed state of this flow.
    pub(super) async fn fail_flow(&self, flow: Flow, text: &str) {
        match flow {
            Flow::Deploy => self.fail_deploy(text).await,
            Flow::Clean => self.fail_clean(text).await,
            Flow::Service => self.fail_service(text).await,
        }
    }

    /// Whether the flow is at its end; false when it waits.
    async fn advance(&self, flow: Flow) -> WorkResult<bool> {
        loop {
            let run = self
                .conductor()
                .store()
                .run(self.id())
                .await?
                .filter(|run| run.phase == flow.phase())
                .ok_or_else(|| WorkError::failed("the list of steps is gone"))?;
            if run.current().is_none() {
                self.stop_if_asked(flow).await?;
            }
            let Some(record) = run.current().or_else(|| run.next()).cloned() else {
                return Ok(true);
            };
            let interrupted = record.state != StepState::Pending;
            let current = Current::new(run, record);
            if let Next::Wait = self.run_step(flow, current, interrupted).await? {
                return Ok(false);
            }
        }
    }

    /// Runs one step. An interrupted one was started by a process that died meanwhile.
    pub(super) async fn run_step(
        &self,
        flow: Flow,
        mut current: Current,
        interrupted: bool,
    ) -> WorkResult<Next> {
        if interrupted {
            let text = format!(
                "goes on with step {} after a restart",
                current.record.name()
            );
            self.log(Severity::Info, text);
            // What runs in an agent has not stopped with the process that started it.
            match self.poll(flow, &current.step).await {
                Err(error) if error.is_unknown_command() => {}
                Err(error) if error.is_unreachable_agent() && current.step.requires_ramdisk => {
                    let wait = Outcome::wait_for_command(&current.step);
                    return self.handle(flow, current, wait).await;
                }
                Err(WorkError::Driver(_)) if !current.step.requires_ramdisk => {}
                Err(error) => return self.failed(current, error).await,
                Ok(outcome) if current.step.requires_ramdisk => {
                    return self.handle(flow, current, outcome).await;
                }
                Ok(_) => {}
            }
            if current.step.retry == Retry::Ask {
                let error = WorkError::failed(format!(
                    "step {} was running when the service stopped, and nobody knows whether it \
                     was completed; look at the machine, then start the action again",
                    current.record.name()
                ));
                return self.failed(current, error).await;
            }
        }
        current.record.started_at = Some(Timestamp::now());
        self.begin(flow, &current).await?;
        match self.execute(flow, &current.step).await {
            Ok(outcome) => self.handle(flow, current, outcome).await,
            Err(error) => self.failed(current, error).await,
        }
    }

    /// Writes down that the step starts.
    async fn begin(&self, flow: Flow, current: &Current) -> WorkResult<()> {
        let (run, index) = (current.run.run, current.record.index);
        self.conductor()
            .store()
            .start_step(self.id(), run, index)
            .await?;
        let field = if steps::is_own(&current.step) {
            Object::new()
        } else {
            current.step.to_node_field()
        };
        self.modify(|node| field.clone_into(flow.field(node)))
            .await?;
        let summary = current.summary();
        self.publish(EventKind::StepStarted {
            phase: flow.phase().as_str().to_owned(),
            step: summary.step.clone(),
            index: summary.index,
            total: summary.total,
        });
        self.set_progress(None, Some(summary)).await?;
        Ok(())
    }

    async fn execute(&self, flow: Flow, step: &Step) -> WorkResult<Outcome> {
        if steps::ends_agent(step) {
            self.collect_logs(flow.steps().as_str(), logs::Ended::Well)
                .await;
        }
        let (task, hardware) = self.hardware().await?;
        let outcome = if steps::is_own(step) {
            match step.step.as_str() {
                steps::PREPARE => {
                    hardware.deploy.prepare(&task, &hardware).await?;
                    Outcome::done()
                }
                steps::START_CLEANING => hardware.deploy.prepare_cleaning(&task, &hardware).await?,
                steps::END_CLEANING => {
                    hardware.deploy.tear_down_cleaning(&task, &hardware).await?;
                    Outcome::done()
                }
                steps::START_SERVICE => hardware.deploy.prepare_service(&task, &hardware).await?,
                steps::END_SERVICE => {
                    hardware.deploy.tear_down_service(&task, &hardware).await?;
                    Outcome::done()
                }
                steps::REBOOT => {
                    hardware.set_power(&task, PowerTarget::Reboot).await?;
                    Outcome::wait_for_ramdisk()
                }
                other => return Err(WorkError::failed(format!("there is no own step {other}"))),
            }
        } else if let Some(only) = &step.on_child_nodes {
            self.run_on_children(flow, step, only).await?
        } else if let Some(reserved) = steps::Reserved::of(step) {
            self.run_reserved(&task, &hardware, reserved, step).await?
        } else {
            hardware.execute(&task, flow.steps(), step).await?
        };
        Ok(outcome)
    }

    /// Asks how far a step is that runs in the agent.
    pub(super) async fn poll(&self, flow: Flow, step: &Step) -> WorkResult<Outcome> {
        let (task, hardware) = self.hardware().await?;
        Ok(hardware.poll(&task, flow.steps(), step).await?)
    }

    async fn end_of_wait(&self, flow: Flow, current: Current, look: Look) -> WorkResult<Next> {
        match look {
            Look::Again => self.run_step(flow, current, false).await,
            Look::Lost(why) => self.replace_agent(flow, current, &why).await,
            Look::Ended(Ok(outcome)) => self.handle(flow, current, outcome).await,
            Look::Ended(Err(error))
                if error.is_unknown_command() && current.step.retry == Retry::Safe =>
            {
                let text = format!("{error}; step {} starts again", current.record.name());
                self.log(Severity::Warning, text);
                self.run_step(flow, current, false).await
            }
            Look::Ended(Err(error)) => self.failed(current, error).await,
        }
    }

    async fn handle(&self, flow: Flow, current: Current, outcome: Outcome) -> WorkResult<Next> {
        match outcome {
            Outcome::Done(changes) => {
                self.apply(&changes).await?;
                if let Err(error) = self.complete(flow, &current).await {
                    return self.failed(current, error).await;
                }
                Ok(Next::Step)
            }
            Outcome::Wait {
                what,
                until,
                limit,
                changes,
            } => {
                self.apply(&changes).await?;
                self.suspend(flow, &current, what, until, limit, false)
                    .await?;
                Ok(Next::Wait)
            }
        }
    }

    /// Writes down that the step ended well; after the one that started the ramdisk, all steps are
    /// known.
    async fn complete(&self, flow: Flow, current: &Current) -> WorkResult<()> {
        if steps::starts_agent(&current.step) {
            self.learn_steps(flow, current).await?;
        } else if current.step.reboot_requested {
            self.insert_next(flow, steps::own(steps::REBOOT)).await?;
        }
        let (run, index) = (current.run.run, current.record.index);
        self.conductor()
            .store()
            .finish_step(self.id(), run, index, Ok(()))
            .await?;
        self.step_finished(current, Ended::Succeeded, "");
        Ok(())
    }

    async fn learn_steps(&self, flow: Flow, current: &Current) -> WorkResult<()> {
        let (task, hardware) = self.hardware().await?;
        let node = task.node();
        let mut known = hardware.steps(flow.steps());
        known.extend(
            hardware
                .deploy
                .agent_steps(&task, &hardware, flow.steps())
                .await?,
        );
        let settings = &hardware.settings.cleaning;
        let known = steps::with_overrides(known, flow.steps(), settings);
        // A list that a user gave keeps its order, and nothing joins it.
        let is_given = match flow {
            Flow::Deploy => false,
            Flow::Clean => is_manual_clean(&node),
            Flow::Service => true,
        };
        let (pending, done) = split(&current.run, current.record.index);
        let list = steps::completed(&pending, &done, &known, is_given).map_err(|error| {
            WorkError::failed(format!(
                "Cannot {} node {}: {error}",
                flow.steps().as_str(),
                node.uuid
            ))
        })?;
        let stored: Vec<_> = list.iter().map(steps::to_stored).collect();
        self.conductor()
            .store()
            .replace_pending_steps(self.id(), current.run.run, &stored)
            .await?;
        let names: Vec<String> = list.iter().map(Step::name).collect();
        if !names.is_empty() {
            self.log(Severity::Info, format!("steps to do: {}", names.join(", ")));
        }
        Ok(())
    }

    async fn insert_next(&self, flow: Flow, step: Step) -> WorkResult<()> {
        let store = self.conductor().store();
        if let Some(run) = store.run(self.id()).await? {
            let started = run.current().map_or(0, |record| record.index);
            let (pending, _) = split(&run, started);
            let list: Vec<_> = std::iter::once(&step)
                .chain(&pending)
                .map(steps::to_stored)
                .collect();
            store
                .replace_pending_steps(self.id(), run.run, &list)
                .await?;
        }
        tracing::debug!(node = %self.id(), ?flow, "a step asks for a reboot");
        Ok(())
    }

    /// Writes down that the step failed.
    pub(super) async fn failed<T>(&self, current: Current, error: WorkError) -> WorkResult<T> {
        if self.is_stopping() {
            return Err(error);
        }
        let text = error.to_string();
        self.step_finished(&current, Ended::Failed, &text);
        let (run, index) = (current.run.run, current.record.index);
        let noted = self
            .conductor()
            .store()
            .finish_step(self.id(), run, index, Err(text.clone()))
            .await;
        if let Err(error) = noted {
            tracing::warn!(%error, node = %self.id(), "failed step could not be written down");
        }
        let verb = match current.run.phase {
            Phase::Clean => Flow::Clean.verb(),
            Phase::Service => Flow::Service.verb(),
            Phase::Deploy | Phase::Verify | Phase::Inspect => Flow::Deploy.verb(),
        };
        let name = current.record.name();
        Err(WorkError::failed(format!(
            "{verb} step {name} failed: {text}"
        )))
    }

    fn step_finished(&self, current: &Current, outcome: Ended, message: &str) {
        let started = current.record.started_at.unwrap_or_else(Timestamp::now);
        let took = Timestamp::now().duration_since(started).as_millis();
        self.publish(EventKind::StepFinished {
            step: current.record.name(),
            outcome,
            message: message.to_owned(),
            duration_ms: u64::try_from(took).unwrap_or(0),
        });
    }

    /// Moves to the wait state; with `again` the step is run once more afterwards. The lock is given
    /// back by whoever took it.
    pub(super) async fn suspend(
        &self,
        flow: Flow,
        current: &Current,
        what: String,
        until: WaitFor,
        limit: Option<std::time::Duration>,
        again: bool,
    ) -> WorkResult<()> {
        let (run, index) = (current.run.run, current.record.index);
        self.conductor()
            .store()
            .wait_step(self.id(), run, index)
            .await?;
        self.write_wait(flow, what, until, limit, Some(current.summary()), again)
            .await?;
        let (event, cause) = match until {
            WaitFor::Unhold => (Event::Hold, "held"),
            WaitFor::Agent | WaitFor::Heartbeat | WaitFor::Command | WaitFor::Timer { .. } => {
                (Event::Wait, "waits")
            }
        };
        self.transition(event, Actor::Conductor, cause, |_| {})
            .await?;
        Ok(())
    }

    /// Ends the flow when a user has asked so while a step ran that could not be stopped.
    async fn stop_if_asked(&self, flow: Flow) -> WorkResult<()> {
        let node = self.node().await?;
        let asked = node.driver_internal_info.get("abort_requested") == Some(&Value::Bool(true));
        if asked {
            return Err(WorkError::Aborted(format!(
                "By request, the {} operation was aborted.",
                flow.steps().as_str()
            )));
        }
        Ok(())
    }
}

/// Whether the node is cleaned by steps that a user gave.
pub(super) fn is_manual_clean(node: &Node) -> bool {
    node.driver_internal_info.get("declarative_cleaning") == Some(&Value::Bool(true))
}

/// The steps after this one, and those up to it.
fn split(run: &StepRun, index: u32) -> (Vec<Step>, Vec<Step>) {
    let (pending, done): (Vec<_>, Vec<_>) =
        run.steps.iter().partition(|record| record.index > index);
    (
        pending.into_iter().map(steps::from_stored).collect(),
        done.into_iter().map(steps::from_stored).collect(),
    )
}
