//! The fake deploy interface: steps that do nothing, no image, no agent.

use async_trait::async_trait;
use cupola_api::agent::StepFlow;

use super::behaviour::{FakeSettings, PROPERTIES};
use crate::interface::{Deploy, Hardware, Outcome, Result, Step, Task};

/// Deploying without a machine.
#[derive(Debug, Default)]
pub struct FakeDeploy(pub FakeSettings);

#[async_trait]
impl Deploy for FakeDeploy {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    async fn validate(&self, task: &Task, _: &Hardware) -> Result<()> {
        FakeSettings::validate(task)
    }

    async fn prepare(&self, task: &Task, _: &Hardware) -> Result<()> {
        self.0.act(task, "deploy", "prepare").await
    }

    fn steps(&self, flow: StepFlow) -> Vec<Step> {
        match flow {
            StepFlow::Deploy => vec![Step::new("deploy", "deploy", 100)],
            StepFlow::Clean | StepFlow::Service => Vec::new(),
        }
    }

    fn uses_agent(&self) -> bool {
        false
    }

    async fn agent_steps(&self, _: &Task, _: &Hardware, _: StepFlow) -> Result<Vec<Step>> {
        Ok(Vec::new())
    }

    async fn execute(
        &self,
        task: &Task,
        _: &Hardware,
        flow: StepFlow,
        step: &Step,
    ) -> Result<Outcome> {
        self.0.act(task, &step.interface, &step.step).await?;
        match flow {
            StepFlow::Deploy if step.is("deploy", "deploy") => {
                Ok(FakeSettings::outcome(task, "fake hardware to deploy"))
            }
            StepFlow::Deploy | StepFlow::Clean | StepFlow::Service => Ok(Outcome::done()),
        }
    }

    async fn poll(&self, _: &Task, _: &Hardware, _: StepFlow, _: &Step) -> Result<Outcome> {
        Ok(Outcome::done())
    }

    async fn prepare_cleaning(&self, task: &Task, _: &Hardware) -> Result<Outcome> {
        self.0.act(task, "deploy", "prepare_cleaning").await?;
        Ok(FakeSettings::outcome(task, "fake hardware to clean"))
    }

    async fn tear_down_cleaning(&self, task: &Task, _: &Hardware) -> Result<()> {
        self.0.act(task, "deploy", "tear_down_cleaning").await
    }

    async fn prepare_service(&self, task: &Task, _: &Hardware) -> Result<Outcome> {
        self.0.act(task, "deploy", "prepare_service").await?;
        Ok(FakeSettings::outcome(task, "fake hardware to be serviced"))
    }

    async fn tear_down_service(&self, task: &Task, _: &Hardware) -> Result<()> {
        self.0.act(task, "deploy", "tear_down_service").await
    }

    async fn clean_up(&self, _: &Task, _: &Hardware) -> Result<()> {
        Ok(())
    }

    async fn tear_down(&self, task: &Task, _: &Hardware) -> Result<()> {
        self.0.act(task, "deploy", "tear_down").await
    }
}
