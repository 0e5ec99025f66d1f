//! Which API a command speaks to.

use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;

use super::{Common, Failure};

/// The port that the Bare Metal API has by convention.
const DEFAULT_API: &str = "http://127.0.0.1:6385";

/// The API that is configured: `--api`, then `OS_ENDPOINT` as the OpenStack clients have it.
pub(crate) fn configured(common: &Common) -> Option<String> {
    let endpoint = || std::env::var("OS_ENDPOINT").ok();
    common
        .api
        .clone()
        .or_else(endpoint)
        .filter(|url| !url.is_empty())
}

/// A client for a one-shot command, which always speaks to a service that runs already.
pub(crate) fn client(common: &Common) -> Result<Client, Failure> {
    remote(&configured(common).unwrap_or_else(|| DEFAULT_API.to_owned()))
}

/// A client of the API at this URL.
pub(crate) fn remote(url: &str) -> Result<Client, Failure> {
    Ok(Client::new(RemoteTransport::new(url)?))
}
