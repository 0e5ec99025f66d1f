//! A response body that reads a part of an open file as the connection takes it.
//!
//! What the page cache holds is read at once, without a thread in between; only what the disk has
//! to be waited for goes to another thread.

use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::boot::content::OpenFile;

/// Octets read at once: much faster than small reads, and still little for some hundred machines
/// that download together.
const CHUNK: u64 = 256 << 10;

/// The body.
pub(crate) struct FileBody {
    file: Arc<OpenFile>,
    rest: Range<u64>,
    /// A read that waits for the disk.
    waiting: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// This part of the file.
    pub(crate) const fn new(file: Arc<OpenFile>, part: Range<u64>) -> Self {
        Self {
            file,
            rest: part,
            waiting: None,
        }
    }

    fn left(&self) -> u64 {
        self.rest.end.saturating_sub(self.rest.start)
    }

    fn took(&mut self, data: Bytes) -> Frame<Bytes> {
        self.rest.start += data.len() as u64;
        Frame::data(data)
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        loop {
            if let Some(waiting) = &mut this.waiting {
                let read = ready!(Pin::new(waiting).poll(context));
                this.waiting = None;
                let read = read.map_err(io::Error::other).and_then(|read| read);
                return Poll::Ready(Some(read.map(|data| this.took(data))));
            }
            let Ok(octets) = usize::try_from(this.left().min(CHUNK)) else {
                return Poll::Ready(None);
            };
            if octets == 0 {
                return Poll::Ready(None);
            }
            let mut buffer = vec![0; octets];
            match this
                .file
                .read_cached(&mut [IoSliceMut::new(&mut buffer)], this.rest.start)
            {
                Ok(Some(0)) => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                Ok(Some(read)) => {
                    buffer.truncate(read);
                    return Poll::Ready(Some(Ok(this.took(buffer.into()))));
                }
                Ok(None) => {
                    let (file, offset) = (Arc::clone(&this.file), this.rest.start);
                    this.waiting = Some(tokio::task::spawn_blocking(move || {
                        file.read_exact(&mut buffer, offset)?;
                        Ok(buffer.into())
                    }));
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}
