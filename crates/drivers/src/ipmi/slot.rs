//! The place of one BMC (with one set of credentials) in the hub: its cached session, and the turn
//! that keeps commands to it one after another, as BMCs want them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use super::{error::IpmiFault, line::Line, session::Session, wire::suite::CipherSuite};

/// Operations that may wait for one BMC; one more fails at once.
const MOST_WAITING: usize = 64;

/// What a BMC said about itself before the first login.
#[derive(Debug, Clone)]
pub(super) struct Negotiated {
    /// Suites to propose, best first.
    pub(super) candidates: Vec<CipherSuite>,
    /// What the BMC lists, for people.
    pub(super) offered: String,
}

/// One BMC's place.
#[derive(Debug)]
pub(super) struct Slot {
    turn: Semaphore,
    waiting: AtomicUsize,
    session: Mutex<Option<Session>>,
    negotiated: Mutex<Option<Negotiated>>,
    last_used: Mutex<Instant>,
    pace: Mutex<Duration>,
}

/// Counts an operation among the waiting for as long as it lives.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The turn of one operation: it holds the session, and puts it back when dropped, so that a
/// cancelled operation does not cost the BMC a new login.
pub(super) struct Turn<'a> {
    slot: &'a Slot,
    pub(super) session: Option<Session>,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.slot.session.lock() = self.session.take();
        *self.slot.last_used.lock() = Instant::now();
    }
}

impl Slot {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            turn: Semaphore::new(1),
            waiting: AtomicUsize::new(0),
            session: Mutex::new(None),
            negotiated: Mutex::new(None),
            last_used: Mutex::new(Instant::now()),
            pace: Mutex::default(),
        })
    }

    /// Waits for the turn; fails at once when too many wait already.
    pub(super) async fn turn<'a>(&'a self, line: &Line<'_>) -> Result<Turn<'a>, IpmiFault> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(IpmiFault::QueueFull);
        }
        let queued = Queued(&self.waiting);
        let permit = line.wait(self.turn.acquire()).await?;
        drop(queued);
        let session = self.session.lock().take();
        Ok(Turn {
            slot: self,
            session,
            _permit: permit,
        })
    }

    /// The session, where it is idle since before `since` and no operation has its turn.
    pub(super) fn take_idle(&self, since: Instant) -> Option<Session> {
        let _permit = self.turn.try_acquire().ok()?;
        let mut session = self.session.lock();
        if session
            .as_ref()
            .is_some_and(|session| session.last_used < since)
        {
            session.take()
        } else {
            None
        }
    }

    /// Whether nobody used it since then and no session is cached.
    pub(super) fn is_stale(&self, since: Instant) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
            && self.turn.available_permits() == 1
            && *self.last_used.lock() < since
            && self.session.lock().is_none()
    }

    /// How long the BMC took for its last answer.
    pub(super) fn pace(&self) -> Duration {
        *self.pace.lock()
    }

    /// Keeps the pace of an operation that succeeded; a failed one says nothing of the next.
    pub(super) fn set_pace(&self, pace: Option<Duration>) {
        *self.pace.lock() = pace.unwrap_or_default();
    }

    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        self.negotiated.lock().clone()
    }

    pub(super) fn set_negotiated(&self, negotiated: Option<Negotiated>) {
        *self.negotiated.lock() = negotiated;
    }
}
