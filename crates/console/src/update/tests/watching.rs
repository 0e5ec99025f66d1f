//! What the screens that watch ask for, and when.

use cupola_api::cupola::NodeSummary;
use jiff::SignedDuration;

use super::*;
use crate::event::Changes;
use crate::state::node::Part;
use crate::watching::{Ask, Told};

fn rests(effects: &[Effect]) -> Vec<Ticket> {
    let rest = |effect: &Effect| match effect {
        Effect::Watch(Ask::Rest(ticket, _)) => Some(*ticket),
        _ => None,
    };
    effects.iter().filter_map(rest).collect()
}

#[test]
fn the_lens_asks_only_when_the_cursor_has_rested() {
    let states = [ProvisionState::Active, ProvisionState::DeployFailed];
    let mut state = with(&states);
    let first = rests(&press(&mut state, "i"));
    let second = rests(&press(&mut state, "j"));
    assert_eq!((first.len(), second.len()), (1, 1));
    let rested = |ticket| Event::Reply(Reply::Watched(Told::Rested(ticket)));
    assert!(
        update(&mut state, rested(first[0])).is_empty(),
        "it moved on"
    );
    let asked = update(&mut state, rested(second[0]));
    let here = state.list.cursor().expect("a node");
    assert!(matches!(asked[..], [Effect::Explain(id)] if id == here));
    assert!(
        rests(&press(&mut state, "x")).is_empty(),
        "it has not moved"
    );
    assert!(rests(&press(&mut state, "i")).is_empty(), "it is closed");
}

#[test]
fn the_lens_asks_again_when_its_node_changes_and_while_it_is_on_its_way() {
    let mut state = with(&[ProvisionState::Cleaning]);
    let rested = |ticket| Event::Reply(Reply::Watched(Told::Rested(ticket)));
    let opened = rests(&press(&mut state, "i"));
    assert_eq!(update(&mut state, rested(opened[0])).len(), 1);
    let here = state.list.cursor().expect("a node");
    assert!(rests(&update(&mut state, Event::Tick)).is_empty());
    state.now += SignedDuration::from_secs(4);
    let later = rests(&update(&mut state, Event::Tick));
    assert_eq!(
        later.len(),
        1,
        "the boot ladder is climbed without a change of the node"
    );
    update(&mut state, rested(later[0]));
    let mut node = state.fleet.get(here).expect("a node").clone();
    node.provision_state = ProvisionState::Available;
    let mut changes = Changes::default();
    changes.nodes.push(node);
    let changed = rests(&update(&mut state, Event::Live(Live::Changed(changes))));
    assert_eq!(changed.len(), 1, "what was said is of another state");
    assert_eq!(update(&mut state, rested(changed[0])).len(), 1);
    state.now += SignedDuration::from_secs(9);
    assert!(
        rests(&update(&mut state, Event::Tick)).is_empty(),
        "it is at rest"
    );
}

#[test]
fn durations_are_asked_for_once_and_only_where_they_are_served() {
    let mut state = state(80, 24, 1);
    let asks = |effects: &[Effect]| {
        let asks = |effect: &&Effect| matches!(effect, Effect::Watch(Ask::Durations));
        effects.iter().filter(asks).count()
    };
    let again = update(&mut state, Event::Live(Live::Connected));
    assert_eq!(asks(&again), 0, "it was asked when the nodes came");
    let mut polled = super::state(80, 24, 0);
    let listed = Live::Listed {
        nodes: Vec::new(),
        server: crate::state::link::Server::Ironic {
            version: "1.115".to_owned(),
        },
    };
    assert_eq!(asks(&update(&mut polled, Event::Live(listed))), 0);
}

#[test]
fn the_board_asks_when_runs_began_and_opens_their_nodes() {
    let mut state = with(&[ProvisionState::Deploying, ProvisionState::Active]);
    let asked = press(&mut state, "b");
    let running = state.watching.board.cursor().expect("a run");
    assert!(matches!(asked[..], [Effect::Timeline(id)] if id == running));
    press(&mut state, "t");
    let Screen::Node(view) = &mut state.screen else {
        panic!("the node is open")
    };
    assert_eq!((view.id, view.part), (running, Part::Timeline));
    press(&mut state, "<esc>");
    assert!(matches!(state.screen, Screen::Board));
    press(&mut state, "<esc>");
    assert!(matches!(state.screen, Screen::List));
}

#[test]
fn the_trouble_of_a_run_is_in_sight_when_its_timeline_comes() {
    let mut state = with(&[ProvisionState::Deploying]);
    press(&mut state, "bt");
    let id = state.watching.board.cursor().expect("a run");
    let line = |number: i64| Happened {
        id: EventId(number),
        at: state.now,
        node: Some(id),
        kind: EventKind::Log {
            severity: if number == 30 {
                Severity::Error
            } else {
                Severity::Info
            },
            source: "agent".to_owned(),
            text: format!("line {number}."),
        },
    };
    let events = (1..=100).map(line).collect();
    update(&mut state, Event::Reply(Reply::Timeline(id, Ok(events))));
    let shown = screen(&mut state);
    assert!(shown.contains("line 30."), "{shown}");
    let changes = Changes {
        deleted: vec![id],
        ..Changes::default()
    };
    update(&mut state, Event::Live(Live::Changed(changes)));
    assert!(screen(&mut state).contains("gone"));
}

fn changed(state: &mut State, second: i64, node: NodeSummary) {
    state.now = jiff::Timestamp::from_second(1_790_000_000 + second).expect("a time");
    let changes = Changes {
        nodes: vec![node],
        ..Changes::default()
    };
    update(state, Event::Live(Live::Changed(changes)));
    state.settle();
}

#[test]
fn the_past_is_seen_and_nothing_is_sent_in_it() {
    let mut state = with(&[ProvisionState::Manageable]);
    changed(&mut state, 60, summary(1, "n1", ProvisionState::Cleaning));
    changed(&mut state, 120, summary(1, "n1", ProvisionState::Available));
    press(&mut state, "<lt>");
    let shown = screen(&mut state);
    assert!(shown.contains("as of 14:14:20, read-only"), "{shown}");
    assert!(shown.contains("cleaning"), "{shown}");
    press(&mut state, "<lt>");
    assert!(screen(&mut state).contains("manageable"));
    let sent = press(&mut state, ":provide<enter>");
    assert!(verbs(&sent).is_empty());
    assert!(screen(&mut state).contains("Esc returns to now"));
    press(&mut state, "<lt>");
    assert!(screen(&mut state).contains("records since"));
    // What happens meanwhile is there when one returns.
    changed(&mut state, 180, summary(1, "n1", ProvisionState::Deploying));
    assert!(screen(&mut state).contains("manageable"));
    press(&mut state, "<esc>");
    let shown = screen(&mut state);
    assert!(
        shown.contains("deploying") && !shown.contains("as of"),
        "{shown}"
    );
    press(&mut state, "<lt>>");
    assert!(state.watching.past.is_none(), "forth to now");
    press(&mut state, ":at 14:14:30<enter>");
    assert!(screen(&mut state).contains("cleaning"));
}

#[test]
fn a_node_is_seen_before_the_console_began() {
    let mut state = state(80, 24, 1);
    press(&mut state, "<enter>");
    let id = state.targets()[0];
    let event = Happened {
        id: EventId(1),
        at: jiff::Timestamp::from_second(1_789_990_000).expect("a time"),
        node: Some(id),
        kind: EventKind::Transition {
            from: ProvisionState::Deploying,
            to: ProvisionState::Active,
            cause: "done".to_owned(),
        },
    };
    let before = Happened {
        id: EventId(0),
        at: jiff::Timestamp::from_second(1_789_980_000).expect("a time"),
        kind: EventKind::Transition {
            from: ProvisionState::Available,
            to: ProvisionState::Deploying,
            cause: "active".to_owned(),
        },
        ..event.clone()
    };
    update(
        &mut state,
        Event::Reply(Reply::Timeline(id, Ok(vec![before, event]))),
    );
    state.now = jiff::Timestamp::from_second(1_790_000_100).expect("a time");
    press(&mut state, "<lt><lt><lt>");
    let shown = screen(&mut state);
    assert!(shown.contains("deploying -> active"), "{shown}");
    assert!(shown.contains("as of"), "{shown}");
}

#[test]
fn two_marked_nodes_or_one_and_its_class_are_compared() {
    let mut state = with(&[ProvisionState::Active; 3]);
    press(&mut state, "=");
    assert!(screen(&mut state).contains("no resource class"));
    let effects = press(&mut state, "  =");
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Watch(Ask::Compare(ticket, nodes)) => Some((*ticket, nodes.len())),
        _ => None,
    });
    let (ticket, count) = asked.expect("a question");
    assert_eq!(count, 2);
    let sheet = |cpus: &str| [("properties.cpus".to_owned(), cpus.to_owned())].into();
    let told = Told::Compared(ticket, Ok(vec![sheet("8"), sheet("16")]));
    update(&mut state, Event::Reply(Reply::Watched(told)));
    let shown = screen(&mut state);
    assert!(shown.contains("properties.cpus"), "{shown}");
    let effects = press(&mut state, "S");
    assert!(
        matches!(&effects[..], [Effect::Watch(Ask::Save(name, text))]
        if name.ends_with(".tsv") && text.contains("8\t16"))
    );
    press(&mut state, "<esc>");
    assert!(matches!(state.screen, Screen::List));
}

#[test]
fn a_bundle_is_about_the_node_under_the_cursor() {
    let mut state = with(&[ProvisionState::Active]);
    let lost = Live::Lost {
        reason: "connection refused".to_owned(),
        trouble: crate::state::link::Trouble::Away,
        retry: std::time::Duration::from_secs(1),
    };
    update(&mut state, Event::Live(lost));
    let effects = press(&mut state, ":bundle<enter>");
    let [Effect::Watch(Ask::Bundle(bundle))] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(bundle.node, state.list.cursor());
    assert!(bundle.errors[0].contains("connection refused"));
    assert!(bundle.about.contains("node n1"));
}
