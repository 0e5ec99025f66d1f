//! Who waits for a database that is away, and who is told at once.
//!
//! A request is answered at once that the database is not available. Work that goes on in the
//! background has nobody to tell, and would only leave a node half-moved: whatever it asks of the
//! store waits until the database is back, and then goes on. Which of the two a call is, is a
//! property of the task that makes it ([`patiently`]), so that no call site has to know.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::StoreError;

tokio::task_local! {
    /// Ends the patience of this task.
    static PATIENT: CancellationToken;
}

/// Between the first two tries; each later pause is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Does `work` with a store that waits while the database is away, until `end` is cancelled; then
/// calls fail as those of a request do.
pub fn patiently<F: Future>(
    end: CancellationToken,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    PATIENT.scope(end, work)
}

/// What ends this task's patience; none when it has none.
fn end() -> Option<CancellationToken> {
    PATIENT.try_with(Clone::clone).ok()
}

/// Whether this task waits for the database.
pub(super) fn is_patient() -> bool {
    PATIENT.try_with(|_| ()).is_ok()
}

/// The same work, to be spawned as a task of its own, with the patience of this task.
pub(super) fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    let end = end();
    async move {
        match end {
            Some(end) => PATIENT.scope(end, work).await,
            None => work.await,
        }
    }
}

/// The tries of one call.
pub(super) struct Tries {
    end: Option<CancellationToken>,
    pause: Duration,
}

impl Tries {
    pub(super) fn begin() -> Self {
        Self {
            end: end(),
            pause: FIRST_PAUSE,
        }
    }

    /// Waits before another try; false when this was the last one.
    pub(super) async fn again(&mut self, error: &StoreError) -> bool {
        let Some(end) = &self.end else { return false };
        if !matches!(error, StoreError::Unavailable(_)) {
            return false;
        }
        let pause = self.pause;
        self.pause = LONGEST_PAUSE.min(pause * 2);
        tokio::select! {
            biased;
            () = end.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}
