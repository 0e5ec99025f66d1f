//! Finding nodes: orders, groups, columns, views, the command bar, back and forward, a list that
//! stands still, the dashboard.

use super::*;
use crate::event::Changes;
use crate::state::Screen;
use crate::state::field::Field;

fn some() -> State {
    use ProvisionState as S;
    with(&[S::Active, S::DeployFailed, S::Active, S::Enroll])
}

#[test]
fn any_field_sorts_and_groups_and_is_a_column() {
    let mut state = some();
    press(
        &mut state,
        ":sort uuid<enter>:group state<enter>:columns name,uuid<enter>",
    );
    assert_eq!(state.list.sort.column, Field::Uuid);
    let text = screen(&mut state);
    assert!(text.contains("- state deploy failed: 1 node"), "{text}");
    assert!(
        text.contains("4 nodes, 1 failed in 3 groups by state"),
        "{text}"
    );
    press(&mut state, "g<enter>");
    assert!(screen(&mut state).contains("+ state deploy failed: 1 node"));
    press(&mut state, ":columns name,onwer<enter>");
    assert!(screen(&mut state).contains("is it owner?"));
    press(&mut state, ":group none<enter>:columns default<enter>");
    assert_eq!((state.list.group, state.list.columns.len()), (None, 0));
}

#[test]
fn a_typo_in_a_filter_marks_nothing() {
    let mut state = some();
    press(&mut state, "/state:actve");
    assert!(screen(&mut state).contains("is it active?"));
    press(&mut state, "<enter>*");
    assert!(state.list.marks.is_empty());
    press(&mut state, "<esc>/state:active<enter>*");
    assert_eq!(state.list.marks.len(), 2);
}

#[test]
fn a_view_is_saved_and_looked_at() {
    let mut state = some();
    press(&mut state, "/state:active<enter>:group driver<enter>");
    let effects = press(&mut state, ":view save mine<enter>");
    let Some(Effect::SaveView(name, view)) = effects.into_iter().last() else {
        panic!("it is saved")
    };
    let saved = Reply::ViewSaved(name, view, Ok("console.toml".to_owned()));
    update(&mut state, Event::Reply(saved));
    press(&mut state, "<esc>:group none<enter>:view mine<enter>");
    assert_eq!(
        (state.list.len(), state.list.group),
        (2, Some(Field::Driver))
    );
    press(&mut state, "[");
    assert_eq!((state.list.len(), state.list.group), (4, None));
    press(&mut state, "]");
    assert_eq!(state.list.len(), 2);
    press(&mut state, ":view mien<enter>");
    assert!(screen(&mut state).contains("is it mine?"));
}

#[test]
fn the_bar_completes_commands_arguments_and_nodes() {
    let mut state = some();
    press(&mut state, ":das");
    assert!(screen(&mut state).contains("the dashboard: states"));
    press(&mut state, "<tab><enter>");
    assert!(matches!(state.screen, Screen::Dashboard));
    press(&mut state, "<esc>:sort onw<bs><bs>w<tab><enter>");
    assert_eq!(state.list.sort.column, Field::Owner);
    press(&mut state, ":node n<tab><tab><enter>");
    assert!(screen(&mut state).contains("node n2"));
    press(&mut state, "<esc>/sta<tab>act<tab><enter>");
    assert_eq!(
        (state.list.filter.as_str(), state.list.len()),
        ("state:active", 2)
    );
}

#[test]
fn what_was_typed_comes_back_and_aliases_stand_for_commands() {
    let mut state = some();
    state
        .settings
        .aliases
        .insert("bad".to_owned(), "filter failed:yes".to_owned());
    press(&mut state, ":bad");
    let effects = update(&mut state, Event::Key(Key::Enter));
    assert!(matches!(&effects[..], [Effect::Remember(line)] if line == "bad"));
    state.settle();
    assert_eq!(state.list.len(), 1);
    press(&mut state, "<esc>:xyz<up><enter>");
    assert_eq!(state.list.len(), 1);
    press(&mut state, ":grup rack<enter>");
    assert!(screen(&mut state).contains("is it :group?"));
}

#[test]
fn one_goes_back_forward_and_to_the_last_view() {
    let mut state = some();
    press(&mut state, ":node n3<enter>");
    press(&mut state, "[");
    assert!(matches!(state.screen, Screen::List));
    press(&mut state, "-");
    assert!(matches!(&state.screen, Screen::Node(_)));
    press(&mut state, "-");
    assert!(matches!(state.screen, Screen::List));
    press(&mut state, "[");
    assert!(screen(&mut state).contains("where the way began"));
}

#[test]
fn a_list_stands_still_and_counts_what_waits() {
    let mut state = some();
    press(&mut state, "z");
    let changes = Changes {
        nodes: vec![summary(1, "n1", ProvisionState::Deploying)],
        ..Changes::default()
    };
    update(&mut state, Event::Live(Live::Changed(changes)));
    let text = screen(&mut state);
    assert!(
        text.contains("1 updates waiting") && !text.contains("deploying"),
        "{text}"
    );
    press(&mut state, "z");
    let text = screen(&mut state);
    assert!(
        text.contains("deploying") && !text.contains("FROZEN"),
        "{text}"
    );
}

#[test]
fn a_line_of_the_dashboard_shows_the_nodes_that_it_counts() {
    let mut state = some();
    let effects = press(&mut state, "D");
    assert!(effects.iter().any(|e| matches!(e, Effect::Conductors)));
    let refused = Reply::Conductors(Err("not allowed".to_owned()));
    update(&mut state, Event::Reply(refused));
    let text = screen(&mut state);
    assert!(text.contains("not told: not allowed"), "{text}");
    let at = state
        .dashboard
        .lines
        .iter()
        .position(|line| line.label == "active");
    state.dashboard.at = at.expect("a line");
    press(&mut state, "<enter>");
    assert_eq!(
        (state.list.filter.as_str(), state.list.len()),
        ("state:=\"active\"", 2)
    );
    press(&mut state, "[");
    assert_eq!(state.list.len(), 4);
}

#[test]
fn a_range_is_marked_from_the_last_mark_to_the_cursor_either_way() {
    let mut state = with(&[ProvisionState::Active; 6]);
    press(&mut state, "V");
    assert!(state.list.marks.is_empty(), "there is no other end");
    assert!(state.notice.is_some());
    press(&mut state, "j <down>V");
    let marked = |state: &State| -> Vec<String> {
        let marks = state.list.marks.iter();
        marks.map(|id| state.name_of(*id)).collect()
    };
    assert_eq!(marked(&state), ["n2", "n3", "n4"]);
    // The cursor's end is where the next range begins.
    press(&mut state, "gV");
    assert_eq!(marked(&state), ["n1", "n2", "n3", "n4"]);
    press(&mut state, "<esc>GV");
    assert!(
        state.list.marks.is_empty(),
        "the end is not marked any more"
    );
}

#[test]
fn a_theme_is_seen_while_it_is_chosen_and_goes_with_esc() {
    let themes = |effects: &[Effect]| -> Vec<String> {
        let name = |effect: &Effect| match effect {
            Effect::Theme(name) => Some(name.clone()),
            _ => None,
        };
        effects.iter().filter_map(name).collect()
    };
    let mut state = some();
    state.themes = vec!["default".to_owned(), "light".to_owned(), "mono".to_owned()];
    state.theme_asked = "mine.toml".to_owned();
    let seen = themes(&press(&mut state, ":theme li<tab>"));
    assert_eq!(seen, ["light"]);
    assert_eq!(themes(&press(&mut state, "<esc>")), ["mine.toml"]);
    press(&mut state, ":theme li<tab>");
    assert_eq!(themes(&press(&mut state, "<enter>")), ["light"]);
    assert!(state.theme_before.is_none());
    press(&mut state, ":theme li<tab>");
    let other = themes(&press(&mut state, "<c-u>sort name<enter>"));
    assert_eq!(other, ["mine.toml"], "another command takes it back");
}

#[test]
fn a_node_is_shown_as_json_without_secrets() {
    let mut state = some();
    press(&mut state, "<enter>5");
    assert!(screen(&mut state).contains("asking the server"));
    let id = state.targets()[0];
    let mut node = cupola_api::node::Node::new(id, "ipmi".to_owned());
    let info = serde_json::json!({ "ipmi_username": "admin", "ipmi_password": "geheim" });
    node.driver_info = info.as_object().expect("an object").clone();
    let known = Reply::Node(id, Ok(Box::new((node, Vec::new()))));
    update(&mut state, Event::Reply(known));
    let mut text = screen(&mut state);
    press(&mut state, "<end>");
    text.push_str(&screen(&mut state));
    assert!(
        text.contains("\\\"uuid\\\"") || text.contains("\"uuid\""),
        "{text}"
    );
    assert!(!text.contains("geheim"), "{text}");
    let effects = press(&mut state, "S");
    let Some(Effect::Watch(crate::watching::Ask::Save(file, written))) = effects.first() else {
        panic!("{effects:?}");
    };
    assert!(file.ends_with(".json"), "{file}");
    assert!(
        written.contains("\"ipmi_username\": \"admin\""),
        "{written}"
    );
    assert!(!written.contains("geheim"), "{written}");
}
