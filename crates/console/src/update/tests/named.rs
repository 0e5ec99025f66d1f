//! Commands of the prompt that name the node they act on.

use super::*;

/// Nodes `n1`, `n2`, …, the cursor on `n1`.
fn acted(effects: &[Effect]) -> Vec<(NodeId, Action)> {
    let act = |effect: &Effect| match effect {
        Effect::Act(id, action) => Some((*id, action.clone())),
        _ => None,
    };
    effects.iter().filter_map(act).collect()
}

fn id_of(state: &State, name: &str) -> NodeId {
    state.fleet.find(name).expect("a node of this name").uuid
}

#[test]
fn a_command_acts_on_the_node_that_it_names() {
    let mut state = with(&[ProvisionState::Available, ProvisionState::Available]);
    let n2 = id_of(&state, "n2");
    for named in ["n2".to_owned(), n2.to_string()] {
        let effects = press(&mut state, &format!(":power-on {named}<enter>"));
        assert_eq!(acted(&effects), [(n2, Action::Power(PowerTarget::On))]);
    }
    press(&mut state, ":power-off n2<enter>");
    assert!(screen(&mut state).contains("n2  available"));
    assert!(press(&mut state, "y<enter>").is_empty());
    let effects = later(&mut state, 5);
    assert_eq!(acted(&effects), [(n2, Action::Power(PowerTarget::Off))]);
}

#[test]
fn marks_and_the_node_screen_do_not_change_whom_it_names() {
    let mut state = with(&[ProvisionState::Available; 3]);
    let n3 = id_of(&state, "n3");
    let want = [(n3, Action::Power(PowerTarget::On))];
    press(&mut state, "  ");
    assert_eq!(acted(&press(&mut state, ":power-on n3<enter>")), want);
    press(&mut state, ":node n1<enter>");
    assert_eq!(acted(&press(&mut state, ":power-on n3<enter>")), want);
}

#[test]
fn menus_and_the_deploy_wizard_open_for_the_node_that_is_named() {
    let mut state = with(&[ProvisionState::Active, ProvisionState::Available]);
    let n2 = id_of(&state, "n2");
    press(&mut state, ":power n2<enter>");
    assert!(screen(&mut state).contains("Power: n2"));
    let effects = press(&mut state, "<enter>");
    assert_eq!(acted(&effects), [(n2, Action::Power(PowerTarget::On))]);
    press(&mut state, ":verbs n2<enter>");
    assert!(screen(&mut state).contains("Provision verbs: n2"));
    press(&mut state, "<esc>:deploy n2<enter>");
    let Screen::Deploy(deploy) = &state.screen else {
        panic!("the deploy wizard is open")
    };
    assert_eq!(deploy.nodes, [n2]);
}

#[test]
fn an_unknown_name_is_refused_with_what_to_do() {
    let mut state = with(&[ProvisionState::Available]);
    for command in [
        "power-on",
        "power-off",
        "deploy",
        "verbs",
        "power",
        "delete",
        "manage",
    ] {
        let effects = press(&mut state, &format!(":{command} n7<enter>"));
        assert!(effects.is_empty() && state.popup.is_none(), "{command}");
        assert!(matches!(state.screen, Screen::List), "{command}");
        let shown = screen(&mut state);
        assert!(shown.contains("there is no node \"n7\""), "{shown}");
        assert!(shown.contains("/ finds nodes"), "{shown}");
    }
}

#[test]
fn maintenance_takes_a_node_before_its_reason() {
    let mut state = with(&[ProvisionState::Available, ProvisionState::Available]);
    let (n1, n2) = (id_of(&state, "n1"), id_of(&state, "n2"));
    let on = |reason: &str| Action::Maintenance(true, Some(reason.to_owned()));
    let effects = press(&mut state, ":maint n2 fan dead<enter>");
    assert_eq!(acted(&effects), [(n2, on("fan dead"))]);
    let effects = press(&mut state, ":maint fan dead<enter>");
    assert_eq!(acted(&effects), [(n1, on("fan dead"))]);
    press(&mut state, ":maint n2<enter>");
    assert!(screen(&mut state).contains("Maintenance for n2, reason"));
    press(&mut state, "<esc>");
    // Which node is meant cannot be told: the first word is not one, another is.
    assert!(press(&mut state, ":maint broken n2<enter>").is_empty());
    assert!(screen(&mut state).contains(":maint NAME REASON"));
}

#[test]
fn a_command_that_takes_nothing_says_so() {
    let mut state = with(&[ProvisionState::Available]);
    assert!(press(&mut state, ":quit n1<enter>").is_empty());
    assert!(screen(&mut state).contains(":quit takes nothing"));
}
