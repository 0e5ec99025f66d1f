//! `cupola deploy`.

use clap::Args;

use super::{Common, Failure, Outcome};

/// Arguments of `deploy`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(_common: &Common, _arguments: Arguments) -> Outcome {
    Err(Failure::failed("this build cannot deploy yet"))
}
