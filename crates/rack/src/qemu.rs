//! QEMU machines with third-party BMCs: the proof that the simulated rack does not lie.
//!
//! A [`QemuRack`] is a network namespace with a provisioning bridge, and on it QEMU machines whose
//! power and boot device belong to OpenIPMI's `ipmi_sim`. Firmware, PXE ROM, kernel and disk are
//! real; nothing of Cupola is inside. A test runs `cupola serve` in the namespace with
//! [`Namespace::command`] and reads the machines' serial ports.
//!
//! The parts also stand alone: [`IpmiSim`] with [`PowerFlag`] is a foreign BMC without a machine
//! and without a namespace. Everything that was started is ended by its own process id when its
//! owner is dropped.

mod chassis;
mod command_line;
mod error;
mod ipmi_sim;
mod machine;
mod namespace;
mod network_host;
mod qmp;
mod rack;
mod requirements;
mod serial;

pub use chassis::{BootDevice, Chassis, ChassisReply, ChassisRequest, PowerFlag};
pub use command_line::{
    CardRom, DiskConfig, Firmware, MachineConfig, NetworkAttachment, SmbiosIdentity,
};
pub use error::QemuError;
pub use ipmi_sim::{BmcCredentials, IpmiSim, IpmiSimConfig};
pub use machine::{MachineStatus, QemuMachine};
pub use namespace::{Namespace, ProvisioningNetwork};
pub use network_host::NetworkHost;
pub use qmp::ShutdownReason;
pub use rack::{QemuRack, RackMachine, RackMachineConfig};
pub use requirements::missing_requirements;
pub use serial::SerialConsole;
