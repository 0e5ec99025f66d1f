//! No single key destroys anything: every key in every screen, popup and prompt, on several fleets,
//! with and without marks. What there is to walk is generated from the types and from the table of
//! commands, so that a new screen, popup, prompt or key does not compile or is missed by name here
//! until it is walked too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cupola_api::cupola::NodeSummary;
use cupola_api::state::power::PowerState;
use uuid::Uuid;

use super::*;
use crate::command;
use crate::key::Key;
use crate::state::run::Phase;
use crate::state::{Prompt, Welcome};

/// Names for the variants of a type: exhaustive, and the list of all of them.
macro_rules! kinds {
    ($all:ident, $of:ident, $type:ty, { $($pattern:pat => $name:literal,)* }) => {
        const $all: &[&str] = &[$($name),*];
        fn $of(it: &$type) -> &'static str {
            match it { $($pattern => $name),* }
        }
    };
}

kinds!(SCREENS, screen_kind, Screen, {
    Screen::List => "list",
    Screen::Node(_) => "node",
    Screen::Enroll(_) => "enroll",
    Screen::Discovery(_) => "discovery",
    Screen::Deploy(_) => "deploy",
    Screen::Board => "board",
    Screen::Compare(_) => "compare",
    Screen::Preview(_) => "preview",
    Screen::Run(_) => "run",
    Screen::Runs(_) => "runs",
    Screen::Commands(_) => "commands",
    Screen::Dashboard => "dashboard",
    Screen::Steps(_) => "steps",
    Screen::Serial(_) => "serial",
});

kinds!(POPUPS, popup_kind, Popup, {
    Popup::Confirm(_) => "confirm",
    Popup::Menu(_) => "menu",
    Popup::Help(_) => "help",
    Popup::Message { .. } => "message",
});

kinds!(PROMPTS, prompt_kind, Prompt, {
    Prompt::Filter(..) => "filter",
    Prompt::Command(_) => "command",
    Prompt::Reason(..) => "reason",
    Prompt::Lines(..) => "lines",
    Prompt::Password(..) => "password",
    Prompt::Save(..) => "save",
});

kinds!(KEYS, key_kind, Key, {
    Key::Char(_) => "char",
    Key::Ctrl(_) => "ctrl",
    Key::Alt(_) => "alt",
    Key::Enter => "enter",
    Key::Esc => "esc",
    Key::Tab => "tab",
    Key::BackTab => "backtab",
    Key::Backspace => "backspace",
    Key::Delete => "delete",
    Key::Insert => "insert",
    Key::Up => "up",
    Key::Down => "down",
    Key::Left => "left",
    Key::Right => "right",
    Key::Home => "home",
    Key::End => "end",
    Key::PageUp => "pageup",
    Key::PageDown => "pagedown",
    Key::F(_) => "f",
});

/// Every key that a terminal can send.
fn every_key() -> Vec<Key> {
    let printable = || (' '..='~').chain(['ä', 'ß', '€']);
    let mut keys: Vec<Key> = printable().map(Key::Char).collect();
    keys.extend(printable().map(Key::Alt));
    keys.extend(
        ('a'..='z')
            .chain(' '..='?')
            .chain(['[', ']', '\\', '^', '_'])
            .map(Key::Ctrl),
    );
    keys.extend((1..=24).map(Key::F));
    keys.extend([
        Key::Enter,
        Key::Esc,
        Key::Tab,
        Key::BackTab,
        Key::Backspace,
        Key::Delete,
        Key::Insert,
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::Home,
        Key::End,
        Key::PageUp,
        Key::PageDown,
    ]);
    keys
}

/// The fleets: none, one in use, some in use, some to deploy, one in each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fleets {
    Empty,
    One,
    Active,
    Fresh,
    Every,
}

impl Fleets {
    const ALL: [Self; 5] = [
        Self::Empty,
        Self::One,
        Self::Active,
        Self::Fresh,
        Self::Every,
    ];

    fn state(self) -> State {
        use ProvisionState as S;
        match self {
            Self::Empty => with(&[]),
            Self::One => with(&[S::Active]),
            Self::Active => with(&[S::Active; 5]),
            Self::Fresh => with(&[S::Available, S::Manageable, S::Available, S::Enroll]),
            Self::Every => with(ProvisionState::ALL),
        }
    }
}

/// A state of the console to press keys in: a fleet, keys, and what happens besides.
#[derive(Clone, Debug)]
struct Place {
    fleet: Fleets,
    keys: String,
    then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    /// The images are known, and these keys are pressed.
    Images(&'static str),
    /// The time to take it back is over; all that is sent is refused, or accepted and reached.
    Sent {
        well: bool,
        keys: &'static str,
    },
    /// The console tells something at its start.
    Greeted,
}

impl Place {
    fn build(&self, change: impl Fn(&mut State)) -> State {
        let mut state = self.fleet.state();
        state.fleet.replace(running(&state));
        state.list.touch();
        change(&mut state);
        press(&mut state, &self.keys);
        match self.then {
            Then::Nothing => {}
            Then::Images(keys) => {
                update(&mut state, Event::Reply(Reply::Images(Ok(vec![image()]))));
                press(&mut state, keys);
            }
            Then::Sent { well, keys } => {
                for effect in later(&mut state, 5) {
                    answer(&mut state, effect, well);
                }
                press(&mut state, keys);
            }
            Then::Greeted => state.greet(Some(Welcome {
                title: "Demo".to_owned(),
                lines: Vec::new(),
            })),
        }
        state.settle();
        state
    }

    /// Whether a question is open whose yes has the focus: the second of two keys is next.
    fn is_armed(state: &State) -> bool {
        matches!(&state.popup, Some(Popup::Confirm(confirm)) if confirm.is_armed())
    }

    /// What tells it from other places.
    fn signature(state: &State) -> String {
        let typed = match &state.prompt {
            Some(Prompt::Command(line) | Prompt::Filter(line, _)) => line.text(),
            Some(other) => prompt_kind(other).to_owned(),
            None => String::new(),
        };
        let phases: Vec<&Phase> = state.runs.iter().map(|run| &run.phase).collect();
        let fleet = (state.fleet.len(), state.list.marks.len());
        format!(
            "{:?}|{:?}|{typed}|{phases:?}|{fleet:?}",
            state.screen, state.popup
        )
    }
}

/// The same nodes, powered on and in use.
fn running(state: &State) -> Vec<NodeSummary> {
    let nodes = (0..state.fleet.len()).filter_map(|at| state.fleet.at(at).cloned());
    nodes
        .map(|mut node| {
            node.power_state = Some(PowerState::On);
            node.instance_uuid =
                (node.provision_state == ProvisionState::Active).then(|| Uuid::from_u128(7));
            node
        })
        .collect()
}

/// An action is refused, or accepted and the node comes to where it leads.
fn answer(state: &mut State, effect: Effect, well: bool) {
    let Effect::Act(id, action) = effect else {
        return;
    };
    if !well {
        let refused = Reply::Acted(id, action, Err(refusal("node is locked", true)));
        update(state, Event::Reply(refused));
        return;
    }
    update(
        state,
        Event::Reply(Reply::Acted(
            id,
            action,
            Ok(crate::event::Accepted::default()),
        )),
    );
    let mut node = state.fleet.get(id).expect("it is there").clone();
    node.provision_state = ProvisionState::Available;
    node.power_state = Some(PowerState::Off);
    node.provision_updated_at = Some(state.now);
    update(state, changed(node));
}

/// The wizard, and looking for BMCs.
const ENROLLING: [&str; 4] = [
    "e",
    "enew<tab><tab>10.0.0.7",
    ":enroll 10.0.0.7<enter>",
    ":enroll 10.0.0.7<enter><f8>",
];

/// What leads to places: by hand, and from the table of commands.
fn scripts() -> Vec<(String, Then)> {
    let mut scripts: Vec<(String, Then)> = [
        "",
        "<enter>",
        "<enter>2",
        "<enter>3",
        "<enter>4",
        "d",
        ":",
        "/state:active",
        "m",
        "mwhy",
        "?",
        "<f12>",
        "R",
        ":board<enter>",
        ":compare n1 n2<enter>",
        "<enter>3/failed",
        "<lt>",
        "<enter><lt>",
        "@",
        ":nonsense",
        ":clean<enter>deploy.erase_devices_metadata",
        ":service<enter>deploy.x",
        ":rescue<enter>geheim",
        ":undeploy<enter><tab>",
        ":power-off<enter>y",
        ":delete<enter>y",
        ":undeploy<enter>y<enter>",
        ":power-off<enter>y<enter>@",
        ":power-on<enter>",
        ":power-on<enter>u",
        ":power-off<enter><enter>5<tab>",
        ":power-off<enter><enter>4",
        ":power-off<enter><enter>5<tab><enter>R",
        ":undeploy<enter>c<enter>5",
    ]
    .iter()
    .chain(&ENROLLING)
    .map(|keys| ((*keys).to_owned(), Then::Nothing))
    .collect();
    for menu in ["v", "p", "a"] {
        let downs = (0..16).map(|n| (format!("{menu}{}", "<down>".repeat(n)), Then::Nothing));
        scripts.extend(downs);
        let verbs = (0..13).map(|n| (format!("<enter>2{}", "<down>".repeat(n)), Then::Nothing));
        scripts.extend(verbs);
    }
    for entry in command::all().filter(|entry| !entry.is_for_tests()) {
        let Some(name) = entry.names.first() else {
            continue;
        };
        scripts.push((format!(":{name}"), Then::Nothing));
        scripts.push((format!(":{name}<enter>"), Then::Nothing));
        scripts.push((format!("<enter>:{name}<enter>"), Then::Nothing));
    }
    for keys in [
        "",
        "<down><enter>",
        "<enter>",
        "<enter><enter>",
        "<enter>y",
        "<enter>y<enter>",
    ] {
        scripts.push(("d".to_owned(), Then::Images(keys)));
    }
    // Runs that were sent: over, stopped, asking after the canary; their screens and prompts.
    for start in [
        ":power-off<enter>y<enter>",
        ":power-off<enter>c<enter>5<tab><enter>",
        ":power-off<enter>pp<enter>5<tab><enter>",
        ":power-off<enter><enter>5<tab><enter>",
        ":undeploy<enter>c<enter>5<tab><enter>",
    ] {
        for well in [true, false] {
            for keys in ["", "c", "s", "r", "u", "<esc>R"] {
                scripts.push((start.to_owned(), Then::Sent { well, keys }));
            }
        }
    }
    scripts.push((String::new(), Then::Greeted));
    scripts
}

/// All places that differ, on all fleets, with and without marks.
fn places(fleets: &[Fleets], change: impl Fn(&mut State) + Copy) -> Vec<Place> {
    let mut places = BTreeMap::new();
    for fleet in fleets.iter().copied() {
        for marks in ["", "*"] {
            for (keys, then) in scripts() {
                let keys = format!("{marks}{keys}");
                let place = Place { fleet, keys, then };
                let state = place.build(change);
                places.entry(Place::signature(&state)).or_insert(place);
            }
        }
    }
    places.into_values().collect()
}

fn destroying(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| match effect {
        Effect::Act(_, action) => action.destroys(),
        _ => false,
    })
}

/// How many destroying runs were begun, and how many wait for the end of their grace.
fn begun(state: &State) -> (usize, usize) {
    let runs = || state.runs.iter().filter(|run| run.destroys());
    let held = runs().filter(|run| matches!(run.phase, Phase::Held(_)));
    (runs().count(), held.count())
}

#[test]
fn every_kind_of_screen_popup_prompt_and_key_is_walked() {
    let keys: BTreeSet<&str> = every_key().iter().map(key_kind).collect();
    let (mut screens, mut popups, mut prompts) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for place in places(&Fleets::ALL, |_| {}) {
        let state = place.build(|_| {});
        screens.insert(screen_kind(&state.screen));
        popups.extend(state.popup.as_ref().map(popup_kind));
        prompts.extend(state.prompt.as_ref().map(prompt_kind));
    }
    let all = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(keys, all(KEYS));
    assert_eq!(screens, all(SCREENS));
    assert_eq!(popups, all(POPUPS));
    assert_eq!(prompts, all(PROMPTS));
}

#[test]
fn no_key_destroys_and_no_key_with_enter_even_agrees_to_it() {
    let keys = every_key();
    let mut walked = 0;
    for place in places(&Fleets::ALL, |_| {}) {
        for key in &keys {
            let mut state = place.build(|_| {});
            let is_question = matches!(state.popup, Some(Popup::Confirm(_)));
            let is_armed = Place::is_armed(&state);
            let before = begun(&state);
            let effects = update(&mut state, Event::Key(*key));
            assert!(!destroying(&effects), "{key} destroys at {place:?}");
            state.settle();
            walked += 1;
            if is_armed {
                continue;
            }
            let what = || format!("{key} at {place:?}");
            assert!(begun(&state) <= before, "{} alone agrees", what());
            if is_question {
                continue;
            }
            let effects = update(&mut state, Event::Key(Key::Enter));
            assert!(!destroying(&effects), "{} and Enter destroy", what());
            assert!(begun(&state) <= before, "{} and Enter agree", what());
        }
    }
    assert!(walked > 100_000, "only {walked} keys were pressed");
}

/// With no time to take anything back, only the Enter on an armed question destroys.
#[test]
fn without_grace_a_question_takes_two_keys_still() {
    let no_grace = |state: &mut State| state.safety.grace = Duration::ZERO;
    let keys = every_key();
    for place in places(&[Fleets::One, Fleets::Active], no_grace) {
        if place.then != Then::Nothing || Place::is_armed(&place.build(no_grace)) {
            continue;
        }
        for key in &keys {
            let mut state = place.build(no_grace);
            let before = begun(&state);
            let effects = update(&mut state, Event::Key(*key));
            assert!(!destroying(&effects), "{key} destroys at {place:?}");
            assert!(begun(&state) <= before, "{key} agrees at {place:?}");
        }
    }
}

/// A read-only console sends nothing at all, whatever is pressed.
#[test]
fn read_only_sends_nothing() {
    let read_only = |state: &mut State| state.safety.read_only = Some("--read-only".to_owned());
    let keys = every_key();
    for place in places(&[Fleets::One, Fleets::Every], read_only) {
        for key in &keys {
            let mut state = place.build(read_only);
            let mut effects = update(&mut state, Event::Key(*key));
            effects.extend(update(&mut state, Event::Key(Key::Enter)));
            effects.extend(later(&mut state, 60));
            let sends = |effect: &Effect| {
                matches!(
                    effect,
                    Effect::Act(..)
                        | Effect::Enroll(..)
                        | Effect::Serial(crate::serial::Ask::Send(_))
                )
            };
            assert!(!effects.iter().any(sends), "{key} at {place:?}");
        }
    }
}
