//! Interfaces that do their work by steps alone: `bios`, `firmware`.

use async_trait::async_trait;
use cupola_api::agent::StepFlow;

use super::{Outcome, Result, Step, Task};

/// Changes what a machine's firmware keeps, by steps that the conductor runs.
#[async_trait]
pub trait Configuration: Send + Sync + 'static {
    /// Keys of `driver_info` that it knows, each with its meaning.
    fn properties(&self) -> &'static [(&'static str, &'static str)];

    /// Whether `driver_info` is complete. Does not talk to the BMC.
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate(&self, task: &Task) -> Result<()>;

    /// Its steps; those of priority 0 run only when asked for.
    fn steps(&self, flow: StepFlow) -> Vec<Step>;

    /// Runs one step of [`Configuration::steps`].
    ///
    /// # Errors
    /// Why the step failed.
    async fn execute(&self, task: &Task, flow: StepFlow, step: &Step) -> Result<Outcome>;
}
