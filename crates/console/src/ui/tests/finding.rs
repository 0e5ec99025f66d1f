//! The list in groups, the dashboard, the command bar with what may be typed.

use cupola_api::resource::Conductor;
use insta::assert_snapshot;

use super::busy;
use crate::event::{Event, Reply};
use crate::state::State;
use crate::testing::{press, screen};
use crate::update::update;

fn dashboard(columns: u16, rows: u16) -> State {
    let mut state = busy(columns, rows);
    press(&mut state, "D");
    let conductor = |hostname: &str, alive| Conductor {
        hostname: hostname.to_owned(),
        conductor_group: String::new(),
        alive,
        drivers: vec!["ipmi".to_owned()],
        created_at: None,
        updated_at: Some(state.now),
    };
    let conductors = vec![conductor("host-a", true), conductor("host-b", false)];
    update(&mut state, Event::Reply(Reply::Conductors(Ok(conductors))));
    state
}

#[test]
fn dashboard_80x24() {
    assert_snapshot!(screen(&mut dashboard(80, 24)));
}

#[test]
fn dashboard_200x60() {
    assert_snapshot!(screen(&mut dashboard(200, 60)));
}

#[test]
fn dashboard_40x10() {
    assert_snapshot!(screen(&mut dashboard(40, 10)));
}

#[test]
fn groups_80x24() {
    let mut state = busy(80, 24);
    press(&mut state, ":group state<enter>:fold<enter>g<enter>");
    assert_snapshot!(screen(&mut state));
}

#[test]
fn command_bar_80x24() {
    let mut state = busy(80, 24);
    press(&mut state, ":group s<tab>");
    assert_snapshot!(screen(&mut state));
}
