//! Brings the rack's machines and the service's nodes together: enrols machines that are new, and
//! tells nodes of an earlier run where their BMC is now, for its port is the kernel's choice.

use std::collections::HashMap;

use cupola_api::MacAddress;
use cupola_api::client::{Client, ClientError};
use cupola_api::id::{NodeId, NodeIdent};
use cupola_api::patch::PatchOperation;
use cupola_rack::virtual_rack::{RackMachine, VirtualRack};
use serde_json::Value;

use super::provide;

/// Machines that are enrolled before the console opens; a bigger rack fills while one looks on.
const AT_ONCE: usize = 64;

/// Enrols the first `count` machines that are not enrolled yet and has them provided; returns the
/// positions of those that nobody has enrolled.
pub(super) async fn enrol(
    client: &Client,
    rack: &VirtualRack,
    count: usize,
) -> Result<Vec<usize>, ClientError> {
    let known = known(client).await?;
    let mut left_over = Vec::new();
    let mut fresh = Vec::new();
    for (position, machine) in rack.machines().iter().enumerate() {
        let spec = machine.machine.spec();
        let node = spec.macs.iter().find_map(|mac| known.get(mac));
        match node {
            Some(node) => move_bmc(client, *node, machine).await?,
            None if position < count => {
                fresh.push((rack.enrolment(machine), spec.macs.clone()));
            }
            None => left_over.push(position),
        }
    }
    let later = fresh.split_off(fresh.len().min(AT_ONCE));
    enrol_all(client, fresh).await?;
    if !later.is_empty() {
        let client = client.clone();
        tokio::spawn(async move {
            if let Err(error) = enrol_all(&client, later).await {
                tracing::warn!(%error, "a machine of the demo cannot be enrolled");
            }
        });
    }
    Ok(left_over)
}

/// The nodes of an earlier run, by the addresses of their ports.
async fn known(client: &Client) -> Result<HashMap<MacAddress, NodeId>, ClientError> {
    let mut known = HashMap::new();
    for node in client.summaries().await?.nodes {
        for port in client.ports(&NodeIdent::Id(node.uuid)).await? {
            known.insert(port.address, node.uuid);
        }
    }
    Ok(known)
}

pub(super) async fn move_bmc(
    client: &Client,
    node: NodeId,
    machine: &RackMachine,
) -> Result<(), ClientError> {
    let address = machine.bmc_address;
    let patch = [
        PatchOperation::add("/driver_info/ipmi_address", address.ip().to_string()),
        PatchOperation::add("/driver_info/ipmi_port", address.port()),
    ];
    client
        .patch_node(&NodeIdent::Id(node), &patch)
        .await
        .map(drop)
}

async fn enrol_all(
    client: &Client,
    machines: Vec<(Value, Vec<MacAddress>)>,
) -> Result<(), ClientError> {
    for (body, macs) in machines {
        let node = client.create_node(&body).await?;
        for mac in macs {
            client.create_port(node.uuid, mac).await?;
        }
        let ident = NodeIdent::Id(node.uuid);
        let client = client.clone();
        // On its own: the console opens at once and shows it happening.
        tokio::spawn(async move { provide::provide(&client, &ident).await });
    }
    Ok(())
}
