//! Simulated BMCs that speak real IPMI v2.0 over RMCP+ on loopback UDP: sessions with cipher suites
//! 3 and 17, users and privilege levels, chassis control through [`Chassis`], boot options kept
//! wholly, and faults on demand. ipmitool and FreeIPMI take one for real.
//!
//! Not here: sensors, event logs, and the machine behind the BMC.

mod boot;
mod chassis;
mod commands;
mod config;
mod farm;
mod fault;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod identify;
mod login;
mod serial;
mod sessions;
mod sim;

pub use boot::BootOptions;
pub use chassis::{Chassis, ChassisRefusal, PlainChassis};
pub use config::{BmcConfig, BmcUser};
pub use farm::BmcFarm;
pub use fault::{BmcFault, Faults};
pub use serial::SerialPort;
pub use sim::SimBmc;
