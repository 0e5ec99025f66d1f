//! The deploy-ramdisk agent: it runs on the machine that is being provisioned, tells the API who it
//! is, and does there what the conductor asks for: wipe disks, write an image, make it bootable.
//!
//! It speaks the ironic-python-agent protocol (types in [`cupola_api::agent`]), so that a conductor
//! cannot tell it from the Python agent. Everything it touches of the machine goes through one trait,
//! [`Platform`]: [`LinuxPlatform`] is a real ramdisk; the virtual rack brings its own with a sparse file
//! for a disk. It decides nothing about the flow: which steps run, and when, is the conductor's.
//!
//! Way in: [`Agent::run`] (`runner.rs`) → `server.rs` (commands come in) → `command.rs` (which one) →
//! `image.rs`, `erase.rs`, `bootloader.rs` (the work).

pub mod bootloader;
mod command;
mod config;
mod configdrive;
pub mod disk;
mod erase;
mod error;
mod fat;
mod guard;
mod image;
mod ironic;
mod kernel_parameters;
mod load_option;
mod log_buffer;
mod logs;
pub mod partition;
pub mod platform;
mod rescue;
mod runner;
mod server;
mod tls;

pub use config::{AgentConfig, ConfigError};
pub use disk::{Disk, FileDisk};
pub use error::StepError;
#[cfg(fuzzing)]
pub use image::fuzzing;
pub use image::{ImageError, write_image};
pub use kernel_parameters::KernelParameters;
pub use load_option::{BootEntry, PartitionSignature};
pub use log_buffer::LogBuffer;
pub use platform::linux::LinuxPlatform;
pub use platform::{Platform, PlatformError, SecureErase};
pub use rescue::PasswordHash;
pub use runner::{Agent, AgentExit};

/// What the agent calls itself in heartbeats and at `/v1/status`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
