//! Leaving a wizard that holds something typed, and leaving the demo.

use super::*;

#[test]
fn a_filled_form_is_not_thrown_away_unasked() {
    let mut state = with(&[]);
    let effects = press(&mut state, "enew<c-c>");
    assert!(!effects.iter().any(|e| matches!(e, Effect::Quit)));
    let shown = screen(&mut state);
    assert!(shown.contains("was typed"), "{shown}");
    press(&mut state, "n");
    assert_eq!(wizard(&state).bmc.text("Name"), "new");
    let effects = press(&mut state, "<c-c>y");
    assert!(matches!(effects.last(), Some(Effect::Quit)));
}

#[test]
fn what_was_typed_is_kept_on_esc_and_offered_again() {
    let mut state = with(&[]);
    press(&mut state, "e<tab><tab>10.0.0.7<tab><tab><tab>secret<esc>");
    assert!(matches!(state.screen, Screen::List) && state.popup.is_none());
    press(&mut state, "e");
    let shown = screen(&mut state);
    assert!(shown.contains("Go on with 10.0.0.7?"), "{shown}");
    // Who begins anew and changes his mind has lost nothing.
    press(&mut state, "<esc>");
    assert_eq!(wizard(&state).bmc.text("BMC address"), "");
    press(&mut state, "<esc>e<enter>");
    assert_eq!(wizard(&state).bmc.text("BMC address"), "10.0.0.7");
    assert_eq!(wizard(&state).bmc.text("Password"), "secret");
    press(&mut state, "<esc>");
    assert!(matches!(state.screen, Screen::List));
}

fn scan(state: &mut State, text: &str) -> Vec<Effect> {
    let mut effects = press(state, text);
    let scanned = Event::Scanned {
        text: text.to_owned(),
        fresh: true,
    };
    effects.extend(update(state, scanned));
    effects
}

#[test]
fn a_scanner_fills_the_labels_in_and_submits_nothing() {
    let mut state = with(&[]);
    type_bmc(&mut state);
    // A scan that comes too early goes on to nothing.
    probed(&mut state, CheckResult::Passed);
    scan(&mut state, "525400ABCDEF");
    assert_eq!(wizard(&state).step, Step::Test);
    press(&mut state, "<enter>");
    scan(&mut state, "525400ABCDEF");
    scan(&mut state, "5254.0000.0002");
    press(&mut state, "<down><down>");
    scan(&mut state, "S/N:CZ20430A");
    scan(&mut state, "ASSET-0001");
    scan(&mut state, "ASSET-0002");
    let open = wizard(&state);
    assert_eq!(open.step, Step::Labels);
    assert_eq!(open.labels.text("MAC 1"), "52:54:00:ab:cd:ef");
    assert_eq!(open.addresses().len(), 2);
    assert_eq!(
        open.body()["extra"],
        serde_json::json!({ "serial_number": "CZ20430A", "asset_tag": "ASSET-0002" })
    );
    press(&mut state, "<f8>");
    assert_eq!(wizard(&state).step, Step::Properties);
}

#[test]
fn elsewhere_a_burst_is_nothing_but_its_keys() {
    let mut state = with(&[ProvisionState::Active, ProvisionState::Active]);
    scan(&mut state, ":node n2");
    assert!(matches!(state.screen, Screen::Node(_)));
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

fn seen(last: u8, second: i64) -> cupola_api::cupola::UnknownMac {
    cupola_api::cupola::UnknownMac {
        mac: cupola_api::MacAddress::new([0x52, 0x54, 0, 0, 0, last]),
        first_seen: jiff::Timestamp::UNIX_EPOCH,
        last_seen: jiff::Timestamp::from_second(second).expect("a time"),
        times: 1,
        what: "DHCPDISCOVER by firmware".to_owned(),
    }
}

#[test]
fn who_asks_dhcp_is_offered_for_the_addresses() {
    let mut state = with(&[]);
    type_bmc(&mut state);
    probed(&mut state, CheckResult::Passed);
    let effects = press(&mut state, "<enter>");
    assert!(matches!(effects[..], [Effect::UnknownMacs]), "{effects:?}");
    update(&mut state, Event::Reply(Reply::UnknownMacs(Ok(Vec::new()))));
    assert!(screen(&mut state).contains("No unknown machine has asked DHCP yet"));
    // It is asked again while one waits, and not more often than every few seconds.
    assert!(later(&mut state, 1).is_empty());
    assert!(matches!(later(&mut state, 3)[..], [Effect::UnknownMacs]));
    let both = vec![seen(1, 20), seen(2, 10)];
    update(&mut state, Event::Reply(Reply::UnknownMacs(Ok(both))));
    let shown = screen(&mut state);
    assert!(
        shown.contains("Is it this one?") && shown.contains("52:54:00:00:00:02"),
        "{shown}"
    );
    press(&mut state, "<f3>");
    assert_eq!(wizard(&state).labels.text("MAC 1"), "52:54:00:00:00:01");
    // The same key again goes on to the next one, in the same field.
    press(&mut state, "<f3>");
    assert_eq!(wizard(&state).labels.text("MAC 1"), "52:54:00:00:00:02");
    press(&mut state, "<tab><f3>");
    assert_eq!(wizard(&state).labels.text("MAC 2"), "52:54:00:00:00:01");
    press(&mut state, "<f3>");
    assert!(screen(&mut state).contains("no other unknown machine"));
    press(&mut state, "<f8>");
    assert!(later(&mut state, 9).is_empty());
}

#[test]
fn the_locate_led_is_lit_from_the_test() {
    let mut state = with(&[]);
    type_bmc(&mut state);
    probed(&mut state, CheckResult::Failed);
    let lit = |state: &mut State, answer: Result<(), String>| {
        let effects = press(state, "l");
        let Some(Effect::Identify(ticket, request)) = effects.last() else {
            panic!("the LED is switched: {effects:?}")
        };
        let on = request.state == "on";
        update(state, Event::Reply(Reply::Identified(*ticket, on, answer)));
        on
    };
    assert!(lit(&mut state, Err("no such command".to_owned())));
    assert!(screen(&mut state).contains("no such command"));
    assert!(lit(&mut state, Ok(())));
    assert!(screen(&mut state).contains("is lit"));
    assert!(!lit(&mut state, Ok(())));
}
