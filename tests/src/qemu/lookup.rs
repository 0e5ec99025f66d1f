//! From kernel start to the agent's lookup: any deploy ramdisk, ours or the ironic-python-agent's,
//! netbooted on the same machine from the same service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use cupola_api::ProvisionState;
use cupola_api::event::{BootService, EventKind};
use cupola_api::id::NodeIdent;
use cupola_rack::qemu::Firmware;
use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::Map;
use tokio::time::timeout;

use super::boot_path::{BootPath, Dhcp};
use super::deploy::{Netboot, PHASE_DEADLINE, go, netboot_since};
use super::image::ImageFormat;
use super::lab::{Lab, LabConfig};
use crate::node_life::verb;

/// A deploy ramdisk and what its machine needs.
#[derive(Clone, Debug)]
pub struct DeployRamdisk {
    /// The kernel.
    pub kernel: PathBuf,
    /// The ramdisk.
    pub ramdisk: PathBuf,
    /// Memory of the machine in MiB.
    pub memory_mib: u32,
    /// More words of the kernel's command line.
    pub append: String,
}

/// Netboots the ramdisk once, by an inspection, until its agent looks itself up at the service.
/// [`Netboot::ramdisk`] is the time from the last octet of the ramdisk, after which the loader
/// starts the kernel, to the lookup.
///
/// # Errors
/// When the machine does not come so far; the logs are on standard error.
pub async fn netboot_until_lookup(firmware: Firmware, ramdisk: &DeployRamdisk) -> Result<Netboot> {
    let directory = tempfile::tempdir()?;
    let path = BootPath::new(firmware, Dhcp::Server, ImageFormat::Raw);
    let config = LabConfig {
        kernel: ramdisk.kernel.clone(),
        ramdisk: ramdisk.ramdisk.clone(),
        memory_mib: Some(ramdisk.memory_mib),
        append: ramdisk.append.clone(),
        ..LabConfig::new(path, directory.path(), directory.path())
    };
    let lab = Lab::start(directory.path(), &config).await?;
    let result = until_lookup(&lab).await;
    result.with_context(|| lab.logs())
}

async fn until_lookup(lab: &Lab) -> Result<Netboot> {
    let node = lab.enrol(Map::new()).await?;
    go(lab, &node, "manage", ProvisionState::Manageable).await?;
    let id = lab.client.node(&node).await?.uuid;
    let mut events = lab.client.events(None, Some(id)).await?;
    let asked = Timestamp::now();
    verb(&lab.client, &node, "inspect").await?;
    let wait = async {
        while !looked_up(lab, &node).await? {
            events.next().await.context("the event stream ended")??;
        }
        anyhow::Ok(())
    };
    timeout(PHASE_DEADLINE, wait)
        .await
        .context("no agent has looked itself up")??;
    netboot_since(lab, &node, asked).await
}

async fn looked_up(lab: &Lab, node: &NodeIdent) -> Result<bool> {
    let timeline = lab.client.timeline(node, None).await?;
    Ok(timeline.events.iter().any(|event| {
        matches!(
            event.kind,
            EventKind::BootContact {
                service: BootService::Lookup,
                ..
            }
        )
    }))
}

/// Our own ramdisk in `directory`, on the machine of the tests.
#[must_use]
pub fn ours(directory: &Path) -> DeployRamdisk {
    DeployRamdisk {
        kernel: directory.join("kernel"),
        ramdisk: directory.join("ramdisk"),
        memory_mib: 768,
        append: String::new(),
    }
}

/// Median of some times.
#[must_use]
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
