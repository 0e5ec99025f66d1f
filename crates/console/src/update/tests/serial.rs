//! The pane of a serial console: which keys go to the machine, and which are the pane's own.

use cupola_api::serial::{
    Characters, SerialCursor, SerialItem, SerialLink, SerialSend, SerialState,
};

use super::*;
use crate::serial::{Ask, Told};
use crate::state::serial::Mode;

fn opened() -> State {
    let mut state = with(&[ProvisionState::Active]);
    let effects = press(&mut state, "c");
    assert!(matches!(
        effects[..],
        [Effect::Serial(Ask::Follow {
            after: None,
            take_over: false,
            ..
        })]
    ));
    state
}

fn told(state: &mut State, item: SerialItem) {
    let Screen::Serial(view) = &state.screen else {
        panic!("the pane is open");
    };
    let reply = Reply::Serial(view.node, Told::Item(item));
    update(state, Event::Reply(reply));
}

fn output(state: &mut State, text: &str) {
    let next = SerialCursor {
        session: 1,
        position: 10,
    };
    let at = state.now;
    let characters = text.as_bytes().to_vec();
    told(
        state,
        SerialItem::Output {
            next,
            at,
            characters,
        },
    );
}

/// What was sent, as text; a break is `<break>`.
fn sent(effects: &[Effect]) -> String {
    let sends = effects.iter().filter_map(|effect| match effect {
        Effect::Serial(Ask::Send(SerialSend {
            data: Some(Characters(data)),
            ..
        })) => Some(String::from_utf8_lossy(data).into_owned()),
        Effect::Serial(Ask::Send(SerialSend {
            send_break: true, ..
        })) => Some("<break>".to_owned()),
        _ => None,
    });
    sends.collect()
}

fn mode(state: &State) -> Mode {
    match &state.screen {
        Screen::Serial(view) => view.mode,
        _ => panic!("the pane is open"),
    }
}

#[test]
fn keys_go_to_the_machine_also_those_that_mean_something_elsewhere() {
    let mut state = opened();
    let effects = press(&mut state, "q:?/d<c-c><c-c><esc><f3><enter><tab><up>");
    assert_eq!(sent(&effects), "q:?/d\x03\x03\x1b\x1bOR\r\t\x1b[A");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Quit)));
    assert!(state.prompt.is_none() && state.popup.is_none());
    let effects = update(&mut state, Event::Paste("ls\npwd\r\n".to_owned()));
    assert_eq!(sent(&effects), "ls\rpwd\r");
}

#[test]
fn the_menu_sends_a_break_and_leaves_and_types_nothing_else() {
    let mut state = opened();
    assert_eq!(sent(&press(&mut state, "<c-]>b")), "<break>");
    assert_eq!(sent(&press(&mut state, "<c-]>]")), "\x1d");
    assert_eq!(sent(&press(&mut state, "<c-]>x")), "");
    assert_eq!(sent(&press(&mut state, "y")), "y");
    assert_eq!(sent(&press(&mut state, "<c-]><pgup>")), "\x1b[5~");
    output(&mut state, "hello");
    let effects = press(&mut state, "<c-]>t");
    assert!(matches!(
        effects[..],
        [Effect::Serial(Ask::Follow {
            after: Some(_),
            take_over: true,
            ..
        })]
    ));
    let effects = press(&mut state, "<c-]>d");
    assert!(matches!(effects[..], [Effect::Serial(Ask::Leave)]));
    assert!(matches!(state.screen, Screen::List));
    // As virsh does: twice leaves as well.
    let mut state = opened();
    press(&mut state, "<c-]><c-]>");
    assert!(matches!(state.screen, Screen::List));
}

#[test]
fn what_has_scrolled_away_is_looked_at_and_searched_and_nothing_is_typed_there() {
    let mut state = opened();
    let lines: String = (0..100).map(|n| format!("line {n}\r\n")).collect();
    output(&mut state, &lines);
    assert_eq!(sent(&press(&mut state, "<pgup>")), "");
    assert_eq!(mode(&state), Mode::Scrolled);
    assert_eq!(sent(&press(&mut state, "reboot<enter>")), "");
    press(&mut state, "/line 42<enter>");
    let shown = screen(&mut state);
    assert!(shown.contains("line 42"), "{shown}");
    press(&mut state, "/nothing<enter>");
    let notice = state.notice.as_ref().expect("it says so");
    assert!(notice.text.contains("no further line"), "{}", notice.text);
    press(&mut state, "<esc>");
    assert_eq!(mode(&state), Mode::Typing);
    assert_eq!(sent(&press(&mut state, "x")), "x");
}

#[test]
fn nothing_of_a_machine_reaches_the_terminal() {
    let mut state = opened();
    output(
        &mut state,
        "\x1b]0;owned\x07\x1b]52;c;cm0gLXJm\x07\x1b[6n\x1bP+q544e\x1b\\\x1b[?1049h\u{9b}5n\u{202e}plain\x1b[8;99;99t",
    );
    let shown = screen(&mut state);
    assert!(shown.contains("plain"), "{shown}");
    let is_harmless = |letter: char| letter == '\n' || !letter.is_control() && letter != '\u{202e}';
    assert!(shown.chars().all(is_harmless), "{shown:?}");
    assert!(!shown.contains("owned"), "{shown}");
}

#[test]
fn a_recording_is_read_and_left() {
    let mut state = with(&[ProvisionState::Active]);
    press(&mut state, "<enter>4");
    let Screen::Node(view) = &state.screen else {
        panic!("the node is open");
    };
    let (id, name) = (
        view.id,
        format!("{}_deploy_2026-11-23-17-00-00.serial", view.id),
    );
    let log = cupola_api::cupola::AgentLog {
        name: name.clone(),
        label: "deploy".to_owned(),
        collected_at: state.now,
        size: 5,
    };
    update(&mut state, Event::Reply(Reply::Logs(id, Ok(vec![log]))));
    let effects = press(&mut state, "<enter>");
    assert!(matches!(&effects[..], [Effect::Serial(Ask::Recording(_, asked))] if *asked == name));
    let told = Told::Recorded(name, Ok(b"iPXE initialising\r\n".to_vec()));
    update(&mut state, Event::Reply(Reply::Serial(id, told)));
    assert!(screen(&mut state).contains("iPXE initialising"));
    assert_eq!(sent(&press(&mut state, "x<enter>")), "");
    press(&mut state, "<esc>");
    assert!(matches!(state.screen, Screen::Node(_)));
}

#[test]
fn a_refusal_is_told_in_full_and_read_only_types_nothing() {
    let mut state = opened();
    let Screen::Serial(view) = &state.screen else {
        panic!("the pane is open");
    };
    let why = "This server is not Cupola: it carries no serial console to here.\nOpen tcp://x.";
    let reply = Reply::Serial(view.node, Told::Refused(why.to_owned()));
    update(&mut state, Event::Reply(reply));
    let shown = screen(&mut state);
    assert!(
        shown.contains("not Cupola") && shown.contains("tcp://x"),
        "{shown}"
    );
    let mut state = opened();
    state.safety.read_only = Some("--read-only".to_owned());
    assert_eq!(sent(&press(&mut state, "rm<enter><c-]>b")), "");
    let link = SerialLink::Connected;
    let watchers = Vec::new();
    told_state(
        &mut state,
        SerialState {
            link,
            watchers,
            recording: true,
        },
    );
    assert!(screen(&mut state).contains("connected, recorded"));
}

fn told_state(state: &mut State, standing: SerialState) {
    told(state, SerialItem::State(standing));
}
