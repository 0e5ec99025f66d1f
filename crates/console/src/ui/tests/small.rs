//! What must be read whole, and what a small terminal shows first.

use cupola_api::diagnosis::{Cause, Diagnosis, Explanation};
use cupola_api::{ProvisionState, Rung};

use super::*;

/// The screen's lines as one text, without what the grid puts between them.
fn flat(shown: &str) -> String {
    let lines = shown.lines().map(|line| line.trim_matches(['"', ' ']));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

fn failed(columns: u16, rows: u16) -> State {
    let mut state = busy(columns, rows);
    press(&mut state, ":node rack1-u04<enter>");
    state
}

#[test]
fn cause_and_remedy_stand_whole() {
    let mut state = failed(80, 40);
    let Screen::Node(view) = &mut state.screen else {
        panic!("the node is open")
    };
    let long = |end: &str| format!("{}{end}", "one more reason among many, ".repeat(8));
    let mut explanation: Explanation = serde_json::from_value(json!({
        "uuid": view.id, "provision_state": ProvisionState::DeployFailed, "next": "",
        "last_error": "Timeout. Broken rung: power (4 of 17): …",
    }))
    .expect("an explanation");
    explanation.diagnosis = Some(Diagnosis {
        reached: None,
        rung: Rung::Power,
        expected: "the power follows".to_owned(),
        causes: vec![Cause {
            cause: long("the very cause"),
            remedy: long("the very remedy"),
        }],
        unknown: None,
    });
    view.explanation = Some(Box::new(explanation));
    let shown = flat(&screen(&mut state));
    assert!(shown.contains("the very cause"), "{shown}");
    assert!(shown.contains("the very remedy"), "{shown}");
}

#[test]
fn what_is_wrong_with_a_field_stands_whole() {
    let mut state = busy(80, 24);
    press(&mut state, "ebad name!<f8>");
    let shown = flat(&screen(&mut state));
    assert!(shown.contains("no word of the API"), "{shown}");
}

#[test]
fn a_small_terminal_shows_state_and_error_first() {
    let mut state = failed(40, 10);
    let shown = screen(&mut state);
    assert!(shown.contains("deploy failed"), "{shown}");
    assert!(shown.contains("Deploy step"), "{shown}");
}

#[test]
fn a_small_terminal_reads_help_whole() {
    let mut state = busy(40, 10);
    press(&mut state, "?");
    let mut all = String::new();
    for _ in 0..60 {
        let shown = screen(&mut state);
        assert!(!shown.contains("~ │"), "{shown}");
        all.push_str(&shown);
        press(&mut state, "j");
    }
    assert!(all.contains("put into maintenance"), "{all}");
}
