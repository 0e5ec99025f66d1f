//! Whether anything is under way on a connection, so that one without requests can be closed. What
//! protocol it speaks does not matter.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio::time::sleep;

/// The requests under way on one connection.
#[derive(Debug)]
pub(super) struct Activity {
    running: watch::Sender<usize>,
}

impl Activity {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            running: watch::Sender::new(0),
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
}

/// A request that is under way. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Busy {
    /// The body of its answer, with whose end it ends.
    pub(super) fn until_end_of(self, body: Body) -> Body {
        Body::new(body.map_frame(move |frame| {
            let _under_way = &self;
            frame
        }))
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
    use futures_util::FutureExt;

    #[tokio::test]
    async fn who_waits_for_an_answer_does_not_idle() {
        let activity = Arc::new(Activity::new());
        let busy = Activity::begin(&activity);
        let body = busy.until_end_of(Body::from("answer"));
        let idle = activity.idle_for(Duration::ZERO);
        assert!(idle.now_or_never().is_none());
        drop(body);
        activity.idle_for(Duration::ZERO).await;
    }
}
