//! `cupola` without a command: the console.

use cupola_api::client::Client;

use super::{Common, Failure, Outcome, connect};
use crate::app::{self, AppError, Look};

/// Opens the console.
pub(crate) async fn run(common: &Common) -> Outcome {
    let Some(url) = connect::configured(common) else {
        return Err(Failure::failed(
            "this build has no embedded service yet; name a running one with --api URL",
        ));
    };
    show(common, connect::remote(&url)?).await
}

/// Shows the console over this client.
pub(crate) async fn show(common: &Common, client: Client) -> Outcome {
    let look = Look {
        theme: common.look.theme.clone(),
        ascii: common.look.ascii,
    };
    let outcome = app::run(client, &look, common.log.as_deref()).await;
    outcome.map_err(|error| match error {
        AppError::Session(_) | AppError::Theme(_) => Failure::usage(error.to_string()),
        AppError::Lost | AppError::Panicked(_) | AppError::Io(_) => {
            Failure::failed(error.to_string())
        }
    })
}
