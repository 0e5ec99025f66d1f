//! The fake boot interface: nothing boots.

use async_trait::async_trait;

use super::behaviour::{FakeSettings, PROPERTIES};
use crate::interface::{Boot, Hardware, RamdiskPurpose, Result, Task};

/// Booting without a machine.
#[derive(Debug, Default)]
pub struct FakeBoot(pub FakeSettings);

#[async_trait]
impl Boot for FakeBoot {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        FakeSettings::validate(task)
    }

    async fn prepare_ramdisk(&self, task: &Task, _: &Hardware, _: RamdiskPurpose) -> Result<()> {
        self.0.act(task, "boot", "prepare_ramdisk").await
    }

    async fn clean_up_ramdisk(&self, _: &Task) -> Result<()> {
        Ok(())
    }

    async fn prepare_instance(&self, task: &Task, _: &Hardware) -> Result<()> {
        self.0.act(task, "boot", "prepare_instance").await
    }

    async fn clean_up_instance(&self, _: &Task) -> Result<()> {
        Ok(())
    }
}
