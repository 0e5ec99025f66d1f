//! The deploy interface: the steps of deploying, cleaning and servicing.

use async_trait::async_trait;
use cupola_api::agent::StepFlow;

use super::{Hardware, Outcome, Result, Step, Task};

/// Gets an image onto a machine, and its disks cleaned.
#[async_trait]
pub trait Deploy: Send + Sync + 'static {
    /// Keys of `driver_info` that it knows, each with its meaning.
    fn properties(&self) -> &'static [(&'static str, &'static str)];

    /// Whether the node can be deployed with its `instance_info`.
    ///
    /// # Errors
    /// What is missing or wrong.
    async fn validate(&self, task: &Task, hardware: &Hardware) -> Result<()>;

    /// What is done before the first step of a deploy.
    ///
    /// # Errors
    /// Why the deploy cannot start.
    async fn prepare(&self, task: &Task, hardware: &Hardware) -> Result<()>;

    /// The steps that run in the conductor; those of priority 0 only when asked for.
    fn steps(&self, flow: StepFlow) -> Vec<Step>;

    /// Whether an agent runs in the machine while steps run.
    fn uses_agent(&self) -> bool {
        true
    }

    /// Reads the steps that the agent offers. Called once the agent has called; an interface
    /// without an agent answers none.
    ///
    /// # Errors
    /// When the agent cannot be asked.
    async fn agent_steps(
        &self,
        task: &Task,
        hardware: &Hardware,
        flow: StepFlow,
    ) -> Result<Vec<Step>>;

    /// Runs one step of [`Deploy::steps`], or hands one of [`Deploy::agent_steps`] to the agent.
    ///
    /// # Errors
    /// Why the step failed.
    async fn execute(
        &self,
        task: &Task,
        hardware: &Hardware,
        flow: StepFlow,
        step: &Step,
    ) -> Result<Outcome>;

    /// Looks whether the step that waits for the agent's command is done. A wait says that it runs
    /// on; progress goes to the recorder.
    ///
    /// # Errors
    /// Why the step failed, or why the agent could not be asked
    /// ([`AgentError::is_unreachable`](crate::agent::AgentError::is_unreachable)).
    async fn poll(
        &self,
        task: &Task,
        hardware: &Hardware,
        flow: StepFlow,
        step: &Step,
    ) -> Result<Outcome>;

    /// Starts what cleaning needs; waits for the ramdisk, or is done when none is needed.
    ///
    /// # Errors
    /// Why cleaning cannot start.
    async fn prepare_cleaning(&self, task: &Task, hardware: &Hardware) -> Result<Outcome>;

    /// Ends cleaning: the ramdisk is gone and the machine off. Safe to repeat.
    ///
    /// # Errors
    /// What could not be ended.
    async fn tear_down_cleaning(&self, task: &Task, hardware: &Hardware) -> Result<()>;

    /// Starts what servicing needs in place of the instance; waits for the ramdisk, or is done when
    /// none is needed.
    ///
    /// # Errors
    /// Why servicing cannot start.
    async fn prepare_service(&self, task: &Task, hardware: &Hardware) -> Result<Outcome> {
        let _ = (task, hardware);
        Ok(Outcome::done())
    }

    /// Ends servicing: the ramdisk is gone and the instance boots. Safe to repeat.
    ///
    /// # Errors
    /// What could not be ended.
    async fn tear_down_service(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        let _ = (task, hardware);
        Ok(())
    }

    /// Reads the logs of the ramdisk that runs, a gzipped tar archive; none when there is no agent
    /// to ask.
    ///
    /// # Errors
    /// When the agent cannot be asked.
    async fn collect_logs(&self, task: &Task, hardware: &Hardware) -> Result<Option<Vec<u8>>> {
        let _ = (task, hardware);
        Ok(None)
    }

    /// Takes back what a failed or torn-down deploy leaves for the network to serve. Safe to
    /// repeat.
    ///
    /// # Errors
    /// What could not be taken back.
    async fn clean_up(&self, task: &Task, hardware: &Hardware) -> Result<()>;

    /// Ends the instance: the machine is off. Safe to repeat.
    ///
    /// # Errors
    /// What could not be ended.
    async fn tear_down(&self, task: &Task, hardware: &Hardware) -> Result<()>;
}
