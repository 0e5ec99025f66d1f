//! The power interface.

use std::time::Duration;

use async_trait::async_trait;
use cupola_api::node::Object;
use cupola_api::probe::ProbeReport;
use cupola_api::state::power::{PowerState, PowerTarget};

use super::{Credentials, Place, Result, Sighting, Task};

/// Reads and changes the power of a machine.
#[async_trait]
pub trait Power: Send + Sync + 'static {
    /// Keys of `driver_info` that it knows, each with its meaning (`GET /v1/drivers/{}/properties`).
    fn properties(&self) -> &'static [(&'static str, &'static str)];

    /// Whether `driver_info` is complete. Does not talk to the BMC.
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate(&self, task: &Task) -> Result<()>;

    /// The targets that it can reach.
    fn supported(&self) -> &'static [PowerTarget];

    /// Reads the power state; `None` when the BMC answers but does not know.
    ///
    /// # Errors
    /// When the BMC does not answer.
    async fn state(&self, task: &Task) -> Result<Option<PowerState>>;

    /// Brings the machine to `target` and confirms it by reading the state back.
    ///
    /// # Errors
    /// When the BMC refuses, or the state is not reached within `limit`.
    async fn set(&self, task: &Task, target: PowerTarget, limit: Duration) -> Result<PowerState>;

    /// Tests a BMC before its node exists. The checks never fail as a whole: what is wrong is in
    /// the report.
    async fn probe(&self, driver_info: &Object) -> ProbeReport;

    /// Looks whether a BMC that this interface speaks to is at an address, and with credentials also
    /// what it is; nothing where none answers.
    async fn discover(&self, _place: &Place, _credentials: &[Credentials]) -> Option<Sighting> {
        None
    }
}
