//! The cursor, the marks and the rows of the list.

use proptest::prelude::*;

use super::*;
use crate::testing::{fleet, summary};
use cupola_api::state::provision::ProvisionState;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn settled(count: u32) -> (Fleet, List) {
    let fleet = fleet(count);
    let mut list = List::default();
    list.touch();
    list.settle(&fleet, 10, NOW);
    (fleet, list)
}

#[test]
fn the_cursor_stays_on_its_node_when_the_order_changes() {
    let (fleet, mut list) = settled(50);
    list.step(&fleet, 20);
    let node = list.cursor();
    list.set_sort(Sort {
        column: Field::Name,
        reversed: true,
    });
    list.settle(&fleet, 10, NOW);
    assert_eq!(list.cursor(), node);
    assert!(
        list.visible(&fleet, 10)
            .any(|(here, shown)| here && matches!(shown, Shown::Node(n) if Some(n.uuid) == node))
    );
}

#[test]
fn the_cursor_survives_a_filter_that_hides_its_node_and_a_removal() {
    let (mut fleet, mut list) = settled(50);
    list.step(&fleet, 49);
    list.set_filter("nothing-is-called-so");
    list.settle(&fleet, 10, NOW);
    assert_eq!((list.len(), list.cursor()), (0, None));
    list.set_filter("");
    list.settle(&fleet, 10, NOW);
    let id = list.cursor().expect("a node again");
    fleet.remove(id);
    list.touch();
    list.settle(&fleet, 10, NOW);
    assert!(list.cursor().is_some_and(|now| now != id));
}

/// What the list shows.
fn shown(list: &List, fleet: &Fleet) -> Vec<String> {
    list.visible(fleet, 100)
        .map(|(here, shown)| match shown {
            Shown::Group(group) => format!("{here} {} {}", group.label, group.count),
            Shown::Node(node) => format!("{here} {} {:?}", node.uuid, node.provision_state),
        })
        .collect()
}

/// Changes a node as the service tells it.
fn change(list: &mut List, fleet: &mut Fleet, node: NodeSummary) {
    let place = fleet.place_of(node.uuid).unwrap_or(fleet.len());
    let before = fleet.get(node.uuid).cloned();
    list.note(place, before.as_ref(), &node, NOW);
    fleet.apply(node);
}

proptest! {
    /// The list after changes that were noted, and filters that were typed, is the one that would be
    /// worked out of the same nodes anew.
    #[test]
    fn what_is_noted_shows_what_working_out_anew_shows(
        column in prop_oneof![Just(Field::Name), Just(Field::State), Just(Field::Power), Just(Field::Uuid)],
        reversed: bool,
        group in proptest::option::of(prop_oneof![Just(Field::State), Just(Field::Name)]),
        steps in proptest::collection::vec((0_u8..6, 0_u32..40, 0_usize..5), 0..40),
    ) {
        let (mut fleet, mut list) = settled(20);
        list.set_sort(Sort { column, reversed });
        list.set_group(group);
        let states = [
            ProvisionState::Active,
            ProvisionState::Deploying,
            ProvisionState::DeployFailed,
            ProvisionState::Available,
            ProvisionState::Error,
        ];
        let filters = ["", "a", "ac", "!state:active", "n 1"];
        for (what, number, other) in steps {
            match what {
                0 => list.set_filter(filters[other]),
                1 => list.settle(&fleet, 100, NOW),
                2 => {
                    let gone = summary(number, "", states[other]).uuid;
                    fleet.remove(gone);
                    list.touch();
                }
                3 => list.step(&fleet, isize::try_from(number).unwrap_or(0) - 20),
                _ => {
                    let node = summary(number, &format!("node-{}", number * 7 % 13), states[other]);
                    change(&mut list, &mut fleet, node);
                }
            }
        }
        list.settle(&fleet, 100, NOW);
        let noted = shown(&list, &fleet);
        list.touch();
        list.settle(&fleet, 100, NOW);
        prop_assert_eq!(noted, shown(&list, &fleet));
    }
}

#[test]
fn more_changes_than_are_worth_single_moves_are_sorted_in() {
    let (mut fleet, mut list) = settled(3000);
    list.set_sort(Sort {
        column: Field::State,
        reversed: false,
    });
    list.settle(&fleet, 100, NOW);
    for number in 0..2000 {
        let node = summary(number, &format!("node-{number}"), ProvisionState::Error);
        change(&mut list, &mut fleet, node);
    }
    list.settle(&fleet, 100, NOW);
    let noted = shown(&list, &fleet);
    list.touch();
    list.settle(&fleet, 100, NOW);
    assert_eq!(noted, shown(&list, &fleet));
}

#[test]
fn marks_are_what_an_action_acts_on() {
    let (mut fleet, mut list) = settled(5);
    assert_eq!(list.targets().len(), 1);
    list.toggle_all(&fleet);
    assert_eq!(list.targets().len(), 5);
    fleet.replace(vec![summary(1, "node-1", ProvisionState::Active)]);
    list.touch();
    list.settle(&fleet, 10, NOW);
    assert_eq!(list.targets().len(), 1);
    list.toggle_all(&fleet);
    assert!(list.marks.is_empty());
}

/// The budget of the house is 2 ms a frame; working rows out happens once per change.
#[test]
fn a_hundred_thousand_nodes_are_worked_out_once_and_shown_for_nothing() {
    let (fleet, mut list) = settled(100_000);
    list.step(&fleet, 50_000);
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        list.settle(&fleet, 20, NOW);
        assert_eq!(list.visible(&fleet, 20).count(), 20);
    }
    assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
}

#[test]
fn groups_have_headings_that_fold_and_are_marked_whole() {
    let mut fleet = Fleet::default();
    let mut nodes = crate::testing::nodes(6);
    for (node, rack) in nodes.iter_mut().zip(["r2", "r10", "r2", "", "r10", "r2"]) {
        node.rack = (!rack.is_empty()).then(|| rack.to_owned());
    }
    fleet.replace(nodes);
    let mut list = List::default();
    list.set_group(Some(Field::Rack));
    list.settle(&fleet, 20, NOW);
    let heads = |list: &List| -> Vec<(String, usize)> {
        let rows = list.visible(&fleet, 20);
        rows.filter_map(|(_, shown)| match shown {
            Shown::Group(group) => Some((group.label.clone(), group.count)),
            Shown::Node(_) => None,
        })
        .collect()
    };
    let want = [("r2", 3), ("r10", 2), ("", 1)].map(|(l, n)| (l.to_owned(), n));
    assert_eq!(heads(&list), want);
    assert_eq!((list.visible(&fleet, 20).count(), list.cursor()), (9, None));
    list.toggle_mark(&fleet);
    assert_eq!(list.targets().len(), 3);
    assert!(list.toggle_fold());
    list.settle(&fleet, 20, NOW);
    assert_eq!((list.visible(&fleet, 20).count(), list.len()), (6, 6));
    assert_eq!(list.heading().map(|g| g.folded), Some(true));
    list.toggle_folds();
    list.settle(&fleet, 20, NOW);
    assert_eq!(list.visible(&fleet, 20).count(), 3);
}
