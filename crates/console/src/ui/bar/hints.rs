//! What the key bar offers: the keys of what has the focus, and which of them do nothing now.

use super::acting;
use crate::command::{self, Command, Scope};
use crate::state::deploy::Step as DeployStep;
use crate::state::discovery::{Discovery, Stage};
use crate::state::enroll::{Enroll, Step as EnrollStep};
use crate::state::popup::{Confirm, Focus, Popup};
use crate::state::possible;
use crate::state::serial::{Mode, SerialView, Standing};
use crate::state::{Prompt, Screen, State};

/// A key, what it does, and whether it does it now.
pub(super) type Hint = (String, String, bool);

/// Hints of keys that always work.
pub(super) fn fixed(hints: &[(&str, &str)]) -> Vec<Hint> {
    let own = |(key, label): &(&str, &str)| ((*key).to_owned(), (*label).to_owned(), true);
    hints.iter().map(own).collect()
}

/// The hints for what has the focus: a prompt, a popup, or the screen.
pub(super) fn hints(state: &State) -> Vec<Hint> {
    if let Some(prompt) = &state.prompt {
        return prompt_hints(prompt);
    }
    if let Some(popup) = &state.popup {
        return popup_hints(popup, state);
    }
    match &state.screen {
        Screen::Dashboard => fixed(&[
            ("Up/Down", "move"),
            ("Enter", "show these nodes"),
            ("Esc", "back"),
            ("?", "Help"),
        ]),
        Screen::List | Screen::Node(_) | Screen::Board | Screen::Compare(_) => commands(state),
        Screen::Preview(_)
        | Screen::Run(_)
        | Screen::Runs(_)
        | Screen::Commands(_)
        | Screen::Steps(_) => acting::hints(state),
        Screen::Enroll(enroll) => enroll_hints(enroll),
        Screen::Discovery(discovery) => discovery_hints(discovery),
        Screen::Deploy(deploy) => deploy_hints(deploy.step),
        Screen::Serial(view) => serial_hints(view),
    }
}

fn serial_hints(view: &SerialView) -> Vec<Hint> {
    if let Standing::Refused(_) = view.standing {
        return fixed(&[("Esc", "back")]);
    }
    fixed(match view.mode {
        Mode::Typing => &[
            ("Ctrl-] d", "detach"),
            ("Ctrl-] b", "break"),
            ("Ctrl-] ?", "more"),
            ("PgUp", "scroll back"),
        ],
        Mode::Menu => &[
            ("d", "detach"),
            ("b", "break"),
            ("/", "search"),
            ("t", "take over"),
            ("]", "send Ctrl-]"),
            ("?", "Help"),
            ("Esc", "go on"),
        ],
        Mode::Scrolled if view.is_recording() => &[
            ("PgUp/PgDn", "scroll"),
            ("/", "search"),
            ("n/N", "next, before"),
            ("Esc", "back"),
        ],
        Mode::Scrolled => &[
            ("PgUp/PgDn", "scroll"),
            ("/", "search"),
            ("n/N", "next, before"),
            ("Esc", "to the machine"),
            ("Ctrl-]", "menu"),
        ],
    })
}

fn prompt_hints(prompt: &Prompt) -> Vec<Hint> {
    fixed(match prompt {
        Prompt::Filter(..) => &[("Enter", "keep"), ("Esc", "as before"), ("Up/Down", "move")],
        Prompt::Lines(..) => &[("Enter", "do it"), ("Esc", "leave")],
        Prompt::Reason(..) => &[("Enter", "into maintenance"), ("Esc", "leave as it is")],
        Prompt::Password(..) => &[("Enter", "go on"), ("Esc", "leave")],
        Prompt::Save(..) => &[("Enter", "write"), ("Esc", "leave")],
        Prompt::Command(_) => &[("Enter", "do it"), ("Tab", "complete"), ("Esc", "leave")],
    })
}

fn popup_hints(popup: &Popup, state: &State) -> Vec<Hint> {
    fixed(match popup {
        Popup::Confirm(confirm) => return confirm_hints(confirm),
        Popup::Menu(_) => &[("Up/Down", "choose"), ("Enter", "do it"), ("Esc", "leave")],
        Popup::Help(help) if help.is_typing => &[("Enter", "keep"), ("Esc", "show all")],
        Popup::Help(_) => &[("Up/Down", "scroll"), ("/", "search"), ("Esc", "leave")],
        Popup::Message { title, .. } if state.is_welcome(title) => &[("any key", "close")],
        Popup::Message { .. } => &[("Enter", "close")],
    })
}

fn confirm_hints(confirm: &Confirm) -> Vec<Hint> {
    if confirm.focus == Focus::Field {
        return match (confirm.is_met(), confirm.has_typed()) {
            (true, _) => fixed(&[("Enter", confirm.yes.as_str()), ("Esc", "cancel")]),
            (false, true) => fixed(&[("Esc", "cancel")]),
            (false, false) => fixed(&[("Enter", "cancel"), ("Esc", "cancel")]),
        };
    }
    if confirm.challenge.is_some() {
        return fixed(&[("Tab", "choose"), ("Enter", "take it"), ("Esc", "cancel")]);
    }
    fixed(&[
        ("Tab", "choose"),
        ("Enter", "take it"),
        ("y", "yes"),
        ("n", "no"),
        ("Esc", "cancel"),
    ])
}

fn discovery_hints(discovery: &Discovery) -> Vec<Hint> {
    match discovery.stage {
        Stage::Form => fixed(&[
            ("Tab", "next field"),
            ("F8", "look"),
            ("Esc", "back"),
            ("F1", "Help"),
        ]),
        Stage::Reading => fixed(&[("Esc", "back"), ("F1", "Help")]),
        Stage::Looking(_) => fixed(&[("Up/Down", "move"), ("Esc", "stop"), ("F1", "Help")]),
        Stage::Found => {
            let mut hints = fixed(&[
                ("Space", "choose"),
                ("*", "all"),
                ("F8", "enrol chosen"),
                ("Enter", "wizard"),
                ("r", "look again"),
                ("Esc", "back"),
            ]);
            if let Some((_, _, enabled)) = hints.get_mut(2) {
                *enabled = discovery.chosen() > 0;
            }
            hints
        }
    }
}

fn enroll_hints(enroll: &Enroll) -> Vec<Hint> {
    fixed(match enroll.step {
        EnrollStep::Labels if enroll.next_unknown().is_some() => &[
            ("Tab", "next field"),
            ("F3", "take it"),
            ("F8", "go on"),
            ("Esc", "back"),
            ("F1", "Help"),
        ],
        EnrollStep::Bmc | EnrollStep::Labels | EnrollStep::Properties => &[
            ("Tab", "next field"),
            ("F8", "go on"),
            ("Esc", "back"),
            ("F1", "Help"),
        ],
        EnrollStep::Test => return test_hints(enroll.has_passed()),
        EnrollStep::Review => &[("Enter", "enrol it"), ("Esc", "back"), ("F1", "Help")],
        EnrollStep::Progress if enroll.refused().is_some() => &[
            ("Enter", "correct it"),
            ("Esc", "back to the review"),
            ("F1", "Help"),
        ],
        EnrollStep::Progress if enroll.has_failed() => &[
            ("Enter", "open node"),
            ("r", "try again"),
            ("Esc", "back to the list"),
            ("F1", "Help"),
        ],
        EnrollStep::Progress => &[
            ("Enter", "open node"),
            ("Esc", "back to the list"),
            ("F1", "Help"),
        ],
    })
}

fn test_hints(passed: bool) -> Vec<Hint> {
    let mut hints = fixed(&[
        ("Enter", "go on"),
        ("r", "test again"),
        ("l", "locate LED"),
        ("Esc", "back"),
        ("F1", "Help"),
    ]);
    if let Some((_, _, enabled)) = hints.first_mut() {
        *enabled = passed;
    }
    hints
}

fn deploy_hints(step: DeployStep) -> Vec<Hint> {
    fixed(match step {
        DeployStep::Image => &[
            ("Up/Down", "choose"),
            ("Enter", "take it"),
            ("Esc", "leave"),
        ],
        DeployStep::Other => &[("Tab", "next field"), ("F8", "go on"), ("Esc", "back")],
        DeployStep::Preview => &[
            ("Enter", "deploy"),
            ("c", "config drive"),
            ("Up/Down", "scroll"),
            ("Esc", "back"),
        ],
        DeployStep::Progress => &[("Up/Down", "move"), ("Enter", "open node"), ("Esc", "list")],
    })
}

fn commands(state: &State) -> Vec<Hint> {
    let scope = state.scope();
    command::all()
        .filter(|e| !e.bar.is_empty() && e.scope.includes(scope))
        .filter(|e| scope != Scope::LIST || e.command != Command::Back)
        .filter_map(|e| {
            let keys = state.settings.keymap.keys_of(e);
            let key = keys.last().filter(|_| e.command == Command::Help);
            let key = key.or(keys.first())?.to_string();
            let enabled = possible::why_not(state, e.command).is_none();
            Some((key, e.bar.to_owned(), enabled))
        })
        .collect()
}
