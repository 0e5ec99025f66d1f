//! The hook by which every BMC command reaches a node's timeline.

use std::{net::SocketAddr, time::Duration};

use super::error::IpmiError;

/// One finished command.
#[derive(Debug, Clone, Copy)]
pub struct CommandRecord<'a> {
    /// The BMC.
    pub address: SocketAddr,
    /// The command's name in the specification, or "Open Session" for a login.
    pub name: &'static str,
    /// Why it failed, if it did.
    pub error: Option<&'a IpmiError>,
    /// From the request to the answer, with all retransmissions and waiting.
    pub duration: Duration,
    /// Packets sent.
    pub sent: u32,
}

/// A command that is being tried and was not answered so far.
#[derive(Debug, Clone, Copy)]
pub struct RetryRecord {
    /// The BMC.
    pub address: SocketAddr,
    /// What is being asked.
    pub name: &'static str,
    /// Packets sent in a row without an answer.
    pub unanswered: u32,
    /// Since the operation began.
    pub waited: Duration,
    /// When it is given up, from its beginning.
    pub limit: Duration,
}

/// Told of every command. Called on the task that ran the command: must not block.
pub trait BmcObserver: Send + Sync {
    /// A command ended.
    fn command(&self, record: &CommandRecord<'_>);

    /// A command goes on without an answer. Told ever more rarely: after 2, 4, 8 … packets.
    fn retries(&self, record: &RetryRecord) {
        let _ = record;
    }
}
