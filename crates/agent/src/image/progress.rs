//! How far a write is, shared between the thread that writes and whoever polls the command.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use cupola_api::agent::WriteProgress;

/// Counters of one write.
#[derive(Debug, Default)]
pub(crate) struct ProgressCell {
    counters: Mutex<Option<Counters>>,
    trouble: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Counters {
    started: Instant,
    total: Option<u64>,
    fetched: u64,
    written: u64,
}

impl ProgressCell {
    /// Begins to count; none before.
    pub(crate) fn start(&self, total: Option<u64>) {
        let counters = Counters {
            started: Instant::now(),
            total,
            fetched: 0,
            written: 0,
        };
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = Some(counters);
    }

    /// Sets where the download and the disk are, in bytes.
    pub(crate) fn set(&self, fetched: u64, written: u64) {
        let mut guard = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = guard.as_mut() {
            counters.fetched = fetched;
            counters.written = written;
        }
    }

    /// Says what the download stumbles over, until it goes on.
    pub(crate) fn stumble(&self, over: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = over;
    }

    /// What the download stumbles over now.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone()
    }

    /// The numbers now; none when nothing was begun.
    pub(crate) fn get(&self) -> Option<WriteProgress> {
        let guard = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        guard.as_ref().map(|counters| {
            let millis = counters.started.elapsed().as_millis().max(1);
            let rate = u128::from(counters.fetched) * 1000 / millis;
            WriteProgress {
                bytes: counters.fetched,
                total: counters.total,
                written: counters.written,
                rate: u64::try_from(rate).unwrap_or(u64::MAX),
            }
        })
    }
}
