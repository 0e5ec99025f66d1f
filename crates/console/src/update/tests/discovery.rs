//! Looking for many BMCs.

use cupola_api::discovery::{Discovered, DiscoveryReport, DiscoveryRequest, Login};

use super::*;
use crate::state::discovery::{Discovery, Fate};

fn found(address: &str, login: Login) -> Discovered {
    Discovered {
        address: address.parse().expect("an address"),
        protocols: vec!["ipmi".to_owned(), "redfish".to_owned()],
        manufacturer: Some("Dell Inc.".to_owned()),
        model: Some("PowerEdge R650".to_owned()),
        serial_number: Some("CZ20430A".to_owned()),
        login,
        default_credentials: (login == Login::Default).then(|| "Dell iDRAC".to_owned()),
        problem: (login == Login::Refused).then(|| "wrong password".to_owned()),
        node: None,
    }
}

fn open(state: &State) -> &Discovery {
    match &state.screen {
        Screen::Discovery(discovery) => discovery,
        _ => panic!("the screen is gone"),
    }
}

fn asked(effects: &[Effect]) -> (Ticket, DiscoveryRequest) {
    match effects.last() {
        Some(Effect::Discover(ticket, request)) => (*ticket, (**request).clone()),
        _ => panic!("addresses are asked: {effects:?}"),
    }
}

fn told(state: &mut State, ticket: Ticket, found: Vec<Discovered>, silent: usize) -> Vec<Effect> {
    let report = DiscoveryReport {
        found,
        silent,
        unfinished: Vec::new(),
    };
    update(state, Event::Reply(Reply::Discovered(ticket, Ok(report))))
}

/// A search that has found one of each.
pub(super) fn searched(state: &mut State) {
    let effects = press(state, ":enroll 10.0.0.1-4<enter><tab>admin<tab>geheim<f8>");
    let (ticket, _) = asked(&effects);
    let mut known = found("10.0.0.3", Login::Accepted);
    known.node = Some(summary(1, "n1", ProvisionState::Active).uuid);
    let all = vec![
        found("10.0.0.1", Login::Accepted),
        found("10.0.0.2", Login::Refused),
        known,
        found("10.0.0.4", Login::Default),
    ];
    assert!(told(state, ticket, all, 0).is_empty());
}

#[test]
fn addresses_are_asked_piece_by_piece_and_esc_stops() {
    let mut state = with(&[]);
    press(&mut state, ":enroll 10.0.0.0/40<enter><f8>");
    assert!(screen(&mut state).contains("10.0.0.0/40 is no network"));
    let effects = press(&mut state, "<bs><bs>26<f8>");
    let (ticket, request) = asked(&effects);
    assert_eq!(request.addresses.len(), 32);
    assert!(request.username.is_none() && !request.default_credentials);
    let first = found("10.0.0.7", Login::NotTried);
    let (next, request) = asked(&told(&mut state, ticket, vec![first], 31));
    assert_eq!(request.addresses.len(), 30);
    assert!(screen(&mut state).contains("asked 32 of 62, 1 BMC"));
    press(&mut state, "<esc>");
    assert!(told(&mut state, next, Vec::new(), 30).is_empty());
    assert!(screen(&mut state).contains("Found 1 BMC: asked 62 of 62; 61 silent"));
    // An answer to an earlier question is none to this one.
    press(&mut state, "r");
    assert!(told(&mut state, ticket, Vec::new(), 32).is_empty());
}

#[test]
fn default_credentials_are_tried_only_when_asked_for_and_that_is_said() {
    let mut state = with(&[]);
    press(&mut state, ":enroll 10.0.0.1<enter><tab><tab><tab>");
    assert!(!screen(&mut state).contains("Supermicro"));
    press(&mut state, "<space>");
    assert!(screen(&mut state).contains("Supermicro       user ADMIN"));
    let effects = press(&mut state, "<f8>");
    assert!(asked(&effects).1.default_credentials);
    assert!(screen(&mut state).contains("Makers' default credentials are tried too."));
}

#[test]
fn what_can_be_is_chosen_and_enrolled() {
    let mut state = with(&[ProvisionState::Active]);
    searched(&mut state);
    assert!(!screen(&mut state).contains("geheim"));
    // What cannot be chosen says why.
    press(&mut state, "<down><space>");
    assert!(screen(&mut state).contains("10.0.0.2: wrong password"));
    assert!(press(&mut state, "<f8>").is_empty());
    press(&mut state, "*");
    assert_eq!(open(&state).chosen(), 2);
    let effects = press(&mut state, "<f8>");
    let bodies: Vec<_> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Enroll(ticket, body, _) => (*ticket, body["driver_info"].clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bodies[0].1["ipmi_password"], "geheim");
    assert_eq!(bodies[1].1["ipmi_password"], "calvin");
    let id = summary(9, "new", ProvisionState::Enroll).uuid;
    let effects = update(
        &mut state,
        Event::Reply(Reply::Enrolled(bodies[0].0, Ok(id))),
    );
    assert_eq!(verbs(&effects), [ProvisionVerb::Manage]);
    let refused = Err("the address is taken".to_owned());
    update(
        &mut state,
        Event::Reply(Reply::Enrolled(bodies[1].0, refused)),
    );
    let rows = &open(&state).rows;
    assert_eq!(rows[0].fate, Fate::Enrolled(id));
    assert!(screen(&mut state).contains("FAILED: the addre"));
}

#[test]
fn the_wizard_goes_on_with_what_was_found() {
    let mut state = with(&[ProvisionState::Active]);
    searched(&mut state);
    press(&mut state, "<enter>");
    let enroll = wizard(&state);
    assert_eq!(enroll.bmc.text("BMC address"), "10.0.0.1");
    assert_eq!(enroll.bmc.text("Password"), "geheim");
    assert_eq!(enroll.labels.text("Serial number"), "CZ20430A");
    // Back to the table, and nothing is lost.
    press(&mut state, "<esc>");
    assert_eq!(open(&state).rows.len(), 4);
    // One that is enrolled opens its node.
    press(&mut state, "<down><down><enter>");
    assert!(matches!(state.screen, Screen::Node(_)));
}
