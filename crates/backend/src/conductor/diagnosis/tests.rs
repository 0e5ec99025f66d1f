use cupola_api::diagnosis::Cause;
use cupola_api::event::{BootService, Event, EventId, EventKind, Outcome, Severity};
use cupola_api::state::provision::ProvisionState;
use cupola_api::{MacAddress, NodeId, Rung};
use jiff::Timestamp;
use proptest::prelude::*;

use super::strangers::Strangers;
use super::{Situation, causes, diagnose};

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

fn power_command(ok: bool) -> EventKind {
    EventKind::BmcCommand {
        command: "Chassis Control".to_owned(),
        ok,
        message: "ok".to_owned(),
        duration_ms: 1,
        rung: Some(Rung::BmcSession),
        remedy: None,
    }
}

fn started_by_command() -> Vec<Event> {
    let mut kinds = started();
    kinds.insert(4, power_command(true));
    line(kinds)
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
    let found = diagnose(&events, &Strangers::default(), Situation::Failed).unwrap();
    assert_eq!(found.rung, Rung::BmcSession);
    assert_eq!(found.reached.as_ref().unwrap().rung, Rung::BmcAnswers);
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
        let found = diagnose(&events, &Strangers::default(), Situation::TimedOut).unwrap();
        assert_eq!(found.rung, next);
        assert_eq!(found.reached.unwrap().rung, reached);
    }
    let found = diagnose(&line(started()), &Strangers::default(), Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::DhcpDiscover);
}

#[test]
fn a_contact_that_failed_is_the_cause() {
    let events = started_and([contact(true, Rung::DhcpAck), contact(false, Rung::Loader)]);
    let found = diagnose(&events, &Strangers::default(), Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::Loader);
    assert_eq!(found.causes[0].cause, Rung::Loader.name());
    let overcome = started_and([contact(false, Rung::Loader), contact(true, Rung::Script)]);
    let found = diagnose(&overcome, &Strangers::default(), Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::Ramdisk);
}

#[test]
fn a_boot_device_that_was_not_kept_explains_the_silence_after_it() {
    let mut kinds = started();
    kinds.insert(4, bmc(false, Rung::BootDevice));
    let found = diagnose(
        &line(kinds.clone()),
        &Strangers::default(),
        Situation::TimedOut,
    )
    .unwrap();
    assert_eq!(found.rung, Rung::BootDevice);
    kinds.push(contact(true, Rung::DhcpDiscover));
    let found = diagnose(&line(kinds), &Strangers::default(), Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::DhcpAck);
}

/// A machine of no node that asks at these seconds; the node of [`started`] is on since the fifth.
fn stranger(seconds: &[i64]) -> Strangers {
    let asks = |second: &i64| Event {
        at: Timestamp::from_second(*second).unwrap(),
        ..line(vec![contact(false, Rung::DhcpDiscover)]).remove(0)
    };
    Strangers {
        contacts: seconds.iter().map(asks).collect(),
        rivals: Vec::new(),
    }
}

#[test]
fn a_stranger_may_be_this_machine_when_it_asks_only_since_that_is_on() {
    let events = started_by_command();
    for (seconds, is_it) in [(vec![1], false), (vec![9], true), (vec![1, 9], false)] {
        let found = diagnose(&events, &stranger(&seconds), Situation::TimedOut).unwrap();
        assert_eq!(found.rung, Rung::DhcpDiscover);
        let address = MacAddress::new([0x52, 0x54, 0, 0, 0, 1]);
        let known = found.unknown.as_ref().map(|machine| machine.mac);
        assert_eq!(known, is_it.then_some(address), "{seconds:?}");
        let says = found.causes[0].cause.contains("unknown address");
        assert_eq!(says, is_it, "{seconds:?}");
        // Who reads it may not see that machine.
        assert!(!found.explain("").contains("52:54"), "{seconds:?}");
        assert!(
            found
                .causes
                .iter()
                .any(|c| c.cause.contains("does not boot"))
        );
    }
}

#[test]
fn a_stranger_may_be_one_of_several() {
    let strangers = Strangers {
        rivals: vec![NodeId::random()],
        ..stranger(&[9])
    };
    let found = diagnose(&started_by_command(), &strangers, Situation::TimedOut).unwrap();
    let first = &found.causes[0];
    for said in [
        "does not boot from the network",
        "another one that is waited for",
    ] {
        assert!(first.cause.contains(said), "{said:?}: {}", first.cause);
    }
    assert!(first.remedy.contains("create a port") && first.remedy.contains("boot order"));
}

#[test]
fn a_stranger_that_asked_in_the_attempt_before_may_still_be_this_machine() {
    let mut kinds = started();
    kinds.push(EventKind::Power {
        state: "power off".to_owned(),
        cause: "provisioning".to_owned(),
    });
    kinds.push(EventKind::Transition {
        from: ProvisionState::DeployFailed,
        to: ProvisionState::Deploying,
        cause: "active".to_owned(),
    });
    kinds.extend([
        bmc(true, Rung::BootDevice),
        power_command(true),
        powered_on(),
    ]);
    let events = line(kinds);
    let found = diagnose(&events, &stranger(&[5, 12]), Situation::TimedOut).unwrap();
    assert!(found.unknown.is_some());
}

#[test]
fn others_are_named_or_counted() {
    let names = ["oak", "elm", "fir"].map(str::to_owned);
    let cases = [
        (0, 0, ""),
        (0, 1, "1 machine that is not yours"),
        (0, 3, "3 machines that are not yours"),
        (1, 0, "oak"),
        (1, 1, "oak or 1 machine that is not yours"),
        (2, 0, "oak or elm"),
        (3, 0, "oak or 2 others"),
        (2, 2, "oak or 3 others"),
    ];
    for (named, hidden, want) in cases {
        let named = names.get(..named).unwrap_or_default();
        assert_eq!(causes::others(named, hidden), want);
    }
}

#[test]
fn a_reboot_in_the_middle_is_seen() {
    let events = started_and([
        contact(true, Rung::Heartbeat),
        ends("deploy.deploy", None),
        starts("deploy.write_image"),
        contact(true, Rung::DhcpDiscover),
    ]);
    let found = diagnose(&events, &Strangers::default(), Situation::TimedOut).unwrap();
    assert_eq!(found.rung, Rung::Image);
    assert!(found.causes[0].cause.contains("restarted by itself"));
}

#[test]
fn a_restart_by_the_conductor_is_not_the_machines_own() {
    let log = |text: &str| EventKind::Log {
        severity: Severity::Warning,
        source: "conductor".to_owned(),
        text: text.to_owned(),
    };
    let lost = "agent lost in step deploy.write_image: the agent has neither answered nor called \
                for 6 s; the ramdisk is started again, and then the step";
    let error = "the agent was lost 3 times, last in step deploy.write_image: silent";
    for cut in [vec![log(lost)], vec![power_command(true)]] {
        let mut kinds = started();
        kinds.extend([contact(true, Rung::Heartbeat), starts("deploy.write_image")]);
        kinds.extend(cut);
        kinds.extend([power_command(true), contact(true, Rung::DhcpDiscover)]);
        let silent = diagnose(
            &line(kinds.clone()),
            &Strangers::default(),
            Situation::TimedOut,
        );
        let first = silent.unwrap().causes[0].cause.clone();
        assert!(first.contains("the agent fell silent"), "{first}");
        kinds.push(ends("deploy.write_image", Some(error)));
        let failed = diagnose(&line(kinds), &Strangers::default(), Situation::Failed).unwrap();
        assert!(failed.causes.iter().all(|c| !c.cause.contains("by itself")));
    }
    let events = started_and([
        contact(true, Rung::Heartbeat),
        starts("deploy.write_image"),
        power_command(true),
        contact(true, Rung::Lookup),
        contact(true, Rung::DhcpDiscover),
    ]);
    let again = diagnose(&events, &Strangers::default(), Situation::TimedOut).unwrap();
    assert!(again.causes[0].cause.contains("restarted by itself"));
}

#[test]
fn a_bmc_that_reads_off_while_the_machine_boots_lies() {
    let mut kinds = started();
    kinds.pop();
    kinds.extend([power_command(true), contact(true, Rung::DhcpDiscover)]);
    kinds.push(contact(true, Rung::Heartbeat));
    kinds.push(EventKind::BmcCommand {
        command: "power on".to_owned(),
        ok: false,
        message: "the command was accepted, but the power is still not on after 3s".to_owned(),
        duration_ms: 1,
        rung: Some(Rung::Power),
        remedy: Some("see whether the BMC hangs".to_owned()),
    });
    kinds.push(ends("deploy.deploy", Some("still off")));
    let found = diagnose(&line(kinds), &Strangers::default(), Situation::Failed).unwrap();
    assert_eq!(found.rung, Rung::Power);
    assert_eq!(found.reached.unwrap().rung, Rung::BootDevice);
    let first = &found.causes[0];
    assert!(first.cause.contains("the machine runs"), "{}", first.cause);
    assert!(first.cause.contains("agent heartbeat"), "{}", first.cause);
    assert!(first.remedy.contains("reset the BMC"));
}

#[test]
fn an_error_that_only_an_answering_bmc_gives_reaches_the_rungs_below() {
    for (broken, below) in [
        (Rung::BmcSession, Rung::BmcAnswers),
        (Rung::BootDevice, Rung::BmcSession),
        (Rung::Power, Rung::BmcSession),
    ] {
        let events = line(vec![
            starts("deploy.deploy"),
            bmc(false, broken),
            ends("deploy.deploy", Some("no")),
        ]);
        let found = diagnose(&events, &Strangers::default(), Situation::Failed).unwrap();
        assert_eq!(found.rung, broken);
        assert_eq!(found.reached.unwrap().rung, below);
    }
}

#[test]
fn an_image_server_that_refuses_is_to_be_looked_at() {
    let error = "downloading http://192.0.2.1:8000/image: connection refused";
    let events = started_and([
        contact(true, Rung::Heartbeat),
        starts("deploy.write_image"),
        ends("deploy.write_image", Some(error)),
    ]);
    let found = diagnose(&events, &Strangers::default(), Situation::Failed).unwrap();
    assert!(found.causes[0].remedy.contains("server runs"));
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
    let found = diagnose(&events, &Strangers::default(), Situation::Failed).unwrap();
    assert_eq!(found.rung, Rung::Image);
    assert!(found.causes[0].remedy.contains("checksum"));
}

#[test]
fn what_is_no_matter_of_the_ladder_is_not_diagnosed() {
    let events = line(vec![
        starts("deploy.deploy"),
        ends("deploy.deploy", Some("the ramdisk's file is not there")),
    ]);
    assert_eq!(
        diagnose(&events, &Strangers::default(), Situation::Failed),
        None
    );
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
            let Some(found) = diagnose(&events, &Strangers::default(), situation) else { continue };
            prop_assert!(!found.causes.is_empty());
            prop_assert!(found.reached.is_none_or(|reached| reached.rung < found.rung));
        }
    }
}

/// The cause that is kept where a machine of no node may be the one, or that of so many others.
pub(crate) fn kept_cause(others: usize) -> Cause {
    causes::unknown_machine(None, &causes::unnamed(others))
}
