//! The fake rescue interface: nothing is booted, any password will do.

use async_trait::async_trait;
use cupola_api::Secret;

use super::behaviour::{FakeSettings, PROPERTIES};
use crate::interface::{Hardware, Outcome, Rescue, Result, Task};

/// Rescuing without a machine.
#[derive(Debug, Default)]
pub struct FakeRescue(pub FakeSettings);

#[async_trait]
impl Rescue for FakeRescue {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task, _: &Hardware) -> Result<()> {
        FakeSettings::validate(task)
    }

    async fn rescue(&self, task: &Task, _: &Hardware) -> Result<Outcome> {
        self.0.act(task, "rescue", "rescue").await?;
        Ok(FakeSettings::outcome(task, "fake hardware to boot"))
    }

    async fn finish(&self, task: &Task, _: &Hardware, _: &Secret) -> Result<()> {
        self.0.act(task, "rescue", "finish").await
    }

    async fn unrescue(&self, task: &Task, _: &Hardware) -> Result<()> {
        self.0.act(task, "rescue", "unrescue").await
    }

    async fn clean_up(&self, task: &Task, _: &Hardware) -> Result<()> {
        self.0.act(task, "rescue", "clean_up").await
    }
}
