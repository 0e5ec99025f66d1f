//! What helps to enrol machines that have no node yet: testing a BMC, lighting its machine's locate
//! LED, looking for BMCs, and who asked DHCP.

use std::collections::HashMap;
use std::time::Duration;

use cupola_api::MacAddress;
use cupola_api::cupola::{IdentifyRequest, ProbeRequest, UnknownMac, UnknownMacs};
use cupola_api::discovery::{DiscoveryRequest, MOST_AT_ONCE};
use cupola_api::event::{BootService, Event, EventKind};
use cupola_api::fault::ApiFault;
use http::StatusCode;
use jiff::Timestamp;

use super::FLUSH;
use crate::http::answer::{Answer, empty, ok};
use crate::http::body::Size;
use crate::http::call::Call;

/// How many contacts of machines that belong to no node are looked through.
const CONTACTS: u32 = 2000;
/// How long ago one may have asked to be told.
const RECENT: Duration = Duration::from_secs(24 * 3600);
/// How many of their addresses are told.
const UNKNOWN: usize = 50;

/// `POST /cupola/v1/probe`.
pub(in crate::http) async fn probe(call: &mut Call) -> Answer {
    let body = call.json(Size::Usual).await?;
    // The body holds a password: the text of the error names no value.
    let request: ProbeRequest = serde_json::from_value(body).map_err(|_| {
        ApiFault::bad_request("A probe needs `driver`, a text, and `driver_info`, an object.")
    })?;
    let rpc = &call.state.rpc;
    ok(&rpc.probe(&request.driver, request.driver_info).await?)
}

/// `POST /cupola/v1/identify`.
pub(in crate::http) async fn identify(call: &mut Call) -> Answer {
    let body = call.json(Size::Usual).await?;
    let wrong = || {
        ApiFault::bad_request(
            "It needs `driver`, a text, `driver_info`, an object, and `state`, on or off.",
        )
    };
    let request: IdentifyRequest = serde_json::from_value(body).map_err(|_| wrong())?;
    let on = match request.state.as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(wrong().into()),
    };
    let rpc = &call.state.rpc;
    rpc.identify(&request.driver, request.driver_info, on)
        .await?;
    empty(StatusCode::NO_CONTENT)
}

/// `POST /cupola/v1/discovery`.
pub(in crate::http) async fn discover(call: &mut Call) -> Answer {
    let body = call.json(Size::Usual).await?;
    let addresses = body.get("addresses").cloned();
    let request: DiscoveryRequest = serde_json::from_value(body).map_err(|_| {
        // Only the addresses are told: what stands beside them may be a password.
        let about = addresses.map(serde_json::from_value::<Vec<cupola_api::discovery::Target>>);
        let why = match about {
            Some(Err(error)) => error.to_string(),
            Some(Ok(_)) | None => "the rest is texts, a number and a boolean".to_owned(),
        };
        ApiFault::bad_request(format!("It needs `addresses`, a list of addresses: {why}."))
    })?;
    if !(1..=MOST_AT_ONCE).contains(&request.addresses.len()) {
        let text = format!("`addresses` has 1 to {MOST_AT_ONCE} addresses.");
        return Err(ApiFault::bad_request(text).into());
    }
    ok(&call.state.rpc.discover(request).await?)
}

/// `GET /cupola/v1/unknown-macs`.
pub(in crate::http) async fn unknown_macs(call: &mut Call) -> Answer {
    call.state.events.flush_within(FLUSH).await;
    let store = &call.state.store;
    let contacts = store.strangers(None, CONTACTS).await?;
    let mut macs = Vec::new();
    let since = Timestamp::now() - RECENT;
    for known in summarize(&contacts, since) {
        if macs.len() == UNKNOWN {
            break;
        }
        // Who was enrolled since then is no stranger any more.
        if store.port_by_address(known.mac).await?.is_none() {
            macs.push(known);
        }
    }
    ok(&UnknownMacs { macs })
}

/// Who asked DHCP since then, the last one first. Contacts come oldest first.
fn summarize(contacts: &[Event], since: Timestamp) -> Vec<UnknownMac> {
    let mut all: HashMap<MacAddress, UnknownMac> = HashMap::new();
    for event in contacts.iter().filter(|event| event.at >= since) {
        let EventKind::BootContact {
            service: BootService::Dhcp,
            mac: Some(mac),
            message,
            ..
        } = &event.kind
        else {
            continue;
        };
        let known = all.entry(*mac).or_insert_with(|| UnknownMac {
            mac: *mac,
            first_seen: event.at,
            last_seen: event.at,
            times: 0,
            what: String::new(),
        });
        known.last_seen = event.at;
        known.times += 1;
        known.what.clone_from(message);
    }
    let mut all: Vec<UnknownMac> = all.into_values().collect();
    all.sort_by_key(|known| (std::cmp::Reverse(known.last_seen), known.mac));
    all
}

#[cfg(test)]
mod tests {
    use cupola_api::Rung;
    use cupola_api::event::{EventId, Severity};

    use super::*;

    #[test]
    fn who_asked_last_comes_first_and_once() {
        let contact = |second: i64, last: u8, service| Event {
            id: EventId(second),
            at: Timestamp::from_second(second).unwrap(),
            node: None,
            kind: EventKind::BootContact {
                service,
                mac: Some(MacAddress::new([0x52, 0x54, 0, 0, 0, last])),
                message: format!("at {second}"),
                ok: true,
                rung: Rung::DhcpDiscover.into(),
            },
        };
        let log = Event {
            kind: EventKind::Log {
                severity: Severity::Info,
                source: "boot".to_owned(),
                text: "no contact".to_owned(),
            },
            ..contact(9, 9, BootService::Dhcp)
        };
        let contacts = [
            contact(0, 4, BootService::Dhcp),
            contact(1, 1, BootService::Dhcp),
            contact(2, 2, BootService::Dhcp),
            contact(3, 1, BootService::Dhcp),
            contact(4, 3, BootService::Tftp),
            log,
        ];
        let since = Timestamp::from_second(1).unwrap();
        let told = summarize(&contacts, since);
        let told: Vec<_> = told
            .iter()
            .map(|one| (one.mac.octets()[5], one.times, one.what.as_str()))
            .collect();
        assert_eq!(told, [(1, 2, "at 3"), (2, 1, "at 2")]);
    }
}
