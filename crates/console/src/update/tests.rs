//! Keys in, state and effects out.

use cupola_api::event::{Event as Happened, EventId, EventKind, Severity};
use cupola_api::id::NodeId;
use cupola_api::probe::{CheckResult, ProbeCheck, ProbeReport};
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};

use super::*;
use crate::effect::{Action, Ticket};
use crate::event::{Changes, Live, Refusal, Reply};
use crate::state::enroll::{Enroll, Step};
use crate::state::popup::Popup;
use crate::testing::{press, screen, state, summary};

mod acting;
mod discovery;
mod finding;
mod keys;
mod mouse;
mod named;
mod remembered;
mod safety;
mod serial;
mod watching;
mod wizard;

/// A state with these nodes, the first one under the cursor.
fn with(states: &[ProvisionState]) -> State {
    let mut state = state(80, 24, 0);
    let nodes = (1..)
        .zip(states)
        .map(|(n, s)| summary(n, &format!("n{n}"), *s));
    let listed = Live::Listed {
        nodes: nodes.collect(),
        server: crate::state::link::Server::Cupola,
    };
    update(&mut state, Event::Live(listed));
    state.settle();
    state
}

fn verbs(effects: &[Effect]) -> Vec<ProvisionVerb> {
    let verb = |effect: &Effect| match effect {
        Effect::Act(_, Action::Provision(verb)) => Some(*verb),
        _ => None,
    };
    effects.iter().filter_map(verb).collect()
}

/// So many seconds later: what was held is sent.
fn later(state: &mut State, seconds: u64) -> Vec<Effect> {
    let by = std::time::Duration::from_secs(seconds);
    state.now = state.now.checked_add(by).expect("a time");
    let effects = update(state, Event::Tick);
    state.settle();
    effects
}

#[test]
fn what_destroys_asks_and_enter_cancels() {
    let mut state = with(&[ProvisionState::Active]);
    assert!(verbs(&press(&mut state, ":undeploy<enter>")).is_empty());
    assert!(matches!(state.popup, Some(Popup::Confirm(_))));
    assert!(verbs(&press(&mut state, "<enter>")).is_empty());
    assert!(state.popup.is_none());
    assert!(verbs(&press(&mut state, ":undeploy<enter><tab><enter>")).is_empty());
    assert!(screen(&mut state).contains("takes it back"));
    assert!(verbs(&later(&mut state, 4)).is_empty());
    assert_eq!(verbs(&later(&mut state, 1)), [ProvisionVerb::Deleted]);
}

#[test]
fn many_nodes_want_their_number_typed() {
    let mut state = with(&[ProvisionState::Active; 5]);
    press(&mut state, "*:undeploy<enter>");
    assert!(screen(&mut state).contains("can do it: 5 of 5 nodes"));
    press(&mut state, "<enter><tab><enter>");
    let sent = later(&mut state, 10);
    assert!(verbs(&sent).is_empty(), "without the number Enter cancels");
    press(&mut state, "<enter>5<tab><enter>");
    assert_eq!(verbs(&later(&mut state, 5)).len(), 5);
}

#[test]
fn letters_typed_into_a_filter_are_no_commands() {
    let mut state = with(&[ProvisionState::Active, ProvisionState::Enroll]);
    let effects = press(&mut state, "/state:enroll q d<bs><bs><bs><bs><enter>");
    assert!(effects.is_empty());
    assert_eq!(state.list.len(), 1);
    press(&mut state, "<esc>");
    assert_eq!(state.list.len(), 2);
}

#[test]
fn an_action_goes_only_to_those_that_can_take_it() {
    let states = [ProvisionState::Manageable, ProvisionState::Active];
    let mut state = with(&states);
    assert!(press(&mut state, "*:provide<enter>").is_empty());
    let shown = screen(&mut state);
    assert!(shown.contains("can do it: 1 of 2"), "{shown}");
    assert!(shown.contains("1: only from manageable"), "{shown}");
    let effects = press(&mut state, "<enter>");
    assert_eq!(verbs(&effects), [ProvisionVerb::Provide]);
    assert!(screen(&mut state).contains("left out"));
}

#[test]
fn a_verb_that_is_not_allowed_says_why() {
    let mut state = with(&[ProvisionState::Enroll]);
    assert!(press(&mut state, ":provide<enter>").is_empty());
    assert!(screen(&mut state).contains("only from manageable"));
}

#[test]
fn power_and_maintenance_from_menus_and_keys() {
    let mut state = with(&[ProvisionState::Available]);
    let effects = press(&mut state, "p<enter>");
    let on = Action::Power(PowerTarget::On);
    assert!(matches!(&effects[..], [Effect::Act(_, action)] if *action == on));
    let effects = press(&mut state, ":maint disk swap<enter>");
    let want = Action::Maintenance(true, Some("disk swap".to_owned()));
    assert!(matches!(&effects[..], [Effect::Act(_, action)] if *action == want));
}

#[test]
fn a_refusal_is_shown_with_its_node() {
    let mut state = with(&[ProvisionState::Manageable]);
    press(&mut state, ":provide<enter>");
    let id = state.targets()[0];
    let action = Action::Provision(ProvisionVerb::Provide);
    let refused = Reply::Acted(id, action, Err(refusal("node is locked", true)));
    update(&mut state, Event::Reply(refused));
    assert!(screen(&mut state).contains("n1: node is locked"));
}

fn type_bmc(state: &mut State) -> Vec<Effect> {
    press(
        state,
        "enew<tab><tab>10.0.0.7<tab><tab>admin<tab>secret<enter>",
    )
}

fn wizard(state: &State) -> &Enroll {
    match &state.screen {
        Screen::Enroll(enroll) => enroll,
        _ => panic!("the wizard is gone"),
    }
}

fn probed(state: &mut State, result: CheckResult) {
    let check = ProbeCheck {
        name: "credentials".to_owned(),
        result,
        detail: "RAKP 2".to_owned(),
        remedy: Some("check the password".to_owned()),
    };
    let ticket = wizard(state).ticket;
    let report = ProbeReport {
        checks: vec![check],
        ..ProbeReport::default()
    };
    update(state, Event::Reply(Reply::Probed(ticket, Ok(report))));
}

#[test]
fn a_machine_is_enrolled_and_goes_to_available_by_itself() {
    let mut state = with(&[]);
    let effects = type_bmc(&mut state);
    let Some(Effect::Probe(_, request)) = effects.last() else {
        panic!("the BMC is tested first: {effects:?}")
    };
    assert_eq!(request.driver_info["ipmi_address"], "10.0.0.7");
    assert_eq!(request.driver_info["ipmi_password"], "secret");
    assert!(!screen(&mut state).contains("secret"));
    probed(&mut state, CheckResult::Passed);
    let effects = press(&mut state, "<enter>525400000001<f8><space><f8><enter>");
    let Some(Effect::Enroll(ticket, body, macs)) = effects.last() else {
        panic!("it is enrolled: {effects:?}")
    };
    assert_eq!((body["name"].as_str(), macs.len()), (Some("new"), 1));

    let node = summary(9, "new", ProvisionState::Enroll);
    update(&mut state, changed(node.clone()));
    let effects = update(
        &mut state,
        Event::Reply(Reply::Enrolled(*ticket, Ok(node.uuid))),
    );
    assert_eq!(verbs(&effects), [ProvisionVerb::Manage]);
    let effects = update(&mut state, changed(at(ProvisionState::Manageable, 1)));
    assert_eq!(verbs(&effects), [ProvisionVerb::Provide]);
    let effects = update(&mut state, changed(at(ProvisionState::Available, 2)));
    assert!(verbs(&effects).is_empty());
    assert!(wizard(&state).journey.is_done());
    assert!(screen(&mut state).contains("new is available"));
}

fn at(state: ProvisionState, second: i64) -> cupola_api::cupola::NodeSummary {
    let mut node = summary(9, "new", state);
    node.provision_updated_at = jiff::Timestamp::from_second(second).ok();
    node
}

fn changed(node: cupola_api::cupola::NodeSummary) -> Event {
    Event::Live(Live::Changed(Changes {
        nodes: vec![node],
        ..Changes::default()
    }))
}

#[test]
fn a_test_that_fails_says_what_to_do_and_stops_the_wizard() {
    let mut state = with(&[]);
    type_bmc(&mut state);
    probed(&mut state, CheckResult::Failed);
    assert!(screen(&mut state).contains("check the password"));
    press(&mut state, "<enter>");
    assert_eq!(wizard(&state).step, Step::Test);
    press(&mut state, "<esc>");
    assert_eq!(wizard(&state).step, Step::Bmc);
    let late = Reply::Probed(Ticket(0), Err("an old answer".to_owned()));
    update(&mut state, Event::Reply(late));
    assert!(!screen(&mut state).contains("an old answer"));
}

#[test]
fn letters_in_the_wizard_are_text() {
    let mut state = with(&[]);
    let effects = press(&mut state, "eqdvpm?:/");
    assert!(
        effects.iter().all(|e| matches!(e, Effect::Drivers)),
        "{effects:?}"
    );
    assert_eq!(wizard(&state).bmc.text("Name"), "qdvpm?:/");
}

#[test]
fn a_deploy_goes_to_the_marked_nodes() {
    let mut state = with(&[ProvisionState::Available, ProvisionState::Available]);
    press(&mut state, "*d");
    update(&mut state, Event::Reply(Reply::Images(Ok(vec![image()]))));
    assert!(press(&mut state, "<enter><enter>").is_empty());
    assert!(screen(&mut state).contains("can do it: 2 of 2"));
    assert!(press(&mut state, "<enter>y<enter>").is_empty());
    let effects = later(&mut state, 5);
    let deploys = effects.iter().filter(|e| {
        matches!(e, Effect::Act(_, Action::Deploy { patch, config_drive: Some(_) }) if patch.len() == 4)
    });
    assert_eq!(deploys.count(), 2);
}

fn image() -> cupola_api::cupola::Image {
    cupola_api::cupola::Image {
        name: "debian-12".to_owned(),
        source: "http://images/debian-12.qcow2".to_owned(),
        disk_format: "qcow2".to_owned(),
        hash_algo: "sha256".to_owned(),
        hash_value: "0".repeat(64),
        size: Some(150 << 20),
    }
}

#[test]
fn the_node_screen_follows_its_node_also_from_below_a_wizard() {
    let mut state = with(&[ProvisionState::Available]);
    let effects = press(&mut state, "<enter>");
    assert!(matches!(
        effects[..],
        [Effect::Node(_), Effect::Timeline(_)]
    ));
    let id = state.targets()[0];
    press(&mut state, "d");
    update(&mut state, happened(id, 7, "the agent has called"));
    press(&mut state, "<esc>");
    assert!(screen(&mut state).contains("the agent has called"));
}

fn happened(id: NodeId, event: i64, text: &str) -> Event {
    let kind = EventKind::Log {
        severity: Severity::Info,
        source: "agent".to_owned(),
        text: text.to_owned(),
    };
    let event = Happened {
        id: EventId(event),
        at: jiff::Timestamp::UNIX_EPOCH,
        node: Some(id),
        kind,
    };
    Event::Live(Live::Changed(Changes {
        events: vec![event],
        ..Changes::default()
    }))
}

#[test]
fn who_is_not_let_in_is_told_so_and_what_to_do() {
    let mut state = with(&[]);
    let lost = Live::Lost {
        reason: "http://h does not let you in: wrong. Set OS_USERNAME".to_owned(),
        trouble: crate::state::link::Trouble::NotLetIn,
        retry: std::time::Duration::from_secs(4),
    };
    update(&mut state, Event::Live(lost));
    let shown = screen(&mut state);
    assert!(
        shown.contains("NOT LET IN") && shown.contains("retry in 4s"),
        "{shown}"
    );
    assert!(shown.contains("Set OS_USERNAME"), "{shown}");
    assert!(!shown.contains("not answer"), "{shown}");
}

#[test]
fn a_lost_link_keeps_the_data_and_says_how_old_it_is() {
    let mut state = with(&[ProvisionState::Active]);
    let retry = std::time::Duration::from_secs(4);
    let reason = "connection refused".to_owned();
    let lost = Live::Lost {
        reason,
        trouble: crate::state::link::Trouble::Away,
        retry,
    };
    update(&mut state, Event::Live(lost));
    state.now = state
        .now
        .checked_add(std::time::Duration::from_secs(2))
        .expect("a time");
    let shown = screen(&mut state);
    assert!(shown.contains("LOST, data 2s old, retry in 2s"), "{shown}");
    assert!(
        shown.contains("n1") && shown.contains("connection refused"),
        "{shown}"
    );
    update(&mut state, Event::Live(Live::Connected));
    assert!(screen(&mut state).contains("live"));
}

#[test]
fn the_embedded_console_asks_before_it_leaves_work_behind() {
    let mut state = with(&[ProvisionState::Deploying]);
    assert!(matches!(press(&mut state, "q")[..], [Effect::Quit]));
    state.link.target = "embedded".to_owned();
    assert!(press(&mut state, "q").is_empty());
    assert!(matches!(
        press(&mut state, "<tab><enter>")[..],
        [Effect::Quit]
    ));
}

#[test]
fn commands_complete_and_correct() {
    let mut state = with(&[ProvisionState::Active]);
    press(&mut state, ":sort state<enter>");
    assert!(screen(&mut state).contains("STATE▲"));
    press(&mut state, ":unde<tab>");
    assert!(screen(&mut state).contains(":undeploy "));
    press(&mut state, "<esc>:nonsense<enter>");
    assert!(screen(&mut state).contains("there is no command :nonsense"));
}

fn in_maintenance(on: bool) -> State {
    let mut state = with(&[]);
    let mut node = summary(1, "n1", ProvisionState::Active);
    node.maintenance = on;
    update(&mut state, changed(node));
    state.settle();
    state
}

#[test]
fn maintenance_asks_for_a_reason_and_letters_are_its_text() {
    let mut state = in_maintenance(false);
    let effects = press(&mut state, "mdq v");
    assert!(effects.is_empty(), "{effects:?}");
    assert!(screen(&mut state).contains("Maintenance for n1, reason (may be empty): dq v"));
    assert!(press(&mut state, "<esc>").is_empty());
    for (typed, reason) in [("fan dead", Some("fan dead".to_owned())), ("", None)] {
        let effects = press(&mut state, &format!("m{typed}<enter>"));
        let want = Action::Maintenance(true, reason);
        assert!(matches!(&effects[..], [Effect::Act(_, action)] if *action == want));
    }
}

#[test]
fn leaving_maintenance_is_confirmed_and_names_the_reason() {
    let mut state = in_maintenance(true);
    let effects = press(&mut state, "m");
    assert!(matches!(effects[..], [Effect::Node(_)]), "{effects:?}");
    let mut node = cupola_api::node::Node::new(state.targets()[0], "ipmi".to_owned());
    node.maintenance_reason = Some("fan dead".to_owned());
    let known = Reply::Node(node.uuid, Ok(Box::new((node, Vec::new()))));
    update(&mut state, Event::Reply(known));
    let shown = screen(&mut state);
    assert!(shown.contains("set by a person: fan dead"), "{shown}");
    assert!(press(&mut state, "<enter>").is_empty(), "Enter cancels");
    let effects = press(&mut state, "my");
    let off = Action::Maintenance(false, None);
    assert!(matches!(&effects[..], [Effect::Node(_), Effect::Act(_, action)] if *action == off));
}

#[test]
fn questions_take_y_and_n_and_ctrl_c_twice_leaves() {
    let mut state = with(&[ProvisionState::Deploying]);
    state.link.target = "embedded".to_owned();
    assert!(press(&mut state, "qn").is_empty());
    assert!(state.popup.is_none());
    assert!(matches!(press(&mut state, "qy")[..], [Effect::Quit]));
    assert!(press(&mut state, "q<c-c>").is_empty());
    assert!(matches!(press(&mut state, "<c-c>")[..], [Effect::Quit]));
}

#[test]
fn what_is_told_at_the_start_swallows_no_key() {
    let mut state = with(&[ProvisionState::Active]);
    state.greet(Some(crate::state::Welcome {
        title: "Demo".to_owned(),
        lines: vec!["two machines".to_owned()],
    }));
    assert!(screen(&mut state).contains("any key"));
    press(&mut state, "e");
    assert!(state.popup.is_none() && matches!(state.screen, Screen::Enroll(_)));
}

#[test]
fn a_name_or_address_that_the_service_would_refuse_is_caught_in_its_field() {
    for bad in [
        "bad name!!",
        "states",
        "1be26c0b-03f2-4d2e-ae87-c02d7f33c123",
    ] {
        let mut state = with(&[]);
        let effects = press(&mut state, &format!("e{bad}<tab><tab>10.0.0.7<f8>"));
        assert!(
            !effects.iter().any(|e| matches!(e, Effect::Probe(..))),
            "{bad}"
        );
        assert!(screen(&mut state).contains("! letters, digits"), "{bad}");
    }
    for (bad, why) in [
        ("01005e000001", "multicast"),
        ("525400000001<tab>52:54:00:00:00:01", "twice"),
    ] {
        let mut state = with(&[]);
        type_bmc(&mut state);
        probed(&mut state, CheckResult::Passed);
        press(&mut state, &format!("<enter>{bad}<f8>"));
        assert_eq!(wizard(&state).step, Step::Labels, "{bad}");
        assert!(screen(&mut state).contains(why), "{bad}");
    }
}

#[test]
fn a_refused_enrolment_goes_back_to_the_field_that_is_wrong() {
    for (why, step, label) in [
        ("A node with name new already exists.", Step::Bmc, "Name"),
        (
            "port 52:54:00:00:00:01: it exists; nothing was enrolled",
            Step::Labels,
            "MAC 1",
        ),
    ] {
        let mut state = with(&[]);
        type_bmc(&mut state);
        probed(&mut state, CheckResult::Passed);
        press(&mut state, "<enter>525400000001<f8><f8><enter>");
        let refused = Reply::Enrolled(wizard(&state).ticket, Err(why.to_owned()));
        update(&mut state, Event::Reply(refused));
        let shown = screen(&mut state);
        assert!(
            shown.contains("It was refused") && !shown.contains("open"),
            "{shown}"
        );
        press(&mut state, "<enter>");
        let enroll = wizard(&state);
        assert_eq!(enroll.step, step);
        let form = if step == Step::Bmc {
            &enroll.bmc
        } else {
            &enroll.labels
        };
        let field = &form.fields[form.focus];
        assert!(field.label == label && field.error.is_some(), "{field:?}");
        assert_eq!(enroll.bmc.text("Password"), "secret");
    }
}

fn refusal(why: &str, reached: bool) -> Refusal {
    Refusal {
        why: why.to_owned(),
        reached,
    }
}

#[test]
fn an_action_that_does_not_arrive_is_not_called_refused_and_goes_with_the_outage() {
    let mut state = with(&[ProvisionState::Manageable]);
    press(&mut state, ":inspect<enter>");
    let lost = Live::Lost {
        reason: "closed".to_owned(),
        trouble: crate::state::link::Trouble::Away,
        retry: std::time::Duration::from_secs(1),
    };
    update(&mut state, Event::Live(lost));
    let action = Action::Provision(ProvisionVerb::Inspect);
    let answer = Err(refusal("it does not answer", false));
    let id = state.targets()[0];
    update(&mut state, Event::Reply(Reply::Acted(id, action, answer)));
    let shown = screen(&mut state);
    assert!(
        shown.contains("not reached") && !shown.contains("refused"),
        "{shown}"
    );
    update(&mut state, Event::Live(Live::Connected));
    assert!(state.popup.is_none());
}

#[test]
fn a_test_under_way_shows_its_time_and_a_failed_one_the_field() {
    let mut state = with(&[]);
    type_bmc(&mut state);
    state.now = state
        .now
        .checked_add(std::time::Duration::from_secs(3))
        .expect("a time");
    assert!(state.needs_clock());
    let shown = screen(&mut state);
    assert!(
        shown.contains("10.0.0.7 port 623") && shown.contains("3s"),
        "{shown}"
    );
    probed(&mut state, CheckResult::Failed);
    assert!(screen(&mut state).contains("Enter (go on)"));
    let words = Enroll::in_words_of_the_form("type the right one (ipmi_password)");
    assert_eq!(words, "type the right one (the field Password)");
}

#[test]
fn a_deploy_that_no_node_can_take_is_refused_at_once() {
    let mut state = with(&[ProvisionState::Active, ProvisionState::Enroll]);
    assert!(press(&mut state, "d").is_empty());
    assert!(matches!(state.screen, Screen::List));
    assert!(screen(&mut state).contains("n1: cannot be deployed: only from available"));
    press(&mut state, "*d");
    assert!(screen(&mut state).contains("none of 2 nodes can be deployed"));
}

#[test]
fn menus_on_a_node_that_is_gone_say_so() {
    let mut state = with(&[ProvisionState::Active]);
    press(&mut state, "<enter>");
    let changes = Changes {
        deleted: state.targets(),
        ..Changes::default()
    };
    update(&mut state, Event::Live(Live::Changed(changes)));
    press(&mut state, "p");
    assert!(state.popup.is_none());
    assert!(screen(&mut state).contains("deleted elsewhere"));
}

#[test]
fn a_reason_that_does_not_fit_is_whole_below_its_menu() {
    let mut state = with(&[ProvisionState::Enroll]);
    press(&mut state, "v<down><down><down><down><down>");
    assert!(screen(&mut state).contains("undeploy: no: only from wait call-back"));
    press(&mut state, "<esc><enter>2<down><down><down><down><down>");
    assert!(screen(&mut state).contains("rescue failed"));
}

#[test]
fn the_bar_of_a_small_list_has_maintenance_and_the_prompt() {
    let mut state = with(&[ProvisionState::Enroll]);
    let shown = screen(&mut state);
    let bar = shown.lines().last().expect("a bar");
    assert!(
        bar.contains("m Maint") && bar.contains(": Cmd") && bar.contains("q Quit"),
        "{bar}"
    );
}
