//! Errors of the conductor's work, and how the API answers them.

use cupola_api::fault::ApiFault;
use cupola_api::state::provision::ProvisionState;
use cupola_api::state::transition::Event;
use cupola_drivers::agent::AgentError;
use cupola_drivers::interface::DriverError;
use cupola_drivers::registry::RegistryError;

use crate::store::{Conflict, StoreError};

/// Why work on a node ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Driver(#[from] DriverError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("{0}")]
    Failed(String),
    /// A user has asked to stop.
    #[error("{0}")]
    Aborted(String),
    #[error("a node in state \"{from}\" does not take {event:?}")]
    State { from: ProvisionState, event: Event },
}

impl WorkError {
    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// Whether the agent may be there and only could not be asked now.
    pub(super) fn is_unreachable_agent(&self) -> bool {
        matches!(self, Self::Driver(DriverError::Agent(error)) if error.is_unreachable())
    }

    /// Whether it is only the database that could not be used.
    pub(super) fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_)) | Self::Driver(DriverError::NotRecorded(_))
        )
    }

    /// Whether the agent has forgotten the command, or never got it.
    pub(super) fn is_unknown_command(&self) -> bool {
        matches!(
            self,
            Self::Driver(DriverError::Agent(AgentError::NoSuchCommand { .. }))
        )
    }
}

pub(super) type WorkResult<T> = Result<T, WorkError>;

/// The store's errors as the API answers them.
pub(crate) fn store_fault(error: &StoreError) -> ApiFault {
    match error {
        StoreError::NotFound { .. } => ApiFault::not_found(error.to_string()),
        StoreError::Conflict(Conflict::Changed(_) | Conflict::Step { .. }) => {
            ApiFault::conflict(error.to_string())
        }
        StoreError::Conflict(_) => ApiFault::conflict(error.to_string()),
        StoreError::Unavailable(_) => ApiFault::unavailable(error.to_string()),
        StoreError::Corrupt { .. }
        | StoreError::Refused(_)
        | StoreError::Key(_)
        | StoreError::Migration(_)
        | StoreError::Url { .. }
        | StoreError::Open { .. } => ApiFault::internal(error.to_string()),
    }
}

impl From<WorkError> for ApiFault {
    fn from(error: WorkError) -> Self {
        match &error {
            WorkError::Driver(driver) if driver.is_bad_request() => {
                Self::bad_request(error.to_string())
            }
            WorkError::Store(store) => store_fault(store),
            WorkError::Registry(_) => Self::bad_request(error.to_string()),
            WorkError::State { .. } => Self::conflict(error.to_string()),
            WorkError::Driver(_) | WorkError::Failed(_) | WorkError::Aborted(_) => {
                Self::internal(error.to_string())
            }
        }
    }
}
