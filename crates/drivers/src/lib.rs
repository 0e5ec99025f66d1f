//! Hardware: what talks to machines, their BMCs and their firmware.

pub mod agent;
pub mod boot;
pub mod crash_point;
mod digest;
pub mod direct;
pub mod fake;
pub mod image_cache;
pub mod interface;
pub mod ipmi;
pub mod ipxe;
pub mod noop;
pub mod ramdisk;
pub mod redfish;
pub mod registry;
