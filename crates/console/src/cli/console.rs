//! `cupola` without a command: the console.

use super::{Common, Failure, Outcome, connect};

/// Opens the console.
pub(crate) async fn run(common: &Common) -> Outcome {
    let Some(url) = connect::configured(common) else {
        return Err(Failure::failed(
            "this build has no embedded service yet; name a running one with --api URL",
        ));
    };
    let client = connect::remote(&url)?;
    Err(Failure::failed(format!(
        "this build has no console yet; use `cupola node list --api {}`",
        client.target()
    )))
}
