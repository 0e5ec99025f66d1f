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

/// Told of every command. Called on the task that ran the command: must not block.
pub trait BmcObserver: Send + Sync {
    /// A command ended.
    fn command(&self, record: &CommandRecord<'_>);
}
