//! The boot interface.

use async_trait::async_trait;

use super::{Hardware, Result, Task};

/// What a ramdisk is booted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RamdiskPurpose {
    /// To clean.
    Clean,
    /// To deploy.
    Deploy,
    /// To inspect: the agent posts its inventory first.
    Inspect,
    /// To give a person access.
    Rescue,
    /// To run steps on a machine in use.
    Service,
}

/// Gets a ramdisk or the instance booted. It prepares; power is the power interface's.
#[async_trait]
pub trait Boot: Send + Sync + 'static {
    /// Keys of `driver_info` that it knows, each with its meaning.
    fn properties(&self) -> &'static [(&'static str, &'static str)];

    /// Whether the node can boot a ramdisk.
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate(&self, task: &Task) -> Result<()>;

    /// Whether the node can boot a ramdisk for inspection.
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate_inspection(&self, task: &Task) -> Result<()> {
        self.validate(task)
    }

    /// Whether the node can boot a ramdisk for rescue.
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate_rescue(&self, task: &Task) -> Result<()> {
        self.validate(task)
    }

    /// Whether the node can boot its instance from memory (`deploy_interface` `ramdisk`).
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate_instance(&self, task: &Task) -> Result<()> {
        self.validate(task)
    }

    /// Makes the next boot start the ramdisk.
    ///
    /// # Errors
    /// When the boot device cannot be set, or the ramdisk cannot be published.
    async fn prepare_ramdisk(
        &self,
        task: &Task,
        hardware: &Hardware,
        purpose: RamdiskPurpose,
    ) -> Result<()>;

    /// Takes back what [`Boot::prepare_ramdisk`] made. Safe to repeat.
    ///
    /// # Errors
    /// When it could not be taken back.
    async fn clean_up_ramdisk(&self, task: &Task) -> Result<()>;

    /// Makes every next boot start the instance.
    ///
    /// # Errors
    /// When the boot device cannot be set.
    async fn prepare_instance(&self, task: &Task, hardware: &Hardware) -> Result<()>;

    /// Takes back what [`Boot::prepare_instance`] made. Safe to repeat.
    ///
    /// # Errors
    /// When it could not be taken back.
    async fn clean_up_instance(&self, task: &Task) -> Result<()>;
}
