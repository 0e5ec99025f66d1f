//! IPMI v2.0 over RMCP+, spoken natively: one UDP socket for thousands of BMCs and no process per
//! command. [`wire`] holds the pure codec (shared with the simulated BMC of the rack), the rest is
//! the client: [`IpmiHub`] owns the sockets and sessions, [`IpmiClient`] runs operations on one BMC.
//!
//! Not here: IPMI 1.5 sessions, DCMI and sensors.

mod client;
mod discover;
mod driver_info;
mod error;
mod handshake;
mod hub;
mod identify;
mod interfaces;
mod line;
mod observer;
mod operations;
mod power;
mod probe;
mod route;
mod rung;
mod serial;
mod serial_interface;
mod session;
mod slot;
mod target;
pub mod wire;

pub use client::IpmiClient;
pub use error::{IpmiError, IpmiFault};
pub use hub::{IpmiConfig, IpmiHub};
pub use interfaces::{IpmiManagement, IpmiPower, interfaces};
pub use observer::{BmcObserver, CommandRecord, RetryRecord};
pub use operations::BootOverride;
pub use power::ReadBack;
pub use serial::{SerialConsole, SerialEvent, SerialInput, SerialReader};
pub use serial_interface::IpmiSerial;
pub use target::{IpmiTarget, resolve};
