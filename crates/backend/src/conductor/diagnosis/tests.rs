use cupola_api::event::{BootService, Event, EventId, EventKind, Outcome};
use cupola_api::state::provision::ProvisionState;
use cupola_api::{MacAddress, Rung};
use jiff::Timestamp;
use proptest::prelude::*;

use super::{Situation, diagnose};

fn line(kinds: Vec<EventKind>) -> Vec<Event> {
    let event = |(number, kind)| Event {
        id: EventId(number),
        at: Timestamp::from_second(number).unwrap(),
        node: None,
        kind,
    };
    (1..).zip(kinds).map(event).collect()
}

fn bmc(ok: bool, rung: Rung) -> EventKind {
    EventKind::BmcCommand {
        command: "Get Chassis Status".to_owned(),
        ok,
        message: if ok { "ok" } else { "wrong password" }.to_owned(),
        duration_ms: 1,
        rung: Some(rung),
        remedy: (!ok).then(|| "type the right one".to_owned()),
    }
}

fn contact(ok: bool, rung: Rung) -> EventKind {
    EventKind::BootContact {
        service: BootService::Dhcp,
        mac: Some(MacAddress::new([0x52, 0x54, 0, 0, 0, 1])),
        message: rung.name().to_owned(),
        ok,
        rung: Some(rung),
    }
}

fn starts(step: &str) -> EventKind {
    EventKind::StepStarted {
        phase: "deploy".to_owned(),
        step: step.to_owned(),
        index: 1,
        total: 2,
    }
}

fn ends(step: &str, error: Option<&str>) -> EventKind {
    EventKind::StepFinished {
        step: step.to_owned(),
        outcome: error.map_or(Outcome::Succeeded, |_| Outcome::Failed),
        message: error.unwrap_or_default().to_owned(),
        duration_ms: 1,
    }
}

fn powered_on() -> EventKind {
    EventKind::Power {
        state: "power on".to_owned(),
        cause: "provisioning".to_owned(),
    }
}

/// A machine that was started by its BMC.
fn started() -> Vec<EventKind> {
    vec![
        EventKind::Transition {
            from: ProvisionState::Available,
            to: ProvisionState::Deploying,
            cause: "active".to_owned(),
        },
        starts("deploy.deploy"),
        bmc(true, Rung::BmcSession),
        bmc(true, Rung::BootDevice),
        powered_on(),
    ]
}

fn started_and(more: impl IntoIterator<Item = EventKind>) -> Vec<Event> {
    let mut kinds = started();
    kinds.extend(more);
    line(kinds)
}

#[test]
fn a_login_that_fails_breaks_the_session() {
    let error = "wrong password; type the right one";
    let events = line(vec![
        starts("deploy.deploy"),
        bmc(false, Rung::BmcSession),
        ends("deploy.deploy", Some(error)),
    ]);
    let found = diagnose(&events, &[], Situation::Failed).unwrap();
    assert_eq!(found.rung, Rung::BmcSession);
    assert_eq!(found.reached, None);
    let text = found.explain(error);
    assert_eq!(text.matches("type the right one").count(), 1, "{text}");
}

#[test]
fn a_boot_that_stops_waits_for_the_next_rung() {
    for (reached, next) in [
        (Rung::DhcpDiscover, Rung::DhcpAck),
        (Rung::DhcpAck, Rung::Loader),
        (Rung::Loader, Rung::Ipxe),
        (Rung::Ramdisk, Rung::Kernel),
        (Rung::Kernel, Rung::Lookup),
        (Rung::Lookup, Rung::Heartbeat),
    ] {
        let events = started_and([contact(true, reached)]);
        let found = diagnose(&events, &[], Situation::TimedOut).unwrap();
        assert_eq!(found.rung, next);
        assert_eq!(found.reached.unwrap().rung, reached);
    }
    let found = diagnose(&line(started()), &[], Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::DhcpDiscover);
}

#[test]
fn a_contact_that_failed_is_the_cause() {
    let events = started_and([contact(true, Rung::DhcpAck), contact(false, Rung::Loader)]);
    let found = diagnose(&events, &[], Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::Loader);
    assert_eq!(found.causes[0].cause, Rung::Loader.name());
    let overcome = started_and([contact(false, Rung::Loader), contact(true, Rung::Script)]);
    let found = diagnose(&overcome, &[], Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::Ramdisk);
}

#[test]
fn a_boot_device_that_was_not_kept_explains_the_silence_after_it() {
    let mut kinds = started();
    kinds.insert(4, bmc(false, Rung::BootDevice));
    let found = diagnose(&line(kinds.clone()), &[], Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::BootDevice);
    kinds.push(contact(true, Rung::DhcpDiscover));
    let found = diagnose(&line(kinds), &[], Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::DhcpAck);
}

#[test]
fn a_stranger_may_be_this_machine() {
    let events = line(started());
    let mut strangers = line(vec![contact(false, Rung::DhcpDiscover)]);
    strangers[0].at = Timestamp::from_second(1).unwrap();
    let found = diagnose(&events, &strangers, Situation::TimedOut).unwrap();
    assert!(!found.causes[0].cause.contains("unknown address"));
    strangers[0].at = Timestamp::from_second(9).unwrap();
    let found = diagnose(&events, &strangers, Situation::TimedOut).unwrap();
    assert!(found.causes[0].cause.contains("52:54:00:00:00:01"));
}

#[test]
fn a_reboot_in_the_middle_is_seen() {
    let events = started_and([
        contact(true, Rung::Heartbeat),
        ends("deploy.deploy", None),
        starts("deploy.write_image"),
        contact(true, Rung::DhcpDiscover),
    ]);
    let found = diagnose(&events, &[], Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::Image);
    assert!(found.causes[0].cause.contains("restarted by itself"));
}

#[test]
fn a_failed_step_is_explained_by_its_words() {
    let error = "checksum of the image is wrong";
    let events = started_and([
        contact(true, Rung::Heartbeat),
        ends("deploy.deploy", None),
        starts("deploy.write_image"),
        ends("deploy.write_image", Some(error)),
    ]);
    let found = diagnose(&events, &[], Situation::Failed).unwrap();
    assert_eq!(found.rung, Rung::Image);
    assert!(found.causes[0].remedy.contains("checksum"));
}

#[test]
fn what_is_no_matter_of_the_ladder_is_not_diagnosed() {
    let events = line(vec![
        starts("deploy.deploy"),
        ends("deploy.deploy", Some("the ramdisk's file is not there")),
    ]);
    assert_eq!(diagnose(&events, &[], Situation::Failed), None);
}

fn any_kind() -> impl Strategy<Value = EventKind> {
    let rung = || proptest::sample::select(Rung::ALL.to_vec());
    let step = || {
        proptest::sample::select(vec![
            "deploy.deploy",
            "deploy.write_image",
            "conductor.reboot",
            "deploy.boot_instance",
        ])
    };
    prop_oneof![
        (any::<bool>(), rung()).prop_map(|(ok, rung)| bmc(ok, rung)),
        (any::<bool>(), rung()).prop_map(|(ok, rung)| contact(ok, rung)),
        step().prop_map(starts),
        (step(), any::<bool>()).prop_map(|(step, ok)| ends(step, (!ok).then_some("no"))),
        Just(powered_on()),
    ]
}

proptest! {
    #[test]
    fn the_broken_rung_is_above_what_was_reached(kinds in proptest::collection::vec(any_kind(), 0..40)) {
        let events = line(kinds);
        for situation in [Situation::Waits, Situation::TimedOut, Situation::Failed] {
            let Some(found) = diagnose(&events, &[], situation) else { continue };
            prop_assert!(!found.causes.is_empty());
            prop_assert!(found.reached.is_none_or(|reached| reached.rung < found.rung));
        }
    }
}
