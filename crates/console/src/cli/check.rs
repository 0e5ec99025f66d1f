//! `cupola check`: is this host fit to provision?

use clap::Args;

use super::{Common, Failure, Outcome};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs all checks.
pub(crate) async fn run(_common: &Common, _arguments: Arguments) -> Outcome {
    Err(Failure::failed("this build has no checks yet"))
}
