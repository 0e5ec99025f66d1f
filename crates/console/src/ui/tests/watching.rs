//! The state lens and the deploy board, small and large.

use cupola_api::diagnosis::{Cause, Diagnosis, Explanation, Reached};
use cupola_api::durations::{Durations, Phase, UsualDuration};
use cupola_api::{ProvisionState, Rung};

use super::*;
use crate::event::Changes;
use crate::watching::Told;

fn usual(phase: Phase, step: Option<&str>, median: u64, p95: u64) -> UsualDuration {
    UsualDuration {
        resource_class: Some("baremetal".to_owned()),
        driver: Some("ipmi".to_owned()),
        phase,
        step: step.map(str::to_owned),
        count: 42,
        median_ms: median * 1000,
        p95_ms: p95 * 1000,
    }
}

/// The busy fleet, on a server that measures durations; one deploy is late, one has just failed.
fn measured(columns: u16, rows: u16) -> State {
    let mut state = busy(columns, rows);
    let durations = Durations {
        durations: vec![
            usual(Phase::Deploying, None, 190, 300),
            usual(Phase::Deploying, Some("deploy.deploy"), 60, 80),
            usual(Phase::Deploying, Some("deploy.write_image"), 100, 160),
            usual(Phase::Deploying, Some("deploy.tear_down_agent"), 20, 25),
            usual(Phase::Cleaning, None, 15, 20),
        ],
    };
    let told = Told::Durations(Ok(Some(durations)));
    update(&mut state, Event::Reply(Reply::Watched(told)));
    let ids: Vec<_> = (0..7)
        .filter_map(|at| Some(state.fleet.at(at)?.uuid))
        .collect();
    let event = |id: i64, node: usize, seconds: i64, kind| Happened {
        id: EventId(id),
        at: state.now - jiff::SignedDuration::from_secs(seconds),
        node: Some(ids[node]),
        kind,
    };
    let transition = |from, to| EventKind::Transition {
        from,
        to,
        cause: "active".to_owned(),
    };
    let started = |step: &str, index| EventKind::StepStarted {
        phase: "deploy".to_owned(),
        step: step.to_owned(),
        index,
        total: 6,
    };
    let finished = |step: &str| EventKind::StepFinished {
        step: step.to_owned(),
        outcome: Outcome::Succeeded,
        message: String::new(),
        duration_ms: 64_000,
    };
    let progress = EventKind::StepProgress {
        step: "deploy.write_image".to_owned(),
        percent: Some(48),
        message: "288 of 600 MiB, 88 MiB/s".to_owned(),
    };
    let events = vec![
        event(1, 1, 125, transition(S::Available, S::Deploying)),
        event(2, 1, 110, started("deploy.deploy", 1)),
        event(3, 1, 46, finished("deploy.deploy")),
        event(4, 1, 40, started("deploy.write_image", 2)),
        event(5, 1, 1, progress),
        event(6, 3, 70, transition(S::Available, S::Deploying)),
        event(7, 3, 30, transition(S::Deploying, S::DeployFailed)),
    ];
    let changes = Changes {
        events,
        ..Changes::default()
    };
    update(&mut state, Event::Live(Live::Changed(changes)));
    state
}

fn explained(state: &mut State) {
    let id = state.list.cursor().expect("a node");
    let mut explanation: Explanation = serde_json::from_value(json!({
        "uuid": id, "provision_state": ProvisionState::DeployFailed,
        "next": "An operator: look at the image, then deploy again.",
        "last_error": "Timeout.",
    }))
    .expect("an explanation");
    explanation.diagnosis = Some(Diagnosis {
        reached: Some(Reached {
            rung: Rung::Power,
            at: state.now,
            seen: "power on".to_owned(),
        }),
        rung: Rung::DhcpDiscover,
        unknown: None,
        expected: "the machine asks for an address".to_owned(),
        causes: vec![Cause {
            cause: "the cable is in another port".to_owned(),
            remedy: "check the cable of the first interface".to_owned(),
        }],
    });
    let answer = Reply::Explained(id, Ok(Box::new(explanation)));
    update(state, Event::Reply(answer));
}

#[test]
fn lens() {
    let mut small = measured(80, 24);
    press(&mut small, "ij");
    assert_snapshot!("lens_80x24", screen(&mut small));
    let mut failed = measured(80, 24);
    press(&mut failed, "ijjjj");
    explained(&mut failed);
    assert_snapshot!("lens_failed_80x24", screen(&mut failed));
    let mut large = measured(200, 60);
    press(&mut large, "ijjjj");
    explained(&mut large);
    assert_snapshot!("lens_200x60", screen(&mut large));
}

#[test]
fn board() {
    let mut small = measured(80, 24);
    press(&mut small, "b");
    assert_snapshot!("board_80x24", screen(&mut small));
    let mut large = measured(200, 60);
    press(&mut large, "b");
    assert_snapshot!("board_200x60", screen(&mut large));
    let mut ascii = measured(80, 24);
    press(&mut ascii, "b");
    let shown = screen_in_ascii(&mut ascii);
    assert!(shown.is_ascii(), "{shown}");
    assert_snapshot!("board_ascii_80x24", shown);
}

#[test]
fn a_server_that_measures_nothing_is_named() {
    let mut state = measured(80, 24);
    let told = Told::Durations(Ok(None));
    update(&mut state, Event::Reply(Reply::Watched(told)));
    press(&mut state, "b");
    assert!(screen(&mut state).contains("it is not Cupola"));
}

#[test]
fn the_small_and_the_odd_are_drawn() {
    for (columns, rows) in [(40, 10), (60, 12), (119, 30), (120, 10)] {
        let mut state = measured(columns, rows);
        press(&mut state, "ijjj");
        explained(&mut state);
        screen(&mut state);
        press(&mut state, "b");
        screen(&mut state);
    }
}

#[test]
fn compare() {
    let sheet = |facts: &[(&str, &str)]| {
        let facts = facts
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        facts.collect::<std::collections::BTreeMap<_, _>>()
    };
    let left = sheet(&[
        ("bios.SriovEnable.value", "off"),
        ("driver", "ipmi"),
        ("inventory.disks[/dev/sda].size", "480103981056"),
        ("inventory.memory.physical_mb", "65536"),
        ("properties.capabilities", "boot_mode:uefi"),
        ("uuid", "1"),
    ]);
    let right = sheet(&[
        ("bios.SriovEnable.value", "on"),
        ("driver", "ipmi"),
        ("inventory.disks[/dev/sda].size", "960197124096"),
        ("inventory.disks[/dev/sdb].size", "960197124096"),
        ("inventory.memory.physical_mb", "65536"),
        ("properties.capabilities", "boot_mode:uefi"),
        ("uuid", "2"),
    ]);
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut state = busy(columns, rows);
        press(&mut state, ":compare rack1-u01 rack1-u02<enter>");
        let ticket = crate::effect::Ticket(state.tickets);
        let told = Told::Compared(ticket, Ok(vec![left.clone(), right.clone()]));
        update(&mut state, Event::Reply(Reply::Watched(told)));
        let name = format!("compare_{columns}x{rows}");
        assert_snapshot!(name, screen(&mut state));
        if columns == 80 {
            assert_snapshot!("compare_ascii_80x24", screen_in_ascii(&mut state));
            press(&mut state, "a");
            assert_snapshot!("compare_all_80x24", screen(&mut state));
        }
    }
}

#[test]
fn past() {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut state = measured(columns, rows);
        let mut node = state.fleet.all().nth(1).cloned().expect("a node");
        node.provision_state = S::Active;
        node.step = None;
        node.waiting = None;
        state.now += jiff::SignedDuration::from_secs(90);
        let changes = Changes {
            nodes: vec![node],
            ..Changes::default()
        };
        update(&mut state, Event::Live(Live::Changed(changes)));
        press(&mut state, "<lt>");
        let name = format!("past_{columns}x{rows}");
        assert_snapshot!(name, screen(&mut state));
        if columns == 80 {
            assert_snapshot!("past_ascii_80x24", screen_in_ascii(&mut state));
        }
    }
}

/// A log of many lines that is read.
fn log_screen(columns: u16, rows: u16) -> State {
    let mut state = node_screen(columns, rows);
    press(&mut state, "l");
    let id = state.targets()[0];
    let log = cupola_api::cupola::AgentLog {
        name: "rack1-u02_deploy_2026-09-21.tar.gz".to_owned(),
        label: "deploy".to_owned(),
        collected_at: state.now,
        size: 40_000,
    };
    let name = log.name.clone();
    update(&mut state, Event::Reply(Reply::Logs(id, Ok(vec![log]))));
    press(&mut state, "<enter>");
    let line = |n: u32| match n {
        0 => "==> journal <==".to_owned(),
        17 => "2026-09-21 14:12:01 ERROR agent: write_image failed: no space left".to_owned(),
        n if n % 9 == 0 => format!("2026-09-21 14:11:{n:02} WARNING agent: slow disk"),
        n => format!(
            "2026-09-21 14:11:{:02} INFO agent: image chunk {n} written",
            n % 60
        ),
    };
    let page = cupola_api::cupola::LogPage {
        first: 0,
        lines: (0..200).map(line).collect(),
        end: true,
    };
    update(
        &mut state,
        Event::Reply(Reply::LogLines(id, name, Ok(page))),
    );
    state
}

#[test]
fn logs() {
    let mut small = log_screen(80, 24);
    press(&mut small, "/failed<enter>m");
    assert_snapshot!("log_search_80x24", screen(&mut small));
    let effects = press(&mut small, "&slow<enter>");
    assert_eq!(effects.len(), 1, "it is read from the beginning");
    let mut large = log_screen(200, 60);
    press(&mut large, "/failed<enter>m");
    assert_snapshot!("log_search_200x60", screen(&mut large));
    let mut timeline = node_screen(80, 24);
    press(&mut timeline, "3/write<enter>mt");
    assert_snapshot!("timeline_search_80x24", screen(&mut timeline));
    press(&mut timeline, "&BMC<enter>");
    assert_snapshot!("timeline_only_80x24", screen(&mut timeline));
    assert_snapshot!("timeline_only_ascii_80x24", screen_in_ascii(&mut timeline));
}
