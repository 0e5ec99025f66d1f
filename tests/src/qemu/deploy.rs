//! Taking a lab's machine through its life, and how long each rung of a netboot took.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cupola_api::ProvisionState;
use cupola_api::event::{BootService, Event, EventKind};
use cupola_api::id::NodeIdent;
use cupola_api::resource::ProvisionRequest;
use jiff::Timestamp;
use serde_json::json;

use super::image::{ImageFormat, OsImage};
use super::lab::Lab;
use crate::node_life::{choose_image, reach, released, verb};

/// How long each phase may take on a busy host without KVM.
pub const PHASE_DEADLINE: Duration = Duration::from_secs(600);

/// Where a netboot's time went.
#[derive(Clone, Copy, Debug)]
pub struct Netboot {
    /// From the request to the first word of the firmware's network client.
    pub firmware: Duration,
    /// From there to the last octet of kernel and ramdisk: address, loaders, script, download.
    pub loading: Duration,
    /// From there to the agent's lookup: the kernel's start, drivers, its own address.
    pub ramdisk: Duration,
}

/// Where a deploy's time went.
#[derive(Clone, Copy, Debug)]
pub struct DeployTimes {
    /// The netboot of the ramdisk.
    pub netboot: Netboot,
    /// From the agent's lookup to `active`.
    pub deploy: Duration,
    /// From `active` to the login prompt of the machine's own disk.
    pub login: Duration,
    /// From the request to the login prompt.
    pub total: Duration,
}

/// Sends a verb and waits until the node rests in the state.
///
/// # Errors
/// When the service refuses, the node fails, or the time is over.
pub async fn go(lab: &Lab, node: &NodeIdent, target: &str, goal: ProvisionState) -> Result<()> {
    let started = Instant::now();
    verb(&lab.client, node, target).await?;
    settle(lab, node, goal).await?;
    super::report(&format!("{target} to {goal}"), started);
    Ok(())
}

async fn settle(lab: &Lab, node: &NodeIdent, goal: ProvisionState) -> Result<()> {
    reach(&lab.client, node, goal, PHASE_DEADLINE).await?;
    released(&lab.client, node, PHASE_DEADLINE).await?;
    Ok(())
}

/// Deploys the image and waits for the login prompt, which has to show `hostname`, the hostname of
/// the config drive.
///
/// # Errors
/// When one of them does not come.
pub async fn deploy(
    lab: &Lab,
    node: &NodeIdent,
    image: &OsImage,
    format: ImageFormat,
    hostname: &str,
) -> Result<DeployTimes> {
    choose_image(&lab.client, node, &image.describe(format, &lab.images())?).await?;
    let console = lab.machine()?.machine.console();
    let from = console.position();
    let id = lab.client.node(node).await?.uuid;
    let (asked, started) = (Timestamp::now(), Instant::now());
    let request = ProvisionRequest {
        target: "active".to_owned(),
        configdrive: Some(json!({"meta_data": {"hostname": hostname, "uuid": id}})),
        ..ProvisionRequest::default()
    };
    lab.client.provision(node, &request).await?;
    settle(lab, node, ProvisionState::Active).await?;
    let active = started.elapsed();
    console
        .wait_for(from, &format!("{hostname} login:"), PHASE_DEADLINE)
        .await?;
    let total = started.elapsed();
    let netboot = netboot_since(lab, node, asked).await?;
    let booted = netboot.firmware + netboot.loading + netboot.ramdisk;
    Ok(DeployTimes {
        netboot,
        deploy: active.saturating_sub(booted),
        login: total.saturating_sub(active),
        total,
    })
}

/// DHCP comes first where it is ours; beside a foreign server, its loader or its script.
const fn is_of_the_firmware(service: BootService) -> bool {
    match service {
        BootService::Dhcp | BootService::Tftp | BootService::Http => true,
        BootService::Lookup | BootService::Heartbeat => false,
    }
}

/// Where the time went of the first netboot after `asked`, by the node's timeline.
///
/// # Errors
/// When the timeline lacks one of its rungs.
pub async fn netboot_since(lab: &Lab, node: &NodeIdent, asked: Timestamp) -> Result<Netboot> {
    let timeline = lab.client.timeline(node, None).await?;
    let since: Vec<&Event> = timeline
        .events
        .iter()
        .filter(|event| event.at >= asked)
        .collect();
    let first = |wanted: &dyn Fn(BootService) -> bool, what: &str| {
        since
            .iter()
            .find(|event| match &event.kind {
                EventKind::BootContact { service, .. } => wanted(*service),
                _ => false,
            })
            .map(|event| event.at)
            .with_context(|| format!("the timeline has no {what}: {since:#?}"))
    };
    let asks = first(&is_of_the_firmware, "contact of the firmware")?;
    let lookup = first(&|service| service == BootService::Lookup, "lookup")?;
    let loaded = since
        .iter()
        .rev()
        .filter(|event| event.at <= lookup)
        .find(|event| match &event.kind {
            EventKind::BootContact {
                service, message, ..
            } => {
                matches!(service, BootService::Http | BootService::Tftp)
                    && message.contains("/ramdisk")
            }
            _ => false,
        })
        .map(|event| event.at)
        .context("the timeline has no download of the ramdisk")?;
    let between = |from: Timestamp, to: Timestamp| {
        Duration::try_from(to.duration_since(from)).unwrap_or_default()
    };
    Ok(Netboot {
        firmware: between(asked, asks),
        loading: between(asks, loaded),
        ramdisk: between(loaded, lookup),
    })
}
