//! A processor for the server and another for its clients: they are different machines in life, and
//! whether a scheduler happens to put both on one processor decides a transfer in lockstep.

use std::process::Command;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// The servers' processor.
pub(super) const SERVER: usize = 0;

/// The clients' processor.
const CLIENTS: usize = 1;

/// A command that runs its arguments on this processor.
pub(super) fn pinned(processor: usize) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &processor.to_string()]);
    command
}

/// Keeps this thread, and so all of the clients, on their processor.
///
/// # Errors
/// This host has only one.
pub(super) fn be_the_clients() -> Result<()> {
    let mut processors = CpuSet::new();
    processors.set(CLIENTS)?;
    sched_setaffinity(Pid::from_raw(0), &processors)
        .context("the benchmark needs two processors: one for the server, one for the clients")
}
