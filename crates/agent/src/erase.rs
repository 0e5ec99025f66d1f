//! Cleaning: wiping what firmware, kernels and volume managers recognise (`erase_devices_metadata`), or
//! everything (`erase_devices`). Disks that are read-only are left, with an error unless the node says
//! to skip them.

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::disk::{Disk, wipe_ends};
use crate::error::StepError;
use crate::partition::PartitionTable;
use crate::platform::Platform;

/// How much is zeroed between looks at the cancellation.
const STRIDE: u64 = 256 * 1024 * 1024;
/// How much of each former partition is wiped: superblocks of file systems, LVM and RAID lie there.
const PARTITION_SPAN: u64 = 1024 * 1024;

/// How thoroughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Both ends of the disk and of its partitions.
    Metadata,
    /// All of it.
    Everything,
}

/// Wipes every disk of the machine; says which.
///
/// # Errors
/// The first disk that fails; the ones before it are wiped.
pub(crate) async fn erase(
    platform: &dyn Platform,
    node: &Map<String, Value>,
    depth: Depth,
    cancel: &CancellationToken,
) -> Result<Value, StepError> {
    if depth == Depth::Everything && option(node, "agent_erase_devices_zeroize") == Some(false) {
        let iterations = internal(node, "agent_erase_devices_iterations").and_then(Value::as_u64);
        if iterations == Some(0) {
            return Err(StepError::EraseRefused(
                "both agent_erase_devices_iterations is 0 and agent_erase_devices_zeroize is false: \
                 nothing would be erased; change the erase options"
                    .to_owned(),
            ));
        }
    }
    let mut erased = Vec::new();
    for device in platform.block_devices().await? {
        let disk = match platform.open_disk(&device.name).await {
            Ok(disk) => disk,
            Err(error) if option(node, "agent_erase_skip_read_only") == Some(true) => {
                platform.report(&format!("skipping {}: {error}", device.name));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        platform.report(&format!("erasing {} ({depth:?})", device.name));
        let cancel = cancel.clone();
        let result = tokio::task::spawn_blocking(move || match depth {
            Depth::Metadata => erase_metadata(disk),
            Depth::Everything => erase_everything(disk, &cancel),
        })
        .await
        .map_err(|error| StepError::Internal(error.to_string()))?;
        match result {
            Ok(()) => erased.push(Value::from(device.name)),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                return Err(StepError::Stopped);
            }
            Err(source) => {
                return Err(StepError::Erase {
                    device: device.name,
                    source,
                });
            }
        }
    }
    Ok(Value::Array(erased))
}

fn internal<'n>(node: &'n Map<String, Value>, key: &str) -> Option<&'n Value> {
    node.get("driver_internal_info")?.get(key)
}

fn option(node: &Map<String, Value>, key: &str) -> Option<bool> {
    internal(node, key)?.as_bool()
}

fn erase_metadata(mut disk: Box<dyn Disk>) -> std::io::Result<()> {
    let size = disk.size();
    // A table that cannot be read has no partitions to wipe: the ends are wiped anyway.
    let partitions = PartitionTable::read(&mut disk).map(|table| table.partitions());
    for partition in partitions.unwrap_or_default() {
        let start = partition.start.min(size);
        let end = start.saturating_add(partition.length).min(size);
        let span = PARTITION_SPAN.min(end - start);
        disk.zero(start, span)?;
        disk.zero(end - span, span)?;
    }
    wipe_ends(&mut disk)
}

fn erase_everything(mut disk: Box<dyn Disk>, cancel: &CancellationToken) -> std::io::Result<()> {
    // The ends first: a machine that loses power half-way does not boot what is left.
    wipe_ends(&mut disk)?;
    let size = disk.size();
    let mut done = 0;
    while done < size {
        if cancel.is_cancelled() {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let step = STRIDE.min(size - done);
        disk.zero(done, step)?;
        done += step;
    }
    disk.sync()
}
