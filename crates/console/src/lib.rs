//! What the `cupola` binary is made of: the command line, and the terminal console.
//!
//! * `cli` parses arguments and runs one-shot commands.
//! * `app` is the loop of the console: events into `update`, effects into `worker`, state onto the
//!   screen by `ui`, through the terminal that `term` owns.
//! * `command` is the one table of what the console can be told to do.
//! * `ramdisk` builds the deploy ramdisk.
//!
//! Everything speaks the API through `cupola_api::client::Client`; nothing here moves a node's
//! state or touches hardware.

mod app;
pub mod cli;
mod command;
pub mod demo;
mod describe;
mod diagnostics;
mod effect;
mod event;
mod follow;
mod given;
mod key;
mod machine;
pub mod measure;
mod mouse;
pub mod ramdisk;
mod redact;
mod request;
mod sample;
mod serial;
mod settings;
mod state;
mod summary;
mod term;
#[cfg(test)]
mod testing;
mod ui;
mod update;
mod watching;
mod worker;
