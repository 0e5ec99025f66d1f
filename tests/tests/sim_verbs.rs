//! What a user asks of a node besides deploying, on simulated machines with the real agent:
//! inspection, rescue, servicing, logs of what failed, fast track, machines that must never be off.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::time::Duration;

use cupola_api::client::Client;
use cupola_api::cupola::AgentLog;
use cupola_api::event::{BootService, EventKind};
use cupola_api::id::NodeIdent;
use cupola_api::patch::PatchOperation;
use cupola_api::resource::ProvisionRequest;
use cupola_api::{Node, PowerState, ProvisionState};
use cupola_console::demo::{Demo, DemoOptions};
use cupola_rack::fault::{BmcFault, BmcMoment, FaultPlan};
use cupola_tests::node_life;
use cupola_tests::web::Web;
use serde_json::{Value, json};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);

/// A rack of one machine whose node is available.
async fn demo(overrides: &[&str]) -> (Demo, Client, NodeIdent) {
    let options = DemoOptions {
        machines: 1,
        state_directory: None,
        overrides: overrides.iter().map(ToString::to_string).collect(),
        paced: false,
        faults: false,
    };
    let demo = Demo::start(options).await.unwrap();
    let client = demo.client();
    let name = demo.rack().machines()[0].machine.spec().name.clone();
    let node = NodeIdent::Name(name);
    reach(&client, &node, ProvisionState::Available).await;
    (demo, client, node)
}

async fn reach(client: &Client, node: &NodeIdent, goal: ProvisionState) -> Node {
    node_life::reach(client, node, goal, DEADLINE)
        .await
        .unwrap()
}

async fn set(client: &Client, node: &NodeIdent, path: &str, value: Value) {
    let patch = [PatchOperation::add(path, value)];
    client.patch_node(node, &patch).await.unwrap();
}

async fn deploy(client: &Client, node: &NodeIdent) {
    let image = client.images().await.unwrap().images.remove(0);
    node_life::choose_image(client, node, &image).await.unwrap();
    node_life::verb(client, node, "active").await.unwrap();
    reach(client, node, ProvisionState::Active).await;
}

/// How often an agent has asked which node it runs on: once in each ramdisk.
async fn ramdisks(client: &Client, node: &NodeIdent) -> usize {
    let events = client.timeline(node, None).await.unwrap().events;
    let lookups = events.iter().filter(|event| {
        matches!(
            event.kind,
            EventKind::BootContact {
                service: BootService::Lookup,
                ..
            }
        )
    });
    lookups.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_machine_is_rescued_by_its_agent_and_boots_its_disk_again() {
    let (demo, client, node) = demo(&[]).await;
    let machine = &demo.rack().machines()[0].machine;
    set(&client, &node, "/rescue_interface", json!("agent")).await;
    deploy(&client, &node).await;
    let rescue = ProvisionRequest {
        target: "rescue".to_owned(),
        rescue_password: Some("open sesame".to_owned()),
        ..ProvisionRequest::default()
    };
    client.provision(&node, &rescue).await.unwrap();
    let rescued = reach(&client, &node, ProvisionState::Rescue).await;
    assert_eq!(rescued.power_state, Some(PowerState::On));
    assert!(
        !rescued
            .instance_info
            .keys()
            .any(|key| key.contains("password"))
    );
    timeout(DEADLINE, machine.screen().wait_for("rescue login:"))
        .await
        .unwrap();
    node_life::verb(&client, &node, "unrescue").await.unwrap();
    reach(&client, &node, ProvisionState::Active).await;
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_an_agent_that_is_quicker_than_its_conductor_is_inspected() {
    let (demo, client, node) = demo(&[]).await;
    node_life::verb(&client, &node, "manage").await.unwrap();
    reach(&client, &node, ProvisionState::Manageable).await;
    // So the conductor does not know that the machine is on before its agent has posted.
    let machine = &demo.rack().machines()[0];
    machine.break_down(FaultPlan::Bmc {
        fault: BmcFault::LiesAboutPower { on: false },
        from: BmcMoment::Now,
    });
    node_life::verb(&client, &node, "inspect").await.unwrap();
    let refused = machine.machine.screen().wait_for("inspection, attempt 1:");
    timeout(DEADLINE, refused).await.unwrap();
    let early = client.node(&node).await.unwrap();
    assert_eq!(early.provision_state, ProvisionState::Inspecting);
    machine.repair();
    let inspected = reach(&client, &node, ProvisionState::Manageable).await;
    assert_eq!(inspected.last_error, None);
    assert!(inspected.inspection_finished_at.is_some());
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_the_logs_of_a_ramdisk_whose_work_failed_can_be_read() {
    let (demo, client, node) = demo(&[]).await;
    // No disk of the machine is meant, so that its agent refuses to write.
    let hints = json!({"serial": "none-such"});
    set(&client, &node, "/properties/root_device", hints).await;
    let image = client.images().await.unwrap().images.remove(0);
    node_life::choose_image(&client, &node, &image)
        .await
        .unwrap();
    node_life::verb(&client, &node, "active").await.unwrap();
    reach(&client, &node, ProvisionState::DeployFailed).await;
    let logs = client.agent_logs(&node).await.unwrap().logs;
    let (consoles, logs): (Vec<_>, Vec<_>) = logs.into_iter().partition(AgentLog::is_recording);
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert!(
        consoles.iter().any(|log| log.label == "deploy"),
        "{consoles:?}"
    );
    assert_eq!(logs[0].label, "deploy");
    let page = client
        .agent_log_lines(&node, &logs[0].name, 0)
        .await
        .unwrap();
    assert!(page.end && page.lines[0].starts_with("==> "), "{page:?}");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_fast_track_cleans_and_deploys_in_one_ramdisk() {
    let (demo, client, node) = demo(&["deploy.fast_track=true", "serial.record=false"]).await;
    let available = client.node(&node).await.unwrap();
    assert_eq!(available.power_state, Some(PowerState::On));
    assert_eq!(ramdisks(&client, &node).await, 1);
    deploy(&client, &node).await;
    assert_eq!(
        ramdisks(&client, &node).await,
        1,
        "no second ramdisk was booted"
    );
    let logs = client.agent_logs(&node).await.unwrap().logs;
    assert!(logs.is_empty(), "nothing was to be recorded: {logs:?}");
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_machine_that_must_not_be_off_is_deployed_without_being_off() {
    let (demo, client, node) = demo(&[]).await;
    client
        .power(&node, cupola_api::PowerTarget::On)
        .await
        .unwrap();
    node_life::released(&client, &node, DEADLINE).await.unwrap();
    set(&client, &node, "/disable_power_off", json!(true)).await;
    deploy(&client, &node).await;
    let machine = &demo.rack().machines()[0].machine;
    timeout(DEADLINE, machine.screen().wait_for("login:"))
        .await
        .unwrap();
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_an_image_with_another_checksum_than_the_given_one_is_not_written() {
    let (demo, client, node) = demo(&[]).await;
    let mut image = client.images().await.unwrap().images.remove(0);
    let actual = std::mem::replace(&mut image.hash_value, "0".repeat(64));
    node_life::choose_image(&client, &node, &image)
        .await
        .unwrap();
    node_life::verb(&client, &node, "active").await.unwrap();
    let failed = reach(&client, &node, ProvisionState::DeployFailed).await;
    let error = failed.last_error.unwrap_or_default();
    assert!(
        error.contains(&actual) && error.contains(&image.hash_value),
        "{error}"
    );
    assert_eq!(
        failed.instance_info["image_os_hash_value"],
        json!(image.hash_value)
    );

    // Corrected, the node is deployed.
    image.hash_value = actual;
    node_life::choose_image(&client, &node, &image)
        .await
        .unwrap();
    node_life::verb(&client, &node, "active").await.unwrap();
    reach(&client, &node, ProvisionState::Active).await;
    demo.stop().await;
}

async fn service(client: &Client, node: &NodeIdent, steps: Vec<Value>) {
    let request = ProvisionRequest {
        target: "service".to_owned(),
        service_steps: Some(steps),
        ..ProvisionRequest::default()
    };
    client.provision(node, &request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_an_agent_services_a_machine_in_use_and_its_instance_boots_again() {
    let (demo, client, node) = demo(&[]).await;
    let machine = &demo.rack().machines()[0].machine;
    deploy(&client, &node).await;
    let before = ramdisks(&client, &node).await;
    let web = Web::start().await.unwrap();
    let image = web.image(4).unwrap();
    let info = json!({"id": image.name, "urls": [image.source], "disk_format": "raw",
        "stream_raw_images": true, "os_hash_algo": "sha256", "os_hash_value": image.hash_value});
    let write = json!({"interface": "deploy", "step": "write_image", "args": {"image_info": info}});
    service(&client, &node, vec![write]).await;
    reach(&client, &node, ProvisionState::ServiceWait).await;
    let done = reach(&client, &node, ProvisionState::Active).await;
    assert_eq!((done.last_error, done.maintenance), (None, false));
    assert_eq!(done.power_state, Some(PowerState::On));
    assert!(!done.driver_internal_info.contains_key("agent_url"));
    assert_eq!(ramdisks(&client, &node).await, before + 1);
    timeout(DEADLINE, machine.screen().wait_for("login:"))
        .await
        .unwrap();

    // What its agent does not know fails before anything was done: the instance boots again at once.
    let unknown = json!({"interface": "deploy", "step": "nonsense"});
    service(&client, &node, vec![unknown]).await;
    let failed = node_life::failed(&client, &node, DEADLINE).await.unwrap();
    assert_eq!(failed.provision_state, ProvisionState::ServiceFailed);
    assert!(!failed.maintenance);
    assert_eq!(failed.power_state, Some(PowerState::On));
    let told = failed.last_error.unwrap();
    assert!(told.contains("deploy.nonsense"), "{told}");
    timeout(DEADLINE, machine.screen().wait_for("login:"))
        .await
        .unwrap();
    node_life::verb(&client, &node, "abort").await.unwrap();
    let given_up = node_life::released(&client, &node, DEADLINE).await.unwrap();
    assert_eq!(given_up.provision_state, ProvisionState::Active);
    demo.stop().await;
}
