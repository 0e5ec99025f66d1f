//! The session table of a simulated BMC: half-open logins and active sessions, with the limits and
//! expiry of a real one.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use cupola_drivers::ipmi::wire::{
    app::Privilege, crypto::SessionKeys, message::Request, open_session::Status, rakp::Exchange,
    suite::CipherSuite, window::Window,
};
use tokio::time::Instant;

use super::commands::Answer;

/// A session without traffic ends after this time (chapter 6.12.15).
const IDLE: Duration = Duration::from_secs(60);

/// One session, by the number that the BMC gave it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) stage: Stage,
    last_used: Instant,
}

/// How far a session has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// Open Session was answered.
    Opened {
        console_session: u32,
        suite: CipherSuite,
    },
    /// RAKP message 2 was sent; kept to answer a repeated message 1 with the same numbers.
    Challenged {
        exchange: Box<Exchange>,
        user: usize,
        proof: Vec<u8>,
    },
    /// RAKP message 4 was sent.
    Active(Box<Active>),
}

/// An active session.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) console_session: u32,
    pub(super) keys: SessionKeys,
    pub(super) window: Window,
    pub(super) sequence: u32,
    /// Where the console was heard last.
    pub(super) peer: Option<SocketAddr>,
    /// The present level; USER until the console asks for more.
    pub(super) privilege: Privilege,
    /// The highest level that it may ask for.
    pub(super) limit: Privilege,
    /// The last command and its answer: a repetition is answered, not carried out again
    /// (chapter 6.12.14).
    pub(super) last: Option<(Request, Answer)>,
    /// The console's proof and the BMC's code, to answer a repeated RAKP message 3.
    pub(super) login: (Vec<u8>, Vec<u8>),
}

impl Active {
    /// The answer to the last command, when this is a repetition of it.
    pub(super) fn known(&self, request: &Request) -> Option<Answer> {
        let (last, answer) = self.last.as_ref()?;
        (last == request).then(|| answer.clone())
    }
}

/// All sessions of one BMC.
#[derive(Debug)]
pub(super) struct Sessions {
    table: HashMap<u32, Entry>,
    most: usize,
}

impl Sessions {
    pub(super) fn new(most: usize) -> Self {
        Self {
            table: HashMap::new(),
            most,
        }
    }

    /// A new half-open session and its number.
    pub(super) fn open(&mut self, console_session: u32, suite: CipherSuite) -> Result<u32, Status> {
        let now = Instant::now();
        self.table
            .retain(|_, entry| now.duration_since(entry.last_used) < IDLE);
        if self.table.len() >= self.most && !self.evict_half_open() {
            return Err(Status::InsufficientResources);
        }
        loop {
            let id = getrandom::u32().map_err(|_| Status::InsufficientResources)?;
            if id != 0 && !self.table.contains_key(&id) {
                let stage = Stage::Opened {
                    console_session,
                    suite,
                };
                self.table.insert(
                    id,
                    Entry {
                        stage,
                        last_used: now,
                    },
                );
                return Ok(id);
            }
        }
    }

    /// Makes room by dropping the oldest login that was never finished.
    fn evict_half_open(&mut self) -> bool {
        let oldest = self
            .table
            .iter()
            .filter(|(_, entry)| !matches!(entry.stage, Stage::Active(_)))
            .min_by_key(|(_, entry)| entry.last_used)
            .map(|(id, _)| *id);
        oldest.is_some_and(|id| self.table.remove(&id).is_some())
    }

    /// The stage of a session, which counts as used.
    pub(super) fn stage(&mut self, id: u32) -> Option<&mut Stage> {
        if self.table.get(&id)?.last_used.elapsed() >= IDLE {
            self.table.remove(&id);
        }
        let entry = self.table.get_mut(&id)?;
        entry.last_used = Instant::now();
        Some(&mut entry.stage)
    }

    pub(super) fn active(&mut self, id: u32) -> Option<&mut Active> {
        match self.stage(id)? {
            Stage::Active(active) => Some(active),
            Stage::Opened { .. } | Stage::Challenged { .. } => None,
        }
    }

    /// The same without counting it as used: what the BMC sends by itself keeps no session alive.
    pub(super) fn active_untouched(&mut self, id: u32) -> Option<&mut Active> {
        let entry = self.table.get_mut(&id)?;
        if entry.last_used.elapsed() >= IDLE {
            return None;
        }
        match &mut entry.stage {
            Stage::Active(active) => Some(active),
            Stage::Opened { .. } | Stage::Challenged { .. } => None,
        }
    }

    pub(super) fn close(&mut self, id: u32) -> bool {
        self.table.remove(&id).is_some()
    }

    pub(super) fn close_all(&mut self) {
        self.table.clear();
    }

    pub(super) fn active_count(&self) -> usize {
        self.table
            .values()
            .filter(|entry| matches!(entry.stage, Stage::Active(_)))
            .count()
    }
}
