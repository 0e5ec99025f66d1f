//! Acceptance of IPMI against other people's code: ipmitool and FreeIPMI against our simulated BMC
//! with both cipher suites, and our driver against OpenIPMI's `ipmi_sim` (suite 3; it knows no
//! other, and keeps only the device of the boot flags).

#![allow(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::time::{Duration, Instant};

use cupola_api::{PowerState, PowerTarget, Secret};
use cupola_drivers::ipmi::wire::app::Privilege;
use cupola_drivers::ipmi::wire::boot::BootDevice;
use cupola_drivers::ipmi::wire::chassis::ChassisControl;
use cupola_drivers::ipmi::wire::suite::CipherSuite;
use cupola_drivers::ipmi::{BootOverride, IpmiConfig, IpmiFault, IpmiHub, ReadBack};
use cupola_tests::ipmi::{ForeignBmc, OwnBmc, PASSWORD, Said, USER, run};
use cupola_tests::skip::{has_program, skipped};

/// Skips loudly where a program is missing.
macro_rules! need {
    ($test:literal, $program:literal) => {
        if !has_program($program) {
            skipped($test, concat!($program, " is not installed"));
            return;
        }
    };
}

async fn own() -> OwnBmc {
    OwnBmc::start(Duration::ZERO, |_| {}).await.unwrap()
}

async fn ipmitool(bmc: &OwnBmc, suite: &str, password: &str, command: &[&str]) -> Said {
    let port = bmc.address.port().to_string();
    let mut arguments = vec!["-I", "lanplus", "-H", "127.0.0.1", "-p", &port, "-U", USER];
    arguments.extend(["-P", password, "-N", "1", "-R", "2"]);
    if !suite.is_empty() {
        arguments.extend(["-C", suite]);
    }
    arguments.extend(command);
    run("ipmitool", &arguments).await.unwrap()
}

/// Runs a command that has to work, and checks what it says.
async fn says(bmc: &OwnBmc, suite: &str, command: &[&str], expected: &[&str]) {
    let said = ipmitool(bmc, suite, PASSWORD, command).await;
    assert!(said.ok, "suite {suite}, {command:?}: {}", said.text);
    for part in expected {
        assert!(
            said.text.contains(part),
            "suite {suite}, {command:?}: {}",
            said.text
        );
    }
}

async fn ipmitool_drives_our_bmc(suite: &str) {
    let bmc = own().await;
    says(&bmc, suite, &["power", "status"], &["Chassis Power is off"]).await;
    says(&bmc, suite, &["power", "on"], &["Up/On"]).await;
    says(&bmc, suite, &["power", "status"], &["Chassis Power is on"]).await;
    says(&bmc, suite, &["power", "cycle"], &["Cycle"]).await;
    says(&bmc, suite, &["power", "reset"], &["Reset"]).await;
    says(&bmc, suite, &["power", "soft"], &["Soft"]).await;
    says(&bmc, suite, &["power", "status"], &["Chassis Power is off"]).await;
    says(&bmc, suite, &["power", "off"], &["Down/Off"]).await;
    for (device, name) in [
        ("pxe", "Force PXE"),
        ("disk", "Force Boot from default Hard-Drive"),
    ] {
        let command = ["chassis", "bootdev", device, "options=persistent,efiboot"];
        says(&bmc, suite, &command, &["Set Boot Device"]).await;
        let expected = [
            name,
            "Options apply to all future boots",
            "BIOS EFI boot",
            "Boot Flag Valid",
        ];
        says(
            &bmc,
            suite,
            &["chassis", "bootparam", "get", "5"],
            &expected,
        )
        .await;
    }
    says(
        &bmc,
        suite,
        &["chassis", "bootdev", "pxe"],
        &["Set Boot Device"],
    )
    .await;
    let once = [
        "Options apply to only next boot",
        "BIOS PC Compatible (legacy) boot",
    ];
    says(&bmc, suite, &["chassis", "bootparam", "get", "5"], &once).await;
    let raw = [
        "raw", "0x00", "0x08", "0x05", "0xe0", "0x04", "0x00", "0x00", "0x00",
    ];
    says(&bmc, suite, &raw, &[]).await;
    says(
        &bmc,
        suite,
        &["mc", "info"],
        &["IPMI Version", "2.0", "Firmware Revision"],
    )
    .await;
    says(
        &bmc,
        suite,
        &["lan", "print"],
        &["52:54:00:78:00:01", "3,17"],
    )
    .await;

    let started = Instant::now();
    let said = ipmitool(&bmc, suite, "wrong", &["power", "status"]).await;
    assert!(!said.ok, "{}", said.text);
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(bmc.bmc.active_sessions(), 0, "ipmitool closes its sessions");
}

#[tokio::test(flavor = "multi_thread")]
async fn ipmitool_drives_our_bmc_with_suite_3() {
    need!("ipmitool_drives_our_bmc_with_suite_3", "ipmitool");
    ipmitool_drives_our_bmc("3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ipmitool_drives_our_bmc_with_suite_17() {
    need!("ipmitool_drives_our_bmc_with_suite_17", "ipmitool");
    ipmitool_drives_our_bmc("17").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ipmitool_negotiates_and_is_refused_a_wrong_suite() {
    need!(
        "ipmitool_negotiates_and_is_refused_a_wrong_suite",
        "ipmitool"
    );
    says(
        &own().await,
        "",
        &["power", "status"],
        &["Chassis Power is off"],
    )
    .await;
    let only_three = OwnBmc::start(Duration::ZERO, |config| {
        config.suites = vec![CipherSuite::Suite3];
    })
    .await
    .unwrap();
    says(
        &only_three,
        "",
        &["power", "status"],
        &["Chassis Power is off"],
    )
    .await;
    let said = ipmitool(&only_three, "17", PASSWORD, &["power", "status"]).await;
    assert!(
        !said.ok && said.text.contains("no matching cipher suite"),
        "{}",
        said.text
    );
}

async fn ipmipower_drives_our_bmc(suite: &str) {
    let bmc = own().await;
    let host = format!("127.0.0.1:{}", bmc.address.port());
    let power = async |action: &str, password: &str| {
        let arguments = [
            "-D", "LAN_2_0", "-I", suite, "-h", &host, "-u", USER, "-p", password, action,
        ];
        run("ipmipower", &arguments).await.unwrap().text
    };
    let steps = [
        ("--stat", ": off"),
        ("--on", ": ok"),
        ("--stat", ": on"),
        ("--reset", ": ok"),
        ("--cycle", ": ok"),
        ("--soft", ": ok"),
        ("--stat", ": off"),
        ("--off", ": ok"),
    ];
    for (action, expected) in steps {
        let said = power(action, PASSWORD).await;
        assert!(said.contains(expected), "suite {suite}, {action}: {said}");
    }
    let said = power("--stat", "wrong").await;
    assert!(said.contains("password invalid"), "suite {suite}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ipmipower_drives_our_bmc_with_suite_3() {
    need!("ipmipower_drives_our_bmc_with_suite_3", "ipmipower");
    ipmipower_drives_our_bmc("3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ipmipower_drives_our_bmc_with_suite_17() {
    need!("ipmipower_drives_our_bmc_with_suite_17", "ipmipower");
    ipmipower_drives_our_bmc("17").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_driver_drives_ipmi_sim() {
    need!("our_driver_drives_ipmi_sim", "ipmi_sim");
    let bmc = ForeignBmc::start().await.unwrap();
    let hub = IpmiHub::new(IpmiConfig::default()).unwrap();
    let client = hub.client(bmc.target());
    let read_back = ReadBack {
        hard: Duration::from_secs(10),
        ..ReadBack::default()
    };

    assert_eq!(
        client.power_state().await.unwrap(),
        PowerState::Off,
        "{}",
        bmc.log()
    );
    client.set_power(PowerTarget::On, &read_back).await.unwrap();
    assert_eq!(bmc.told("power").unwrap(), "1");
    client
        .set_power(PowerTarget::Off, &read_back)
        .await
        .unwrap();
    assert_eq!(bmc.told("power").unwrap(), "0");

    for (device, name) in [(BootDevice::Pxe, "pxe"), (BootDevice::Disk, "default")] {
        let wanted = BootOverride {
            device,
            persistent: false,
            efi: false,
            keep_past_timeout: true,
        };
        client.set_boot_device(wanted).await.unwrap();
        assert_eq!(bmc.told("boot").unwrap(), name);
        assert_eq!(client.boot_flags().await.unwrap().device, device);
    }
    assert_eq!(client.device_id().await.unwrap().manufacturer, 0x1291);
    hub.close_sessions().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ipmi_sim_refuses_what_is_wrong_and_we_say_what() {
    need!("ipmi_sim_refuses_what_is_wrong_and_we_say_what", "ipmi_sim");
    let bmc = ForeignBmc::start().await.unwrap();
    let hub = IpmiHub::new(IpmiConfig::default()).unwrap();
    hub.client(bmc.target()).power_state().await.unwrap();

    let mut target = bmc.target();
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

    let mut target = bmc.target();
    target.cipher_suite = Some(CipherSuite::Suite17);
    let error = hub.client(target).power_state().await.unwrap_err();
    assert!(
        matches!(error.fault(), IpmiFault::CipherSuite { .. }),
        "{error}"
    );

    // A session of a user with less than OPERATOR may read the power, not change it.
    let mut target = bmc.target();
    target.privilege = Privilege::User;
    let reader = hub.client(target);
    reader.power_state().await.unwrap();
    let error = reader
        .chassis_control(ChassisControl::PowerUp)
        .await
        .unwrap_err();
    assert!(
        matches!(error.fault(), IpmiFault::PrivilegeTooLow { .. }),
        "{error}"
    );
}
