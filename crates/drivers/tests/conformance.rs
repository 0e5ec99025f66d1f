//! What every driver has to hold, run over every enabled interface of every hardware type.
#![allow(clippy::unwrap_used, reason = "a test may end where it stands")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cupola_api::agent::StepFlow;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::state::power::PowerTarget;
use cupola_drivers::agent::{AgentClients, AgentRescue};
use cupola_drivers::direct::{DirectDeploy, LocalImages};
use cupola_drivers::fake::FakeSettings;
use cupola_drivers::interface::{
    BootSettings, DriverSettings, Hardware, InterfaceKind, NoRecorder, Step, Task,
};
use cupola_drivers::ipmi::{IpmiConfig, IpmiHub, interfaces};
use cupola_drivers::ipxe::IpxeBoot;
use cupola_drivers::registry::hardware_type::TYPES;
use cupola_drivers::registry::{Implementations, Registry};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn registry() -> Registry {
    let (power, management) = interfaces(IpmiHub::new(IpmiConfig::default()).unwrap(), true);
    let mut implementations = Implementations::default()
        .with_fake(FakeSettings::default())
        .with_redfish()
        .with_agent(
            IpxeBoot::new(BootSettings::default()),
            DirectDeploy::new(Arc::new(AgentClients::default()), LocalImages::default()),
            AgentRescue::new(Arc::new(AgentClients::default())),
        );
    implementations.power.insert("ipmitool", Arc::new(power));
    implementations
        .management
        .insert("ipmitool", Arc::new(management));
    let every: Vec<String> = TYPES.iter().map(|t| t.name.to_owned()).collect();
    Registry::new(&every, implementations, DriverSettings::default()).unwrap()
}

/// Every set of interfaces that a type can have, one kind changed at a time.
fn nodes(registry: &Registry) -> Vec<Node> {
    let mut nodes = Vec::new();
    for hardware_type in TYPES {
        for kind in InterfaceKind::ALL {
            for name in registry.enabled_interfaces(hardware_type, *kind) {
                let mut node = Node::new(NodeId::random(), hardware_type.name.to_owned());
                *kind.slot(&mut node.interfaces) = Some(name.to_owned());
                registry.choose_interfaces(&mut node, false).unwrap();
                nodes.push(node);
            }
        }
    }
    nodes
}

fn task(node: &Node) -> Task {
    let node = Arc::new(node.clone());
    let recorder = Arc::new(NoRecorder::new(Arc::clone(&node)));
    let deadline = Instant::now() + Duration::from_secs(5);
    Task::new(node, [], deadline, CancellationToken::new(), recorder)
}

#[tokio::test]
async fn every_type_has_every_kind_and_describes_it() {
    let registry = registry();
    for hardware_type in TYPES {
        let described = registry.describe(hardware_type);
        for kind in InterfaceKind::ALL {
            let default = described
                .get(&format!("default_{kind}_interface"))
                .and_then(|value| value.as_str());
            assert!(default.is_some(), "{} has no {kind}", hardware_type.name);
        }
        for (key, meaning) in registry.properties(hardware_type.name).unwrap() {
            let meaning = meaning.as_str().unwrap_or_default();
            assert!(meaning.ends_with('.'), "{key}: {meaning:?}");
        }
    }
}

#[tokio::test]
async fn steps_are_named_once_and_the_interface_s_own() {
    let registry = registry();
    for node in nodes(&registry) {
        let hardware = registry.hardware(&node).unwrap();
        for flow in [StepFlow::Clean, StepFlow::Deploy, StepFlow::Service] {
            let steps = hardware.steps(flow);
            let names: BTreeSet<String> = steps.iter().map(Step::name).collect();
            assert_eq!(names.len(), steps.len(), "{flow}: {names:?}");
            assert!(steps.iter().all(|step| step.priority >= 0));
        }
        let deploys = hardware.steps(StepFlow::Deploy);
        assert!(deploys.iter().any(|step| step.is("deploy", "deploy")));
    }
}

#[tokio::test]
async fn validation_of_an_empty_node_is_a_bad_request_or_good_and_asks_no_hardware() {
    let registry = registry();
    for node in nodes(&registry) {
        let hardware = registry.hardware(&node).unwrap();
        let started = Instant::now();
        for result in validations(&task(&node), &hardware).await {
            if let Err(error) = result {
                assert!(error.is_bad_request(), "{}: {error:?}", node.driver);
                assert!(!error.to_string().is_empty());
            }
        }
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

async fn validations(
    task: &Task,
    hardware: &Hardware,
) -> Vec<cupola_drivers::interface::Result<()>> {
    let mut results = vec![
        hardware.power.validate(task),
        hardware.management.validate(task),
        hardware.boot.validate(task),
        hardware.boot.validate_inspection(task),
        hardware.deploy.validate(task, hardware).await,
    ];
    for configuration in [&hardware.bios, &hardware.firmware].into_iter().flatten() {
        results.push(configuration.validate(task));
    }
    if let Some(inspect) = &hardware.inspect {
        results.push(inspect.validate(task, hardware));
    }
    results
}

#[tokio::test]
async fn a_cancelled_task_ends_at_once() {
    let registry = registry();
    for mut node in nodes(&registry) {
        // Nobody answers there (RFC 5737).
        for (key, value) in [("ipmi_address", "192.0.2.1"), ("fake_delay", "60")] {
            node.driver_info.insert(key.to_owned(), value.into());
        }
        let hardware = registry.hardware(&node).unwrap();
        let task = task(&node);
        task.cancel().cancel();
        let started = Instant::now();
        assert!(
            hardware.power.state(&task).await.is_err(),
            "{}",
            node.driver
        );
        let limit = Duration::from_secs(60);
        let set = hardware.power.set(&task, PowerTarget::On, limit).await;
        assert!(set.is_err(), "{}", node.driver);
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{}",
            node.driver
        );
    }
}
