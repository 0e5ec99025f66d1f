//! How the console stands with the service.

use std::time::Duration;

use jiff::Timestamp;

/// How the console stands with the service.
#[derive(Debug)]
pub(crate) struct Link {
    /// What it speaks to: a URL, or `embedded`.
    pub(crate) target: String,
    /// The condition.
    pub(crate) status: Status,
    /// Whether it answers, and does not let this user in.
    pub(crate) refused: bool,
    /// Of when the nodes are while the service has not answered yet.
    pub(crate) remembered: Option<Timestamp>,
    /// When the last word came.
    pub(crate) heard: Option<Timestamp>,
}

/// The condition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not heard of yet.
    Connecting,
    /// Changes come by themselves.
    Live,
    /// The server has no event stream: the list is asked for again and again.
    Polling,
    /// It does not answer.
    Lost {
        /// Why.
        reason: String,
        /// How often it was tried.
        attempts: u32,
        /// When it is tried again.
        retry: Timestamp,
    },
}

impl Link {
    /// Nothing heard yet.
    pub(crate) const fn new(target: String) -> Self {
        Self {
            target,
            status: Status::Connecting,
            refused: false,
            remembered: None,
            heard: None,
        }
    }

    /// The service answered.
    pub(crate) fn up(&mut self, live: bool, now: Timestamp) {
        self.status = if live { Status::Live } else { Status::Polling };
        self.refused = false;
        self.remembered = None;
        self.heard = Some(now);
    }

    /// The service does not answer.
    pub(crate) fn lost(&mut self, reason: String, retry: Duration, now: Timestamp) {
        let attempts = match &self.status {
            Status::Lost { attempts, .. } => attempts.saturating_add(1),
            Status::Connecting | Status::Live | Status::Polling => 1,
        };
        let retry = now.checked_add(retry).unwrap_or(now);
        self.status = Status::Lost {
            reason,
            attempts,
            retry,
        };
    }

    /// Whether the service does not answer.
    pub(crate) const fn is_lost(&self) -> bool {
        matches!(self.status, Status::Lost { .. })
    }
}
