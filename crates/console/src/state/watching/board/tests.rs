//! What runs, by events and by lists.

use cupola_api::cupola::StepSummary;
use cupola_api::event::EventId;
use proptest::prelude::*;

use super::*;
use crate::testing::summary;
use ProvisionState as S;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn event(node: &NodeSummary, second: i64, kind: EventKind) -> Event {
    Event {
        id: EventId(second),
        at: at(second),
        node: Some(node.uuid),
        kind,
    }
}

fn transition(from: S, to: S) -> EventKind {
    let cause = String::new();
    EventKind::Transition { from, to, cause }
}

fn started(step: &str) -> EventKind {
    EventKind::StepStarted {
        phase: "deploy".to_owned(),
        step: step.to_owned(),
        index: 1,
        total: 2,
    }
}

fn done(step: &str) -> EventKind {
    EventKind::StepFinished {
        step: step.to_owned(),
        outcome: Outcome::Succeeded,
        message: String::new(),
        duration_ms: 7,
    }
}

fn changes(events: Vec<Event>) -> Changes {
    Changes {
        events,
        ..Changes::default()
    }
}

#[test]
fn a_run_goes_through_its_waits_and_stays_when_it_has_ended() {
    let node = summary(1, "a", S::Deploying);
    let mut board = Board::default();
    let events = vec![
        event(&node, 1, transition(S::Available, S::Deploying)),
        event(&node, 2, started("deploy.deploy")),
        event(&node, 3, transition(S::Deploying, S::DeployWait)),
        event(&node, 4, done("deploy.deploy")),
    ];
    board.take(&changes(events), at(5));
    let run = board.run(node.uuid).expect("it runs");
    assert_eq!((run.since, run.exact, run.done.len()), (at(1), true, 1));
    let ends = vec![event(&node, 9, transition(S::DeployWait, S::DeployFailed))];
    board.take(&changes(ends), at(9));
    let ended = board.run(node.uuid).and_then(|run| run.ended);
    assert_eq!(ended.map(|e| (e.at, e.failed)), Some((at(9), true)));
    board.sort(at(9 + STAYS - 1));
    assert_eq!(board.len(), 1);
    board.sort(at(9 + STAYS));
    assert_eq!(board.len(), 0);
}

#[test]
fn what_began_before_is_known_from_the_timeline() {
    let mut node = summary(1, "a", S::DeployWait);
    node.provision_updated_at = Some(at(50));
    node.step = Some(StepSummary {
        step: "deploy.write_image".to_owned(),
        index: 2,
        total: 2,
        percent: Some(30),
    });
    let mut board = Board::default();
    board.listed(std::slice::from_ref(&node), at(60));
    board.settle(at(60));
    assert_eq!(board.unknown(9), [node.uuid]);
    let events = [
        event(&node, 3, transition(S::Available, S::Cleaning)),
        event(&node, 5, transition(S::Available, S::Deploying)),
        event(&node, 6, started("deploy.deploy")),
        event(&node, 9, done("deploy.deploy")),
        event(&node, 10, started("deploy.write_image")),
    ];
    board.remember(node.uuid, &events);
    let run = board.run(node.uuid).expect("it runs");
    assert_eq!((run.since, run.done.len()), (at(5), 1));
    let current = run.current.as_ref().expect("a step");
    assert_eq!((current.since, current.percent), (at(10), Some(30)));
    assert!(board.unknown(9).is_empty());
}

#[test]
fn the_cursor_holds_on_to_its_node_and_the_deleted_go() {
    let (a, b) = (summary(1, "a", S::Cleaning), summary(2, "b", S::Deploying));
    let mut board = Board::default();
    board.listed(&[a.clone(), b.clone()], at(1));
    board.settle(at(1));
    board.step(1);
    let held = board.cursor();
    let ends = vec![event(&a, 2, transition(S::Cleaning, S::Available))];
    board.take(&changes(ends), at(2));
    board.settle(at(2));
    assert_eq!(board.cursor(), held);
    let gone = Changes {
        deleted: vec![a.uuid, b.uuid],
        ..Changes::default()
    };
    board.take(&gone, at(3));
    board.settle(at(3));
    assert_eq!((board.len(), board.cursor()), (0, None));
}

#[test]
fn the_rate_is_read_where_there_is_one() {
    assert_eq!(rate("312 of 576 MiB, 88 MiB/s"), Some("88 MiB/s"));
    assert_eq!(rate("312 MiB, 88.5 MiB/s, to the disk"), Some("88.5 MiB/s"));
    for none in ["", "/s", "MiB/s", "a MiB/s", "image written"] {
        assert_eq!(rate(none), None, "{none}");
    }
}

proptest! {
    #[test]
    fn no_message_breaks_the_rate(message in "[0-9a-zé/, .]{0,40}(/s)?.{0,9}") {
        if let Some(rate) = rate(&message) {
            prop_assert!(message.contains(rate) && rate.ends_with("/s"));
        }
    }
}
