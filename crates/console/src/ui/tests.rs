//! Every screen as text, small and large; what a frame costs.

use cupola_api::cupola::{StepSummary, Waiting};
use cupola_api::event::{Event as Happened, EventId, EventKind, Outcome};
use cupola_api::mac::MacAddress;
use cupola_api::node::{Fault, Node};
use cupola_api::port::Port;
use cupola_api::probe::{CheckResult, ProbeCheck, ProbeReport};
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::ProvisionState as S;
use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use ratatui::layout::Size;
use ratatui::style::Color;
use serde_json::json;

use super::theme::Theme;
use crate::event::{Event, Live, Reply};
use crate::state::{Screen, State};
use crate::term::capabilities;
use crate::term::vt::VtBackend;
use crate::testing::{press, screen, state, summary};
use crate::update::update;

mod finding;
mod serial;
mod small;
mod watching;

/// The screen as text on a terminal that knows ASCII alone.
fn screen_in_ascii(state: &mut State) -> String {
    state.settle();
    let capabilities = capabilities::detect(|_| None);
    let theme = Theme::load(Some("default"), true, &capabilities).expect("a built-in theme");
    let backend = TestBackend::new(state.size.width, state.size.height);
    let mut terminal = Terminal::new(backend).expect("a terminal");
    terminal
        .draw(|frame| super::draw(frame, state, &theme))
        .expect("draws");
    terminal.backend().to_string()
}

/// A small fleet in which everything happens.
fn busy(columns: u16, rows: u16) -> State {
    let mut state = state(columns, rows, 0);
    let ago = |seconds: i64| {
        state
            .now
            .checked_sub(jiff::SignedDuration::from_secs(seconds))
            .ok()
    };
    let mut nodes: Vec<_> = [
        ("rack1-u01", S::Active),
        ("rack1-u02", S::DeployWait),
        ("rack1-u03", S::CleanWait),
        ("rack1-u04", S::DeployFailed),
        ("rack1-u05", S::Available),
        ("rack1-u06", S::Manageable),
        ("a-machine-with-a-very-long-name-indeed", S::Enroll),
    ]
    .into_iter()
    .zip(1..)
    .map(|((name, s), n)| summary(n, name, s))
    .collect();
    for (node, age) in nodes.iter_mut().zip([9000, 125, 30, 600, 86_400, 50, 0]) {
        node.provision_updated_at = ago(age);
        node.power_state = Some(PowerState::On);
        node.resource_class = Some("baremetal".to_owned());
    }
    nodes[1].step = Some(StepSummary {
        step: "deploy.write_image".to_owned(),
        index: 2,
        total: 6,
        percent: Some(48),
    });
    nodes[1].waiting = Some(Waiting {
        what: "agent to finish write_image".to_owned(),
        since: ago(20).expect("a time"),
        deadline: ago(-1780),
    });
    nodes[2].waiting = Some(Waiting {
        what: "ramdisk to call".to_owned(),
        since: ago(30).expect("a time"),
        deadline: None,
    });
    nodes[3].last_error = Some(
        "Deploy step deploy.write_image failed: the checksum of \
         http://10.0.0.1/debian-12.qcow2 is not the expected one."
            .to_owned(),
    );
    nodes[5].maintenance = true;
    nodes[5].fault = Some(Fault::PowerFailure);
    nodes[5].power_state = None;
    update(
        &mut state,
        Event::Live(Live::Listed {
            nodes,
            server: crate::state::link::Server::Cupola,
        }),
    );
    state
}

/// The screen of the node that is being deployed.
fn node_screen(columns: u16, rows: u16) -> State {
    let mut state = busy(columns, rows);
    press(&mut state, ":node rack1-u02<enter>");
    let id = state.targets()[0];
    let mut node = Node::new(id, "ipmi".to_owned());
    node.driver_info = json!({
        "ipmi_address": "10.0.0.7", "ipmi_username": "admin", "ipmi_password": "******"
    })
    .as_object()
    .cloned()
    .unwrap_or_default();
    node.instance_info.insert(
        "image_source".to_owned(),
        "http://10.0.0.1/debian-12.qcow2".into(),
    );
    let mac = MacAddress::new([0x52, 0x54, 0, 0, 0, 1]);
    let port = Port::new(cupola_api::PortId::random(), id, mac);
    update(
        &mut state,
        Event::Reply(Reply::Node(id, Ok(Box::new((node, vec![port]))))),
    );
    let kinds = [
        EventKind::Transition {
            from: S::Available,
            to: S::Deploying,
            cause: "active".to_owned(),
        },
        EventKind::BmcCommand {
            command: "chassis power on".to_owned(),
            ok: true,
            message: "done".to_owned(),
            duration_ms: 41,
            rung: None,
            remedy: None,
        },
        EventKind::StepFinished {
            step: "deploy.deploy".to_owned(),
            outcome: Outcome::Succeeded,
            message: String::new(),
            duration_ms: 2300,
        },
        EventKind::StepProgress {
            step: "deploy.write_image".to_owned(),
            percent: Some(48),
            message: "288 of 600 MiB, 88 MiB/s, to the disk with serial CPL100001-disk0".to_owned(),
        },
    ];
    let events = (1..).zip(kinds).map(|(n, kind)| Happened {
        id: EventId(n),
        at: state.now,
        node: Some(id),
        kind,
    });
    let events = events.collect();
    update(&mut state, Event::Reply(Reply::Timeline(id, Ok(events))));
    state
}

fn probe(state: &mut State) {
    press(
        state,
        "enew<tab><tab>10.0.0.7<tab><tab>admin<tab>wrong<enter>",
    );
    let Screen::Enroll(enroll) = &state.screen else {
        panic!("the wizard is open")
    };
    let check = |name: &str, result, detail: &str, remedy: Option<&str>| ProbeCheck {
        name: name.to_owned(),
        result,
        detail: detail.to_owned(),
        remedy: remedy.map(str::to_owned),
    };
    let after = "credentials failed";
    let report = ProbeReport {
        checks: vec![
            check(
                "reachable",
                CheckResult::Passed,
                "answers presence pings and IPMI v2.0",
                None,
            ),
            check(
                "cipher suites",
                CheckResult::Passed,
                "offers 3, 17; best is 17",
                None,
            ),
            check(
                "credentials",
                CheckResult::Failed,
                "password of user 'admin' is wrong",
                Some("correct ipmi_password; a BMC may cut a password off after 16 or 20 bytes"),
            ),
            check("privilege", CheckResult::Skipped, after, None),
            check("power status", CheckResult::Skipped, after, None),
            check("boot device", CheckResult::Skipped, after, None),
        ],
        ..ProbeReport::default()
    };
    let ticket = enroll.ticket;
    update(state, Event::Reply(Reply::Probed(ticket, Ok(report))));
}

macro_rules! snapshot {
    ($name:expr, $state:expr) => {
        assert_snapshot!($name, screen($state))
    };
}

// Behind the macro, which it uses.
mod acting;
mod enrolling;

#[test]
fn nodes() {
    snapshot!("nodes-80x24", &mut busy(80, 24));
    snapshot!("nodes-200x60", &mut busy(200, 60));
    let mut marked = busy(80, 24);
    press(&mut marked, "  j:mai");
    snapshot!("nodes-prompt-80x24", &mut marked);
}

#[test]
fn node() {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut state = node_screen(columns, rows);
        snapshot!(format!("node-{columns}x{rows}"), &mut state);
        press(&mut state, "2");
        snapshot!(format!("node-verbs-{columns}x{rows}"), &mut state);
        press(&mut state, "3");
        snapshot!(format!("node-timeline-{columns}x{rows}"), &mut state);
        press(&mut state, "5");
        snapshot!(format!("node-json-{columns}x{rows}"), &mut state);
    }
}

#[test]
fn enrol() {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut state = busy(columns, rows);
        press(&mut state, "enew<tab><tab><tab>");
        snapshot!(format!("enrol-bmc-{columns}x{rows}"), &mut state);
        press(&mut state, "<esc>");
        state.kept_enroll = None;
        probe(&mut state);
        snapshot!(format!("enrol-test-{columns}x{rows}"), &mut state);
    }
}

#[test]
fn deploy() {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut state = busy(columns, rows);
        press(&mut state, "*d");
        let image = cupola_api::cupola::Image {
            name: "debian-12".to_owned(),
            source: "http://10.0.0.1/debian-12.qcow2".to_owned(),
            disk_format: "qcow2".to_owned(),
            hash_algo: "sha256".to_owned(),
            hash_value: "0123456789abcdef".repeat(4),
            size: Some(150 << 20),
        };
        update(&mut state, Event::Reply(Reply::Images(Ok(vec![image]))));
        snapshot!(format!("deploy-image-{columns}x{rows}"), &mut state);
        press(&mut state, "<enter>");
        snapshot!(format!("deploy-preview-{columns}x{rows}"), &mut state);
        press(&mut state, "<enter>");
        snapshot!(format!("deploy-progress-{columns}x{rows}"), &mut state);
    }
}

#[test]
fn popups() {
    let mut state = busy(80, 24);
    press(&mut state, "?");
    snapshot!("help-80x24", &mut state);
    press(&mut state, "<esc>v");
    snapshot!("verbs-80x24", &mut state);
    press(&mut state, "<esc>G:undeploy<enter>");
    press(&mut state, "<esc>*:power-off<enter>");
    snapshot!("confirm-80x24", &mut state);
}

/// No screen fails on a terminal of any size.
#[test]
fn every_size_is_drawn() {
    for (columns, rows) in [(1, 1), (20, 5), (40, 10), (41, 11), (79, 23), (300, 100)] {
        let mut state = node_screen(columns, rows);
        for keys in [
            "",
            "2",
            "3",
            "?",
            "<esc>v",
            "<esc><esc>e",
            "<esc><esc>d",
            "<enter>",
        ] {
            press(&mut state, keys);
            screen(&mut state);
        }
    }
}

/// How long a frame takes is measured by `tests/bench/console.rs`.
#[test]
fn a_frame_that_changes_nothing_writes_nothing() {
    let mut state = state(80, 24, 100_000);
    let theme = Theme::load(None, false, &capabilities::detect(|_| None)).expect("a theme");
    let backend = VtBackend::new(Vec::new(), Size::new(80, 24));
    let mut terminal = Terminal::new(backend).expect("a terminal");
    let mut draw = |state: &State| {
        terminal
            .draw(|frame| super::draw(frame, state, &theme))
            .expect("draws");
        terminal.backend().written()
    };
    let first = draw(&state);
    assert_eq!(draw(&state), first, "an idle frame writes nothing");
    press(&mut state, "j");
    assert!(draw(&state) > first, "a moved cursor is drawn");
}

#[test]
fn a_terminal_that_is_too_small_is_told_how_large_it_must_be() {
    for (columns, rows) in [(39, 9), (25, 3), (14, 5), (6, 1), (60, 5)] {
        let shown = screen(&mut state(columns, rows, 1));
        assert!(shown.contains("40x10"), "{shown}");
        assert!(!shown.contains("at\""), "{shown}");
    }
}

#[test]
fn the_light_theme_paints_its_background_everywhere() {
    let capabilities = capabilities::detect(|name| (name == "TERM").then(|| "linux".to_owned()));
    let theme = Theme::load(Some("light"), false, &capabilities).expect("a theme");
    let mut state = node_screen(80, 24);
    for keys in [
        "",
        "2",
        "3",
        "?",
        "<esc>v",
        "<esc>m",
        "<esc><esc>",
        "e",
        "<esc>:",
    ] {
        press(&mut state, keys);
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
        let drawn = terminal
            .draw(|frame| super::draw(frame, &state, &theme))
            .expect("draws");
        let bare = |cell: &&Cell| cell.bg == Color::Reset || cell.fg == Color::Reset;
        assert_eq!(
            drawn.buffer.content().iter().filter(bare).count(),
            0,
            "{keys}"
        );
    }
}
