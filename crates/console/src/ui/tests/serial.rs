//! The pane of a serial console, small and large.

use cupola_api::serial::{SerialCursor, SerialItem, SerialLink, SerialState, SerialWatcher};

use super::*;
use crate::serial::Told;

fn watched(columns: u16, rows: u16) -> State {
    let mut state = busy(columns, rows);
    press(&mut state, "c");
    state
}

fn tell(state: &mut State, told: Told) {
    let Screen::Serial(view) = &state.screen else {
        panic!("the pane is open");
    };
    let reply = Reply::Serial(view.node, told);
    update(state, Event::Reply(reply));
}

fn standing(state: &mut State, link: SerialLink, users: &[&str]) {
    let since = state.now;
    let watchers = users.iter().map(|user| SerialWatcher {
        user: Some((*user).to_owned()),
        since,
    });
    let told = SerialState {
        link,
        watchers: watchers.collect(),
        recording: true,
    };
    tell(state, Told::Item(SerialItem::State(told)));
}

fn boot(state: &mut State) {
    let mut text = String::new();
    for line in 0..40 {
        text.push_str(&format!("[    {line}.000000] usb 1-{line}: new device\r\n"));
    }
    text.push_str("\x1b[1;32m[  OK  ]\x1b[0m Reached target \x1b[7mMulti-User\x1b[0m — done\r\n");
    text.push_str("web-7 login: ");
    let item = SerialItem::Output {
        next: SerialCursor::default(),
        at: state.now,
        characters: text.into_bytes(),
    };
    tell(state, Told::Item(item));
}

#[test]
fn serial() {
    for (columns, rows) in [(80, 24), (200, 60)] {
        let mut state = watched(columns, rows);
        standing(&mut state, SerialLink::Connected, &["ada", "brian"]);
        boot(&mut state);
        assert_snapshot!(format!("serial_{columns}x{rows}"), screen(&mut state));
    }
    let mut state = watched(80, 24);
    standing(&mut state, SerialLink::Connected, &["ada"]);
    boot(&mut state);
    press(&mut state, "<pgup><c-]>");
    assert_snapshot!("serial_menu_80x24", screen(&mut state));
    let until = state.now + jiff::SignedDuration::from_secs(8);
    let link = SerialLink::Waiting {
        why: "BMC 10.0.0.7: its serial console is in use by another session; close it".to_owned(),
        until,
        in_use: true,
    };
    standing(&mut state, link, &["ada"]);
    assert_snapshot!("serial_in_use_80x24", screen(&mut state));
    let why = "The machine of node n has no serial console here: its driver 'fake-hardware' \
               carries none. Serial-over-LAN needs hardware type 'ipmi'.";
    tell(&mut state, Told::Refused(why.to_owned()));
    assert_snapshot!("serial_refused_80x24", screen(&mut state));
}
