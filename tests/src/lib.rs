//! What the cross-crate tests share: the built binary, a running service, loud skips.
//!
//! Nothing here asserts anything about the product; the tests beside this crate do.

pub mod binary;
pub mod crash;
pub mod differential;
pub mod ipmi;
pub mod keystone;
pub mod node_life;
pub mod oracle;
pub mod postgres;
pub mod pty;
pub mod qemu;
pub mod rabbitmq;
pub mod room;
pub mod screen;
pub mod serve;
pub mod sim;
pub mod skip;
pub mod timeline;
pub mod upstream;
pub mod venv;
pub mod web;
