//! The blocking half of a write: it takes the downloaded bytes from a bounded queue, hashes them,
//! unfolds them and writes them; at the end it compares the checksum, and only then lets the
//! disk have its first MiB.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::checksum::{Checksum, Hasher};
use super::progress::ProgressCell;
use super::qcow2::{Plan, Qcow2Writer};
use super::raw::RawWriter;
use super::source::Source;
use super::{ImageError, WriteContext};
use crate::disk::{Disk, HeldBack};
use crate::partition::PartitionTable;

/// Chunks between network and disk, some hundred KiB each at most. The network waits when it is full.
const QUEUE: usize = 8;
/// Percents between lines on the console.
const REPORT_EVERY: u8 = 10;

/// What comes through the queue.
enum Message {
    Chunk(Bytes),
    /// The file is complete. A queue that closes without it was given up.
    End,
}

/// How the downloaded bytes become the disk's.
pub(super) enum Payload {
    Raw,
    Gzip,
    Zstd,
    Qcow2(Box<Plan>),
}

/// One write.
pub(super) struct Job {
    pub(super) id: String,
    pub(super) device: String,
    pub(super) payload: Payload,
    pub(super) checksum: Checksum,
    pub(super) progress: Arc<ProgressCell>,
}

type Held = HeldBack<Box<dyn Disk>>;

/// Downloads and writes at the same time.
pub(super) async fn run(
    job: Job,
    source: &Source,
    disk: Box<dyn Disk>,
    context: &WriteContext<'_>,
) -> Result<Box<dyn Disk>, ImageError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let thread = tokio::task::spawn_blocking(move || job.run(disk, receiver));
    let downloaded = tokio::select! {
        result = download(source, &sender, context) => result,
        () = context.cancel.cancelled() => Err(ImageError::Stopped),
    };
    drop(sender);
    let written = thread
        .await
        .map_err(|error| ImageError::Internal(error.to_string()))?;
    match (downloaded, written) {
        // The writer's own failure closes the queue: it is the cause, whatever the download says.
        (Ok(()), written) => written,
        (Err(error), Ok(_) | Err(ImageError::Stopped)) => Err(error),
        (Err(_), Err(error)) => Err(error),
    }
}

async fn download(
    source: &Source,
    sender: &mpsc::Sender<Message>,
    context: &WriteContext<'_>,
) -> Result<(), ImageError> {
    let mut stream = source.stream();
    let mut reported = 0;
    while let Some(chunk) = stream.next().await? {
        if sender.send(Message::Chunk(chunk)).await.is_err() {
            return Ok(());
        }
        if let Some(progress) = context.progress.get()
            && let Some(percent) = progress.percent()
            && percent >= reported + REPORT_EVERY
        {
            reported = percent / REPORT_EVERY * REPORT_EVERY;
            let rate = progress.rate / (1024 * 1024);
            (context.report)(&format!("image: {percent} % at {rate} MiB/s"));
        }
    }
    // A closed queue means that the writer failed, and it says so itself.
    let _ = sender.send(Message::End).await;
    Ok(())
}

impl Job {
    fn run(
        self,
        disk: Box<dyn Disk>,
        receiver: mpsc::Receiver<Message>,
    ) -> Result<Box<dyn Disk>, ImageError> {
        let Self {
            id,
            device,
            payload,
            checksum,
            progress,
        } = self;
        let write_error = |source| ImageError::Write {
            device: device.clone(),
            source,
        };
        let shared = SharedDisk::new(HeldBack::new(disk).map_err(write_error)?);
        let outcome = Sink::new(payload, shared.clone())
            .map_err(Failure::Io)
            .and_then(|sink| feed(sink, receiver, &checksum, &progress));
        let proven = match outcome {
            Err(Failure::Stopped) => Err(ImageError::Stopped),
            Err(Failure::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(ImageError::Invalid {
                    id,
                    reason: error.to_string(),
                })
            }
            Err(Failure::Io(error)) => Err(write_error(error)),
            Ok(actual) if actual == checksum.expected => Ok(()),
            Ok(actual) => Err(ImageError::Checksum {
                id,
                algorithm: checksum.algorithm.name(),
                actual,
                expected: checksum.expected.clone(),
            }),
        };
        let held = shared
            .into_inner()
            .ok_or_else(|| ImageError::Internal("the disk is still in use".to_owned()))?;
        if let Err(error) = proven {
            held.abandon().map_err(write_error)?;
            return Err(error);
        }
        let mut disk = held.release().map_err(write_error)?;
        let fitted =
            PartitionTable::read(&mut disk).and_then(|mut table| table.fit_to_disk(&mut disk));
        if let Err(error) = fitted {
            crate::disk::wipe_ends(&mut disk).map_err(write_error)?;
            return Err(error.into());
        }
        Ok(disk)
    }
}

enum Failure {
    Stopped,
    Io(io::Error),
}

/// Moves everything from the queue to the disk; the checksum is the result.
fn feed(
    mut sink: Sink,
    mut receiver: mpsc::Receiver<Message>,
    checksum: &Checksum,
    progress: &ProgressCell,
) -> Result<String, Failure> {
    let mut hasher = Hasher::new(checksum.algorithm);
    let mut fetched = 0;
    loop {
        match receiver.blocking_recv() {
            None => return Err(Failure::Stopped),
            Some(Message::Chunk(chunk)) => {
                hasher.update(&chunk);
                sink.write_all(&chunk).map_err(Failure::Io)?;
                fetched += chunk.len() as u64;
                progress.set(fetched, sink.written());
            }
            Some(Message::End) => break,
        }
    }
    let actual = hasher.finish();
    // A file that is not the promised one needs no opinion of its decoder.
    if actual == checksum.expected {
        let written = sink.finish().map_err(Failure::Io)?;
        progress.set(fetched, written);
    }
    Ok(actual)
}

/// The disk behind a decoder that keeps what it writes to: the worker needs it back whatever happens.
#[derive(Clone)]
struct SharedDisk {
    disk: Arc<Mutex<Held>>,
    size: u64,
    sector_size: u32,
}

impl SharedDisk {
    fn new(held: Held) -> Self {
        let (size, sector_size) = (held.size(), held.sector_size());
        Self {
            disk: Arc::new(Mutex::new(held)),
            size,
            sector_size,
        }
    }

    fn into_inner(self) -> Option<Held> {
        Arc::into_inner(self.disk)
            .map(|disk| disk.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SharedDisk {
    fn size(&self) -> u64 {
        self.size
    }
    fn sector_size(&self) -> u32 {
        self.sector_size
    }
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.lock().read_at(offset, buffer)
    }
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.lock().write_at(offset, data)
    }
    fn zero(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.lock().zero(offset, length)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.lock().sync()
    }
}

type Raw = RawWriter<SharedDisk>;

/// Where the downloaded bytes go.
enum Sink {
    Raw(Raw),
    Gzip(Box<flate2::write::MultiGzDecoder<Raw>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Raw>>),
    Qcow2(Box<Qcow2Writer<SharedDisk>>),
}

impl Sink {
    fn new(payload: Payload, disk: SharedDisk) -> io::Result<Self> {
        let raw = |disk| RawWriter::new(disk);
        Ok(match payload {
            Payload::Raw => Self::Raw(raw(disk)),
            Payload::Gzip => Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(raw(disk)))),
            Payload::Zstd => Self::Zstd(Box::new(zstd::stream::write::Decoder::new(raw(disk))?)),
            Payload::Qcow2(plan) => Self::Qcow2(Box::new(Qcow2Writer::new(disk, *plan)?)),
        })
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Raw(writer) => writer.write_all(data),
            Self::Gzip(writer) => writer.write_all(data),
            Self::Zstd(writer) => writer.write_all(data),
            Self::Qcow2(writer) => writer.feed(data),
        }
    }

    fn written(&self) -> u64 {
        match self {
            Self::Raw(writer) => writer.written(),
            Self::Gzip(writer) => writer.get_ref().written(),
            Self::Zstd(writer) => writer.get_ref().written(),
            Self::Qcow2(writer) => writer.written(),
        }
    }

    /// Writes what is left; how much was written in all is the result.
    fn finish(self) -> io::Result<u64> {
        match self {
            Self::Raw(writer) => writer.finish(),
            Self::Gzip(writer) => writer.finish()?.finish(),
            Self::Zstd(mut writer) => {
                writer.flush()?;
                writer.into_inner().finish()
            }
            Self::Qcow2(writer) => writer.finish(),
        }
    }
}
