//! What helps to enrol machines that have no node yet; only Cupola serves it.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use cupola_api::client::{Client, ClientError};
use cupola_api::cupola::IdentifyRequest;
use cupola_api::discovery::{DiscoveryRequest, Target};
use futures_util::future::join_all;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::effect::Ticket;
use crate::event::Reply;
use crate::machine::{Machine, file};

/// So long the name of a BMC is looked up.
const LOOKUP: Duration = Duration::from_secs(5);

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

/// Reads a file of machines, and looks up the names of their BMCs.
pub(super) async fn machines(ticket: Ticket, path: String) -> Reply {
    let read =
        super::blocking(move || file::read(Path::new(&path)).map_err(|error| error.to_string()));
    Reply::Machines(
        ticket,
        match read.await {
            Ok(machines) => Ok(join_all(machines.into_iter().map(located)).await),
            Err(why) => Err(why),
        },
    )
}

/// A machine, and where its BMC is, where that is known in time.
async fn located(machine: Machine) -> (Machine, Option<Target>) {
    let Some(name) = machine.address.clone().filter(|_| machine.driver == "ipmi") else {
        return (machine, None);
    };
    let address = match name.parse::<IpAddr>() {
        Ok(address) => Some(address),
        Err(_) => timeout(LOOKUP, lookup_host((name, 0)))
            .await
            .ok()
            .and_then(Result::ok)
            .and_then(|mut all| all.next())
            .map(|found| found.ip()),
    };
    let port = machine.port;
    (machine, address.map(|address| Target { address, port }))
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
