//! Placeholder head.
pub mod qemu;
