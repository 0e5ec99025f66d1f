//! What helps to enrol machines that have no node yet, on simulated machines through the whole
//! service: finding their BMCs, their locate LEDs, and who asks DHCP.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::time::Duration;

use cupola_api::Secret;
use cupola_api::cupola::IdentifyRequest;
use cupola_api::discovery::{Discovered, DiscoveryRequest, Login, Target};
use cupola_api::id::NodeIdent;
use cupola_console::demo::{Demo, DemoOptions};
use cupola_drivers::ipmi::wire::boot::BootDevice;
use cupola_drivers::ipmi::wire::chassis::IdentifyLight;
use cupola_drivers::ipmi::{BootOverride, IpmiClient, IpmiConfig, IpmiHub, IpmiTarget, ReadBack};
use cupola_rack::virtual_rack::RackMachine;
use http::Method;
use serde_json::json;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);

/// One machine that is enrolled, and two that are not.
async fn demo() -> Demo {
    let options = DemoOptions {
        machines: 3,
        state_directory: None,
        overrides: Vec::new(),
        paced: false,
        faults: false,
    };
    Demo::start(options).await.unwrap()
}

fn target(machine: &RackMachine) -> Target {
    machine.bmc_address.to_string().parse().unwrap()
}

async fn discover(demo: &Demo, addresses: Vec<Target>, password: Option<&str>) -> Vec<Discovered> {
    let silent: Target = "127.0.0.1:9".parse().unwrap();
    let request = DiscoveryRequest {
        addresses: [addresses, vec![silent]].concat(),
        username: password.map(|_| "admin".to_owned()),
        password: password.map(Secret::from),
        default_credentials: false,
        redfish_port: None,
    };
    let client = demo.client();
    let report = timeout(DEADLINE, client.discover(&request));
    let report = report.await.unwrap().unwrap();
    assert_eq!((report.silent, report.unfinished.len()), (1, 0));
    report.found
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_bmcs_are_found_at_their_addresses() {
    let demo = demo().await;
    let machines = demo.rack().machines();
    let all: Vec<Target> = machines.iter().map(target).collect();
    let found = discover(&demo, all.clone(), None).await;
    let addresses: Vec<Target> = found.iter().map(|one| one.address).collect();
    assert_eq!(addresses, all);
    assert!(found.iter().all(|one| one.protocols == ["ipmi"]));
    assert!(found.iter().all(|one| one.login == Login::NotTried));
    // The first one has a node, the others do not.
    let enrolled: Vec<bool> = found.iter().map(|one| one.node.is_some()).collect();
    assert_eq!(enrolled, [true, false, false]);
    let wrong = discover(&demo, all.clone(), Some("guess")).await;
    assert!(wrong.iter().all(|one| one.login == Login::Refused));
    let problem = wrong[1].problem.clone().unwrap();
    assert!(
        problem.contains("password") && !problem.contains("guess"),
        "{problem}"
    );
    let right = discover(&demo, all, Some("cupola")).await;
    assert!(
        right.iter().all(|one| one.login == Login::Accepted),
        "{right:#?}"
    );
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_the_locate_led_of_a_node_and_of_a_machine_without_one() {
    let demo = demo().await;
    let client = demo.client();
    let machines = demo.rack().machines();
    let (enrolled, other) = (&machines[0], &machines[2]);
    let node = NodeIdent::Name(enrolled.machine.spec().name.clone());
    let indicators = client.indicators(&node).await.unwrap();
    assert_eq!(indicators, ["led@chassis"]);
    let uuid = client.node(&node).await.unwrap().uuid;
    let path = format!("/v1/nodes/{uuid}/management/indicators/led@chassis");
    // A node that is on its way is locked now and then.
    let set = |state: &'static str| {
        let (client, path) = (client.clone(), path.clone());
        async move {
            let body = json!({ "state": state });
            loop {
                match client.send(Method::PUT, &path, Some(&body)).await {
                    Err(error) if error.is_retryable() => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    outcome => return outcome,
                }
            }
        }
    };
    timeout(DEADLINE, set("on")).await.unwrap().unwrap();
    // It goes out by itself.
    assert_eq!(enrolled.bmc.identify_light(), IdentifyLight::Timed);
    timeout(DEADLINE, set("off")).await.unwrap().unwrap();
    assert_eq!(enrolled.bmc.identify_light(), IdentifyLight::Off);
    let refused = timeout(DEADLINE, set("blinking")).await.unwrap();
    let refused = refused.unwrap_err();
    assert_eq!(refused.status(), Some(400), "{refused}");

    let driver_info = demo.rack().enrolment(other)["driver_info"].clone();
    let mut request = IdentifyRequest {
        driver: "ipmi".to_owned(),
        driver_info: driver_info.as_object().unwrap().clone(),
        state: "on".to_owned(),
    };
    client.identify(&request).await.unwrap();
    assert_eq!(other.bmc.identify_light(), IdentifyLight::Timed);
    assert_eq!(machines[1].bmc.identify_light(), IdentifyLight::Off);
    "off".clone_into(&mut request.state);
    client.identify(&request).await.unwrap();
    assert_eq!(other.bmc.identify_light(), IdentifyLight::Off);
    demo.stop().await;
}

async fn netboot(bmc: &IpmiClient) {
    let device = BootOverride {
        device: BootDevice::Pxe,
        persistent: true,
        efi: true,
        keep_past_timeout: false,
    };
    bmc.set_boot_device(device).await.unwrap();
    let on = cupola_api::PowerTarget::On;
    bmc.set_power(on, &ReadBack::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_who_asks_dhcp_and_is_not_enrolled_is_told() {
    let demo = demo().await;
    let client = demo.client();
    let machine = &demo.rack().machines()[2];
    let mac = machine.machine.spec().macs[0];
    let hub = IpmiHub::new(IpmiConfig::default()).unwrap();
    let login = IpmiTarget::new(machine.bmc_address, "admin", "cupola".into());
    netboot(&hub.client(login)).await;
    let seen = timeout(DEADLINE, async {
        loop {
            let known = client.unknown_macs().await.unwrap().macs;
            if let Some(one) = known.into_iter().find(|one| one.mac == mac) {
                return one;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let seen = seen.await.unwrap();
    assert!(seen.times > 0 && !seen.what.is_empty(), "{seen:?}");
    // Who has a port now is no stranger any more.
    let body = demo.rack().enrolment(machine);
    let node = client.create_node(&body).await.unwrap();
    client.create_port(node.uuid, mac).await.unwrap();
    let known = client.unknown_macs().await.unwrap().macs;
    assert!(known.iter().all(|one| one.mac != mac), "{known:?}");
    demo.stop().await;
}
