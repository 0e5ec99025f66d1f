//! Our IPMI driver against our simulated BMC: everything that can go wrong has its own error,
//! within a deadline.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cupola_api::probe::CheckResult;
use cupola_api::{PowerState, PowerTarget, Secret};
use cupola_drivers::ipmi::wire::app::Privilege;
use cupola_drivers::ipmi::wire::boot::{BootDevice, BootFlags};
use cupola_drivers::ipmi::wire::chassis::ChassisControl;
use cupola_drivers::ipmi::wire::crypto::Key;
use cupola_drivers::ipmi::wire::suite::CipherSuite;
use cupola_drivers::ipmi::{
    BmcObserver, BootOverride, CommandRecord, IpmiConfig, IpmiFault, IpmiHub, ReadBack,
};
use cupola_rack::bmc::BmcFarm;
use cupola_tests::ipmi::{OPERATOR, OPERATOR_PASSWORD, OwnBmc};
use cupola_tests::skip::skipped;
use tokio_util::sync::CancellationToken;

fn hub() -> IpmiHub {
    IpmiHub::new(IpmiConfig {
        deadline: Duration::from_secs(5),
        retransmit_first: Duration::from_millis(50),
        ..IpmiConfig::default()
    })
    .unwrap()
}

async fn bmc() -> OwnBmc {
    OwnBmc::start(Duration::from_millis(100), |_| {})
        .await
        .unwrap()
}

fn quick() -> ReadBack {
    ReadBack {
        hard: Duration::from_secs(3),
        soft: Duration::from_secs(3),
        interval: Duration::from_millis(20),
    }
}

#[tokio::test]
async fn power_is_confirmed_by_read_back_with_both_suites() {
    for suite in CipherSuite::PREFERENCE {
        let bmc = bmc().await;
        let mut target = bmc.target();
        target.cipher_suite = Some(suite);
        let client = hub().client(target);
        assert_eq!(client.power_state().await.unwrap(), PowerState::Off);
        for (wanted, state) in [
            (PowerTarget::On, PowerState::On),
            (PowerTarget::Reboot, PowerState::On),
            (PowerTarget::SoftReboot, PowerState::On),
            (PowerTarget::SoftOff, PowerState::Off),
            (PowerTarget::On, PowerState::On),
            (PowerTarget::Off, PowerState::Off),
        ] {
            client.set_power(wanted, &quick()).await.unwrap();
            assert_eq!(client.power_state().await.unwrap(), state);
        }
    }
}

#[tokio::test]
async fn a_power_command_without_effect_is_told() {
    let bmc = bmc().await;
    bmc.bmc.faults().ignores_power = true;
    let patience = ReadBack {
        hard: Duration::from_millis(300),
        ..quick()
    };
    let error = hub()
        .client(bmc.target())
        .set_power(PowerTarget::On, &patience)
        .await
        .unwrap_err();
    assert!(
        matches!(error.fault(), IpmiFault::Unconfirmed { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn boot_devices_are_kept_wholly_and_used_up_once() {
    let bmc = bmc().await;
    let client = hub().client(bmc.target());
    for (persistent, efi) in [(true, true), (true, false), (false, false), (false, true)] {
        let device = BootDevice::Pxe;
        let wanted = BootOverride {
            device,
            persistent,
            efi,
            keep_past_timeout: true,
        };
        client.set_boot_device(wanted).await.unwrap();
        let flags = BootFlags {
            valid: true,
            persistent,
            efi,
            device,
        };
        assert_eq!(client.boot_flags().await.unwrap(), flags);
    }
    assert!(bmc.bmc.boot_options().take_for_boot().is_some());
    assert_eq!(client.boot_flags().await.unwrap(), BootFlags::NONE);
}

#[tokio::test]
async fn each_wrong_credential_has_its_own_error_and_is_fast() {
    let bmc = bmc().await;
    let hub = hub();
    let started = Instant::now();
    for suite in [None, Some(CipherSuite::Suite3), Some(CipherSuite::Suite17)] {
        let mut target = bmc.target();
        target.cipher_suite = suite;
        target.password = Secret::new("wrong");
        let error = hub.client(target.clone()).power_state().await.unwrap_err();
        assert!(
            matches!(error.fault(), IpmiFault::WrongPassword(_)),
            "{error}"
        );
        target.username = "nobody".to_owned();
        let error = hub.client(target).power_state().await.unwrap_err();
        assert!(
            matches!(error.fault(), IpmiFault::UnknownUser(_)),
            "{error}"
        );
    }
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    let error = hub.client(bmc.target()).power_state().await;
    assert!(
        error.is_ok(),
        "a failed login must not lock the right one out: {error:?}"
    );
}

#[tokio::test]
async fn suites_are_negotiated_down_to_three_and_no_further() {
    let only_three = OwnBmc::start(Duration::ZERO, |config| {
        config.suites = vec![CipherSuite::Suite3];
    })
    .await
    .unwrap();
    let hub = hub();
    hub.client(only_three.target()).power_state().await.unwrap();
    let mut target = only_three.target();
    target.cipher_suite = Some(CipherSuite::Suite17);
    let error = hub.client(target).power_state().await.unwrap_err();
    assert!(
        matches!(error.fault(), IpmiFault::CipherSuite { .. }),
        "{error}"
    );

    let none = OwnBmc::start(Duration::ZERO, |config| config.suites.clear())
        .await
        .unwrap();
    let error = hub.client(none.target()).power_state().await.unwrap_err();
    assert!(
        matches!(error.fault(), IpmiFault::CipherSuite { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn silence_and_loss_are_two_things() {
    let bmc = bmc().await;
    let client = hub()
        .client(bmc.target())
        .with_deadline(Duration::from_millis(800));
    bmc.bmc.faults().silent = true;
    let started = Instant::now();
    let error = client.power_state().await.unwrap_err();
    assert!(matches!(error.fault(), IpmiFault::Silent { .. }), "{error}");
    assert!(
        started.elapsed() < Duration::from_millis(1200),
        "{:?}",
        started.elapsed()
    );

    bmc.bmc.faults().silent = false;
    bmc.bmc.faults().pings_only = true;
    let error = client.power_state().await.unwrap_err();
    assert!(
        matches!(error.fault(), IpmiFault::LostPackets { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_fifth_of_all_packets_may_be_lost_or_doubled() {
    for seed in 0..3 {
        let bmc = bmc().await;
        bmc.bmc.faults().loss = 0.2;
        bmc.bmc.faults().duplicates = seed % 2 == 0;
        let client = hub()
            .client(bmc.target())
            .with_deadline(Duration::from_secs(20));
        let patient = ReadBack {
            hard: Duration::from_secs(20),
            ..quick()
        };
        client.set_power(PowerTarget::On, &patient).await.unwrap();
        for _ in 0..10 {
            assert_eq!(client.power_state().await.unwrap(), PowerState::On);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbled_answers_never_make_a_wrong_power_state() {
    let hub = hub();
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let bmc = OwnBmc::start(Duration::ZERO, |_| {}).await.unwrap();
        let client = hub.client(bmc.target());
        work.spawn(async move {
            // The whole of it, or its farm would end before.
            let bmc = bmc;
            let before = client.power_state().await;
            bmc.bmc.faults().garbles = true;
            let short = client.with_deadline(Duration::from_millis(500));
            (before, short.power_state().await)
        });
    }
    while let Some(done) = work.join_next().await {
        let (before, garbled) = done.unwrap();
        assert_eq!(before.unwrap(), PowerState::Off);
        assert_ne!(garbled.ok(), Some(PowerState::On));
    }
}

#[tokio::test]
async fn a_bmc_may_be_reached_over_ipv6() {
    let farm = BmcFarm::new(Ipv6Addr::LOCALHOST.into());
    let bmc = match OwnBmc::start_on(farm, Duration::ZERO, |_| {}).await {
        Ok(bmc) => bmc,
        Err(error) => {
            skipped(
                "a_bmc_may_be_reached_over_ipv6",
                &format!("no IPv6 loopback: {error:#}"),
            );
            return;
        }
    };
    assert_eq!(
        hub().client(bmc.target()).power_state().await.unwrap(),
        PowerState::Off
    );
}

#[tokio::test]
async fn a_slow_bmc_is_waited_for() {
    let bmc = bmc().await;
    bmc.bmc.faults().delay = Duration::from_millis(300);
    let hub = IpmiHub::new(IpmiConfig {
        retransmit_first: Duration::from_millis(200),
        ..IpmiConfig::default()
    })
    .unwrap();
    let client = hub.client(bmc.target());
    for _ in 0..4 {
        assert_eq!(client.power_state().await.unwrap(), PowerState::Off);
    }
}

#[tokio::test]
async fn a_full_table_closes_sessions_instead_of_leaving_them() {
    let bmc = bmc().await;
    let hub = IpmiHub::new(IpmiConfig {
        cached: 0,
        ..IpmiConfig::default()
    })
    .unwrap();
    let client = hub.client(bmc.target());
    for _ in 0..20 {
        client.power_state().await.unwrap();
    }
    let closed = async {
        while bmc.bmc.active_sessions() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), closed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_forgotten_session_is_opened_again() {
    let bmc = bmc().await;
    let client = hub().client(bmc.target());
    client.power_state().await.unwrap();
    assert_eq!(bmc.bmc.active_sessions(), 1);
    bmc.bmc.forget_sessions();
    client.power_state().await.unwrap();
    assert_eq!(bmc.bmc.active_sessions(), 1);
}

#[tokio::test]
async fn privilege_busy_and_refusal_are_told_apart() {
    let bmc = bmc().await;
    let hub = hub();
    let mut target = bmc.target();
    target.username = OPERATOR.to_owned();
    target.password = Secret::new(OPERATOR_PASSWORD);
    let error = hub.client(target.clone()).power_state().await.unwrap_err();
    assert!(
        matches!(error.fault(), IpmiFault::PrivilegeTooLow { .. }),
        "{error}"
    );
    target.privilege = Privilege::User;
    let reader = hub.client(target.clone());
    reader.power_state().await.unwrap();
    let error = reader
        .chassis_control(ChassisControl::PowerUp)
        .await
        .unwrap_err();
    assert!(
        matches!(error.fault(), IpmiFault::PrivilegeTooLow { .. }),
        "{error}"
    );
    target.privilege = Privilege::Operator;
    let operator = hub.client(target);
    let error = operator
        .chassis_control(ChassisControl::HardReset)
        .await
        .unwrap_err();
    assert!(
        matches!(error.fault(), IpmiFault::Refused { .. }),
        "{error}"
    );

    bmc.bmc.faults().busy = 2;
    operator.power_state().await.unwrap();
    bmc.bmc.faults().busy = u32::MAX;
    let short = operator.with_deadline(Duration::from_millis(500));
    let error = short.power_state().await.unwrap_err();
    assert!(matches!(error.fault(), IpmiFault::Busy { .. }), "{error}");
}

#[tokio::test]
async fn a_bmc_key_is_used_and_missed() {
    let key = Key::new(b"a BMC key").unwrap();
    let kg = key.clone();
    let bmc = OwnBmc::start(Duration::ZERO, |config| config.kg = Some(kg))
        .await
        .unwrap();
    let hub = hub();
    let error = hub.client(bmc.target()).power_state().await.unwrap_err();
    assert!(matches!(error.fault(), IpmiFault::WrongKg), "{error}");
    let mut target = bmc.target();
    target.kg = Some(key);
    hub.client(target).power_state().await.unwrap();
}

#[tokio::test]
async fn cancelling_ends_an_operation_at_once() {
    let bmc = bmc().await;
    bmc.bmc.faults().silent = true;
    let cancel = CancellationToken::new();
    let client = hub().client(bmc.target()).with_cancel(cancel.clone());
    let running = tokio::spawn(async move { client.power_state().await });
    cancel.cancel();
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error.fault(), IpmiFault::Cancelled), "{error}");
}

#[tokio::test]
async fn the_probe_says_which_check_failed_and_what_to_do() {
    let bmc = bmc().await;
    let hub = hub();
    let report = hub.client(bmc.target()).probe().await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(report.power_state, Some(PowerState::Off));
    assert_eq!(report.bmc_mac, Some(bmc.bmc.config().mac));

    let mut wrong = bmc.target();
    wrong.password = Secret::new("wrong");
    let report = hub.client(wrong).probe().await;
    let results: Vec<(&str, CheckResult)> = report
        .checks
        .iter()
        .map(|check| (check.name.as_str(), check.result))
        .collect();
    assert_eq!(
        results,
        [
            ("reachable", CheckResult::Passed),
            ("cipher suites", CheckResult::Passed),
            ("credentials", CheckResult::Failed),
            ("privilege", CheckResult::Skipped),
            ("power status", CheckResult::Skipped),
            ("boot device", CheckResult::Skipped),
        ]
    );
    assert!(
        report.checks[2]
            .remedy
            .as_ref()
            .is_some_and(|remedy| remedy.contains("password"))
    );
    assert!(!format!("{report:?}").contains("s3cret"));

    bmc.bmc.faults().silent = true;
    let client = hub
        .client(bmc.target())
        .with_deadline(Duration::from_millis(500));
    let report = client.probe().await;
    assert_eq!(report.checks[0].result, CheckResult::Failed);
}

#[tokio::test]
async fn the_observer_hears_every_command_and_no_secret() {
    #[derive(Default)]
    struct Heard(std::sync::Mutex<Vec<String>>);
    impl BmcObserver for Heard {
        fn command(&self, record: &CommandRecord<'_>) {
            self.0
                .lock()
                .unwrap()
                .push(format!("{} {:?}", record.name, record.error));
        }
    }
    let bmc = bmc().await;
    let heard = Arc::new(Heard::default());
    let client = hub().client(bmc.target()).with_observer(heard.clone());
    client.power_state().await.unwrap();
    client
        .chassis_control(ChassisControl::HardReset)
        .await
        .unwrap_err();
    let lines = heard.0.lock().unwrap().clone();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "Open Session None");
    assert_eq!(lines[1], "Get Chassis Status None");
    assert!(lines[2].starts_with("Chassis Control Some"));
    assert!(!format!("{lines:?} {client:?}").contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hub_serves_hundreds_of_bmcs_at_once() {
    let hub = hub();
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let bmc = OwnBmc::start(Duration::ZERO, |_| {}).await.unwrap();
        let client = hub.client(bmc.target());
        work.spawn(async move {
            for _ in 0..5 {
                client.power_state().await.unwrap();
            }
            drop(bmc);
        });
    }
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }
}
