//! `cupola demo`: the console over an embedded service and a virtual rack.

use clap::Args;

use super::{Common, Failure, Outcome};

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many simulated machines
    #[arg(long, value_name = "N", default_value_t = 12)]
    nodes: usize,
}

/// Starts rack, service and console.
pub(crate) async fn run(_common: &Common, _arguments: Arguments) -> Outcome {
    Err(Failure::failed("this build has no virtual rack yet"))
}
