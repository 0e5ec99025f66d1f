//! `cupola` without a command: the console, over a service elsewhere or in this process.

use cupola_api::client::Client;
use cupola_api::client::embedded::EmbeddedTransport;
use cupola_backend::config::Config;
use cupola_backend::service::Service;
use tokio::net::TcpListener;

use super::Look;
use super::{Common, Failure, Outcome, connect, service};
use crate::app::{self, AppError};
use crate::state::Welcome;
use crate::term::session::Session;

/// Opens the console.
pub(crate) async fn run(common: &Common, look: &Look) -> Outcome {
    if let Some(url) = connect::configured(common).await? {
        return show(common, look, connect::remote(common, &url)?, None).await;
    }
    terminal()?;
    let config = service::config(common)?;
    let directory = service::state_directory(common);
    let listener = listener(&config).await?;
    let running = Service::start(config, &directory, Some(listener)).await;
    let running = running.map_err(service::failure)?;
    let client = Client::new(EmbeddedTransport::new(running.router()));
    let outcome = show(common, look, client, None).await;
    running.stop().await;
    outcome
}

/// Refuses where there is no terminal, before anything is made or started for nothing.
pub(super) fn terminal() -> Outcome {
    Session::look().map_err(|error| Failure::usage(error.to_string()))
}

/// The API's socket: ramdisks of the embedded service need it, the console does not.
async fn listener(config: &Config) -> Result<TcpListener, Failure> {
    let address = config.api.listen;
    TcpListener::bind(address).await.map_err(|e| {
        let taken = e.kind() == std::io::ErrorKind::AddrInUse;
        let more = if taken {
            format!(
                ". If that is Cupola already, open the console on it with `cupola --api \
                 http://{address}`; else set api.listen to another address"
            )
        } else {
            String::new()
        };
        Failure::failed(format!("the API cannot listen on {address}: {e}{more}"))
    })
}

/// Shows the console over this client.
pub(crate) async fn show(
    common: &Common,
    look: &Look,
    client: Client,
    welcome: Option<Welcome>,
) -> Outcome {
    let look = app::Look {
        theme: look.theme(),
        ascii: look.ascii(),
        welcome,
    };
    let outcome = app::run(client, &look, common.log.as_deref()).await;
    outcome.map_err(|error| match error {
        AppError::Session(_) | AppError::Theme(_) => Failure::usage(error.to_string()),
        AppError::Lost | AppError::Panicked(_) | AppError::Io(_) => {
            Failure::failed(error.to_string())
        }
    })
}
