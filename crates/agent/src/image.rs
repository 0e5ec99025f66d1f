//! Writing an image to a disk: streamed from its server, unfolded and checked on the way, with no
//! copy in between. Until the last byte is proven, the disk's first MiB stays empty, so that nothing
//! half-written boots.
//!
//! `source.rs` fetches, `worker.rs` hashes and writes on a blocking thread, `raw.rs` and `qcow2.rs` know
//! the formats. Which disk it is was decided before.

mod checksum;
mod compression;
mod format;
mod progress;
mod qcow2;
mod raw;
mod source;
mod worker;

use std::io;
use std::sync::Arc;

use cupola_api::agent::ImageInfo;
use reqwest::Client;
use tokio_util::sync::CancellationToken;

use crate::config::AgentConfig;
use crate::disk::Disk;
use crate::partition::PartitionError;

use format::Format;
pub(crate) use progress::ProgressCell;
#[cfg(fuzzing)]
pub use qcow2::fuzzing;
pub(crate) use source::{Source, bounded_get};
use worker::{Job, Payload};

/// How much of an image decides what it is, and holds a qcow2 header with its extensions.
const PROBE: u64 = 64 * 1024;

/// Why an image is not on the disk. URLs in it are without query and credentials.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The description of the image lacks something, or asks for what is not offered.
    #[error("{0}")]
    Refused(String),
    /// The image did not come.
    #[error("downloading {url}: {reason}")]
    Download {
        /// From where.
        url: String,
        /// Why.
        reason: String,
    },
    /// The bytes are not the ones promised.
    #[error(
        "image {id}: its {algorithm} checksum is {actual}, expected {expected}; the disk was wiped. \
         Check the checksum of the image, and whether the file on the server changed"
    )]
    Checksum {
        /// Which image.
        id: String,
        /// How it was checked.
        algorithm: &'static str,
        /// What came.
        actual: String,
        /// What was promised.
        expected: String,
    },
    /// It does not fit.
    #[error("image {id} needs {needed} bytes, but the disk {device} has {size}")]
    TooLarge {
        /// Which image.
        id: String,
        /// Its size on the disk.
        needed: u64,
        /// Which disk.
        device: String,
        /// The disk's size.
        size: u64,
    },
    /// It does not fit, which only unpacking it could tell.
    #[error(
        "image {id} unpacks to more than the {size} bytes of the disk {device}; the disk was wiped. \
         Choose a larger disk with root device hints, or a smaller image"
    )]
    Overflow {
        /// Which image.
        id: String,
        /// Which disk.
        device: String,
        /// The disk's size.
        size: u64,
    },
    /// It is not what it claims to be, or damaged.
    #[error("image {id}: {reason}")]
    Invalid {
        /// Which image.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// The disk failed.
    #[error("writing the image to {device}: {source}")]
    Write {
        /// Which disk.
        device: String,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The table on the disk is no use.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The agent is ending.
    #[error("the agent was stopped while it wrote the image; the disk was wiped")]
    Stopped,
    /// A thread died: a bug.
    #[error("internal error while writing the image: {0}")]
    Internal(String),
}

impl ImageError {
    /// The class name in `command_error.type`, as the Python agent names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) => "InvalidCommandParamsError",
            Self::Download { .. } => "ImageDownloadError",
            Self::Checksum { .. } => "ImageChecksumError",
            Self::Invalid { .. } => "InvalidImage",
            Self::TooLarge { .. }
            | Self::Overflow { .. }
            | Self::Write { .. }
            | Self::Partition(_)
            | Self::Stopped
            | Self::Internal(_) => "ImageWriteError",
        }
    }
}

/// What the lookup said about images.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImagePolicy {
    pub(crate) md5_allowed: bool,
    pub(crate) believe_declared_format: bool,
    /// Empty: no limit.
    pub(crate) permitted_formats: Vec<String>,
}

/// Everything a write needs besides the image's description.
pub(crate) struct WriteContext<'a> {
    pub(crate) client: &'a Client,
    pub(crate) config: &'a AgentConfig,
    pub(crate) policy: &'a ImagePolicy,
    pub(crate) device: &'a str,
    pub(crate) progress: &'a Arc<ProgressCell>,
    /// Takes a line for the machine's console.
    pub(crate) report: &'a (dyn Fn(&str) + Send + Sync),
    pub(crate) cancel: &'a CancellationToken,
}

/// Writes an image to a disk and moves its partition table's backup to the disk's end.
///
/// # Errors
/// See [`ImageError`]. If anything was written, the ends of the disk are wiped then.
pub(crate) async fn write(
    context: &WriteContext<'_>,
    info: &ImageInfo,
    disk: Box<dyn Disk>,
) -> Result<Box<dyn Disk>, ImageError> {
    if info.image_type.as_deref() == Some("partition") {
        return Err(ImageError::Refused(format!(
            "image {} is a partition image; this agent writes whole-disk images only",
            info.id
        )));
    }
    let (source, head) = open_first(context, info).await?;
    let checksum = checksum::expected(&source, info, context.policy).await?;
    let format = Format::detect(&info.id, &head, info.disk_format.as_deref(), context.policy)?;
    let payload = prepare(context, info, &source, &head, format, disk.size()).await?;

    context.progress.start(source.length());
    let job = Job {
        id: info.id.clone(),
        device: context.device.to_owned(),
        payload,
        checksum,
        progress: Arc::clone(context.progress),
    };
    worker::run(job, &source, disk, context).await
}

/// Writes an image to a disk as the step `write_image` does, without a conductor: for measuring, and
/// for tools. Returns the disk.
///
/// # Errors
/// See [`ImageError`].
pub async fn write_image(
    config: &AgentConfig,
    info: &ImageInfo,
    disk: Box<dyn Disk>,
    cancel: &CancellationToken,
) -> Result<Box<dyn Disk>, ImageError> {
    let urls = info.urls.iter().map(String::as_str);
    let client = crate::ironic::http_client(config, urls).map_err(ImageError::Refused)?;
    let context = WriteContext {
        client: &client,
        config,
        policy: &ImagePolicy::default(),
        device: "the disk",
        progress: &Arc::default(),
        report: &|line| tracing::info!("{line}"),
        cancel,
    };
    Box::pin(write(&context, info, disk)).await
}

/// The first URL that answers, with the first bytes of the image.
async fn open_first(
    context: &WriteContext<'_>,
    info: &ImageInfo,
) -> Result<(Source, Vec<u8>), ImageError> {
    let mut last = None;
    for url in &info.urls {
        let mut source = Source::new(context, info, url)?;
        match source.probe(PROBE).await {
            Ok(head) => return Ok((source, head)),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| ImageError::Refused(format!("image {} has no URL", info.id))))
}

/// Everything that can be refused before the first byte is written.
async fn prepare(
    context: &WriteContext<'_>,
    info: &ImageInfo,
    source: &Source,
    head: &[u8],
    format: Format,
    disk_size: u64,
) -> Result<Payload, ImageError> {
    let too_large = |needed: u64| ImageError::TooLarge {
        id: info.id.clone(),
        needed,
        device: context.device.to_owned(),
        size: disk_size,
    };
    let invalid = |reason: String| ImageError::Invalid {
        id: info.id.clone(),
        reason,
    };
    match format {
        Format::Raw => match source.length() {
            Some(length) if length > disk_size => Err(too_large(length)),
            Some(length) if length < 512 => Err(invalid(format!(
                "it has {length} bytes; the server sent something else"
            ))),
            Some(_) | None => Ok(Payload::Raw),
        },
        Format::Compressed(compression) => {
            let inner = compression.preview(head).map_err(invalid)?;
            if let Some(name) = format::foreign(&inner) {
                return Err(invalid(format!(
                    "what is packed in it is {name}, not a raw disk; see disk_format and the URL"
                )));
            }
            match compression.unpacked_size(head, source).await? {
                Some(size) if size > disk_size => Err(too_large(size)),
                Some(_) | None => Ok(Payload::Compressed(compression)),
            }
        }
        Format::Qcow2 => {
            let header = qcow2::Header::parse(head).map_err(|error| invalid(error.to_string()))?;
            if header.virtual_size > disk_size {
                return Err(too_large(header.virtual_size));
            }
            let plan = qcow2::plan(source, &header, &info.id).await?;
            Ok(Payload::Qcow2(Box::new(plan)))
        }
    }
}
