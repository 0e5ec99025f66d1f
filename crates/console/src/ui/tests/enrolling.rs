//! What helps to enrol: who asks DHCP, the card at the end, many BMCs at once.

use cupola_api::cupola::UnknownMac;
use cupola_api::discovery::{Discovered, DiscoveryReport, Login};
use cupola_api::id::NodeId;

use super::*;
use crate::machine::Machine;
use crate::state::enroll::Step;
use crate::state::journey::Status;

#[test]
fn enrol_with_what_asks_dhcp_and_the_card_at_the_end() {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut state = busy(columns, rows);
        state.shell.url = "http://10.0.0.1:6385".to_owned();
        press(
            &mut state,
            "enew<tab><tab>10.0.0.7<tab><tab>admin<tab>secret",
        );
        let Screen::Enroll(enroll) = &mut state.screen else {
            panic!("the wizard is open")
        };
        enroll.step = Step::Labels;
        let at = state.now;
        enroll.unknown = Some(Ok(vec![UnknownMac {
            mac: "52:54:00:12:34:56".parse().expect("an address"),
            first_seen: at,
            last_seen: at,
            times: 2,
            what: "DHCPDISCOVER by firmware, x86_64 UEFI".to_owned(),
        }]));
        press(&mut state, "<f3>");
        snapshot!(format!("enrol-labels-{columns}x{rows}"), &mut state);
        press(&mut state, "<f8><space><f8>");
        snapshot!(format!("enrol-review-{columns}x{rows}"), &mut state);
        press(&mut state, "<enter>");
        let Screen::Enroll(enroll) = &mut state.screen else {
            panic!("the wizard is open")
        };
        enroll.journey.node = Some(NodeId(uuid::Uuid::from_u128(7)));
        for (_, status) in &mut enroll.journey.goals {
            *status = Status::Done;
        }
        snapshot!(format!("enrol-card-{columns}x{rows}"), &mut state);
        let ascii = screen_in_ascii(&mut state);
        assert_snapshot!(format!("enrol-card-ascii-{columns}x{rows}"), ascii);
    }
}

#[test]
fn discovery() {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut state = busy(columns, rows);
        press(&mut state, ":enroll 10.0.0.1-40<enter><tab><tab><tab> ");
        snapshot!(format!("discovery-form-{columns}x{rows}"), &mut state);
        press(&mut state, "<f8>");
        let Screen::Discovery(search) = &mut state.screen else {
            panic!("the screen is open")
        };
        let one = |address: &str, login, node| Discovered {
            address: address.parse().expect("an address"),
            protocols: vec!["ipmi".to_owned(), "redfish".to_owned()],
            manufacturer: Some("Dell".to_owned()),
            model: Some("PowerEdge R650".to_owned()),
            serial_number: Some("CZ20430A".to_owned()),
            login,
            default_credentials: (login == Login::Default).then(|| "Dell iDRAC".to_owned()),
            problem: None,
            node,
        };
        search.take(DiscoveryReport {
            found: vec![
                one("10.0.0.1", Login::Accepted, None),
                one("10.0.0.2", Login::Default, None),
                one("10.0.0.3", Login::Refused, None),
                one(
                    "10.0.0.4",
                    Login::Accepted,
                    Some(NodeId(uuid::Uuid::from_u128(7))),
                ),
            ],
            silent: 36,
            unfinished: Vec::new(),
        });
        search.stop();
        press(&mut state, " ");
        snapshot!(format!("discovery-found-{columns}x{rows}"), &mut state);
        // The smallest terminal, with the diagnostics open.
        state.size = Size::new(40, 10);
        state.drawer = true;
        assert!(screen(&mut state).contains("Found 4 BMCs"));
    }
}

#[test]
fn machines_of_a_file() {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut state = busy(columns, rows);
        press(&mut state, ":enroll rack7.csv<enter>");
        let machine = |at: u8| Machine {
            name: Some(format!("rack7-u{at:02}")),
            driver: "ipmi".to_owned(),
            address: Some(format!("10.0.7.{at}")),
            ..Machine::default()
        };
        let target = |at: u8| format!("10.0.7.{at}").parse().ok();
        let Screen::Discovery(search) = &mut state.screen else {
            panic!("the screen is open")
        };
        let machines = (1..=3).map(|at| (machine(at), target(at)));
        search.list(machines.collect(), state.now);
        search.next();
        let one = |at: u8, login| Discovered {
            address: target(at).expect("an address"),
            protocols: vec!["ipmi".to_owned()],
            manufacturer: Some("Dell".to_owned()),
            model: None,
            serial_number: Some("CZ20430A".to_owned()),
            login,
            default_credentials: None,
            problem: None,
            node: None,
        };
        search.take(DiscoveryReport {
            found: vec![one(1, Login::Accepted), one(2, Login::Refused)],
            silent: 1,
            unfinished: Vec::new(),
        });
        search.stop();
        press(&mut state, " <down>");
        snapshot!(format!("machines-of-file-{columns}x{rows}"), &mut state);
    }
}
