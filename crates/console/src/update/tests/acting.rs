//! Acting on nodes: previews, runs, what is taken back, undone, refused; what is logged.

use cupola_api::id::NodeId;
use cupola_api::resource::BootDevice;

use super::*;
use crate::command::Flag;
use crate::effect::Steps;
use crate::event::Accepted;
use crate::state::run::{Outcome, Phase};

fn acted(effects: &[Effect]) -> Vec<(NodeId, Action)> {
    let act = |effect: &Effect| match effect {
        Effect::Act(id, action) => Some((*id, action.clone())),
        _ => None,
    };
    effects.iter().filter_map(act).collect()
}

fn accept(state: &mut State, (id, action): &(NodeId, Action)) -> Vec<Effect> {
    let reply = Reply::Acted(*id, action.clone(), Ok(Accepted::default()));
    update(state, Event::Reply(reply))
}

fn refuse(state: &mut State, (id, action): &(NodeId, Action)) -> Vec<Effect> {
    let reply = Reply::Acted(*id, action.clone(), Err(refusal("node is locked", true)));
    update(state, Event::Reply(reply))
}

/// The node comes to this state.
fn comes_to(state: &mut State, id: NodeId, to: ProvisionState) -> Vec<Effect> {
    let mut node = state.fleet.get(id).expect("it is there").clone();
    node.provision_state = to;
    node.provision_updated_at = Some(state.now);
    update(state, changed(node))
}

#[test]
fn a_run_is_followed_until_each_node_is_where_it_should_be() {
    let mut state = with(&[ProvisionState::Manageable; 3]);
    let sent = acted(&press(&mut state, "*:provide<enter><enter>"));
    assert_eq!(sent.len(), 3);
    accept(&mut state, &sent[0]);
    accept(&mut state, &sent[1]);
    refuse(&mut state, &sent[2]);
    let shown = screen(&mut state);
    assert!(shown.contains("2 under way, 1 FAILED"), "{shown}");
    assert!(shown.contains("node is locked"), "{shown}");
    comes_to(&mut state, sent[0].0, ProvisionState::Cleaning);
    comes_to(&mut state, sent[0].0, ProvisionState::Available);
    comes_to(&mut state, sent[1].0, ProvisionState::CleanFailed);
    let shown = screen(&mut state);
    assert!(shown.contains("1 reached, 2 FAILED"), "{shown}");
    assert!(shown.contains("Over, after"), "{shown}");
    // Those that failed and can take it again are proposed again.
    press(&mut state, "r");
    assert!(screen(&mut state).contains("can do it: 1 of 2"));
}

#[test]
fn leaving_the_screen_does_not_stop_a_run_and_several_go_on_at_once() {
    let mut state = with(&[ProvisionState::Manageable; 3]);
    let sent = acted(&press(&mut state, "*:provide<enter>pppp<enter>"));
    assert_eq!(sent.len(), 1, "one at a time was chosen");
    press(&mut state, "<esc>");
    let effects = refuse(&mut state, &sent[0]);
    assert_eq!(acted(&effects).len(), 1, "the next one is sent");
    press(&mut state, ":maint reason<enter><enter>");
    press(&mut state, "<esc>R");
    let shown = screen(&mut state);
    assert!(
        shown.contains("maintenance on") && shown.contains("provide"),
        "{shown}"
    );
    press(&mut state, "<down><enter>x");
    assert!(screen(&mut state).contains("aborted: 1 were not sent"));
    let last = acted(&effects);
    assert!(acted(&refuse(&mut state, &last[0])).is_empty());
}

#[test]
fn a_canary_asks_before_the_others_follow() {
    let mut state = with(&[ProvisionState::Manageable; 4]);
    let sent = acted(&press(&mut state, "*:provide<enter>c<enter>"));
    assert_eq!(sent.len(), 1);
    accept(&mut state, &sent[0]);
    comes_to(&mut state, sent[0].0, ProvisionState::Available);
    assert!(screen(&mut state).contains("canary n1 ended well"));
    assert_eq!(acted(&press(&mut state, "c")).len(), 3);
}

#[test]
fn what_waits_is_taken_back_by_esc_or_u_and_never_sent() {
    for key in ["<esc>", "u"] {
        let mut state = with(&[ProvisionState::Active]);
        press(&mut state, ":power-off<enter>y<enter>");
        later(&mut state, 3);
        assert!(screen(&mut state).contains("sent in 2s"));
        press(&mut state, key);
        assert!(screen(&mut state).contains("taken back"));
        assert!(later(&mut state, 60).is_empty());
        assert_eq!(state.runs[0].phase, Phase::TakenBack);
    }
}

#[test]
fn a_deploy_that_is_taken_back_is_in_the_wizard_again() {
    let mut state = with(&[ProvisionState::Available]);
    press(&mut state, "d");
    update(&mut state, Event::Reply(Reply::Images(Ok(vec![image()]))));
    press(&mut state, "<enter><enter>y<enter>");
    press(&mut state, "<esc>");
    assert!(later(&mut state, 60).is_empty());
    press(&mut state, "<enter>y<enter>");
    assert_eq!(acted(&later(&mut state, 5)).len(), 1);
}

#[test]
fn leaving_asks_while_something_is_not_sent() {
    let mut state = with(&[ProvisionState::Active]);
    press(&mut state, ":power-off<enter>y<enter>");
    assert!(press(&mut state, "q").is_empty());
    assert!(screen(&mut state).contains("power off: not sent yet"));
    assert!(matches!(press(&mut state, "y")[..], [Effect::Quit]));
}

#[test]
fn what_was_done_last_is_undone_after_a_question() {
    let mut state = with(&[ProvisionState::Available]);
    let sent = acted(&press(&mut state, ":maint disk<enter>"));
    accept(&mut state, &sent[0]);
    assert!(screen(&mut state).contains("u undoes it"));
    let mut node = state.fleet.get(sent[0].0).expect("it").clone();
    node.maintenance = true;
    update(&mut state, changed(node));
    press(&mut state, "u");
    assert!(screen(&mut state).contains("Undo: maintenance off 1 node?"));
    let undone = acted(&press(&mut state, "y"));
    assert_eq!(undone[0].1, Action::Maintenance(false, None));
}

#[test]
fn a_node_that_has_moved_on_is_not_undone() {
    let mut state = with(&[ProvisionState::Manageable]);
    let sent = acted(&press(&mut state, ":provide<enter>"));
    accept(&mut state, &sent[0]);
    comes_to(&mut state, sent[0].0, ProvisionState::Cleaning);
    press(&mut state, "u");
    assert!(screen(&mut state).contains("it has moved on: it is cleaning now"));
    assert!(state.popup.is_none());
}

#[test]
fn a_boot_device_goes_back_to_what_it_was() {
    let mut state = with(&[ProvisionState::Active]);
    let sent = acted(&press(&mut state, ":boot-disk-always<enter>"));
    assert_eq!(sent[0].1, Action::BootDevice(BootDevice::Disk, true));
    let was = Action::BootDevice(BootDevice::Pxe, false);
    let accepted = Accepted {
        inverse: Some(was.clone()),
        indicator: None,
    };
    let reply = Reply::Acted(sent[0].0, sent[0].1.clone(), Ok(accepted));
    update(&mut state, Event::Reply(reply));
    assert_eq!(acted(&press(&mut state, "uy"))[0].1, was);
}

#[test]
fn the_menu_of_more_sets_flags_and_says_why_not() {
    let mut state = with(&[ProvisionState::Available]);
    press(&mut state, "a");
    let shown = screen(&mut state);
    assert!(shown.contains("no: not while available"), "{shown}");
    assert!(
        shown.contains("no: only while active or in rescue"),
        "{shown}"
    );
    let effects = press(&mut state, "<esc>:unretire<enter>");
    assert_eq!(acted(&effects)[0].1, Action::Flag(Flag::Retired, false));
}

#[test]
fn a_rescue_asks_for_a_password_that_is_never_seen() {
    let mut state = with(&[ProvisionState::Active]);
    press(&mut state, ":rescue<enter>geheim");
    let shown = screen(&mut state);
    assert!(
        shown.contains("******") && !shown.contains("geheim"),
        "{shown}"
    );
    press(&mut state, "<enter>y<enter>");
    let sent = acted(&later(&mut state, 5));
    assert_eq!(sent[0].1, Action::Rescue("geheim".into()));
    press(&mut state, "@");
    let shown = screen(&mut state);
    assert!(shown.contains("--rescue-password \"$PASSWORD\""), "{shown}");
    assert!(!format!("{state:?}").contains("geheim"));
}

#[test]
fn cleaning_asks_for_its_steps() {
    let mut state = with(&[ProvisionState::Manageable]);
    assert!(matches!(
        press(&mut state, ":clean<enter>")[..],
        [Effect::Runbooks]
    ));
    press(&mut state, "erase<f8>");
    assert!(screen(&mut state).contains("write INTERFACE.STEP"));
    press(&mut state, "<c-u>deploy.erase_devices_metadata<f8>y<enter>");
    let sent = acted(&later(&mut state, 5));
    let Action::Steps {
        steps: Steps::Listed(steps),
        ..
    } = &sent[0].1
    else {
        panic!("steps: {sent:?}")
    };
    assert_eq!(steps[0]["step"], "erase_devices_metadata");
}

#[test]
fn a_guarded_profile_wants_its_name_typed_for_one_node() {
    let mut state = with(&[ProvisionState::Active]);
    state.safety.guarded = Some("prod".to_owned());
    assert!(screen(&mut state).contains("GUARDED: prod"));
    press(&mut state, ":undeploy<enter><enter>");
    assert!(state.popup.is_none(), "with nothing typed Enter cancels");
    press(&mut state, ":undeploy<enter>y<enter>");
    assert!(acted(&later(&mut state, 60)).is_empty());
    assert!(
        screen(&mut state).contains("Type prod to go on: y"),
        "it stays to be mended"
    );
    press(&mut state, "<bs>prod");
    assert!(screen(&mut state).contains("Enter undeploy 1 node"));
    press(&mut state, "<tab><tab><enter>");
    assert!(
        acted(&later(&mut state, 60)).is_empty(),
        "the other button cancels"
    );
    for does_it in ["prod<enter>", "prod<tab><enter>"] {
        press(&mut state, &format!(":undeploy<enter>{does_it}"));
        assert_eq!(acted(&later(&mut state, 5)).len(), 1, "{does_it}");
        state.runs.clear();
    }
}

#[test]
fn a_read_only_console_changes_nothing_and_says_why() {
    let mut state = with(&[ProvisionState::Manageable, ProvisionState::Active]);
    state.safety.read_only = Some("--read-only".to_owned());
    assert!(screen(&mut state).contains("READ-ONLY"));
    for keys in [":provide<enter>", "m", "d", "e", "<delete>", "u"] {
        let effects = press(&mut state, keys);
        assert!(effects.is_empty(), "{keys}: {effects:?}");
        assert!(state.popup.is_none() && state.prompt.is_none(), "{keys}");
    }
    press(&mut state, ":provide<enter>");
    assert!(screen(&mut state).contains("read-only (--read-only)"));
    press(&mut state, "v");
    assert!(screen(&mut state).contains("no: read-only"));
}

#[test]
fn the_log_shows_what_was_sent_and_copies_it() {
    let mut state = with(&[ProvisionState::Available]);
    state.shell.url = "http://h:6385".to_owned();
    let sent = acted(&press(&mut state, ":power-on<enter>"));
    accept(&mut state, &sent[0]);
    press(&mut state, "@");
    let shown = screen(&mut state);
    assert!(shown.contains("accepted in"), "{shown}");
    assert!(
        shown.contains("X-OpenStack-Ironic-API-Version: latest"),
        "{shown}"
    );
    let copied = |effects: &[Effect]| match effects {
        [Effect::Copy(text)] => text.clone(),
        other => panic!("{other:?}"),
    };
    let openstack = copied(&press(&mut state, "y"));
    assert!(openstack.contains("baremetal node power on"), "{openstack}");
    let curl = copied(&press(&mut state, "<tab>y"));
    assert!(curl.contains("/states/power"), "{curl}");
}

#[test]
fn results_are_saved_as_csv_or_text() {
    let mut state = with(&[ProvisionState::Manageable; 2]);
    let sent = acted(&press(&mut state, "*:provide<enter><enter>"));
    refuse(&mut state, &sent[0]);
    assert_eq!(
        state.runs[0].entries[0].outcome,
        Outcome::Refused("node is locked".to_owned())
    );
    let effects = press(&mut state, "s<c-u>out.csv<enter>");
    let [Effect::Save(file, text)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(file, "out.csv");
    assert!(text.contains(",refused,node is locked,"), "{text}");
}
