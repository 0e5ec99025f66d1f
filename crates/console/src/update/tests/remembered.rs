//! The list of the last time, shown until the service answers.

use jiff::Timestamp;
use ratatui::layout::Size;

use super::*;

fn remembered(state: &mut State, count: u32) {
    let nodes = crate::testing::nodes(count);
    let at = Timestamp::from_second(1_789_990_000).expect("a time");
    update(state, Event::Live(Live::Remembered { nodes, at }));
    state.settle();
}

fn fresh() -> State {
    let now = Timestamp::from_second(1_790_000_000).expect("a time");
    let mut state = State::new("http://lab:6385".to_owned(), Size::new(80, 24), now);
    state.zone = jiff::tz::TimeZone::UTC;
    state
}

#[test]
fn what_is_remembered_is_shown_with_its_age_and_nothing_is_sent() {
    let mut state = fresh();
    remembered(&mut state, 3);
    remembered(&mut state, 5);
    assert_eq!(
        state.list.len(),
        5,
        "parts of one list come one after the other"
    );
    let shown = screen(&mut state);
    assert!(shown.contains("connecting, list 2h46m old"), "{shown}");
    let effects = press(&mut state, "M");
    assert!(effects.is_empty(), "{effects:?}");
    press(&mut state, "<esc>p");
    let node = state
        .list
        .cursor()
        .and_then(|id| state.fleet.get(id))
        .expect("a node");
    let why = state
        .may(Act::Power(PowerTarget::On), node)
        .expect_err("not now");
    assert!(
        why.contains("2h46m old") && why.contains("http://lab:6385"),
        "{why}"
    );
}

#[test]
fn what_the_service_says_replaces_it_and_counts_more() {
    let mut state = fresh();
    remembered(&mut state, 5);
    press(&mut state, "jj");
    let here = state.list.cursor();
    let nodes = crate::testing::nodes(4);
    update(
        &mut state,
        Event::Live(Live::Listed {
            nodes,
            server: crate::state::link::Server::Cupola,
        }),
    );
    state.settle();
    assert_eq!((state.list.len(), state.list.cursor()), (4, here));
    assert_eq!(state.refusal(), None);
    remembered(&mut state, 5);
    assert_eq!(state.list.len(), 4, "a part that comes late");
    let shown = screen(&mut state);
    assert!(shown.contains("live") && !shown.contains("old"), "{shown}");
    press(&mut state, "<lt>");
    assert!(
        state.watching.past.is_none(),
        "nothing has changed since the start"
    );
}

#[test]
fn a_service_that_is_lost_leaves_the_list_of_the_last_time() {
    let mut state = fresh();
    remembered(&mut state, 5);
    let lost = Live::Lost {
        reason: "nobody listens".to_owned(),
        trouble: crate::state::link::Trouble::Away,
        retry: std::time::Duration::from_secs(1),
    };
    update(&mut state, Event::Live(lost));
    let shown = screen(&mut state);
    assert!(shown.contains("LOST, list 2h46m old"), "{shown}");
    assert!(shown.contains("nobody listens"), "{shown}");
}
