//! What the `cupola` binary is made of: the command line, and the terminal console.
//!
//! `cli` parses arguments and runs one-shot commands. Everything speaks the API through
//! `cupola_api::client::Client`; nothing here moves a node's state or touches hardware.

#![allow(dead_code, reason = "commands that use it land next")]

pub mod cli;
pub mod demo;
pub mod ramdisk;
mod summary;
