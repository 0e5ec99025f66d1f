//! Every fault of the virtual rack: the state it ends in, the error, the broken rung, and the way back to `active`
//! through the API once the technician has repaired it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::time::Duration;

use cupola_api::client::Client;
use cupola_api::diagnosis::Diagnosis;
use cupola_api::event::{EventKind, StreamItem};
use cupola_api::id::NodeIdent;
use cupola_api::node::Fault;
use cupola_api::{Node, ProvisionState, Rung};
use cupola_console::demo::{Demo, DemoOptions};
use cupola_rack::fault::{
    BmcFault, BmcMoment, FaultPlan, FirmwareFault, RamdiskFault, RamdiskMoment,
};
use cupola_rack::virtual_rack::RackMachine;
use cupola_tests::node_life;
use futures_util::StreamExt;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);

/// Time-outs short enough for a test and long enough for a busy machine.
const SHORT: &[&str] = &[
    "conductor.automated_clean=false",
    "conductor.check_provision_state_interval=0.5",
    "conductor.deploy_callback_timeout=10",
    "conductor.clean_callback_timeout=10",
    "conductor.step_progress_timeout=5",
    "conductor.power_state_change_timeout=3",
    "conductor.sync_power_state_interval=0",
    "ipmi.command_retry_timeout=3",
    "api.ramdisk_heartbeat_timeout=6",
];

/// A service and one machine that is available.
struct Lab {
    demo: Demo,
    client: Client,
    node: NodeIdent,
}

impl Lab {
    async fn start(more: &[&str]) -> Self {
        let overrides = SHORT.iter().chain(more).map(ToString::to_string).collect();
        let demo = Demo::start(DemoOptions {
            machines: 1,
            state_directory: None,
            overrides,
            paced: false,
            faults: false,
        })
        .await
        .unwrap();
        let client = demo.client();
        let node = NodeIdent::Name(demo.rack().machines()[0].machine.spec().name.clone());
        let lab = Self { demo, client, node };
        lab.until(ProvisionState::Available).await;
        let image = lab.client.images().await.unwrap().images.remove(0);
        node_life::choose_image(&lab.client, &lab.node, &image)
            .await
            .unwrap();
        lab
    }

    fn machine(&self) -> &RackMachine {
        &self.demo.rack().machines()[0]
    }

    async fn verb(&self, verb: &str) {
        node_life::verb(&self.client, &self.node, verb)
            .await
            .unwrap();
    }

    /// Waits until the node is as wanted, and free.
    async fn until_node(&self, wanted: impl Fn(&Node) -> bool) -> Node {
        let id = self.client.node(&self.node).await.unwrap().uuid;
        let mut events = self.client.events(None, Some(id)).await.unwrap();
        let wait = async {
            loop {
                let now = self.client.node(&self.node).await.unwrap();
                if wanted(&now) && now.reservation.is_none() {
                    return now;
                }
                events.next().await.unwrap().unwrap();
            }
        };
        if let Ok(node) = timeout(DEADLINE, wait).await {
            return node;
        }
        let node = self.client.node(&self.node).await.unwrap();
        let timeline = self.client.timeline(&self.node, None).await.unwrap();
        panic!(
            "still {}: {:?}\n{:#?}",
            node.provision_state, node.last_error, timeline.events
        );
    }

    async fn until(&self, state: ProvisionState) -> Node {
        self.until_node(|node| node.provision_state == state).await
    }

    /// Deploys with this fault, which fails; the node and what was found.
    async fn deploy_fails(&self, plan: FaultPlan) -> (Node, Diagnosis) {
        self.machine().break_down(plan);
        self.verb("active").await;
        let node = self.until(ProvisionState::DeployFailed).await;
        let found = self.diagnosis().await;
        (node, found)
    }

    /// What the timeline says of the broken rung; `explain` says the same.
    async fn diagnosis(&self) -> Diagnosis {
        let timeline = self.client.timeline(&self.node, None).await.unwrap();
        let mut found = timeline.events.into_iter().rev();
        let found = found.find_map(|event| match event.kind {
            EventKind::Diagnosis(diagnosis) => Some(*diagnosis),
            _ => None,
        });
        let explained = self.client.explain(&self.node).await.unwrap();
        assert_eq!(explained.diagnosis, found);
        found.unwrap()
    }

    /// Fails with this plan at this rung, then is repaired and deployed through the API alone.
    async fn breaks(self, plan: FaultPlan, rung: Rung, error: &str, what_to_do: &str) {
        let (node, found) = self.deploy_fails(plan).await;
        check(&node, &found, rung, error, what_to_do);
        assert!(!node.maintenance);
        assert_eq!(node.fault, None);
        self.retry().await;
    }

    async fn retry(self) {
        self.machine().repair();
        self.verb("active").await;
        self.ends_active().await;
    }

    async fn ends_active(self) {
        let active = self
            .until_node(|node| {
                assert_ne!(
                    node.provision_state,
                    ProvisionState::DeployFailed,
                    "{:?}",
                    node.last_error
                );
                node.provision_state == ProvisionState::Active
            })
            .await;
        assert_eq!(active.last_error, None);
        assert_eq!(active.fault, None);
        assert!(!active.maintenance);
        let screen = self.machine().machine.screen();
        timeout(DEADLINE, screen.wait_for("login:")).await.unwrap();
        self.demo.stop().await;
    }

    /// Is deployed in spite of this.
    async fn survives(&self, plan: FaultPlan) {
        self.machine().break_down(plan);
        self.verb("active").await;
        let node = self
            .until_node(|node| {
                !node.provision_state.is_working() && !node.provision_state.is_waiting()
            })
            .await;
        assert_eq!(
            node.provision_state,
            ProvisionState::Active,
            "{:?}",
            node.last_error
        );
        self.machine().repair();
        self.verb("deleted").await;
        self.until(ProvisionState::Available).await;
        let image = self.client.images().await.unwrap().images.remove(0);
        node_life::choose_image(&self.client, &self.node, &image)
            .await
            .unwrap();
    }
}

fn check(node: &Node, found: &Diagnosis, rung: Rung, error: &str, what_to_do: &str) {
    let text = node.last_error.as_deref().unwrap_or_default();
    assert_eq!(found.rung, rung, "{text}");
    let name = format!("Broken rung: {}", rung.name());
    for wanted in [name.as_str(), error, what_to_do] {
        assert!(text.contains(wanted), "{wanted:?} is not in: {text}");
    }
    assert!(found.causes.iter().all(|cause| !cause.remedy.is_empty()));
    // Whatever breaks above the first rung, something was seen before.
    assert_eq!(found.reached.is_none(), rung == Rung::BmcAnswers, "{text}");
}

fn bmc(fault: BmcFault) -> FaultPlan {
    FaultPlan::Bmc {
        fault,
        from: BmcMoment::Now,
    }
}

fn firmware(fault: FirmwareFault) -> FaultPlan {
    FaultPlan::Firmware { fault, boot: 0 }
}

fn at_start(fault: RamdiskFault) -> FaultPlan {
    FaultPlan::Ramdisk {
        fault,
        from: RamdiskMoment::Start,
    }
}

fn at_write(fault: RamdiskFault) -> FaultPlan {
    FaultPlan::Ramdisk {
        fault,
        from: RamdiskMoment::Step("write_image".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_refused_password() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        bmc(BmcFault::RefusesPassword),
        Rung::BmcSession,
        "wrong password for user 'admin'",
        "type the right password",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_silent_bmc_shows_that_it_is_tried() {
    let lab = Lab::start(&[]).await;
    let (node, found) = lab.deploy_fails(bmc(BmcFault::Silent)).await;
    let what_to_do = "check address, cable and VLAN";
    check(&node, &found, Rung::BmcAnswers, "silent", what_to_do);
    let timeline = lab.client.timeline(&lab.node, None).await.unwrap();
    let told = |kind: &EventKind| matches!(kind, EventKind::Log { text, .. } if text.starts_with("no answer to"));
    assert!(timeline.events.iter().any(|event| told(&event.kind)));
    lab.retry().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_bmc_that_falls_silent_at_the_end() {
    let lab = Lab::start(&[]).await;
    let plan = FaultPlan::Bmc {
        fault: BmcFault::Silent,
        from: BmcMoment::Once(cupola_rack::machine::Running::Agent),
    };
    let what_to_do = "check address, cable and VLAN";
    lab.breaks(plan, Rung::BmcAnswers, "silent", what_to_do)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_late_bmc() {
    let lab = Lab::start(&[]).await;
    let slow = Duration::from_millis(150);
    lab.survives(bmc(BmcFault::AnswersLate(slow))).await;
    lab.breaks(
        bmc(BmcFault::AnswersLate(Duration::from_secs(5))),
        Rung::BmcAnswers,
        "no answer",
        "check address, cable and VLAN",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_bmc_that_drops_packets() {
    let lab = Lab::start(&["ipmi.command_retry_timeout=5"]).await;
    lab.survives(bmc(BmcFault::DropsPackets(0.1))).await;
    let (node, found) = lab.deploy_fails(bmc(BmcFault::DropsPackets(0.99))).await;
    check(&node, &found, Rung::BmcAnswers, "packets", "check");
    lab.retry().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_bmc_that_lies_about_the_power() {
    let lab = Lab::start(&["conductor.power_state_change_timeout=8"]).await;
    lab.breaks(
        bmc(BmcFault::LiesAboutPower { on: false }),
        Rung::Power,
        "the machine runs, and the BMC reads its power wrongly",
        "reset the BMC",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_an_ignored_boot_device() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        bmc(BmcFault::IgnoresBootDevice),
        Rung::BootDevice,
        "accepted the boot device Pxe and reads back none",
        "set the network first in the boot order",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_machine_that_does_not_netboot() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        firmware(FirmwareFault::NoPxe),
        Rung::DhcpDiscover,
        "does not boot from the network",
        "enable PXE on the interface",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_machine_that_boots_from_the_wrong_interface() {
    let lab = Lab::start(&[]).await;
    let [a, b, _, d, e, f] = lab.machine().machine.spec().macs[0].octets();
    let seen = cupola_api::MacAddress::new([a, b, 0xee, d, e, f]).to_string();
    let (node, found) = lab.deploy_fails(firmware(FirmwareFault::WrongNic)).await;
    check(
        &node,
        &found,
        Rung::DhcpDiscover,
        "a machine with an unknown address asked DHCP meanwhile",
        "create a port with that address",
    );
    // An owner reads the error of a node; only who may see machines of no node is told the address.
    let error = node.last_error.unwrap();
    assert!(!error.contains(&seen), "{error}");
    let likely = found.likely().unwrap();
    assert!(likely.cause.contains(&seen), "{likely:?}");
    assert!(
        likely.remedy.contains("create a port with that address"),
        "{likely:?}"
    );
    lab.retry().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_machine_that_gets_no_lease() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        firmware(FirmwareFault::NoLease),
        Rung::DhcpAck,
        "last reached: DHCP discover",
        "look for a second DHCP server",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_node_that_waits_is_explained() {
    let lab = Lab::start(&[]).await;
    lab.machine().break_down(firmware(FirmwareFault::NoLease));
    let id = lab.client.node(&lab.node).await.unwrap().uuid;
    let mut events = lab.client.events(None, Some(id)).await.unwrap();
    lab.verb("active").await;
    let asked = async {
        loop {
            let StreamItem::Event(event) = events.next().await.unwrap().unwrap() else {
                continue;
            };
            if let EventKind::BootContact {
                rung: Some(Rung::DhcpDiscover),
                ..
            } = event.kind
            {
                return;
            }
        }
    };
    timeout(DEADLINE, asked).await.unwrap();
    let explained = lab.client.explain(&lab.node).await.unwrap();
    assert_eq!(explained.provision_state, ProvisionState::DeployWait);
    assert_eq!(
        explained.target_provision_state,
        Some(ProvisionState::Active)
    );
    assert_eq!(explained.waiting.unwrap().what, "ramdisk to call");
    assert_eq!(explained.last_error, None);
    let found = explained.diagnosis.unwrap();
    assert_eq!(found.rung, Rung::DhcpAck);
    assert_eq!(found.reached.unwrap().rung, Rung::DhcpDiscover);
    let next = "Next, the firmware takes the address that it is offered.";
    assert_eq!(explained.next, next);
    lab.until(ProvisionState::DeployFailed).await;
    lab.retry().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_loader_that_stalls() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        firmware(FirmwareFault::LoaderStalls),
        Rung::Loader,
        "last reached: DHCP ack",
        "open UDP port 69",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_an_agent_that_does_not_start() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        at_start(RamdiskFault::AgentCrashes),
        Rung::Lookup,
        "last reached: kernel alive",
        "look at the machine's console",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_an_agent_that_crashes_while_it_writes() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        at_write(RamdiskFault::AgentCrashes),
        Rung::Image,
        "the agent fell silent",
        "look at the machine's console",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_heartbeats_that_are_lost() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        at_start(RamdiskFault::HeartbeatsLost),
        Rung::Heartbeat,
        "last reached: agent lookup",
        "the API's port stays open",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_slow_disk() {
    let lab = Lab::start(&[]).await;
    let slow = RamdiskFault::WritesSlowly {
        kib_per_second: 32 << 10,
    };
    lab.survives(at_write(slow)).await;
    lab.breaks(
        at_write(RamdiskFault::WritesSlowly { kib_per_second: 0 }),
        Rung::Image,
        "has stood at",
        "look at the disk's activity",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_an_image_that_is_damaged_on_its_way() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        at_start(RamdiskFault::DamagesDownloads),
        Rung::Image,
        "checksum",
        "compare the checksum",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_disk_that_fails() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        at_write(RamdiskFault::DiskFails),
        Rung::Image,
        "Input/output error",
        "look at its SMART data",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_machine_that_reboots_in_the_middle() {
    let lab = Lab::start(&[]).await;
    lab.breaks(
        at_write(RamdiskFault::Reboots),
        Rung::Image,
        "restarted by itself in the middle",
        "look for a power loss",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_disk_that_fails_while_it_is_cleaned() {
    let lab = Lab::start(&[]).await;
    lab.verb("manage").await;
    lab.until(ProvisionState::Manageable).await;
    let clean = |node: &Node| node.provision_state == ProvisionState::CleanFailed;
    lab.machine().break_down(FaultPlan::Ramdisk {
        fault: RamdiskFault::DiskFails,
        from: RamdiskMoment::Step("erase_devices_metadata".to_owned()),
    });
    let request = cupola_api::resource::ProvisionRequest {
        target: "clean".to_owned(),
        clean_steps: Some(vec![serde_json::json!({
            "interface": "deploy", "step": "erase_devices_metadata"
        })]),
        ..Default::default()
    };
    lab.client.provision(&lab.node, &request).await.unwrap();
    let failed = lab.until_node(clean).await;
    let found = lab.diagnosis().await;
    let what_to_do = "look at its SMART data";
    check(
        &failed,
        &found,
        Rung::Step,
        "Input/output error",
        what_to_do,
    );
    assert!(failed.maintenance);
    assert_eq!(failed.fault, Some(Fault::CleanFailure));
    lab.machine().repair();
    lab.client
        .maintenance(&lab.node, false, None)
        .await
        .unwrap();
    lab.verb("manage").await;
    lab.until(ProvisionState::Manageable).await;
    lab.verb("provide").await;
    lab.until(ProvisionState::Available).await;
    lab.verb("active").await;
    lab.ends_active().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_bmc_lost_to_the_power_sync_comes_back() {
    let lab = Lab::start(&[
        "conductor.sync_power_state_interval=0.5",
        "conductor.power_state_sync_max_retries=1",
        "conductor.power_failure_recovery_interval=0.5",
        "ipmi.command_retry_timeout=1",
    ])
    .await;
    lab.machine().break_down(bmc(BmcFault::Silent));
    let lost = lab.until_node(|node| node.fault.is_some()).await;
    assert_eq!(lost.fault, Some(Fault::PowerFailure));
    assert_eq!(lost.provision_state, ProvisionState::Available);
    assert_eq!(lost.power_state, None);
    assert!(lost.maintenance);
    assert_eq!(lost.maintenance_reason, lost.last_error);
    let found = lab.diagnosis().await;
    let what_to_do = "check address, cable and VLAN";
    let error = "max retries exceeded";
    check(&lost, &found, Rung::BmcAnswers, error, what_to_do);
    lab.machine().repair();
    let back = lab.until_node(|node| node.fault.is_none()).await;
    assert!(!back.maintenance);
    assert_eq!(back.last_error, None);
    assert_eq!(back.maintenance_reason, None);
    lab.verb("active").await;
    lab.ends_active().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_power_state_that_does_not_stay_is_a_failure() {
    let lab = Lab::start(&[
        "conductor.sync_power_state_interval=0.5",
        "conductor.power_state_sync_max_retries=1",
        "conductor.power_failure_recovery_interval=0",
        "conductor.power_state_change_timeout=1",
    ])
    .await;
    lab.machine()
        .break_down(bmc(BmcFault::LiesAboutPower { on: true }));
    let lost = lab.until_node(|node| node.fault.is_some()).await;
    assert_eq!(lost.fault, Some(Fault::PowerFailure));
    assert_eq!(lost.power_state, Some(cupola_api::PowerState::On));
    assert!(lost.maintenance);
    let error = lost.last_error.unwrap_or_default();
    assert!(
        error.contains("reads power on instead of power off"),
        "{error}"
    );
    lab.machine().repair();
    lab.client
        .maintenance(&lab.node, false, None)
        .await
        .unwrap();
    lab.verb("active").await;
    lab.ends_active().await;
}
