//! The interfaces `ipmitool` of hardware type `ipmi`, as the conductor uses them, against our
//! simulated BMC.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cupola_api::event::Severity;
use cupola_api::node::Node;
use cupola_api::probe::CheckResult;
use cupola_api::resource::{BootDevice, BootDeviceSetting};
use cupola_api::{PowerState, PowerTarget};
use cupola_drivers::interface::{
    BmcCommand, Changes, DriverError, Management, NoRecorder, Power, Recorder, Result, Task,
};
use cupola_drivers::ipmi::{IpmiConfig, IpmiHub, IpmiManagement, IpmiPower, interfaces};
use cupola_tests::ipmi::{OwnBmc, PASSWORD, USER};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Keeps the commands that would be on the timeline.
struct Timeline {
    inner: NoRecorder,
    commands: Mutex<Vec<(String, bool)>>,
}

#[async_trait]
impl Recorder for Timeline {
    async fn record(&self, changes: Changes) -> Result<Arc<Node>> {
        self.inner.record(changes).await
    }

    fn bmc_command(&self, command: &BmcCommand<'_>) {
        self.commands
            .lock()
            .unwrap()
            .push((command.name.to_owned(), command.outcome.is_ok()));
    }

    fn log(&self, _: Severity, _: &str, _: &str) {}

    fn progress(&self, _: Option<u8>, _: &str) {}
}

struct Bench {
    bmc: OwnBmc,
    power: IpmiPower,
    management: IpmiManagement,
    task: Task,
    timeline: Arc<Timeline>,
}

async fn bench(extra: Value) -> Bench {
    let bmc = OwnBmc::start(Duration::from_millis(50), |_| {})
        .await
        .unwrap();
    let mut info = json!({
        "ipmi_address": "localhost", "ipmi_port": bmc.address.port(),
        "ipmi_username": USER, "ipmi_password": PASSWORD,
    });
    info.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let node = Arc::new(Node {
        driver_info: info.as_object().unwrap().clone(),
        ..Node::default()
    });
    let timeline = Arc::new(Timeline {
        inner: NoRecorder::new(Arc::clone(&node)),
        commands: Mutex::default(),
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    let task = Task::new(
        node,
        Vec::new(),
        deadline,
        CancellationToken::new(),
        timeline.clone(),
    );
    let hub = IpmiHub::new(IpmiConfig::default()).unwrap();
    let (power, management) = interfaces(hub, true);
    Bench {
        bmc,
        power,
        management,
        task,
        timeline,
    }
}

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn power_and_boot_device_go_through_to_the_bmc_and_the_timeline() {
    let b = bench(json!({})).await;
    b.power.validate(&b.task).unwrap();
    assert_eq!(b.power.state(&b.task).await.unwrap(), Some(PowerState::Off));
    b.management
        .set_boot_device(&b.task, BootDevice::Pxe, false)
        .await
        .unwrap();
    let set = BootDeviceSetting {
        boot_device: Some(BootDevice::Pxe),
        persistent: Some(false),
    };
    assert_eq!(b.management.boot_device(&b.task).await.unwrap(), set);
    assert!(b.bmc.bmc.boot_options().flags().efi);
    let reached = b.power.set(&b.task, PowerTarget::On, LIMIT).await.unwrap();
    assert_eq!(reached, PowerState::On);
    let used_up = BootDeviceSetting::default();
    assert_eq!(b.management.boot_device(&b.task).await.unwrap(), used_up);
    let commands = b.timeline.commands.lock().unwrap().clone();
    assert_eq!(commands[0], ("Open Session".to_owned(), true));
    assert!(commands.contains(&("Chassis Control".to_owned(), true)));

    let error = b
        .management
        .set_boot_device(&b.task, BootDevice::Wanboot, false)
        .await;
    assert!(
        matches!(error, Err(DriverError::InvalidParameter(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_forced_boot_device_is_set_again_at_every_power_on() {
    let b = bench(json!({"ipmi_force_boot_device": true})).await;
    b.management
        .set_boot_device(&b.task, BootDevice::Disk, true)
        .await
        .unwrap();
    b.management
        .set_boot_device(&b.task, BootDevice::Pxe, false)
        .await
        .unwrap();
    b.power.set(&b.task, PowerTarget::On, LIMIT).await.unwrap();
    assert!(
        !b.bmc.bmc.boot_options().flags().valid,
        "the one-time device was used, not changed"
    );
    b.power
        .set(&b.task, PowerTarget::Reboot, LIMIT)
        .await
        .unwrap();
    assert!(
        b.bmc.bmc.boot_options().flags().persistent,
        "the forced device is back"
    );
}

#[tokio::test]
async fn an_unchanged_power_and_a_wrong_password_are_errors_for_people() {
    let b = bench(json!({})).await;
    b.bmc.bmc.faults().ignores_power = true;
    let error = b
        .power
        .set(&b.task, PowerTarget::On, Duration::from_millis(300))
        .await;
    assert!(
        matches!(error, Err(DriverError::PowerUnchanged { .. })),
        "{error:?}"
    );

    let b = bench(json!({"ipmi_password": "wrong"})).await;
    let error = b.power.state(&b.task).await.unwrap_err().to_string();
    assert!(error.contains("wrong password for user 'admin'"), "{error}");
}

#[tokio::test]
async fn the_probe_needs_no_node() {
    let b = bench(json!({})).await;
    let report = b.power.probe(&b.task.node().driver_info).await;
    assert!(report.passed(), "{report:#?}");
    let nothing = json!({"ipmi_address": ""});
    let report = b.power.probe(nothing.as_object().unwrap()).await;
    assert_eq!(report.checks[0].result, CheckResult::Failed);
    let unknown = json!({"ipmi_address": "no-such-host.invalid"});
    let report = b.power.probe(unknown.as_object().unwrap()).await;
    assert!(
        report.checks[0].detail.contains("does not resolve"),
        "{report:#?}"
    );
}
