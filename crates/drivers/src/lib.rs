//! Hardware: what talks to machines, their BMCs and their firmware.

pub mod boot;
pub mod ipmi;
