//! A response body that counts what goes out, and says so when it ends, however it ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Called once, when the body is dropped: with its octets, and whether that was all of it.
type OnEnd = Box<dyn FnOnce(u64, bool) + Send>;

/// The body.
pub(crate) struct Counted {
    inner: Body,
    bytes: u64,
    /// The whole length, where it is known from the start.
    expected: Option<u64>,
    ended: bool,
    on_end: Option<OnEnd>,
}

impl Counted {
    /// `length` is the answer's Content-Length: a file's body does not know its own.
    pub(crate) fn new(
        inner: Body,
        length: Option<u64>,
        on_end: impl FnOnce(u64, bool) + Send + 'static,
    ) -> Self {
        let expected = inner.size_hint().exact().or(length);
        Self {
            inner,
            bytes: 0,
            expected,
            ended: false,
            on_end: Some(Box::new(on_end)),
        }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Some(Err(_)) => {}
            None => this.ended = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // A connection that knows the length does not ask for the end after the last octet.
        let complete = self
            .expected
            .map_or(self.ended, |expected| self.bytes == expected);
        if let Some(on_end) = self.on_end.take() {
            on_end(self.bytes, complete);
        }
    }
}
