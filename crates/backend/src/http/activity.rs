//! Whether anything is under way on a connection, so that one without requests can be closed, and
//! whether its client takes what it asked for. What protocol it speaks does not matter.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// The requests under way on one connection.
#[derive(Debug)]
pub(super) struct Activity {
    running: watch::Sender<usize>,
    /// Since when the next piece of an answer has been waiting for its client, by the answer.
    untaken: Mutex<HashMap<usize, Instant>>,
    /// Told of the first one.
    first: Notify,
}

impl Activity {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            running: watch::Sender::new(0),
            untaken: Mutex::default(),
            first: Notify::new(),
        }
    }

    /// A request begins.
    pub(super) fn begin(this: &Arc<Self>) -> Busy {
        this.running.send_modify(|running| *running += 1);
        Busy(Arc::clone(this))
    }

    /// Waits until nothing has been under way for so long.
    pub(super) async fn idle_for(&self, limit: Duration) {
        let mut running = self.running.subscribe();
        loop {
            // Its sender is borrowed here, so it is there.
            let _ = running.wait_for(|running| *running == 0).await;
            tokio::select! {
                () = sleep(limit) => return,
                _ = running.changed() => {}
            }
        }
    }

    /// Waits until a piece of an answer has not been taken for so long.
    pub(super) async fn untaken_for(&self, limit: Duration) {
        loop {
            let oldest = self.untaken.lock().values().min().copied();
            match oldest {
                None => self.first.notified().await,
                Some(since) if since.elapsed() >= limit => return,
                Some(since) => sleep_until(since + limit).await,
            }
        }
    }

    fn offer(&self, answer: usize) {
        let mut untaken = self.untaken.lock();
        if untaken.is_empty() {
            self.first.notify_one();
        }
        untaken.insert(answer, Instant::now());
    }

    fn taken(&self, answer: usize) {
        self.untaken.lock().remove(&answer);
    }
}

/// A request that is under way. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Busy {
    /// The body of its answer, with whose end it ends. A stream is not waited for: it lets go of what
    /// is not taken by a rule of its own.
    pub(super) fn until_end_of(self, body: Body, is_stream: bool) -> Body {
        Body::new(Answer {
            body,
            busy: self,
            is_stream,
            is_offered: false,
        })
    }
}

/// The body of an answer.
struct Answer {
    body: Body,
    busy: Busy,
    is_stream: bool,
    /// Whether a piece has been handed out that others follow: the client is waited for.
    is_offered: bool,
}

impl Answer {
    /// Tells it apart from the others of its connection, as long as it is there.
    fn key(&self) -> usize {
        // Behind the box of a body, it does not move.
        std::ptr::from_ref(self).addr()
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let is_one = matches!(polled, Poll::Ready(Some(Ok(_))));
        let key = self.key();
        if is_one && !self.is_stream && !self.body.is_end_stream() {
            self.busy.0.offer(key);
            self.is_offered = true;
        } else if self.is_offered {
            self.busy.0.taken(key);
            self.is_offered = false;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.is_offered {
            self.busy.0.taken(self.key());
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.running.send_modify(|running| *running -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, StreamExt};
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn who_waits_for_an_answer_does_not_idle() {
        let activity = Arc::new(Activity::new());
        let busy = Activity::begin(&activity);
        let body = busy.until_end_of(Body::from("answer"), false);
        let idle = activity.idle_for(Duration::ZERO);
        assert!(idle.now_or_never().is_none());
        drop(body);
        activity.idle_for(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn who_does_not_take_a_piece_is_told_from_who_waits_for_one() {
        let activity = Arc::new(Activity::new());
        let untaken = || activity.untaken_for(Duration::ZERO).now_or_never();
        let next = async |body: &mut Body| {
            let frame = body.frame().now_or_never();
            frame.flatten().is_some()
        };
        let endless = || {
            let pieces = futures_util::stream::iter(["a", "b"]).map(Ok::<_, axum::Error>);
            Body::from_stream(pieces.chain(futures_util::stream::pending()))
        };
        let mut body = Activity::begin(&activity).until_end_of(endless(), false);
        assert!(untaken().is_none());
        assert!(next(&mut body).await && untaken().is_some());
        assert!(next(&mut body).await && untaken().is_some());
        // Now it is the service that has nothing.
        assert!(!next(&mut body).await && untaken().is_none());
        let mut stream = Activity::begin(&activity).until_end_of(endless(), true);
        assert!(next(&mut stream).await && untaken().is_none());
        let mut cut = Activity::begin(&activity).until_end_of(endless(), false);
        assert!(next(&mut cut).await && untaken().is_some());
        drop(cut);
        assert!(untaken().is_none());
    }
}
