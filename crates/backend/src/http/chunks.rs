//! A long answer in pieces of one size: no buffer as long as the whole is ever needed, and what is
//! freed fits what comes next. What is written into it is others'.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// When a piece is full, in bytes: far below what the system's allocator treats as large.
const PIECE: usize = 64 << 10;
/// What is kept free for what is written last into a piece, in bytes: a node in detail.
const SPARE: usize = 4 << 10;

/// An answer that is being written.
#[derive(Debug)]
pub(super) struct Writer {
    full: Vec<Bytes>,
    open: Vec<u8>,
}

impl Writer {
    /// An empty one, of which about so many bytes are expected.
    pub(super) fn new(expected: usize) -> Self {
        Self {
            full: Vec::new(),
            open: Vec::with_capacity(expected.min(PIECE + SPARE)),
        }
    }

    /// Where to write on. What is written in one go stays in one piece.
    pub(super) fn open(&mut self) -> &mut Vec<u8> {
        if self.open.len() >= PIECE {
            let next = Vec::with_capacity(PIECE + SPARE);
            self.full
                .push(std::mem::replace(&mut self.open, next).into());
        }
        &mut self.open
    }

    /// The whole answer.
    pub(super) fn finish(mut self) -> Chunks {
        // The last piece is kept with the others for long: only in its own size.
        self.full.push(Bytes::copy_from_slice(&self.open));
        Chunks(self.full.into())
    }
}

/// An answer that has been written. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Chunks(Arc<[Bytes]>);

impl Chunks {
    /// Its length in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// As the body of an answer.
    pub(super) fn body(self) -> Body {
        match &*self.0 {
            [only] => Body::from(only.clone()),
            _ => Body::new(Pieces {
                left: self.len(),
                chunks: self,
                next: 0,
            }),
        }
    }
}

/// The pieces one after the other.
struct Pieces {
    chunks: Chunks,
    next: usize,
    left: usize,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.chunks.0.get(self.next).cloned();
        self.next += 1;
        self.left = self
            .left
            .saturating_sub(piece.as_ref().map_or(0, Bytes::len));
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.left).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_long_answer_is_whole_and_tells_its_length() {
        let mut writer = Writer::new(0);
        let mut want = Vec::new();
        for number in 0..40_000_u32 {
            let text = format!("{number},");
            writer.open().extend_from_slice(text.as_bytes());
            want.extend_from_slice(text.as_bytes());
        }
        let chunks = writer.finish();
        assert!(chunks.0.len() > 2 && chunks.len() == want.len());
        let body = chunks.body();
        assert_eq!(body.size_hint().exact(), Some(want.len() as u64));
        assert!(body.collect().await.expect("bytes").to_bytes() == want);
    }

    #[tokio::test]
    async fn a_short_one_is_one_piece() {
        let mut writer = Writer::new(16);
        writer.open().extend_from_slice(b"{}");
        let body = writer.finish().body();
        assert_eq!(body.size_hint().exact(), Some(2));
        assert_eq!(body.collect().await.expect("bytes").to_bytes(), "{}");
    }
}
