//! The inspect interface.

use async_trait::async_trait;
use cupola_api::MacAddress;
use cupola_api::node::Object;
use cupola_api::resource::NodeInventory;

use super::{Changes, Hardware, Result, Task};

/// A network interface that inspection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPort {
    /// Its address.
    pub address: MacAddress,
    /// Whether the machine boots from it.
    pub pxe_enabled: bool,
}

/// What inspection found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// Properties and the like.
    pub changes: Changes,
    /// Network interfaces for which ports shall exist.
    pub ports: Vec<FoundPort>,
    /// What is kept for `GET …/inventory`.
    pub inventory: NodeInventory,
}

/// How an inspection began.
#[derive(Clone, Debug, PartialEq)]
pub enum InspectionStart {
    /// The inventory is there already.
    Done(Box<Inspection>),
    /// A ramdisk will post it.
    Wait {
        /// What a person reads.
        what: String,
    },
}

/// Discovers a machine's hardware.
#[async_trait]
pub trait Inspect: Send + Sync + 'static {
    /// Keys of `driver_info` that it knows, each with its meaning.
    fn properties(&self) -> &'static [(&'static str, &'static str)];

    /// Whether the node can be inspected.
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate(&self, task: &Task, hardware: &Hardware) -> Result<()>;

    /// Starts.
    ///
    /// # Errors
    /// Why it cannot start.
    async fn start(&self, task: &Task, hardware: &Hardware) -> Result<InspectionStart>;

    /// Makes of what the ramdisk posted what is to be kept.
    ///
    /// # Errors
    /// What is wrong with the data.
    async fn process(&self, task: &Task, hardware: &Hardware, data: Object) -> Result<Inspection>;

    /// Ends: the ramdisk is gone, whether it succeeded or not. Safe to repeat.
    ///
    /// # Errors
    /// What could not be ended.
    async fn clean_up(&self, task: &Task, hardware: &Hardware) -> Result<()>;
}
