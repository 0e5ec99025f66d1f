//! The interface traits: what the conductor may ask of hardware, one trait per kind of interface.
//!
//! A driver implements the traits and lists itself in the [registry](crate::registry). Its methods
//! get a [`Task`]: the node and its ports as they are, a deadline, a cancellation token, and a
//! [`Recorder`] through which changes and events go. They answer with an [`Outcome`], and never
//! touch the store, a lock or a provision state: that is the conductor's.

mod boot;
mod boot_mode;
mod changes;
mod configuration;
mod deploy;
mod error;
mod hardware;
mod inspect;
mod kind;
mod management;
mod pace;
mod power;
mod rescue;
mod serial;
mod settings;
mod sighting;
mod step;
mod task;
mod vendor;

pub use boot::{Boot, RamdiskPurpose};
pub use boot_mode::{boot_mode, capability};
pub use changes::Changes;
pub use configuration::Configuration;
pub use deploy::Deploy;
pub use error::DriverError;
pub use hardware::Hardware;
pub use inspect::{FoundPort, Inspect, Inspection, InspectionStart};
pub use kind::InterfaceKind;
pub use management::{Lamp, Management};
pub use pace::PowerOnPace;
pub use power::Power;
pub use rescue::Rescue;
pub use serial::{
    Serial, SerialEvent, SerialInput, SerialLine, SerialOutput, SerialSink, SerialTrouble,
};
pub use settings::{
    AgentSettings, BootSettings, CleaningSettings, DriverSettings, InspectionSettings,
};
pub use sighting::{Credentials, LoginAttempt, Place, Sighting};
pub use step::{Outcome, Retry, Step, StepSource, WaitFor};
pub use task::{BmcCommand, BmcTrouble, NoRecorder, PowerSet, Recorder, Task};
pub use vendor::{Vendor, VendorMethod, vendor_method};

/// The result of an interface's method.
pub type Result<T, E = DriverError> = std::result::Result<T, E>;
