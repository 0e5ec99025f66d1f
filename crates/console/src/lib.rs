//! The library half of the `cupola` binary: what its commands do, without the command line.

pub mod ramdisk;
