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
