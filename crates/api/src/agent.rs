//! The ironic-python-agent protocol as types: what the conductor and the deploy-ramdisk agent say to
//! each other, in both directions.
//!
//! Everything here is data. Sending, retrying, checking tokens and running commands belong to the
//! conductor (`drivers`) and to the agent (`agent`). The types read what any agent or conductor of the
//! last years sends: unknown keys are kept or ignored, never refused.
//!
//! | direction | what | module |
//! |---|---|---|
//! | agent → API | lookup, heartbeat, `continue_inspection` | [`lookup`], [`heartbeat`], [`inspection`] |
//! | conductor → agent | commands and their results | [`command`] |
//! | inside commands | steps, images, boot loaders, progress | [`step`], [`image`] |
//! | inside images and steps | checksums, hints for the disk | [`checksum`], [`root_device`] |
//! | inside inspection | the machine's hardware | [`inventory`] |

pub mod checksum;
pub mod command;
pub mod heartbeat;
pub mod image;
pub mod inspection;
pub mod inventory;
pub mod lookup;
pub mod root_device;
pub mod step;
pub mod token;

pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumError};
pub use command::{
    AgentFault, Command, CommandError, CommandFailure, CommandList, CommandName, CommandResult,
    CommandStatus,
};
pub use heartbeat::{AgentStatus, Heartbeat};
pub use image::{
    BootMode, BootloaderParams, ImageInfo, PartitionUuids, WriteImageArgs, WriteProgress,
};
pub use inspection::{InspectionAnswer, InspectionData};
pub use inventory::{
    BlockDevice, BootInfo, CpuInfo, FirmwareInfo, Inventory, MemoryInfo, NetworkInterface,
    SystemVendor,
};
pub use lookup::{LookupAnswer, LookupConfig, LookupNode};
pub use root_device::{HintError, RootDeviceHints};
pub use step::{ArgInfo, ExecuteStepParams, GetStepsParams, StepDescription, StepFlow, StepList};
pub use token::AgentToken;

/// The port an agent listens on unless `ipa-listen-port` says otherwise.
pub const DEFAULT_PORT: u16 = 9999;

/// The microversion the agent uses for lookup: agent tokens need 1.62.
pub const LOOKUP_MICROVERSION: u16 = 62;

/// The microversion the agent uses for heartbeats: `agent_verify_ca` needs 1.68.
pub const HEARTBEAT_MICROVERSION: u16 = 68;

/// The microversion from which `continue_inspection` answers as lookup does.
pub const INSPECTION_MICROVERSION: u16 = 84;
