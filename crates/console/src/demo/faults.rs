//! A rack of broken machines: one for each fault, named after it. Each is enrolled, deployed, and
//! repaired once it has failed, so that whoever looks on can deploy it again.

use cupola_api::ProvisionState;
use cupola_api::client::{Client, ClientError};
use cupola_api::cupola::Image;
use cupola_api::id::NodeIdent;
use cupola_api::patch::PatchOperation;
use cupola_rack::fault::FaultPlan;
use cupola_rack::machine::MachineSpec;
use cupola_rack::virtual_rack::{RackMachine, VirtualRack};

use super::provide;

/// Time-outs short enough to look on: real ones are half an hour.
pub(super) fn overrides() -> Vec<String> {
    [
        "conductor.automated_clean=false",
        "conductor.check_provision_state_interval=2",
        "conductor.deploy_callback_timeout=40",
        "conductor.step_progress_timeout=20",
        "conductor.power_state_change_timeout=10",
        "conductor.sync_power_state_interval=0",
        "ipmi.command_retry_timeout=10",
        "api.ramdisk_heartbeat_timeout=30",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// One machine for each fault.
pub(super) fn machines() -> Vec<MachineSpec> {
    let plans = FaultPlan::show();
    let named = |(index, (name, _)): (u32, &(&str, FaultPlan))| MachineSpec {
        name: (*name).to_owned(),
        ..MachineSpec::demo(index)
    };
    (0..).zip(&plans).map(named).collect()
}

/// Enrols each machine and has it fail; that goes on while the console is open.
pub(super) async fn show(client: &Client, rack: &VirtualRack) -> Result<(), ClientError> {
    let image = client.images().await?.images.into_iter().next();
    for (machine, (_, plan)) in rack.machines().iter().zip(FaultPlan::show()) {
        let node = enrol(client, rack, machine).await?;
        let (client, machine, image) = (client.clone(), machine.clone(), image.clone());
        tokio::spawn(async move {
            if let Err(error) = fail_once(&client, &node, &machine, plan, image).await {
                tracing::warn!(%error, %node, "the demo cannot show a fault");
            }
        });
    }
    Ok(())
}

/// Enrols a machine; one of an earlier run is told where its BMC is now.
async fn enrol(
    client: &Client,
    rack: &VirtualRack,
    machine: &RackMachine,
) -> Result<NodeIdent, ClientError> {
    let spec = machine.machine.spec();
    let known = NodeIdent::Name(spec.name.clone());
    if let Ok(node) = client.node(&known).await {
        super::enrolment::move_bmc(client, node.uuid, machine).await?;
        return Ok(NodeIdent::Id(node.uuid));
    }
    let node = client.create_node(&rack.enrolment(machine)).await?;
    for mac in &spec.macs {
        client.create_port(node.uuid, *mac).await?;
    }
    Ok(NodeIdent::Id(node.uuid))
}

async fn fail_once(
    client: &Client,
    node: &NodeIdent,
    machine: &RackMachine,
    plan: FaultPlan,
    image: Option<Image>,
) -> Result<(), ClientError> {
    provide::provide(client, node).await;
    let (Some(image), ProvisionState::Available) =
        (image, client.node(node).await?.provision_state)
    else {
        return Ok(());
    };
    let set = |key: &str, value: String| {
        PatchOperation::add(format!("/instance_info/{key}").as_str(), value)
    };
    let patch = [
        set("image_source", image.source),
        set("image_disk_format", image.disk_format),
        set("image_os_hash_algo", image.hash_algo),
        set("image_os_hash_value", image.hash_value),
    ];
    client.patch_node(node, &patch).await?;
    machine.break_down(plan);
    let ended = provide::request_and_wait(client, node, "active").await;
    machine.repair();
    ended.map(drop)
}
