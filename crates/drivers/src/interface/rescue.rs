//! The rescue interface.

use async_trait::async_trait;
use cupola_api::Secret;

use super::{Hardware, Outcome, Result, Task};

/// Gives a person access to a machine whose operating system does not start: a ramdisk is booted
/// and takes a password.
#[async_trait]
pub trait Rescue: Send + Sync + 'static {
    /// Keys of `driver_info` that it knows, each with its meaning.
    fn properties(&self) -> &'static [(&'static str, &'static str)];

    /// Whether the node can be rescued.
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate(&self, task: &Task, hardware: &Hardware) -> Result<()>;

    /// Boots the rescue ramdisk in place of the instance. Safe to repeat.
    ///
    /// # Errors
    /// Why it could not be booted.
    async fn rescue(&self, task: &Task, hardware: &Hardware) -> Result<Outcome>;

    /// Hands the password, a crypt(5) hash, to the ramdisk that has called.
    ///
    /// # Errors
    /// When the ramdisk did not take it.
    async fn finish(&self, task: &Task, hardware: &Hardware, hash: &Secret) -> Result<()>;

    /// Boots the instance again. Safe to repeat.
    ///
    /// # Errors
    /// Why it could not be booted.
    async fn unrescue(&self, task: &Task, hardware: &Hardware) -> Result<()>;

    /// Takes back what was made to boot the ramdisk; the power stays as it is. Safe to repeat.
    ///
    /// # Errors
    /// What could not be taken back.
    async fn clean_up(&self, task: &Task, hardware: &Hardware) -> Result<()>;
}
