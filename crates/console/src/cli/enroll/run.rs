//! Carrying an enrolment out: test, create, manage, inspect, provide, and wait for each.

use std::sync::Arc;

use cupola_api::client::Client;
use cupola_api::id::{NodeId, NodeIdent};
use cupola_api::mac::MacAddress;
use cupola_api::node::Node;
use cupola_api::probe::CheckResult;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cli::tally::Tally;
use crate::cli::watch::Patience;
use crate::cli::{Failure, Outcome, watch};
use crate::effect::Action;
use crate::follow::{self, Told};
use crate::machine::Machine;
use crate::worker;

/// At most so many machines are on their way at once.
const AT_ONCE: usize = 32;

/// What is done with each machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Bring it to manageable, even where nothing else is done.
    pub(crate) manage: bool,
    /// Inspect the hardware.
    pub(crate) inspect: bool,
    /// Bring it to available.
    pub(crate) provide: bool,
    /// Test the BMC first.
    pub(crate) probe: bool,
    /// How long a service that went away is waited for.
    pub(crate) patience: Patience,
    /// Print the outcome as JSON.
    pub(crate) json: bool,
}

/// Enrols all machines; one that fails does not stop the others.
pub(crate) async fn all(client: &Client, machines: Vec<Machine>, plan: Plan) -> Outcome {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let total = machines.len();
    let mut tasks = JoinSet::new();
    for machine in machines {
        let (client, slots) = (client.clone(), slots.clone());
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            let outcome = one(&client, &machine, plan).await;
            (machine.label(), outcome)
        });
    }
    let mut tally = Tally::new(total);
    while let Some(done) = tasks.join_next().await {
        let (label, outcome) = done.map_err(|e| Failure::failed(e.to_string()))?;
        tally.add(&label, outcome);
    }
    tally.finish(plan.json)
}

async fn one(client: &Client, machine: &Machine, plan: Plan) -> Result<Node, Failure> {
    if plan.probe {
        probe(client, machine).await?;
    }
    let label = machine.label();
    let tell = |told: Told<'_>| watch::note(&told, &label);
    bring(client, &machine.body(), &machine.macs, plan, tell).await
}

/// Enrols a node with its ports and brings it as far as the plan says.
pub(crate) async fn bring(
    client: &Client,
    body: &Value,
    macs: &[MacAddress],
    plan: Plan,
    tell: impl Fn(Told<'_>),
) -> Result<Node, Failure> {
    let id = worker::act::enroll(client, body, macs)
        .await
        .map_err(Failure::Refused)?;
    let mut node = client.node(&id.into()).await?;
    if plan.manage || plan.provide || plan.inspect {
        let to = ProvisionState::Manageable;
        node = go(client, id, (ProvisionVerb::Manage, to), plan, &tell).await?;
    }
    if plan.inspect {
        let to = ProvisionState::Manageable;
        node = go(client, id, (ProvisionVerb::Inspect, to), plan, &tell).await?;
    }
    if plan.provide {
        let to = ProvisionState::Available;
        node = go(client, id, (ProvisionVerb::Provide, to), plan, &tell).await?;
    }
    Ok(node)
}

async fn probe(client: &Client, machine: &Machine) -> Outcome {
    let Some(request) = machine.probe() else {
        return Ok(());
    };
    let report = match client.probe(&request).await {
        Ok(report) => report,
        // A server that is not Cupola tests the BMC when the node is managed.
        Err(error) if error.status() == Some(404) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let failed = report
        .checks
        .iter()
        .find(|c| c.result == CheckResult::Failed);
    match failed {
        None => Ok(()),
        Some(check) => {
            let remedy = check
                .remedy
                .as_deref()
                .map(|r| format!(". {r}"))
                .unwrap_or_default();
            let text = format!("BMC test: {}: {}{remedy}", check.name, check.detail);
            Err(Failure::failed(text))
        }
    }
}

async fn go(
    client: &Client,
    id: NodeId,
    (verb, to): (ProvisionVerb, ProvisionState),
    plan: Plan,
    tell: &impl Fn(Told<'_>),
) -> Result<Node, Failure> {
    let ident = NodeIdent::from(id);
    let before = client.node(&ident).await?.provision_updated_at;
    let position = follow::position(client, &ident).await;
    worker::act::act(client, id, &Action::Provision(verb)).await?;
    let following = plan.patience.following(position);
    let moved = |n: &Node| n.provision_updated_at != before && follow::is_at_rest(n);
    let node = follow::until(client, &ident, following, moved, tell).await?;
    if node.provision_state == to {
        return Ok(node);
    }
    let state = node.provision_state;
    let error = node
        .last_error
        .unwrap_or_else(|| format!("the node is {state} now"));
    Err(Failure::failed(format!("{verb}: {error}")))
}
