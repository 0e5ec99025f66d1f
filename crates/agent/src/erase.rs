//! Cleaning: wiping what firmware, kernels and volume managers recognise (`erase_devices_metadata`),
//! everything (`erase_devices`), or everything where the disk does it by itself at once and else the
//! former (`erase_devices_express`).
//!
//! All disks are looked at before the first one is wiped. Disks that are read-only fail the step
//! unless the node says to skip them.

mod options;
mod overwrite;

use cupola_api::agent::BlockDevice;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::error::StepError;
use crate::guard;
use crate::platform::{Platform, SecureErase};

use options::Options;
use overwrite::Overwrite;

/// How thoroughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Both ends of the disk and of its partitions.
    Metadata,
    /// All of it where the disk has a command that takes no time, else as `Metadata`.
    Express,
    /// All of it.
    Everything,
}

/// Wipes every disk of the machine that may be touched; says which.
///
/// # Errors
/// A disk is protected: then none was wiped. Or the first disk that fails.
pub(crate) async fn erase(
    platform: &dyn Platform,
    node: &Map<String, Value>,
    depth: Depth,
    is_guarded: bool,
    cancel: &CancellationToken,
) -> Result<Value, StepError> {
    let options = Options::of(node);
    if depth == Depth::Everything && options.erases_nothing() {
        return Err(StepError::EraseRefused(
            "both agent_erase_devices_iterations is 0 and agent_erase_devices_zeroize is false: \
             nothing would be erased; change the erase options"
                .to_owned(),
        ));
    }
    let disks = guard::usable_disks(platform, node).await?;
    let mut erasable = Vec::new();
    for device in disks {
        match platform.open_disk(&device.name).await {
            Ok(_) => {}
            Err(error) if options.skip_read_only => {
                platform.report(&format!("skipping {}: {error}", device.name));
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        guard::check(platform, node, is_guarded, &device).await?;
        erasable.push(device);
    }
    stream::iter(erasable)
        .map(|device| erase_disk(platform, device, depth, &options, cancel))
        .buffered(options.concurrency)
        .try_collect()
        .await
        .map(Value::Array)
}

async fn erase_disk(
    platform: &dyn Platform,
    device: BlockDevice,
    depth: Depth,
    options: &Options,
    cancel: &CancellationToken,
) -> Result<Value, StepError> {
    let name = device.name.clone();
    let by_itself = match depth {
        Depth::Metadata => false,
        // ATA's command takes as long as writing everything does.
        Depth::Express => {
            let kinds = SecureErase {
                nvme: options.nvme,
                ata: false,
            };
            erase_by_itself(platform, &device, kinds, options).await?
        }
        Depth::Everything => {
            let kinds = SecureErase {
                nvme: options.nvme,
                ata: options.ata,
            };
            erase_by_itself(platform, &device, kinds, options).await?
        }
    };
    if by_itself {
        platform.report(&format!("{name} has erased itself"));
        return Ok(Value::from(name));
    }
    let overwrite = match depth {
        Depth::Metadata | Depth::Express => Overwrite::Metadata,
        Depth::Everything => Overwrite::Everything {
            random_passes: options.iterations,
            zeros: options.zeroize,
        },
    };
    platform.report(&format!("erasing {name} ({overwrite})"));
    let mut disk = platform.open_disk(&name).await?;
    let cancel = cancel.clone();
    tokio::task::spawn_blocking(move || overwrite.run(&mut *disk, &cancel))
        .await
        .map_err(|error| StepError::Internal(error.to_string()))?
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::Interrupted => StepError::Stopped,
            _ => StepError::Erase {
                device: name.clone(),
                source,
            },
        })?;
    Ok(Value::from(name))
}

/// Has the disk erase itself; false when it cannot, or when it failed and the node says to go on.
async fn erase_by_itself(
    platform: &dyn Platform,
    device: &BlockDevice,
    kinds: SecureErase,
    options: &Options,
) -> Result<bool, StepError> {
    match platform.secure_erase(device, kinds).await {
        Ok(done) => Ok(done),
        Err(error) if options.continue_if_failed => {
            platform.report(&format!(
                "{}: {error}; it is overwritten instead",
                device.name
            ));
            Ok(false)
        }
        Err(error) => Err(StepError::EraseRefused(format!(
            "secure erase of {} failed: {error}. Its data may be there still. To overwrite such disks \
             instead, set deploy.continue_if_disk_secure_erase_fails",
            device.name
        ))),
    }
}
