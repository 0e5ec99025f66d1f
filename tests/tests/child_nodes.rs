//! Nodes in a chassis (`parent_node`): steps of the parent that run on its children, and power that
//! children get through it. On fake hardware, by the API.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end where it cannot go on"
)]

use std::time::Duration;

use anyhow::Result;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::client::{Client, ClientError, NodeQuery};
use cupola_api::event::EventKind;
use cupola_api::id::NodeIdent;
use cupola_api::patch::PatchOperation;
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::power::PowerTarget;
use cupola_api::{Node, PowerState, ProvisionState};
use cupola_tests::node_life;
use cupola_tests::serve::Serve;
use serde_json::{Value, json};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);

struct Chassis {
    _directory: TempDir,
    _serve: Serve,
    client: Client,
}

impl Chassis {
    /// A manageable parent, a child that it feeds and one that has power of its own; all are on.
    async fn start() -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::tempdir()?;
        let fake = ["--set", r#"drivers.enabled=["fake-hardware"]"#];
        let serve = Serve::start(directory.path(), &fake)?;
        let chassis = Self {
            client: Client::new(RemoteTransport::new(serve.url())?),
            _directory: directory,
            _serve: serve,
        };
        let parent = chassis.add(json!({"name": "parent"})).await?;
        let of_parent = |name: &str, own_power: bool| {
            json!({"name": name, "parent_node": parent.uuid,
                "driver_info": {"has_dedicated_power_supply": own_power}})
        };
        chassis.add(of_parent("fed", false)).await?;
        chassis.add(of_parent("own", true)).await?;
        Ok(chassis)
    }

    async fn add(&self, mut body: Value) -> Result<Node> {
        body["driver"] = json!("fake-hardware");
        let node = self.client.create_node(&body).await?;
        let ident = NodeIdent::Id(node.uuid);
        node_life::verb(&self.client, &ident, "manage").await?;
        node_life::reach(&self.client, &ident, ProvisionState::Manageable, DEADLINE).await?;
        self.power(&ident, PowerTarget::On).await?;
        Ok(node)
    }

    async fn power(&self, node: &NodeIdent, target: PowerTarget) -> Result<()> {
        self.client.power(node, target).await?;
        node_life::released(&self.client, node, DEADLINE).await?;
        Ok(())
    }

    /// Which of the three are on: the parent, the one that it feeds, the other.
    async fn on(&self) -> [bool; 3] {
        let mut on = [false; 3];
        for (is, name) in on.iter_mut().zip(["parent", "fed", "own"]) {
            let node = self.client.node(&named(name)).await.unwrap();
            *is = node.power_state == Some(PowerState::On);
        }
        on
    }

    async fn clean(&self, steps: Value) -> Result<()> {
        let request = ProvisionRequest {
            target: "clean".to_owned(),
            clean_steps: Some(serde_json::from_value(steps)?),
            ..ProvisionRequest::default()
        };
        Ok(self.client.provision(&named("parent"), &request).await?)
    }

    async fn cleaned(&self) {
        let (parent, goal) = (named("parent"), ProvisionState::Manageable);
        let reached = node_life::reach(&self.client, &parent, goal, DEADLINE).await;
        reached.unwrap();
    }
}

fn named(name: &str) -> NodeIdent {
    NodeIdent::Name(name.to_owned())
}

#[tokio::test]
async fn steps_of_a_parent_run_on_its_children() -> Result<()> {
    let chassis = Chassis::start().await?;
    let own = chassis.client.node(&named("own")).await?.uuid;
    let on_children = |step: &str, interface: &str| json!({"interface": interface, "step": step, "execute_on_child_nodes": true});
    let mut limited = on_children("power_off", "power");
    limited["limit_child_node_execution"] = json!([own]);
    chassis.clean(json!([limited])).await?;
    chassis.cleaned().await;
    assert_eq!(chassis.on().await, [true, true, false]);

    let steps = json!([
        on_children("factory_reset", "bios"),
        on_children("power_off", "power"),
        {"interface": "power", "step": "reboot"},
    ]);
    chassis.clean(steps).await?;
    chassis.cleaned().await;
    assert_eq!(chassis.on().await, [true, false, false]);
    // No child is left locked, and none has left its state.
    for name in ["fed", "own"] {
        let child = chassis.client.node(&named(name)).await?;
        assert_eq!(child.provision_state, ProvisionState::Manageable);
        assert_eq!(child.reservation, None);
    }
    // No ramdisk was booted for steps that are not the parent's.
    let timeline = chassis.client.timeline(&named("parent"), None).await?;
    let started = timeline
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepStarted { step, .. } => Some(step.as_str()),
            _ => None,
        });
    assert!(started.clone().count() > 0 && started.clone().all(|s| !s.starts_with("conductor.")));
    Ok(())
}

#[tokio::test]
async fn what_a_child_cannot_do_fails_the_step_of_its_parent() -> Result<()> {
    let chassis = Chassis::start().await?;
    for (limit, status) in [
        ("nonsense", 400),
        ("6a0cf1f0-6d5e-4a3c-9c02-3f5b1a7f0e11", 404),
    ] {
        let mut step = json!({"interface": "power", "step": "reboot",
            "execute_on_child_nodes": true});
        step["limit_child_node_execution"] = json!([limit]);
        let refused = chassis.clean(json!([step])).await.unwrap_err();
        let answered = refused
            .downcast_ref::<ClientError>()
            .and_then(ClientError::status);
        assert_eq!(answered, Some(status), "{refused}");
    }
    let step = json!({"interface": "deploy", "step": "no_such_step",
        "execute_on_child_nodes": true});
    chassis.clean(json!([step])).await?;
    let failed = node_life::failed(&chassis.client, &named("parent"), DEADLINE).await?;
    let why = failed.last_error.unwrap_or_default();
    assert!(why.contains("on child node"), "{why}");
    assert!(why.contains("does not support this step"), "{why}");
    Ok(())
}

#[tokio::test]
async fn power_goes_through_the_parent() -> Result<()> {
    let chassis = Chassis::start().await?;
    let (parent, fed, own) = (named("parent"), named("fed"), named("own"));
    chassis.power(&parent, PowerTarget::Off).await?;
    assert_eq!(chassis.on().await, [false, false, true]);
    chassis.power(&own, PowerTarget::Off).await?;
    chassis.power(&own, PowerTarget::On).await?;
    assert_eq!(chassis.on().await, [false, false, true]);
    chassis.power(&fed, PowerTarget::On).await?;
    assert_eq!(chassis.on().await, [true, true, true]);

    // One that must never be off keeps its parent on.
    let keep = [PatchOperation::add("/disable_power_off", json!(true))];
    chassis.client.patch_node(&fed, &keep).await?;
    chassis.power(&parent, PowerTarget::Off).await?;
    assert_eq!(chassis.on().await, [true, true, true]);
    let why = chassis.client.node(&parent).await?.last_error;
    assert!(why.is_some_and(|why| why.contains("disable_power_off")));
    Ok(())
}

#[tokio::test]
async fn children_outlive_their_parent_and_are_listed() -> Result<()> {
    let chassis = Chassis::start().await?;
    let listed = async || -> Result<Vec<String>> {
        let nodes = chassis.client.nodes(&NodeQuery::default()).await?;
        Ok(nodes.into_iter().filter_map(|node| node.name).collect())
    };
    assert_eq!(listed().await?, ["parent"]);
    chassis.client.delete_node(&named("parent")).await?;
    assert_eq!(listed().await?, ["fed", "own"]);
    chassis.power(&named("fed"), PowerTarget::Off).await?;
    let fed = chassis.client.node(&named("fed")).await?;
    assert_eq!(fed.power_state, Some(PowerState::Off));
    Ok(())
}
