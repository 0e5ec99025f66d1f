//! The virtual rack: simulated BMCs, firmware and machines, and QEMU machines.

pub mod bmc;
pub mod firmware;
pub mod qemu;
