//! `cupola ramdisk build`: kernel and deploy ramdisk in one command.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Common, Failure, Outcome};

/// What to do with ramdisks.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build kernel and ramdisk from Debian packages
    Build(Build),
}

/// Arguments of `ramdisk build`.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Where kernel and ramdisk go
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(_common: &Common, command: Command) -> Outcome {
    let Command::Build(_) = command;
    Err(Failure::failed("this build cannot make a ramdisk yet"))
}
