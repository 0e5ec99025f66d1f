//! The boot services: DHCP, TFTP and HTTP boot, served from the process itself.
//!
//! One process sees every rung of a netboot and says which one broke. It answers only machines
//! whose MAC address is that of an enrolled port, asks a [`BootDirectory`] what each of them should
//! boot, and tells a [`ContactSink`] of every contact. To follow a boot through the code: a ROM
//! asks DHCP and gets a loader's name; loads it over TFTP; the loader (iPXE) asks DHCP again and
//! gets its node's script, whose URLs lead to kernel and ramdisk over HTTP. Or the loader is the
//! signed shim, which loads GRUB from beside itself, and GRUB its node's configuration.
//!
//! What should be booted, and the states behind it, are the conductor's.

use std::time::Duration;

mod advertisement;
pub mod client;
pub mod cmdline;
mod complaints;
pub mod contact;
pub(crate) mod content;
pub mod dhcp;
pub mod directory;
pub mod dnsmasq;
pub mod files;
#[cfg(any(test, fuzzing))]
mod fuzzing;
pub mod grub;
pub mod http;
pub mod leases;
mod node_files;
mod open_files;
mod reporter;
pub mod script;
pub mod services;
pub mod tftp;

pub use client::{BootStage, ClientArchitecture, ClientSystem};
pub use cmdline::KernelCommandLine;
pub use contact::{BootContact, ContactKind, IgnoreReason, TftpFailure};
pub use dhcp::{AddressService, DhcpConfig, DhcpService, ReplyTo, ServedSubnet, interface_address};
pub use directory::{
    BootDecision, BootDirectory, BootHost, ContactSink, IsoBoot, NoSink, RamdiskBoot,
};
pub use dnsmasq::DnsmasqConfig;
pub use files::{FileSet, Loader, LoaderNames};
pub use http::HttpConfig;
pub use leases::{Lease, LeaseStore, LeaseStoreError, MemoryLeaseStore, Reservations, Subnet};
pub use open_files::OpenFiles;
pub use services::{BootServices, BootServicesConfig, BootServicesError, base_url};
pub use tftp::TftpConfig;

/// How long the directory may take over one question. A ROM asks again after one to four seconds;
/// an answer to its earlier packet is of no use to it then.
pub const DIRECTORY_DEADLINE: Duration = Duration::from_secs(2);
