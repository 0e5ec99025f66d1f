//! The main job on a rack of simulated machines: enrol, manage, inspect, clean, deploy with a config drive, undeploy.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::time::Duration;

use cupola_api::client::Client;
use cupola_api::id::NodeIdent;
use cupola_api::resource::ProvisionRequest;
use cupola_api::{Node, PowerState, ProvisionState};
use cupola_console::demo::{Demo, DemoOptions};
use cupola_tests::node_life;
use serde_json::json;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);

async fn demo(machines: usize) -> Demo {
    let options = DemoOptions {
        machines,
        state_directory: None,
        overrides: Vec::new(),
        paced: false,
        faults: false,
    };
    Demo::start(options).await.unwrap()
}

async fn reach(client: &Client, node: &NodeIdent, goal: ProvisionState) -> Node {
    node_life::reach(client, node, goal, DEADLINE)
        .await
        .unwrap()
}

async fn provision(client: &Client, node: &NodeIdent, target: &str) {
    node_life::verb(client, node, target).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_machine_is_inspected_cleaned_deployed_and_undeployed() {
    let demo = demo(1).await;
    let client = demo.client();
    let machine = &demo.rack().machines()[0].machine;
    let node = NodeIdent::Name(machine.spec().name.clone());

    let available = reach(&client, &node, ProvisionState::Available).await;
    assert_eq!(available.power_state, Some(PowerState::Off));

    provision(&client, &node, "manage").await;
    reach(&client, &node, ProvisionState::Manageable).await;
    provision(&client, &node, "inspect").await;
    let inspected = reach(&client, &node, ProvisionState::Manageable).await;
    assert_eq!(inspected.properties["cpu_arch"], "x86_64");
    let inventory = client.inventory(&node).await.unwrap().inventory;
    assert_eq!(
        inventory["system_vendor"]["serial_number"],
        machine.spec().serial.as_str()
    );
    provision(&client, &node, "provide").await;
    reach(&client, &node, ProvisionState::Available).await;

    let image = client.images().await.unwrap().images.remove(0);
    node_life::choose_image(&client, &node, &image)
        .await
        .unwrap();
    let request = ProvisionRequest {
        target: "active".to_owned(),
        configdrive: Some(json!({ "meta_data": { "hostname": "web-7" } })),
        ..ProvisionRequest::default()
    };
    client.provision(&node, &request).await.unwrap();
    let active = reach(&client, &node, ProvisionState::Active).await;
    assert_eq!(active.power_state, Some(PowerState::On));
    let prompt = timeout(DEADLINE, machine.screen().wait_for("login:"))
        .await
        .unwrap();
    assert_eq!(prompt, "web-7 login: ");

    provision(&client, &node, "deleted").await;
    let deleted = reach(&client, &node, ProvisionState::Available).await;
    assert!(
        deleted.instance_info.is_empty(),
        "{:?}",
        deleted.instance_info
    );
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_demo_that_is_started_again_finds_its_machines() {
    let state = tempfile::tempdir().unwrap();
    let options = DemoOptions {
        machines: 3,
        state_directory: Some(state.path().to_owned()),
        overrides: Vec::new(),
        paced: false,
        faults: false,
    };
    let first = Demo::start(options.clone()).await.unwrap();
    let machine = first.rack().machines()[0].machine.spec().name.clone();
    let node = NodeIdent::Name(machine);
    reach(&first.client(), &node, ProvisionState::Available).await;
    let left_over = first.left_over().to_vec();
    assert_eq!(left_over.len(), 2);
    first.stop().await;

    let second = Demo::start(options).await.unwrap();
    let client = second.client();
    client
        .power(&node, cupola_api::PowerTarget::On)
        .await
        .unwrap();
    let mut running = second.rack().machines()[0].machine.running();
    timeout(
        DEADLINE,
        running.wait_for(|now| *now != cupola_rack::machine::Running::Nothing),
    )
    .await
    .unwrap()
    .unwrap();
    assert_eq!(second.left_over().len(), left_over.len());
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_demo_of_faults_fails_each_machine_once() {
    let demo = Demo::start(DemoOptions {
        machines: 1,
        state_directory: None,
        overrides: Vec::new(),
        paced: false,
        faults: true,
    })
    .await
    .unwrap();
    let client = demo.client();
    let failed = demo.rack().machines().iter().map(|machine| async {
        let node = NodeIdent::Name(machine.machine.spec().name.clone());
        let failed = node_life::failed(&client, &node, 2 * DEADLINE)
            .await
            .unwrap();
        let error = failed.last_error.unwrap_or_default();
        assert!(error.contains("Broken rung: "), "{node}: {error}");
        provision(&client, &node, "active").await;
        node_life::reach(&client, &node, ProvisionState::Active, 2 * DEADLINE)
            .await
            .unwrap();
    });
    futures_util::future::join_all(failed).await;
    demo.stop().await;
}
