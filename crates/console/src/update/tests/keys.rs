//! Keys that a person has set, the help, and a console that is all that its person has.

use super::*;
use crate::settings::Settings;

fn set(state: &mut State, text: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("console.toml");
    std::fs::write(&file, text).expect("written");
    let settings = Settings::load(Some(&file)).expect("settings");
    state.set(settings);
}

#[test]
fn keys_that_are_set_do_it_and_are_shown_and_the_old_ones_are_free() {
    let mut state = with(&[ProvisionState::Available]);
    set(
        &mut state,
        "[keys]\nmaintenance = [\"x\", \"F9\"]\ndeploy = []\n",
    );
    press(&mut state, "d");
    assert!(matches!(state.screen, Screen::List), "{:?}", state.screen);
    press(&mut state, "x");
    assert!(matches!(state.prompt, Some(Prompt::Reason(..))));
    press(&mut state, "<esc><f9>");
    assert!(matches!(state.prompt, Some(Prompt::Reason(..))));
    press(&mut state, "<esc>");
    let shown = screen(&mut state);
    assert!(shown.contains("x Maint"), "{shown}");
    assert!(!shown.contains("Deploy"), "{shown}");
    press(&mut state, "?/mainten");
    let shown = screen(&mut state);
    assert!(shown.contains("x F9"), "{shown}");
}

#[test]
fn the_key_of_maintenance_marks_lines_of_a_timeline() {
    let mut state = with(&[ProvisionState::Available]);
    set(&mut state, "[keys]\nmaintenance = [\"x\", \"F7\"]\n");
    press(&mut state, "<enter>3x");
    assert!(state.prompt.is_none());
    press(&mut state, "<f7>");
    assert!(matches!(state.prompt, Some(Prompt::Reason(..))));
}

/// A key of one's own asks as its command does.
#[test]
fn a_key_of_ones_own_destroys_nothing_by_itself() {
    let mut state = with(&[ProvisionState::Active]);
    set(&mut state, "[keys]\nundeploy = \"x\"\npower-off = \"y\"\n");
    for key in ["x", "y"] {
        let effects = press(&mut state, key);
        assert!(effects.is_empty(), "{effects:?}");
        assert!(matches!(state.popup, Some(Popup::Confirm(_))), "{key}");
        let effects = press(&mut state, "<enter>");
        assert!(effects.is_empty() && state.runs.is_empty(), "{effects:?}");
    }
}

#[test]
fn the_help_is_searched_and_says_why_not() {
    let mut state = with(&[ProvisionState::Active]);
    press(&mut state, "?");
    let all = screen(&mut state);
    assert!(all.contains("this help"), "{all}");
    press(&mut state, "/DEPLOY AN");
    let shown = screen(&mut state);
    assert!(shown.contains("deploy an image"), "{shown}");
    assert!(shown.contains("not now:"), "{shown}");
    assert!(!shown.contains("this help"), "{shown}");
    press(&mut state, "<enter>");
    assert!(screen(&mut state).contains("Help: /DEPLOY AN"));
    press(&mut state, "/ of nothing");
    let shown = screen(&mut state);
    assert!(shown.contains("Nothing on this screen"), "{shown}");
    press(&mut state, "<esc>");
    assert_eq!(screen(&mut state), all, "Esc shows all again");
    press(&mut state, "<esc>");
    assert!(state.popup.is_none());
}

#[test]
fn a_captive_console_gives_its_host_to_nobody() {
    let mut state = with(&[ProvisionState::Active]);
    state.safety.captive = true;
    for keys in ["<c-z>", ":suspend<enter>", ":theme /etc/shadow<enter>"] {
        let effects = press(&mut state, keys);
        let confined = |effect: &Effect| !matches!(effect, Effect::Suspend | Effect::Theme(_));
        assert!(effects.iter().all(confined), "{keys}: {effects:?}");
        assert!(state.notice.is_some(), "{keys}");
    }
    let effects = press(&mut state, ":theme light<enter>");
    let is_light = |effect: &Effect| matches!(effect, Effect::Theme(name) if name == "light");
    assert!(effects.iter().any(is_light), "{effects:?}");
    let effects = press(&mut state, ":enroll /etc/machines.csv<enter>");
    assert!(effects.is_empty() && matches!(state.screen, Screen::List));
    press(&mut state, ":maint because<enter>");
    for (file, written) in [("/tmp/x", false), (".profile", false), ("run.csv", true)] {
        let mut effects = vec![Effect::Save(file.to_owned(), "text".to_owned())];
        confined(&mut state, &mut effects);
        assert_eq!(!effects.is_empty(), written, "{file}");
    }
}
