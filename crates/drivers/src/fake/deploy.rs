//! The fake deploy interface: steps that do nothing, no image, no agent.

use async_trait::async_trait;
use cupola_api::agent::{ArgInfo, StepFlow};
use std::collections::BTreeMap;

use super::behaviour::{FakeSettings, PROPERTIES};
use crate::interface::{Deploy, Hardware, Outcome, Result, Step, Task};

/// Deploying without a machine.
#[derive(Debug, Default)]
pub struct FakeDeploy(pub FakeSettings);

fn in_ramdisk(step: Step) -> Step {
    Step {
        requires_ramdisk: true,
        ..step
    }
}

fn with_argument(step: Step, name: &str, description: &str) -> Step {
    let argument = ArgInfo {
        description: description.to_owned(),
        required: true,
    };
    Step {
        argsinfo: Some(BTreeMap::from([(name.to_owned(), argument)])),
        ..step
    }
}

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
        let own = match flow {
            StepFlow::Deploy => Step::new("deploy", "deploy", 100),
            StepFlow::Clean => in_ramdisk(Step::new("vendor", "log_passthrough", 1)),
            StepFlow::Service => Step::new("vendor", "log_passthrough", 0),
        };
        let apply = with_argument(
            Step::new("bios", "apply_configuration", 0),
            "settings",
            "A list of settings, each with its name and value. Required.",
        );
        let update = with_argument(
            Step::new("firmware", "update", 0),
            "settings",
            "A list of components, each with the URL of its firmware. Required.",
        );
        vec![
            own,
            apply,
            Step {
                argsinfo: Some(BTreeMap::new()),
                ..Step::new("bios", "factory_reset", 0)
            },
            in_ramdisk(update),
        ]
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

    async fn clean_up(&self, _: &Task, _: &Hardware) -> Result<()> {
        Ok(())
    }

    async fn tear_down(&self, task: &Task, _: &Hardware) -> Result<()> {
        self.0.act(task, "deploy", "tear_down").await
    }
}
