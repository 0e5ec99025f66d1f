//! Looking for many BMCs.

use cupola_api::discovery::{Discovered, DiscoveryReport, DiscoveryRequest, Login};

use super::*;
use crate::machine::Machine;
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

fn machine(name: &str, address: Option<&str>, password: &str) -> Machine {
    Machine {
        name: Some(name.to_owned()),
        driver: "ipmi".to_owned(),
        address: address.map(str::to_owned),
        user: Some("admin".to_owned()),
        password: Some(cupola_api::secret::Secret::new(password)),
        macs: vec!["52:54:00:00:00:01".parse().expect("an address")],
        ..Machine::default()
    }
}

/// What was asked to be read, and the answer to it.
fn read(state: &mut State, effects: &[Effect], machines: Vec<Machine>) -> Vec<Effect> {
    let Some(Effect::Machines(ticket, path)) = effects.last() else {
        panic!("a file is read: {effects:?}");
    };
    assert_eq!(path, "rack 1.csv");
    let located = machines.into_iter().map(|machine| {
        let target = machine.address.as_deref().and_then(|it| it.parse().ok());
        (machine, target)
    });
    let answer = Ok(located.collect());
    update(state, Event::Reply(Reply::Machines(*ticket, answer)))
}

#[test]
fn the_machines_of_a_file_are_tested_by_their_own_logins_and_enrolled_as_it_says() {
    let mut state = with(&[]);
    let effects = press(&mut state, ":enroll rack 1.csv<enter>");
    assert!(screen(&mut state).contains("rack 1.csv: being read"));
    let mut other = machine("u5", None, "x");
    other.driver = "redfish".to_owned();
    let machines = vec![
        machine("u1", Some("10.0.0.1"), "one"),
        machine("u2", Some("10.0.0.2"), "two"),
        machine("u3", Some("10.0.0.3"), "one"),
        machine("u4", Some("bmc4.example"), "one"),
        other,
    ];
    let (ticket, request) = asked(&read(&mut state, &effects, machines));
    let texts: Vec<String> = request.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["10.0.0.1", "10.0.0.3"]);
    assert_eq!(
        request.password.as_ref().map(cupola_api::Secret::expose),
        Some("one")
    );
    let first = found("10.0.0.1", Login::Accepted);
    let (ticket, request) = asked(&told(&mut state, ticket, vec![first], 1));
    assert_eq!(
        request.password.as_ref().map(cupola_api::Secret::expose),
        Some("two")
    );
    let second = found("10.0.0.2", Login::Refused);
    assert!(told(&mut state, ticket, vec![second], 0).is_empty());
    let shown = screen(&mut state);
    assert!(
        shown.contains("rack 1.csv: Found 2 BMCs: asked 3 of 3; 1 silent"),
        "{shown}"
    );
    // Only what answered and let somebody in, and what is not tested before it is managed.
    press(&mut state, "<down><down><space>");
    assert!(screen(&mut state).contains("10.0.0.3: it does not answer"));
    press(&mut state, "<space>");
    assert!(screen(&mut state).contains("no address of bmc4.example"));
    press(&mut state, "*");
    let effects = press(&mut state, "<f8>");
    let bodies: Vec<_> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Enroll(_, body, macs) => (body["name"].clone(), macs.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bodies, [("u1".into(), 1), ("u5".into(), 1)]);
    let Some(Effect::Enroll(_, body, _)) = effects.first() else {
        panic!("{effects:?}");
    };
    assert_eq!(body["driver_info"]["ipmi_password"], "one");
    assert_eq!(body["extra"]["serial_number"], "CZ20430A");
    // The wizard begins with what the file says.
    press(&mut state, "g<down><enter>");
    let enroll = wizard(&state);
    assert_eq!(enroll.bmc.text("Name"), "u2");
    assert_eq!(enroll.labels.text("MAC 1"), "52:54:00:00:00:01");
    press(&mut state, "<esc>");
    // The file is read again, and Esc leaves it.
    let effects = press(&mut state, "r");
    assert!(matches!(effects.last(), Some(Effect::Machines(..))));
    press(&mut state, "<esc>");
    assert!(matches!(state.screen, Screen::List));
}

#[test]
fn what_is_wrong_with_a_file_is_told_line_by_line() {
    let mut state = with(&[]);
    let effects = press(&mut state, ":enroll rack.yaml<enter>");
    let Some(Effect::Machines(ticket, _)) = effects.last() else {
        panic!("a file is read: {effects:?}");
    };
    let why = "rack.yaml: line 2: no MAC\nrack.yaml: line 7: no address".to_owned();
    update(&mut state, Event::Reply(Reply::Machines(*ticket, Err(why))));
    let shown = screen(&mut state);
    assert!(
        shown.contains("line 2: no MAC") && shown.contains("line 7: no address"),
        "{shown}"
    );
    assert!(shown.contains("mend it, then press r"), "{shown}");
    assert!(!shown.contains("Nothing answered"), "{shown}");
}
