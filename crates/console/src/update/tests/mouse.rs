//! What the mouse does, where it is heard.

use super::*;
use crate::mouse::{Did, Mouse};
use crate::ui;

fn at(state: &mut State, did: Did, column: u16, row: u16) -> Vec<Effect> {
    update(state, Event::Mouse(Mouse { did, column, row }))
}

fn name_under_the_cursor(state: &State) -> String {
    state
        .list
        .cursor()
        .map(|id| state.name_of(id))
        .unwrap_or_default()
}

#[test]
fn a_press_goes_to_a_row_and_a_second_one_opens_it() {
    let mut state = with(&[ProvisionState::Active; 5]);
    at(&mut state, Did::Pressed, 10, 4);
    assert_eq!(name_under_the_cursor(&state), "n3");
    assert!(matches!(state.screen, Screen::List));
    at(&mut state, Did::Pressed, 10, 20);
    assert_eq!(name_under_the_cursor(&state), "n3", "there is no row");
    at(&mut state, Did::Pressed, 10, 4);
    assert!(matches!(state.screen, Screen::Node(_)));
}

#[test]
fn the_wheel_moves_but_never_in_a_question_or_a_form() {
    let mut state = with(&[ProvisionState::Active; 5]);
    at(&mut state, Did::WheelDown, 0, 0);
    assert_eq!(name_under_the_cursor(&state), "n4");
    at(&mut state, Did::WheelUp, 0, 0);
    assert_eq!(name_under_the_cursor(&state), "n1");
    press(&mut state, ":undeploy<enter>");
    let before = screen(&mut state);
    for did in [Did::WheelUp, Did::WheelDown, Did::Pressed] {
        at(&mut state, did, 30, 12);
        assert_eq!(screen(&mut state), before, "{did:?}");
    }
}

#[test]
fn the_key_bar_is_pressed_as_it_is_drawn() {
    let mut state = with(&[ProvisionState::Active]);
    let shown = screen(&mut state);
    let bar = shown
        .lines()
        .find(|line| line.contains("? Help"))
        .expect("the bar");
    let bar = bar.trim_matches('"');
    for (words, key) in [
        ("? Help", Key::Char('?')),
        ("v Verbs", Key::Char('v')),
        ("q Quit", Key::Char('q')),
    ] {
        let column = bar.find(words).expect(words);
        let column = u16::try_from(column).expect("a column");
        let last = column + u16::try_from(words.len()).expect("a width") - 1;
        for column in [column, last] {
            assert_eq!(
                ui::key_at(&state, column),
                Some(key),
                "{words} at {column}: {bar}"
            );
        }
    }
    assert_eq!(ui::key_at(&state, 79), None);
}
