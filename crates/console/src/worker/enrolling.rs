//! What helps to enrol machines that have no node yet; only Cupola serves it.

use cupola_api::client::{Client, ClientError};
use cupola_api::cupola::IdentifyRequest;
use cupola_api::discovery::DiscoveryRequest;

use crate::effect::Ticket;
use crate::event::Reply;

/// Switches the locate LED.
pub(super) async fn identify(client: Client, ticket: Ticket, request: IdentifyRequest) -> Reply {
    let on = request.state == "on";
    let lit = client.identify(&request).await;
    Reply::Identified(ticket, on, lit.map_err(text))
}

/// Asks who asked DHCP and is not enrolled.
pub(super) async fn unknown_macs(client: Client) -> Reply {
    let known = client.unknown_macs().await.map_err(text);
    Reply::UnknownMacs(known.map(|all| all.macs))
}

/// Looks for BMCs.
pub(super) async fn discover(
    client: Client,
    ticket: Ticket,
    request: Box<DiscoveryRequest>,
) -> Reply {
    let found = client.discover(&request).await;
    Reply::Discovered(ticket, found.map_err(text))
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "used as a function for map_err"
)]
fn text(error: ClientError) -> String {
    match error.status() {
        Some(404) => "this server does not tell (it is not Cupola)".to_owned(),
        Some(_) | None => error.to_string(),
    }
}
