//! The blocking half of a write, on two threads that the downloaded bytes reach through bounded
//! queues: one hashes them, the other unfolds and writes them. At the end the checksum is compared,
//! and only then the disk gets its first MiB.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use cupola_api::agent::{Checksum, ChecksumAlgorithm};
use tokio::sync::{mpsc, oneshot};

use super::checksum::Hasher;
use super::compression::{Compression, Unpacker};
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

/// What comes through the queues. Both threads share the bytes of a chunk.
#[derive(Clone)]
enum Message {
    Chunk(Bytes),
    /// The file is complete. A queue that closes without it was given up.
    End,
}

/// How the downloaded bytes become the disk's.
pub(super) enum Payload {
    Raw,
    Compressed(Compression),
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

/// Downloads, hashes and writes at the same time.
pub(super) async fn run(
    job: Job,
    source: &Source,
    disk: Box<dyn Disk>,
    context: &WriteContext<'_>,
) -> Result<Box<dyn Disk>, ImageError> {
    let algorithm = job.checksum.algorithm();
    let (to_hasher, hasher_queue) = mpsc::channel(QUEUE);
    let (to_writer, writer_queue) = mpsc::channel(QUEUE);
    let (digest, hashed) = oneshot::channel();
    let hashing = tokio::task::spawn_blocking(move || hash(hasher_queue, algorithm, digest));
    let writing = tokio::task::spawn_blocking(move || job.run(disk, writer_queue, hashed));
    let queues = [to_hasher, to_writer];
    let downloaded = tokio::select! {
        result = download(source, &queues, context) => result,
        () = context.cancel.cancelled() => Err(ImageError::Stopped),
    };
    drop(queues);
    let internal = |error: tokio::task::JoinError| ImageError::Internal(error.to_string());
    let written = writing.await.map_err(internal)?;
    hashing.await.map_err(internal)?;
    match (downloaded, written) {
        // The writer's own failure closes the queue: it is the cause, whatever the download says.
        (Ok(()), written) => written,
        (Err(error), Ok(_) | Err(ImageError::Stopped)) => Err(error),
        (Err(_), Err(error)) => Err(error),
    }
}

/// Hashes the file; a download that was given up has no checksum.
fn hash(
    mut queue: mpsc::Receiver<Message>,
    algorithm: ChecksumAlgorithm,
    digest: oneshot::Sender<String>,
) {
    let mut hasher = Hasher::new(algorithm);
    loop {
        match queue.blocking_recv() {
            None => return,
            Some(Message::Chunk(chunk)) => hasher.update(&chunk),
            Some(Message::End) => break,
        }
    }
    // A writer that has failed does not listen any more.
    let _ = digest.send(hasher.finish());
}

async fn download(
    source: &Source,
    queues: &[mpsc::Sender<Message>],
    context: &WriteContext<'_>,
) -> Result<(), ImageError> {
    let mut stream = source.stream();
    let mut reported = 0;
    while let Some(chunk) = stream.next().await? {
        for queue in queues {
            // A closed queue means that the writer failed, and it says so itself.
            if queue.send(Message::Chunk(chunk.clone())).await.is_err() {
                return Ok(());
            }
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
    for queue in queues {
        let _ = queue.send(Message::End).await;
    }
    Ok(())
}

impl Job {
    fn run(
        self,
        disk: Box<dyn Disk>,
        queue: mpsc::Receiver<Message>,
        hashed: oneshot::Receiver<String>,
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
        let size = disk.size();
        let shared = SharedDisk::new(HeldBack::new(disk).map_err(write_error)?);
        let outcome = Sink::new(payload, shared.clone())
            .map_err(Failure::Io)
            .and_then(|sink| feed(sink, queue, hashed, &checksum, &progress));
        let proven = match outcome {
            Err(Failure::Stopped) => Err(ImageError::Stopped),
            Err(Failure::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(ImageError::Invalid {
                    id,
                    reason: error.to_string(),
                })
            }
            Err(Failure::Io(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
                Err(ImageError::Overflow {
                    id,
                    device: device.clone(),
                    size,
                })
            }
            Err(Failure::Io(error)) => Err(write_error(error)),
            Ok(actual) if actual == checksum.expected() => Ok(()),
            Ok(actual) => Err(ImageError::Checksum {
                id,
                algorithm: checksum.algorithm().name(),
                actual,
                expected: checksum.expected().to_owned(),
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
    mut queue: mpsc::Receiver<Message>,
    hashed: oneshot::Receiver<String>,
    checksum: &Checksum,
    progress: &ProgressCell,
) -> Result<String, Failure> {
    let mut fetched = 0;
    loop {
        match queue.blocking_recv() {
            None => return Err(Failure::Stopped),
            Some(Message::Chunk(chunk)) => {
                sink.write_all(&chunk).map_err(Failure::Io)?;
                fetched += chunk.len() as u64;
                progress.set(fetched, sink.written());
            }
            Some(Message::End) => break,
        }
    }
    let actual = hashed.blocking_recv().map_err(|_| Failure::Stopped)?;
    // A file that is not the promised one needs no opinion of its decoder.
    if actual == checksum.expected() {
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
    Compressed(Unpacker<Raw>),
    Qcow2(Box<Qcow2Writer<SharedDisk>>),
}

impl Sink {
    fn new(payload: Payload, disk: SharedDisk) -> io::Result<Self> {
        Ok(match payload {
            Payload::Raw => Self::Raw(RawWriter::new(disk)),
            Payload::Compressed(compression) => {
                let raw = RawWriter::refusing_foreign(disk);
                Self::Compressed(Unpacker::new(compression, raw)?)
            }
            Payload::Qcow2(plan) => Self::Qcow2(Box::new(Qcow2Writer::new(disk, *plan)?)),
        })
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Raw(writer) => writer.write_all(data),
            Self::Compressed(unpacker) => unpacker.write_all(data),
            Self::Qcow2(writer) => writer.feed(data),
        }
    }

    fn written(&self) -> u64 {
        match self {
            Self::Raw(writer) => writer.written(),
            Self::Compressed(unpacker) => unpacker.get_ref().written(),
            Self::Qcow2(writer) => writer.written(),
        }
    }

    /// Writes what is left; how much was written in all is the result.
    fn finish(self) -> io::Result<u64> {
        match self {
            Self::Raw(writer) => writer.finish(),
            Self::Compressed(unpacker) => unpacker.finish()?.finish(),
            Self::Qcow2(writer) => writer.finish(),
        }
    }
}
