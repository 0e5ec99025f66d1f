//! The boot services as foreign clients see them: curl, busybox, and DHCP packets made by
//! `dhcproto`. What only reads or writes packets is tested beside its code.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

mod addresses;
mod dhcp;
mod firmware;
mod http;
mod lab;
mod namespace;
mod network;
mod other_server;
mod proxy;
mod tftp;
