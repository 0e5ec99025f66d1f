//! Leaving a wizard that holds something typed, and leaving the demo.

use super::*;

#[test]
fn a_filled_form_is_not_thrown_away_unasked() {
    for key in ["<esc>", "<c-c>"] {
        let mut state = with(&[]);
        press(&mut state, "enew");
        let effects = press(&mut state, key);
        assert!(!effects.iter().any(|e| matches!(e, Effect::Quit)), "{key}");
        let shown = screen(&mut state);
        assert!(shown.contains("was typed"), "{key}: {shown}");
        press(&mut state, "n");
        assert_eq!(wizard(&state).bmc.text("Name"), "new");
    }
    let mut state = with(&[]);
    press(&mut state, "enew<esc>y");
    assert!(matches!(state.screen, Screen::List));
    let effects = press(&mut state, "enew<c-c>y");
    assert!(matches!(effects.last(), Some(Effect::Quit)));
}

#[test]
fn an_empty_form_is_left_unasked() {
    let mut state = with(&[]);
    press(&mut state, "e<esc>");
    assert!(matches!(state.screen, Screen::List) && state.popup.is_none());
    let effects = press(&mut state, "e<c-c>");
    assert!(matches!(effects.last(), Some(Effect::Quit)));
}

#[test]
fn the_demo_does_not_promise_to_go_on() {
    let mut state = with(&[ProvisionState::Deploying]);
    state.link.target = "embedded".to_owned();
    press(&mut state, "q");
    assert!(screen(&mut state).contains("goes on where it was"));
    press(&mut state, "n");
    state.greet(Some(crate::state::Welcome {
        title: "Demo".to_owned(),
        lines: Vec::new(),
    }));
    press(&mut state, "<esc>q");
    let shown = screen(&mut state);
    assert!(!shown.contains("goes on"), "{shown}");
    assert!(shown.contains("rack is new"), "{shown}");
}

#[test]
fn deploys_are_listed_as_the_node_list_sorts() {
    // The ids go the other way round than the names.
    let mut state = with(&[]);
    for (number, name) in [(3, "a"), (2, "b"), (1, "c")] {
        let node = summary(number, name, ProvisionState::Available);
        update(&mut state, changed(node));
    }
    state.settle();
    press(&mut state, "*d");
    let Screen::Deploy(deploy) = &state.screen else {
        panic!("the deploy wizard is open")
    };
    let names: Vec<String> = deploy.nodes.iter().map(|id| state.name_of(*id)).collect();
    assert_eq!(names, ["a", "b", "c"]);
}
