//! The virtual rack: simulated BMCs, firmware and machines, and QEMU machines.

pub mod bmc;
pub mod demo_image;
pub mod fault;
pub mod firmware;
pub mod machine;
pub mod qemu;
pub mod virtual_rack;
