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
    /// What answers there, as far as known.
    pub(crate) server: Option<Server>,
    /// Of when the nodes are while the service has not answered yet.
    pub(crate) remembered: Option<Timestamp>,
    /// When the last word came.
    pub(crate) heard: Option<Timestamp>,
}

/// What answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// Cupola, elsewhere or in this process.
    Cupola,
    /// The reference implementation, or another one that knows its API alone.
    Ironic {
        /// The newest version of that API that it has, such as `1.115`.
        version: String,
    },
}

/// In which way the console has no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing answers.
    Away,
    /// It answers that it failed.
    Failing,
    /// It answers, and does not let this user in.
    NotLetIn,
    /// Something else answers.
    Stranger,
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
    /// It does not answer, or not to this user.
    Lost {
        /// In which way.
        trouble: Trouble,
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
            server: None,
            remembered: None,
            heard: None,
        }
    }

    /// The service answered.
    pub(crate) fn up(&mut self, server: Server, now: Timestamp) {
        self.status = match server {
            Server::Cupola => Status::Live,
            Server::Ironic { .. } => Status::Polling,
        };
        self.server = Some(server);
        self.remembered = None;
        self.heard = Some(now);
    }

    /// The service does not answer.
    pub(crate) fn lost(
        &mut self,
        trouble: Trouble,
        reason: String,
        retry: Duration,
        now: Timestamp,
    ) {
        let attempts = match &self.status {
            Status::Lost { attempts, .. } => attempts.saturating_add(1),
            Status::Connecting | Status::Live | Status::Polling => 1,
        };
        let retry = now.checked_add(retry).unwrap_or(now);
        self.status = Status::Lost {
            trouble,
            reason,
            attempts,
            retry,
        };
    }

    /// Why something is not to be had, where the server is not Cupola: `it keeps no timeline`.
    pub(crate) fn lacks(&self, what: &str) -> Option<String> {
        match &self.server {
            Some(Server::Ironic { version }) => {
                Some(format!("this server is Ironic (API {version}): {what}"))
            }
            Some(Server::Cupola) | None => None,
        }
    }

    /// Whether the service does not answer.
    pub(crate) const fn is_lost(&self) -> bool {
        matches!(self.status, Status::Lost { .. })
    }
}
