//! What waits for the message broker: bounded, so that a broker that is away costs neither memory
//! nor anybody's time. Who tells never waits; when it is full, the oldest goes, and is counted.
//!
//! Not kept over the end of the process.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A message as the broker gets it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Outgoing {
    /// Whom it is for: the topic and the level, such as `ironic_versioned_notifications.info`.
    pub(super) routing_key: String,
    /// The envelope, as JSON.
    pub(super) body: Vec<u8>,
}

/// How many messages went which way since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The broker has them.
    pub(crate) sent: u64,
    /// They were given up: the queue was full, or the service ended.
    pub(crate) dropped: u64,
    /// They wait, or the broker has not confirmed them yet.
    pub(crate) waiting: u64,
}

/// The queue.
pub(super) struct Queue {
    messages: Mutex<VecDeque<Outgoing>>,
    limit: usize,
    added: Notify,
    sent: AtomicU64,
    dropped: AtomicU64,
    in_flight: AtomicU64,
    /// Whether the log was told that messages are dropped.
    overflowing: AtomicBool,
    /// Nothing is added any more: what is left has a deadline.
    pub(super) closing: CancellationToken,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// One for this many messages, at least one.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            messages: Mutex::default(),
            limit: limit.max(1),
            added: Notify::new(),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            overflowing: AtomicBool::new(false),
            closing: CancellationToken::new(),
        }
    }

    /// Adds one, at the price of the oldest when it is full.
    pub(super) fn push(&self, message: Outgoing) {
        let full = {
            let mut messages = self.messages.lock();
            let full = messages.len() >= self.limit;
            if full {
                messages.pop_front();
            }
            messages.push_back(message);
            full
        };
        if full {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if !self.overflowing.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    queue_length = self.limit,
                    "the queue of notifications is full: the oldest are dropped until the message \
                     broker takes them again"
                );
            }
        }
        self.added.notify_one();
    }

    /// The oldest ones, at most this many, when there are any; none when it is closing and empty.
    pub(super) async fn take(&self, most: usize) -> VecDeque<Outgoing> {
        loop {
            {
                let mut messages = self.messages.lock();
                if !messages.is_empty() {
                    let count = messages.len().min(most);
                    let taken: VecDeque<_> = messages.drain(..count).collect();
                    self.in_flight.store(taken.len() as u64, Ordering::Relaxed);
                    return taken;
                }
            }
            tokio::select! {
                () = self.added.notified() => (),
                () = self.closing.cancelled() => {
                    if self.messages.lock().is_empty() {
                        return VecDeque::new();
                    }
                }
            }
        }
    }

    /// The broker has confirmed one of those that were taken.
    pub(super) fn confirmed(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// The broker takes messages again: how many have been dropped since the start, when some have
    /// been since this was asked last.
    pub(super) fn flows_again(&self) -> Option<u64> {
        let overflowed = self.overflowing.swap(false, Ordering::Relaxed);
        overflowed.then(|| self.dropped.load(Ordering::Relaxed))
    }

    /// Gives up what is left; how many that were.
    pub(super) fn give_up(&self) -> u64 {
        let waiting = std::mem::take(&mut *self.messages.lock()).len() as u64;
        let left = waiting + self.in_flight.swap(0, Ordering::Relaxed);
        self.dropped.fetch_add(left, Ordering::Relaxed);
        left
    }

    pub(super) fn counts(&self) -> Counts {
        let waiting = self.messages.lock().len() as u64;
        Counts {
            sent: self.sent.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            waiting: waiting + self.in_flight.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u8) -> Outgoing {
        Outgoing {
            routing_key: "topic.info".to_owned(),
            body: vec![number],
        }
    }

    #[tokio::test]
    async fn the_oldest_go_when_it_is_full_and_are_counted() {
        let queue = Queue::new(3);
        for number in 0..5 {
            queue.push(message(number));
        }
        let (dropped, waiting) = (2, 3);
        let counts = Counts {
            sent: 0,
            dropped,
            waiting,
        };
        assert_eq!(queue.counts(), counts);
        assert_eq!(queue.flows_again(), Some(2));
        assert_eq!(queue.flows_again(), None);
        let taken = queue.take(2).await;
        let numbers: Vec<u8> = taken.iter().flat_map(|taken| taken.body.clone()).collect();
        assert_eq!(numbers, [2, 3]);
        queue.confirmed();
        assert_eq!(queue.counts().waiting, 2);
        assert_eq!(queue.give_up(), 2);
        let counts = Counts {
            sent: 1,
            dropped: 4,
            waiting: 0,
        };
        assert_eq!(queue.counts(), counts);
    }

    #[tokio::test]
    async fn what_is_left_is_handed_out_after_the_end_was_announced() {
        let queue = Queue::new(3);
        queue.push(message(1));
        queue.closing.cancel();
        assert_eq!(queue.take(9).await.len(), 1);
        assert!(queue.take(9).await.is_empty());
    }
}
